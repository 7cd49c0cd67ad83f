"""How fresh a link is: delays counted into fixed buckets, and what can be read from the counts.

A link's delay has three parts, measured each by itself. *Sender*: from the fact until it reached us; a till that was
cut off is slow here, and nowhere else. *Ours*: from its arrival until it was committed. *Visible*: from the commit
until the touchpoint that needs it has shown or acknowledged it. The first two belong to what a touchpoint sends,
the third to what one needs; each such half is an *arm*, named by touchpoint and data.

The buckets are about a factor of the square root of two apart, so a quantile is right within about 20 %; the
promises (a second, a minute, a day) are bounds of buckets, so a share within a promise is exact. Counts of several
processes and minutes are simply added. Not here: where the counts are kept (``store.py``).
"""

from __future__ import annotations

import enum
import operator
import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from comptoir.foundation.touchpoints.contracts import Timing

#: Upper bounds of the buckets in milliseconds; a bucket includes its bound. One more holds all that is longer.
BOUNDS_MS: Final = (
    1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 600, 800,
    *(1_000 * seconds for seconds in (1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40)),
    *(60_000 * minutes for minutes in (1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40)),
    *(3_600_000 * hours for hours in (1, 1.5, 2, 3, 4, 6, 8, 12, 18)),
    *(86_400_000 * days for days in (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)),
)  # fmt: skip
BUCKETS: Final = len(BOUNDS_MS) + 1

#: What holds the recorder's memory within bounds when a flush cannot get through; beyond it, counts are dropped.
_CELLS_MAX: Final = 50_000


class Stage(enum.IntEnum):
    """The parts of a delay."""

    SENDER = 1
    OURS = 2
    VISIBLE = 3


class Arm(msgspec.Struct, frozen=True, order=True):
    """Half a link: a touchpoint, and the type that it sends or the data that it needs."""

    touchpoint: str
    data: str

    def __str__(self) -> str:
        """Return the arm in one word."""
        return f"{self.touchpoint}:{self.data}"


class FreshnessRow(msgspec.Struct, frozen=True, order=True):
    """Counts of one arm, stage and minute (seconds since 1970 of its beginning)."""

    touchpoint: str
    data: str
    stage: int
    minute: int
    counts: list[int]


class RefusalRow(msgspec.Struct, frozen=True, order=True):
    """How often a touchpoint was refused for one reason in one minute."""

    touchpoint: str
    reason: str
    minute: int
    count: int


class Taken(msgspec.Struct, frozen=True):
    """What a recorder had gathered, on its way to the database."""

    freshness: list[FreshnessRow]
    refusals: list[RefusalRow]

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to write."""
        return not self.freshness and not self.refusals


class Recorder:
    """Gathers delays and refusals of one process; somebody takes them, about once a second, to the database.

    May be used by several threads.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._cells: dict[tuple[str, str, int, int], list[int]] = {}
        self._refusals: dict[tuple[str, str, int], int] = {}
        self._lock = threading.Lock()

    def record(
        self, touchpoint: str, data: str, stage: Stage, *, delay_seconds: float, at: float, count: int = 1
    ) -> None:
        """Count events with one delay, at the moment ``at`` (seconds since 1970). A negative delay counts as none."""
        bucket = bucket_of(delay_seconds)
        with self._lock:
            cell = self._cell(touchpoint, data, stage, at)
            if cell is not None:
                cell[bucket] += count

    def record_each(
        self, touchpoint: str, data: str, stage: Stage, *, delays_seconds: Iterable[float], at: float
    ) -> None:
        """Count events with a delay each: one look-up for a whole group of a batch."""
        buckets = [bisect_left(BOUNDS_MS, delay * 1000) for delay in delays_seconds]
        with self._lock:
            cell = self._cell(touchpoint, data, stage, at)
            if cell is not None:
                for bucket in buckets:
                    cell[bucket] += 1

    def refuse(self, touchpoint: str, reason: str, *, at: float, count: int = 1) -> None:
        """Count refusals by the name of their problem. Without a known key, the touchpoint is ``""``."""
        key = (touchpoint, reason, int(at) // 60 * 60)
        with self._lock:
            if key in self._refusals or len(self._refusals) < _CELLS_MAX:
                self._refusals[key] = self._refusals.get(key, 0) + count

    def take(self) -> Taken:
        """Return what was gathered, in the order in which every process writes it, and begin anew."""
        with self._lock:
            cells, self._cells = self._cells, {}
            refusals, self._refusals = self._refusals, {}
        return Taken(
            [FreshnessRow(*key, counts) for key, counts in sorted(cells.items())],
            [RefusalRow(*key, count) for key, count in sorted(refusals.items())],
        )

    def give_back(self, taken: Taken) -> None:
        """Take back what could not be written; it goes along with the next."""
        for row in taken.freshness:
            with self._lock:
                cell = self._cell(row.touchpoint, row.data, row.stage, row.minute)
                if cell is not None:
                    cell[:] = map(operator.add, cell, row.counts)
        for refusal in taken.refusals:
            self.refuse(refusal.touchpoint, refusal.reason, at=refusal.minute, count=refusal.count)

    def _cell(self, touchpoint: str, data: str, stage: int, at: float) -> list[int] | None:
        key = (touchpoint, data, int(stage), int(at) // 60 * 60)
        cell = self._cells.get(key)
        if cell is None and len(self._cells) < _CELLS_MAX:
            cell = self._cells[key] = [0] * BUCKETS
        return cell


def bucket_of(delay_seconds: float) -> int:
    """Return the number of the bucket that a delay belongs to."""
    return bisect_left(BOUNDS_MS, delay_seconds * 1000)


def add(many: Iterable[Sequence[int]]) -> list[int]:
    """Add up counts."""
    total = [0] * BUCKETS
    for counts in many:
        for bucket, count in enumerate(counts):
            total[bucket] += count
    return total


def quantile_seconds(counts: Sequence[int], share: float) -> float | None:
    """Return the delay that ``share`` (0 to 1) of the events did not exceed, in seconds, or ``None`` without events.

    Inside a bucket the events are taken as evenly spread; in the last one, its lower bound is returned.
    """
    total = sum(counts)
    if total == 0:
        return None
    wanted = share * total
    seen = 0
    for bucket, count in enumerate(counts):
        if count and seen + count >= wanted:
            lower = BOUNDS_MS[bucket - 1] if bucket else 0
            if bucket == len(BOUNDS_MS):
                return lower / 1000
            return (lower + (BOUNDS_MS[bucket] - lower) * max(0.0, wanted - seen) / count) / 1000
        seen += count
    return BOUNDS_MS[-1] / 1000


def share_within(counts: Sequence[int], seconds: float) -> float | None:
    """Return which share of the events took at most ``seconds``, or ``None`` without events.

    Exact where ``seconds`` is a bound of a bucket, as every promise is; otherwise the bucket around it counts as late.
    """
    total = sum(counts)
    if total == 0:
        return None
    within = bisect_left(BOUNDS_MS, seconds * 1000)
    if within < len(BOUNDS_MS) and BOUNDS_MS[within] == seconds * 1000:
        within += 1
    return sum(counts[:within]) / total


assert all(timing.seconds_max * 1000 in BOUNDS_MS for timing in Timing)
