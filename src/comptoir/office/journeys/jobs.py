"""What journeys do by the clock: let people enter, and do what is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns.segmenting import SEGMENTS
from comptoir.office.journeys import travelling
from comptoir.office.journeys.travelling import Hands


def travel(*, now: dt.datetime, hands: Hands, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Let everybody enter for whom something has happened, and do what is due, as the office; returns how many went."""
    with entered(OFFICE):
        travelling.enter(now=now, should_stop=should_stop)
        return travelling.advance(now=now, segments=SEGMENTS, hands=hands, should_stop=should_stop)
