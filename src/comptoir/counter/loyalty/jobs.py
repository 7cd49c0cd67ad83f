"""What the ledger does by the clock: points expire at the shop's midnight, holds whose time is over are given back.

Both go through the log like everything else, as events of the house's own clock, with an id that is the same in every
run: whatever runs twice, or in two workers at once, happens once. Not here: the handlers, which the caller brings.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.contracts import CLOCK_SOURCE, EXPIRE, VOID, PointsExpire, PointsVoid
from comptoir.counter.loyalty.programme import Programmes
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id

_log = logging.getLogger(__name__)

#: The touchpoint under which the clock's own events stand in the log.
TOUCHPOINT: Final = "clock"
BATCH_EVENTS: Final = 500
_BATCHES_MAX: Final = 400
_FIRST: Final = "00000000-0000-0000-0000-000000000000"


def expire_points(
    connection: Connection,
    *,
    now: dt.datetime,
    programmes: Programmes,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = _BATCHES_MAX,
) -> int:
    """Let the lots go whose last day is over in the shop; returns how many customers that concerned.

    One event for each customer and day, in batches of 500; what is left after ``batches_max`` goes with the next
    run, which begins with those who still have such lots.
    """
    version = programmes.at(now)
    today = version.local_day(now)
    midnight = version.midnight(today)
    expired = 0
    after = _FIRST
    for _ in range(batches_max):
        if should_stop():
            break
        customers = store.find_expiring(connection, today, after=after, limit=BATCH_EVENTS)
        if not customers:
            break
        after = customers[-1]
        arrivals = [
            _arrival(
                EXPIRE,
                f"expire/{today.isoformat()}/{customer}",
                PointsExpire(Identifier(CUSTOMER_KIND, customer), today.isoformat()),
                occurred_at=midnight,
                now=now,
                customer=customer,
            )
            for customer in customers
        ]
        record(connection, arrivals, handlers=handlers)
        expired += _fresh(arrivals)
    if expired:
        _log.info("points of %d customers expired at the midnight of %s", expired, today)
    return expired


def void_overdue(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = _BATCHES_MAX,
) -> int:
    """Give back the points of reservations whose time is over; returns how many reservations that were."""
    voided = 0
    for _ in range(batches_max):
        if should_stop():
            break
        overdue = store.find_overdue_reservations(connection, now, limit=BATCH_EVENTS)
        if not overdue:
            break
        arrivals = [
            _arrival(VOID, f"void/{position}", PointsVoid(name), occurred_at=expires_at, now=now, touchpoint=touchpoint)
            for touchpoint, name, position, expires_at in overdue
        ]
        record(connection, arrivals, handlers=handlers)
        fresh = _fresh(arrivals)
        voided += fresh
        if not fresh:
            break  # another worker has just done the same
    if voided:
        _log.info("%d reservations were over and are given back", voided)
    return voided


def _fresh(arrivals: Sequence[Arrival]) -> int:
    """Return how many events were decided just now, and not refused."""
    return sum(not arrival.is_repeated and arrival.refusal is None for arrival in arrivals)


def _arrival(
    event_type: str,
    event_id: str,
    data: Any,
    *,
    occurred_at: dt.datetime,
    now: dt.datetime,
    touchpoint: str = TOUCHPOINT,
    customer: Id | None = None,
) -> Arrival:
    """Make an event of the clock. Nothing that identifies it depends on when the job ran."""
    written = codec.encode(data)
    occurred_at = occurred_at.astimezone(dt.UTC)
    return Arrival(
        source=CLOCK_SOURCE,
        id=event_id,
        type=event_type,
        touchpoint=touchpoint,
        occurred_at=occurred_at,
        received_at=now,
        data=data,
        written=written,
        fingerprint=content_fingerprint(event_type, occurred_at.isoformat(), written),
        customer=customer,
    )
