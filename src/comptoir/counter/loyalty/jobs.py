"""What the ledger does by the clock: points expire at the shop's midnight, holds whose time is over are given back.

Both go through the log like everything else, as events of the house's own clock, with an id that is the same in every
run: whatever runs twice, or in two workers at once, happens once. Not here: the handlers, which the caller brings.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Final

from comptoir.counter.customers.contracts import CUSTOMER_KIND, SALE_FORGET, Identifier
from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.contracts import EXPIRE, VOID, PointsExpire, PointsVoid
from comptoir.counter.loyalty.programme import Programmes
from comptoir.counter.sales.contracts import SaleForget, SaleReference
from comptoir.counter.sales.rules import Key
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import IDS, Id
from comptoir.foundation.touchpoints.clock import (
    BATCH_EVENTS,
    BATCHES_MAX,
    count_fresh,
    end_overdue,
    said_by_clock,
)

_log = logging.getLogger(__name__)

_FIRST: Final = "00000000-0000-0000-0000-000000000000"


def expire_points(
    connection: Connection,
    *,
    now: dt.datetime,
    programmes: Programmes,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
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
            said_by_clock(
                EXPIRE,
                f"expire/{today.isoformat()}/{customer}",
                PointsExpire(Identifier(CUSTOMER_KIND, customer), today.isoformat()),
                at=midnight,
                now=now,
                customer=customer,
            )
            for customer in customers
        ]
        record(connection, arrivals, handlers=handlers)
        expired += count_fresh(arrivals)
    if expired:
        _log.info("points of %d customers expired at the midnight of %s", expired, today)
    return expired


def void_overdue(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
) -> int:
    """Give back the points of reservations whose time is over; returns how many reservations that were."""

    def find(limit: int) -> list[Arrival]:
        return [
            said_by_clock(VOID, f"void/{position}", PointsVoid(name), at=expires_at, now=now, touchpoint=touchpoint)
            for touchpoint, name, position, expires_at in store.find_overdue_reservations(connection, now, limit=limit)
        ]

    voided = end_overdue(connection, find, handlers=handlers, should_stop=should_stop, batches_max=batches_max)
    if voided:
        _log.info("%d reservations were over and are given back", voided)
    return voided


def forget_sale(connection: Connection, sale: Key, customer: Id, *, handlers: HandlerMaker, now: dt.datetime) -> bool:
    """Make a customer's purchase nobody's by the house itself, its points kept; tells whether it was done just now.

    For a restored database, in which it was not forgotten yet: whoever asked for it has been answered.
    """
    source, receipt = sale
    data = SaleForget(Identifier(CUSTOMER_KIND, customer), SaleReference(receipt, source), "kept")
    arrival = said_by_clock(SALE_FORGET, f"forget/{IDS.new()}", data, at=now, now=now, customer=customer)
    record(connection, [arrival], handlers=handlers)
    return count_fresh([arrival]) == 1
