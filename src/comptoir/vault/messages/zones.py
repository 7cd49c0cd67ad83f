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
from collections.abc import Mapping
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


def next_within(hours: tuple[int, int], zone: dt.tzinfo, *, now: dt.datetime) -> dt.datetime:
    """Return ``now`` if it lies within these hours of a day there, else when they begin next.

    ``(9, 20)`` is from nine until before eight in the evening; ``(20, 2)`` goes over midnight; equal hours are all day.
    """
    first, last = hours
    local = now.astimezone(zone)
    is_within = first <= local.hour < last if first < last else local.hour >= first or local.hour < last
    if first == last or is_within:
        return now
    begin = local.replace(hour=first % 24, minute=0, second=0, microsecond=0, fold=0)
    if begin.astimezone(dt.UTC) <= now:
        # The next day's, by the calendar and not by 24 hours: clocks are put forward and back.
        begin = dt.datetime.combine(local.date() + _DAY, begin.timetz().replace(tzinfo=None), tzinfo=zone)
    return max(begin.astimezone(dt.UTC), now)
