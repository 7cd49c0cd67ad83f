"""Whose evening it is: the hours in which a message may leave, in the reader's time zone where that is certain.

A country with one time zone tells it; of a country with several, and where no country is known, the shop's counts. The
table is the one of the IANA time zone database (``zone.tab``), as the wheel ``tzdata`` brings it.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.resources
import zoneinfo
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

_DAY: Final = dt.timedelta(days=1)


@functools.cache
def _zones() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in importlib.resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text().splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found[country].append(zone)
    return found


def zone_of(country: str | None, *, otherwise: str) -> zoneinfo.ZoneInfo:
    """Return the time zone of a country (two letters) that has one; else the one named ``otherwise``, else UTC."""
    zones = _zones().get(country or "", [])
    try:
        return zoneinfo.ZoneInfo(zones[0] if len(zones) == 1 else otherwise)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def next_within(
    hours: tuple[int, int], zone: dt.tzinfo, *, now: dt.datetime, weekdays: Collection[int] = ()
) -> dt.datetime:
    """Return ``now`` if it lies within these hours of one of these days there, else when they begin next.

    ``(9, 20)`` is from nine until before eight in the evening; ``(20, 2)`` goes over midnight and belongs to the day on
    which it begins; equal hours are all day. ``weekdays`` count from Monday, 0; none: every day.
    """
    first, last = hours
    begin_hour, is_all_day = first % 24, first % 24 == last % 24
    day = now.astimezone(zone).date() - _DAY
    for _ in range(9):
        if not weekdays or day.weekday() in weekdays:
            begin = dt.datetime.combine(day, dt.time(0 if is_all_day else begin_hour), tzinfo=zone)
            # The end by the calendar and not by hours: clocks are put forward and back.
            is_over_midnight = is_all_day or last % 24 <= begin_hour
            end = dt.datetime.combine(
                day + _DAY if is_over_midnight else day, dt.time(0 if is_all_day else last % 24), tzinfo=zone
            )
            if now < end.astimezone(dt.UTC):
                return max(begin.astimezone(dt.UTC), now)
        day += _DAY
    raise AssertionError("a week has all its days")
