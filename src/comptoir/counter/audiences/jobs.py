"""What figures need by the clock: how far somebody is trusted changes without an event of theirs.

Every job is given the time, and may be run twice. Not here: figures that follow from events (``following.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from comptoir.counter.audiences import following, store
from comptoir.foundation.kernel.connection import Connection

_PORTION: Final = 1_000


def refresh_holders(
    connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Write the figures of whoever has a public name anew; returns of how many."""
    count = 0
    for portion in store.read_customers(connection, portion=_PORTION, statement="find_holding"):
        if should_stop():
            break
        with connection.transaction():
            store.lock_following(connection)
            following.refresh(connection, portion, since={}, now=now)
        count += len(portion)
    return count
