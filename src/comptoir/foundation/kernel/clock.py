"""Time as an argument: the only place that asks the machine what time it is.

Rules take ``now`` as an argument; commands and doors ask a :class:`Clock`.
Not here: business calendars (see ``counter/loyalty``).
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol

UTC = dt.UTC


def to_the_minute(at: dt.datetime) -> dt.datetime:
    """Return a moment without its seconds: what strangers are told, so that they cannot set it beside another one.

    >>> to_the_minute(dt.datetime(2026, 5, 4, 12, 30, 59, 999, tzinfo=UTC)).isoformat(timespec="minutes")
    '2026-05-04T12:30+00:00'
    """
    return at.replace(second=0, microsecond=0)


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> dt.datetime:
        """Return the present moment, with a time zone, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the machine's time in UTC."""
        return dt.datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is told to move; for tests and for replays."""

    def __init__(self, at: dt.datetime) -> None:
        """Start at ``at``, which must carry a time zone."""
        if at.tzinfo is None:
            raise ValueError("a clock needs a time zone")
        self._at = at.astimezone(UTC)

    def now(self) -> dt.datetime:
        """Return the time that was set."""
        return self._at

    def advance(self, by: dt.timedelta) -> None:
        """Move on by ``by``, forwards or backwards."""
        self._at += by


SYSTEM_CLOCK = SystemClock()
