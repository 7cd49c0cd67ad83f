"""Reads: what was sold by short links, by username and by post, and what posting plans have shown."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from zoneinfo import ZoneInfo

import msgspec

from comptoir.counter.sales import queries as sales
from comptoir.office.attribution import rules
from comptoir.office.attribution.models import PlanStep
from comptoir.office.attribution.rules import Brought, Plan
from comptoir.square.shortlinks import queries as shortlinks
from comptoir.square.shortlinks.queries import Placed


class Post(msgspec.Struct, frozen=True):
    """A short link and what it sold: sales that named it last, and what was paid for them less what came back."""

    link: Placed
    sales: int
    net_minor: int


class Username(msgspec.Struct, frozen=True):
    """A username and what its links sold by last touch; such a time sells between ``low`` and ``high`` (minor)."""

    network: str
    username: str
    posts: tuple[Post, ...]
    visits: int
    sales: int
    net_minor: int
    low: float
    high: float


class Sold(msgspec.Struct, frozen=True):
    """What short links sold in a span of time: by username, and by codes that this shop has not made.

    All usernames together sell between ``low`` and ``high`` (minor) in such a time.
    """

    usernames: tuple[Username, ...]
    unknown: int
    unknown_minor: int
    low: float
    high: float


def sold(*, since: dt.datetime, until: dt.datetime) -> Sold:
    """Return what short links sold, the username that sold most first; every one that has a short link is there."""
    by_code = sales.by_short_link(since=since, until=until)
    posts: dict[tuple[str, str], list[Post]] = defaultdict(list)
    squares: dict[tuple[str, str], float] = defaultdict(float)
    for link in shortlinks.placed(since=since.date(), until=until.date() + dt.timedelta(days=1), codes=[*by_code]):
        told = by_code.pop(link.code, None)
        key = (link.network, link.username)
        posts[key].append(Post(link, told.sales if told else 0, told.net_minor if told else 0))
        squares[key] += told.squares if told else 0
    usernames = []
    for (network, username), those in posts.items():
        net = sum(each.net_minor for each in those)
        low, high = rules.between(net, squares[network, username])
        usernames.append(
            Username(
                network, username, tuple(those), sum(each.link.visits for each in those),
                sum(each.sales for each in those), net, low, high,
            )
        )  # fmt: skip
    usernames.sort(key=lambda each: (-each.net_minor, -each.visits, each.network, each.username))
    rest = by_code.values()
    low, high = rules.between(sum(each.net_minor for each in usernames), sum(squares.values()))
    return Sold(tuple(usernames), sum(each.sales for each in rest), sum(each.net_minor for each in rest), low, high)


def plan_of(network: str, username: str) -> Plan | None:
    """Return a username's last plan, or ``None`` if it never had one."""
    return plans().get((network, username))


def plans() -> dict[tuple[str, str], Plan]:
    """Return the last plan of every username that has one."""
    found: dict[tuple[str, str], Plan] = {}
    for step in PlanStep.objects.order_by("id"):
        key = (step.network, step.username)
        if step.pairs:
            found[key] = Plan(step.network, step.username, step.week, step.pairs)
        elif key in found:
            found[key] = msgspec.structs.replace(found[key], stopped=step.week)
    return found


def together(*, today: dt.date, zone: ZoneInfo, salt: bytes) -> rules.Together | None:
    """Return what the accounts have brought whose last plans are over, all together; ``None`` if none is."""
    over = [each for each in plans().values() if each.stopped is None and today >= each.ends]
    if not over:
        return None
    sold_by_week = sales.net_by_week(
        since=dt.datetime.combine(min(each.began for each in over), dt.time(), zone),
        until=dt.datetime.combine(max(each.ends for each in over), dt.time(), zone), zone=zone,
    )  # fmt: skip
    return rules.together(sold_by_week, over, salt=salt)


def brought(plan: Plan, *, today: dt.date, zone: ZoneInfo, salt: bytes) -> Brought:
    """Return what a plan has shown: sales of all channels by weeks of the shop's own days."""
    sold_by_week = sales.net_by_week(
        since=dt.datetime.combine(plan.began, dt.time(), zone), until=dt.datetime.combine(plan.ends, dt.time(), zone),
        zone=zone,
    ) if today >= plan.ends else {}  # fmt: skip
    return rules.brought(sold_by_week, plan, today=today, salt=salt)
