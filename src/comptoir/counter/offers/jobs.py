"""What coupons do by the clock: what is held longer than was said can be had again.

It goes through the log as an event of the house's own clock, with an id that is the same in every run.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Final

from comptoir.counter.offers import store
from comptoir.counter.offers.contracts import RELEASE, CouponRelease
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import count_fresh, said_by_clock

_log = logging.getLogger(__name__)

BATCH_EVENTS: Final = 500
_BATCHES_MAX: Final = 400


def release_overdue(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = _BATCHES_MAX,
) -> int:
    """Release what reservations hold whose time is over; returns how many reservations that were."""
    released = 0
    for _ in range(batches_max):
        if should_stop():
            break
        overdue = store.find_overdue(connection, now, limit=BATCH_EVENTS)
        if not overdue:
            break
        arrivals = [
            said_by_clock(
                RELEASE, f"release/{position}", CouponRelease(name), at=expires_at, now=now, touchpoint=touchpoint
            )
            for touchpoint, name, position, expires_at in overdue
        ]
        record(connection, arrivals, handlers=handlers)
        fresh = count_fresh(arrivals)
        released += fresh
        if not fresh:
            break  # another worker has just done the same
    if released:
        _log.info("%d reservations of coupons were over and are released", released)
    return released
