"""What customers' choices need by the clock: consents that are over end, by an event of the house's own clock.

A consent is over when its days are, and when for too long nothing was heard of the person. How long that is says the
event by which it was given, else the shop's policy. The event's id is the same in every run: whatever runs twice, or in
two workers at once, happens once; and a consent that was given anew meanwhile is not touched by it (``matters.py``).
Not here: what was heard of somebody, which the caller knows.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Literal

from comptoir.counter.customers import matters, store
from comptoir.counter.customers.contracts import (
    CONSENT_EXPIRED,
    CUSTOMER_KIND,
    ConsentExpired,
    Identifier,
)
from comptoir.counter.customers.policy import Policy
from comptoir.counter.customers.rules import Choice
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.clock import count_fresh, said_by_clock

_log = logging.getLogger(__name__)

BATCH_EVENTS: Final = 500
_BATCHES_MAX: Final = 400
_PORTION: Final = 2_000
_FIRST: Final = ("00000000-0000-0000-0000-000000000000", "")

#: Returns those of some customers of whom something was heard since a moment.
Heard = Callable[[Connection, Collection[Id], dt.datetime], set[Id]]


def end_consents(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = _BATCHES_MAX,
) -> int:
    """End the consents whose own days are over; returns how many. What is left after the batches goes with the next."""
    ended = 0
    for _ in range(batches_max):
        if should_stop():
            break
        over = store.find_over(connection, now=now, limit=BATCH_EVENTS)
        if not over:
            break
        fresh = _end(connection, ((each, _end_of(each), "duration") for each in over), now=now, handlers=handlers)
        ended += fresh
        if not fresh:
            break  # another worker has just done the same
    if ended:
        _log.info("%d consents were over", ended)
    return ended


def end_quiet_consents(
    connection: Connection,
    *,
    now: dt.datetime,
    policy: Policy,
    heard: Heard,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """End the consents of whoever was not heard of for too long, and those whose days only the policy says.

    Looks at every consent that holds, in portions; for once a day.
    """
    ended = 0
    after = _FIRST
    while not should_stop():
        given = store.find_given(connection, after=after, limit=_PORTION)
        if not given:
            break
        after = given[-1].key
        over = [
            (each, each.said.occurred_at + dt.timedelta(days=policy.days(_purpose(each))))
            for each in given
            if each.ends_at is None
        ]
        ending: list[tuple[Choice, dt.datetime, Literal["duration", "unheard"]]] = [
            (each, ends_at, "duration") for each, ends_at in over if ends_at <= now
        ]
        gone = {each.key for each, _, _ in ending}
        left = [each for each in given if each.key not in gone]
        today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        ending += [(each, today, "unheard") for each in _unheard(connection, left, today, policy, heard)]
        for start in range(0, len(ending), BATCH_EVENTS):
            ended += _end(connection, ending[start : start + BATCH_EVENTS], now=now, handlers=handlers)
    if ended:
        _log.info("%d consents ended: their days were over, or nobody had heard of whoever gave them", ended)
    return ended


def _unheard(
    connection: Connection, given: Sequence[Choice], today: dt.datetime, policy: Policy, heard: Heard
) -> list[Choice]:
    """Return those of these consents of whose person nothing was heard for as long as each of them says."""
    by_since: dict[dt.datetime, list[Choice]] = {}
    for each in given:
        days = policy.quiet_days(_purpose(each)) if each.quiet_days is None else each.quiet_days
        since = today - dt.timedelta(days=days)
        if each.said.occurred_at < since:
            by_since.setdefault(since, []).append(each)
    found = []
    for since, some in sorted(by_since.items()):
        named = {each.customer for each in some}
        members = store.find_members(connection, named)
        everybody = named.union(*members.values())
        lively = heard(connection, everybody, since)
        found += [each for each in some if lively.isdisjoint(members.get(each.customer, (each.customer,)))]
    return found


def _end(
    connection: Connection,
    ending: Iterable[tuple[Choice, dt.datetime, Literal["duration", "unheard"]]],
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
) -> int:
    arrivals = [_arrival(each, at=at, because=because, now=now) for each, at, because in ending]
    record(connection, arrivals, handlers=handlers)
    return count_fresh(arrivals)


def _purpose(choice: Choice) -> str:
    return matters.purpose_and_channel(choice.matter)[0]


def _end_of(choice: Choice) -> dt.datetime:
    assert choice.ends_at is not None
    return choice.ends_at


def _arrival(choice: Choice, *, at: dt.datetime, because: Literal["duration", "unheard"], now: dt.datetime) -> Arrival:
    """Make the event. Nothing that identifies it depends on when the job ran."""
    purpose, channel = matters.purpose_and_channel(choice.matter)
    given_at = choice.said.occurred_at.astimezone(dt.UTC)
    customer = Identifier(CUSTOMER_KIND, choice.customer)
    data = ConsentExpired(customer, purpose, channel, given_at, because)  # type: ignore[arg-type]
    event_id = f"consent/{purpose}/{channel}/{given_at.isoformat()}/{choice.customer}"
    return said_by_clock(CONSENT_EXPIRED, event_id, data, at=at, now=now, customer=choice.customer)
