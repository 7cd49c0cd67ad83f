"""What is done by the clock: sessions whose page was never asked for or that nobody reports, reports, refunds.

Each is taken by one process at a time, for a minute; two that do the same do no harm. A provider that does not answer
is not asked for everything else as well. Raises nothing of a provider's.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from typing import Final

from django.db import transaction

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import applying, commands, ports, rules
from comptoir.vault.payments.models import LIVE, Inbox, Purpose, Refund, Session

_log = logging.getLogger("comptoir.payments")
_PORTION: Final = 100
_LEASE: Final = dt.timedelta(minutes=1)
#: So often in a row a provider may not answer before it is left alone until the next time.
_SILENT_MAX: Final = 3


def tend(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Do what is due; returns how much that was."""
    done = apply_reports(now=now, should_stop=should_stop)
    done += look_at_sessions(now=now, should_stop=should_stop)
    return done + send_refunds(now=now, should_stop=should_stop)


def apply_reports(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Let follow what reports tell that could not be applied when they came."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        waiting = Inbox.objects.select_for_update(skip_locked=True).filter(applied_at=None, apply_at__lte=now)
        numbers = [one.id for one in waiting.order_by("apply_at")[:_PORTION]]
        Inbox.objects.filter(pk__in=numbers).update(apply_at=now + _LEASE)
    done = 0
    for number in numbers:
        if should_stop():
            break
        try:
            done += applying.apply_report(number, now=now)
        except Exception as error:  # noqa: BLE001 - the others are not held up by it
            _log.error("payments: a report waits (%s)", type(error).__name__)
    return done


def look_at_sessions(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Ask how sessions stand, open those that were only written down, end those that are to be closed or are over."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        due = Session.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            state__in=LIVE, look_at__lte=now
        )  # fmt: skip
        sessions = list(due.order_by("look_at")[:_PORTION])
        Session.objects.filter(pk__in=[one.id for one in sessions]).update(look_at=now + _LEASE)
    done = silent = 0
    for session in sessions:
        if should_stop() or silent >= _SILENT_MAX:
            break
        try:
            look_at(session, now=now)
        except Problem as problem:
            _log.warning("payments: a session waits (%s)", problem.name)
        with entered(VAULT):
            session.refresh_from_db()
        silent = silent + 1 if session.unknown_since is not None else 0
        done += 1
    return done


def send_refunds(
    *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False, only: uuid.UUID | None = None
) -> int:
    """Have money given back that waits for it: all of it, or one refund ``only``."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        due = Refund.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            state__in=("queued", "asked"), ask_at__lte=now
        )  # fmt: skip
        if only is not None:
            due = due.filter(pk=only)
        refunds = list(due.select_related("capture").order_by("ask_at")[:_PORTION])
        for refund in refunds:
            # Written down before it is asked: whoever asks again says that it may have been asked before.
            refund.state, refund.tries = "asked", refund.tries + 1
            refund.ask_at = rules.ask_again(tries=refund.tries, now=now)
            refund.save(update_fields=["state", "tries", "ask_at"])
    done = silent = 0
    for refund in refunds:
        if should_stop() or silent >= _SILENT_MAX:
            break
        try:
            is_answered = commands.ask_refund(refund, now=now)
        except Problem as problem:
            _log.warning("payments: a refund waits (%s)", problem.name)
            continue
        silent = 0 if is_answered else silent + 1
        done += 1
    return done


def look_at(session: Session, *, now: dt.datetime) -> None:
    """Ask how a live session stands, or end it where it is to be over. Raises what asking the provider raises."""
    with entered(VAULT):
        is_closing = Purpose.objects.filter(pk=session.purpose_id, closing_at__isnull=False).exists()
    if session.reference:
        port = ports.port_of(session.provider)
        # A provider that lets a session live on after its end is told to end it.
        is_to_end = is_closing or now >= session.expires_at
        state = port.close(session.reference) if is_to_end else port.look(session.reference)
        applying.apply_state(session.id, state, now=now)
    elif is_closing or now >= session.expires_at:
        commands.end(session, now=now)
    else:
        commands.open_begun(session, now=now)
