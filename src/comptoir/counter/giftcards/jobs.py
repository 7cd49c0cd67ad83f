"""What gift cards do by the clock: what is held too long is free again, and a card that has run out is owed no more.

It goes through the log as events of the house's own clock, with ids that are the same in every run.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Final

from comptoir.counter.giftcards import store
from comptoir.counter.giftcards.contracts import EXPIRE, VOID, GiftCardExpire, GiftCardVoid
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import end_overdue, said_by_clock

_log = logging.getLogger(__name__)
#: Wrong codes are counted by the hour, and remembered for a day.
GUESSES_KEPT: Final = dt.timedelta(days=1)


def end_what_is_over(
    connection: Connection,
    *,
    now: dt.datetime,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[int, int]:
    """Free what is held too long and end cards that have run out; returns how many of each."""

    def overdue(limit: int) -> list[Arrival]:
        return [
            said_by_clock(VOID, f"free/{position}", GiftCardVoid(name), at=expires_at, now=now, touchpoint=touchpoint)
            for touchpoint, name, position, expires_at in store.find_overdue(connection, now, limit=limit)
        ]

    def run_out(limit: int) -> list[Arrival]:
        # Its last event is part of the id: what comes back later to a card can run out once more.
        return [
            said_by_clock(EXPIRE, f"run-out/{number}/{position}", GiftCardExpire(number), at=expires_at, now=now)
            for number, position, expires_at in store.find_run_out(connection, now, limit=limit)
        ]

    freed = end_overdue(connection, overdue, handlers=handlers, should_stop=should_stop)
    ended = end_overdue(connection, run_out, handlers=handlers, should_stop=should_stop)
    if freed or ended:
        _log.info("%d reservations of gift cards were over, %d cards have run out", freed, ended)
    store.drop_guesses(connection, now - GUESSES_KEPT)
    return freed, ended
