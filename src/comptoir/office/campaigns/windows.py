"""When a message may leave: the hours of the day that people do not mind, where they are. Pure.

Days and hours are those of the window's time zone; a day of 23 or 25 hours, where clocks change, has the hours that its
clock shows. Not here: who gets one (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Final, NamedTuple

from comptoir.office.campaigns.contracts import Window
from comptoir.office.campaigns.errors import CampaignInvalid

#: The days of the week, from Monday on.
EVERY_DAY: Final = (0, 1, 2, 3, 4, 5, 6)


class Opening(NamedTuple):
    """From when to when messages may leave, both in UTC."""

    starts_at: dt.datetime
    ends_at: dt.datetime


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its name. Raises :class:`CampaignInvalid`."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise CampaignInvalid("No such time zone.", field="window.zone") from None


def opening(window: Window, now: dt.datetime) -> Opening:
    """Return the opening in which ``now`` lies, or the next one."""
    zone = zone_of(window.zone)
    day = now.astimezone(zone).date() - dt.timedelta(days=1)
    for _ in range(10):
        if day.weekday() in window.weekdays:
            found = Opening(_moment(day, window.from_hour, zone), _moment(day, window.until_hour, zone))
            # Where the clock skips the whole window, that day has none.
            if found.ends_at > max(now, found.starts_at):
                return found
        day += dt.timedelta(days=1)
    raise CampaignInvalid("In this window no message could ever leave.", field="window")


def leaves_at(window: Window, now: dt.datetime) -> dt.datetime:
    """Return when a message that is decided now may leave first."""
    return max(now, opening(window, now).starts_at)


def _moment(day: dt.date, hour: int, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    if hour == 24:
        day, hour = day + dt.timedelta(days=1), 0
    return dt.datetime.combine(day, dt.time(hour), zone).astimezone(dt.UTC)
