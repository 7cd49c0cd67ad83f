"""When letters and notifications are due. Pure: the moments come in as arguments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final, NamedTuple

#: At this hour of the shop's day daily letters are due; weekly ones on Mondays.
HOUR: Final = 7
RHYTHMS: Final = ("at_once", "daily", "weekly")


class ShopTime(NamedTuple):
    """A moment, the shop's day of it, and when a day begins there."""

    now: dt.datetime
    today: dt.date
    midnight: Callable[[dt.date], dt.datetime]

    def due_at(self, rhythm: str) -> dt.datetime:
        """Return the last moment at which what comes in a rhythm was due."""
        return due_at(rhythm, self.now, today=self.today, midnight=self.midnight)


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
