"""When a store is open: weekly hours, which may run past midnight, and days with hours of their own. Pure."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from comptoir.square.catalog.contracts import WEEKDAYS, ExceptionalDay, Opening

DAY_MINUTES: Final = 24 * 60
_WEEK_MINUTES: Final = 7 * DAY_MINUTES
#: So far ahead somebody is told when it opens next.
_AHEAD_DAYS: Final = 14


class Standing(msgspec.Struct, frozen=True):
    """Whether a store is open, and until when; or when it opens next. Nothing: not within two weeks."""

    is_open: bool
    until: dt.datetime | None


def minutes(hour: str) -> int:
    """Return an hour in minutes of its day; one of the next morning is beyond 1,440.

    >>> minutes("26:30")
    1590
    """
    return int(hour[:2]) * 60 + int(hour[3:])


def overlap(openings: Sequence[Opening]) -> int | None:
    """Return the number of an opening that begins before another one is over, on any day of the week, or nothing."""
    spans = []
    for number, opening in enumerate(openings):
        begin, end = minutes(opening.opens), minutes(opening.closes)
        for day in set(opening.days):
            at = WEEKDAYS.index(day) * DAY_MINUTES
            spans.append((at + begin, at + end, number))
    spans.sort()
    if not spans:
        return None
    first = (spans[0][0] + _WEEK_MINUTES, spans[0][1] + _WEEK_MINUTES, spans[0][2])
    for (_, end, number), (begin, _, following) in zip(spans, [*spans[1:], first], strict=True):
        if begin < end:
            return max(number, following)
    return None


def standing(
    openings: Sequence[Opening], exceptions: Sequence[ExceptionalDay], zone: zoneinfo.ZoneInfo, at: dt.datetime
) -> Standing:
    """Return whether a store is open at a moment, by its own clock; summer time's two turns included."""
    ahead = at.astimezone(zone).date()
    opening_next = None
    open_until: dt.datetime | None = None
    for begin, end in _spans(openings, exceptions, zone, ahead):
        if open_until is not None:
            # One that goes on where another one ends is the same to whoever stands before the door.
            if begin <= open_until:
                open_until = max(open_until, end)
                continue
            break
        if begin <= at < end:
            open_until = end
        elif begin > at:
            opening_next = begin
            break
    if open_until is not None:
        return Standing(is_open=True, until=open_until)
    return Standing(is_open=False, until=opening_next)


def _spans(
    openings: Sequence[Opening], exceptions: Sequence[ExceptionalDay], zone: zoneinfo.ZoneInfo, today: dt.date
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Yield from when to when it is open, from yesterday (whose night may not be over) to two weeks ahead."""
    special: Mapping[dt.date, ExceptionalDay] = {each.day: each for each in exceptions}
    for ahead in range(-1, _AHEAD_DAYS + 1):
        day = today + dt.timedelta(days=ahead)
        for begin, end in _hours_of(day, openings, special):
            yield _moment(day, begin, zone), _moment(day, end, zone)


def _hours_of(
    day: dt.date, openings: Sequence[Opening], special: Mapping[dt.date, ExceptionalDay]
) -> list[tuple[int, int]]:
    if (exception := special.get(day)) is not None:
        if exception.opens is None or exception.closes is None:
            return []
        return [(minutes(exception.opens), minutes(exception.closes))]
    name = WEEKDAYS[day.weekday()]
    return sorted((minutes(each.opens), minutes(each.closes)) for each in openings if name in each.days)


def week(openings: Sequence[Opening]) -> list[list[tuple[str, str]]]:
    """Return the hours of each weekday, Monday first, as a clock says them (``02:00`` for 26:00)."""
    return [
        [(clock(begin), clock(end)) for begin, end in sorted(
            (minutes(each.opens), minutes(each.closes)) for each in openings if day in each.days
        )]
        for day in WEEKDAYS
    ]  # fmt: skip


def clock(minute: int) -> str:
    """Return a minute of a day or of the next one as a clock says it; the end of a day is ``24:00``."""
    if minute == DAY_MINUTES:
        return "24:00"
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def _moment(day: dt.date, minute: int, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    local = dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(minutes=minute)
    return local.astimezone(dt.UTC)
