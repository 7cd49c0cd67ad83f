"""When letters are due. Pure: the moments come in as arguments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

#: At this hour of the shop's day daily letters are due; weekly ones on Mondays.
HOUR: Final = 7
RHYTHMS: Final = ("at_once", "daily", "weekly")


def due_at(rhythm: str, now: dt.datetime, *, today: dt.date, midnight: Callable[[dt.date], dt.datetime]) -> dt.datetime:
    """Return the last moment, ``now`` or before, at which letters of a rhythm were due.

    ``today`` is the shop's day of ``now``, ``midnight`` returns when a day begins there.
    """
    if rhythm == "at_once":
        return now
    day = today - dt.timedelta(days=today.weekday()) if rhythm == "weekly" else today
    moment = midnight(day) + dt.timedelta(hours=HOUR)
    if moment <= now:
        return moment
    return midnight(day - dt.timedelta(days=7 if rhythm == "weekly" else 1)) + dt.timedelta(hours=HOUR)
