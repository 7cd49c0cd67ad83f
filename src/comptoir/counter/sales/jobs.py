"""What sales do by the clock: say which returns have waited for their sale longer than anybody expects."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Final

from comptoir.counter.sales import store
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import first_of_millisecond

_log = logging.getLogger(__name__)

#: A sale that has not come by then will hardly come by itself.
WAITING_MAX: Final = dt.timedelta(days=90)


def report_waiting_returns(connection: Connection, *, now: dt.datetime) -> int:
    """Warn of returns that have waited longer than 90 days, and return how many they are; they go on waiting.

    Nothing is dropped: the sale may still come, and somebody has to look where it is.
    """
    received_before = first_of_millisecond(int((now - WAITING_MAX).timestamp() * 1000))
    count = store.count_waiting_returns(connection, before=received_before)
    if count:
        _log.warning("%d returns have waited for their sale longer than %d days", count, WAITING_MAX.days)
    return count
