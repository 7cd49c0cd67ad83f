"""What coupons do by the clock: what is held longer than was said can be had again.

It goes through the log as an event of the house's own clock, with an id that is the same in every run.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from comptoir.counter.offers import store
from comptoir.counter.offers.contracts import RELEASE, CouponRelease
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import BATCHES_MAX, end_overdue, said_by_clock

_log = logging.getLogger(__name__)


def release_overdue(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
) -> int:
    """Release what reservations hold whose time is over; returns how many reservations that were."""

    def find(limit: int) -> list[Arrival]:
        return [
            said_by_clock(
                RELEASE, f"release/{position}", CouponRelease(name), at=expires_at, now=now, touchpoint=touchpoint
            )
            for touchpoint, name, position, expires_at in store.find_overdue(connection, now, limit=limit)
        ]

    released = end_overdue(connection, find, handlers=handlers, should_stop=should_stop, batches_max=batches_max)
    if released:
        _log.info("%d reservations of coupons were over and are released", released)
    return released
