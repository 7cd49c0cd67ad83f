"""What staff say of posting plans: one begins with next Monday, or is given up."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator

from django.db import connections, router, transaction

from comptoir.foundation.kernel import shop
from comptoir.office.attribution import queries, rules
from comptoir.office.attribution.errors import PlanRunning
from comptoir.office.attribution.models import PlanStep

_LOCK = "select pg_advisory_xact_lock(hashtextextended('attribution_plan', 0))"


def salt() -> bytes:
    """Return the shop's secret by which weeks are drawn: without it nobody can choose a username whose weeks suit."""
    return shop.secret("posting-plans")


def begin(*, network: str, username: str, pairs: int, today: dt.date, by: str, at: dt.datetime) -> dt.date:
    """Let a username's plan begin with the next Monday, which is returned. Raises PlanInvalid, :class:`PlanRunning`."""
    problem = rules.judge_plan(pairs)
    if problem is not None:
        raise problem
    week = rules.week_of(today) + dt.timedelta(weeks=1)
    with _alone():
        plan = queries.plan_of(network, username)
        if plan is not None and plan.stopped is None and today < plan.ends:
            raise PlanRunning(f"It runs until {plan.ends.isoformat()}.", field="username")
        _say(network, username, week, pairs, by, at)
    return week


def give_up(*, network: str, username: str, today: dt.date, by: str, at: dt.datetime) -> None:
    """Give a plan up with the next Monday; one that is over, or that there is not, stays as it is."""
    with _alone():
        plan = queries.plan_of(network, username)
        if plan is not None and plan.stopped is None and today < plan.ends:
            _say(network, username, max(plan.began, rules.week_of(today) + dt.timedelta(weeks=1)), 0, by, at)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Open a transaction in which nobody else says something of plans."""
    alias = router.db_for_write(PlanStep)
    with transaction.atomic(using=alias):
        with connections[alias].cursor() as cursor:
            cursor.execute(_LOCK)
        yield


def _say(network: str, username: str, week: dt.date, pairs: int, by: str, at: dt.datetime) -> None:
    PlanStep.objects.create(network=network, username=username, week=week, pairs=pairs, said_at=at, said_by=by)
