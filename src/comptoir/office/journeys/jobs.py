"""What journeys do by the clock: let people enter, do what is due, and ask the exits of what waits to leave."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns.segmenting import SEGMENTS
from comptoir.office.journeys import asking, travelling
from comptoir.office.journeys.travelling import Hands


def travel(*, now: dt.datetime, hands: Hands, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Let everybody enter for whom something has happened, and do what is due, as the office; returns how many went."""
    with entered(OFFICE):
        travelling.enter(now=now, should_stop=should_stop)
        return travelling.advance(now=now, segments=SEGMENTS, hands=hands, should_stop=should_stop)


def withdraw_left(
    *,
    now: dt.datetime,
    customers: Collection[uuid.UUID] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Take back the messages that are about to leave to whoever took an exit, as the office; returns how many.

    Of these ``customers``, or of everybody.
    """
    with entered(OFFICE):
        return asking.withdraw_left(now=now, segments=SEGMENTS, customers=customers, should_stop=should_stop)
