"""What baskets do by the clock: they are over when nobody has touched them for long, and left before that.

Both go through the log as events of the house's own clock, with an id that is the same in every run.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Final

from comptoir.counter.baskets import quoting, store
from comptoir.counter.baskets.contracts import EXPIRED, LEFT, BasketExpired, BasketLeft
from comptoir.counter.baskets.policy import CUSTOMERS_DAYS, LEFT_HOURS, STRANGERS_DAYS
from comptoir.counter.baskets.rules import Basket
from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.customers.store import find_members
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import (
    BATCH_EVENTS,
    BATCHES_MAX,
    count_fresh,
    end_overdue,
    said_by_clock,
)

_log = logging.getLogger(__name__)
_LEFT: Final = dt.timedelta(hours=LEFT_HOURS)


def expire(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
) -> int:
    """End the baskets that nobody has touched for longer than their keeping time; returns how many that were."""

    def find(limit: int) -> list[Arrival]:
        overdue = store.find_overdue(
            connection, strangers=now - dt.timedelta(days=STRANGERS_DAYS),
            customers=now - dt.timedelta(days=CUSTOMERS_DAYS), limit=limit,
        )  # fmt: skip
        return [
            said_by_clock(
                EXPIRED, f"basket/{basket}/{position}", BasketExpired(basket, position),
                at=changed_at + dt.timedelta(days=CUSTOMERS_DAYS if is_claimed else STRANGERS_DAYS), now=now,
            )
            for basket, position, changed_at, is_claimed in overdue
        ]  # fmt: skip

    ended = end_overdue(connection, find, handlers=handlers, should_stop=should_stop, batches_max=batches_max)
    if ended:
        _log.info("%d baskets are over", ended)
    return ended


def tell_left(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
) -> int:
    """Say which customers have left a basket with something in it, once for each last change; returns how many.

    Only of those who may be written to on some channel. Of a person with several baskets it is said of the last one.
    """
    told = 0
    for _ in range(batches_max):
        baskets = [] if should_stop() else store.find_left(connection, now - _LEFT, limit=BATCH_EVENTS)
        if not baskets:
            break
        arrivals = [
            said_by_clock(
                LEFT, f"left/{each.position}", BasketLeft(Identifier(CUSTOMER_KIND, str(each.customer))),
                at=each.changed_at + _LEFT, now=now, customer=each.customer,
            )
            for each in baskets
            if _is_left(connection, each, before=now - _LEFT)
        ]  # fmt: skip
        if arrivals:
            record(connection, arrivals, handlers=handlers)
            told += count_fresh(arrivals)
        store.note_looked(connection, baskets, now=now)
    if told:
        _log.info("%d baskets were left", told)
    return told


def _is_left(connection: Connection, basket: Basket, *, before: dt.datetime) -> bool:
    """Tell whether it is the basket of its person that was changed last, and something is in what they have."""
    assert basket.customer is not None, "nobody else is asked for"
    members = find_members(connection, [basket.customer]).get(basket.customer, (basket.customer,))
    found = quoting.find_of(connection, members)
    is_last = bool(found.baskets) and found.baskets[0] == basket.id
    return is_last and found.content.pieces > 0 and found.changed_at is not None and found.changed_at < before
