"""What stock does by the clock: what is held longer than was said is free again.

It goes through the log as an event of the house's own clock, with an id that is the same in every run.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import BATCHES_MAX, end_overdue, said_by_clock
from comptoir.square.stock import store
from comptoir.square.stock.contracts import RELEASE, StockRelease
from comptoir.square.stock.handlers import StockHandler

_log = logging.getLogger(__name__)


def release_overdue(
    connection: Connection,
    *,
    now: dt.datetime,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
) -> int:
    """Release holds whose time is over; returns how many that were."""

    def find(limit: int) -> list[Arrival]:
        return [
            said_by_clock(
                RELEASE, f"hold/{hold}/{until.isoformat()}", StockRelease(hold), at=until, now=now,
                touchpoint=touchpoint,
            )
            for hold, touchpoint, until in store.find_overdue(connection, now, limit=limit)
        ]  # fmt: skip

    released = end_overdue(
        connection, find, handlers=lambda _types: (StockHandler(),), should_stop=should_stop, batches_max=batches_max
    )
    if released:
        _log.info("%d holds were over and are released", released)
    return released
