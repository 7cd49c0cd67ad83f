"""Whether the promises are kept: compares what was measured with what the map promises.

Late: of the events of the last minutes, more than one in a hundred took longer than promised. For what a touchpoint
sends, an allowed outage (``offline_max``) is no breach: the till was cut off, and had said that it may be.
Silent: in the last full hour there came far fewer events than in the same hour of the weeks before. Not here: where
breaches are kept (``store.py``).
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.touchpoints import store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.freshness import Arm, Stage, quantile_seconds, share_within

WINDOW: Final = dt.timedelta(minutes=5)
SHARE_PROMISED: Final = 0.99
EVENTS_MIN: Final = 20
WEEKS_COMPARED: Final = 6
_WEEKS_MIN: Final = 2
_CHANCE_OF_SILENCE: Final = 0.01

SILENCE: Final = "silence"
_KINDS: Final = {Stage.SENDER: "late_sender", Stage.OURS: "late_ours", Stage.VISIBLE: "late_visible"}


class Judgement(msgspec.Struct, frozen=True):
    """Which promises are broken, and which (touchpoint, data, kind) are shown to be kept; the rest is not known."""

    broken: list[store.BreachRow]
    kept: set[tuple[str, str, str]]


def promised_seconds(declared: TouchpointMap) -> dict[tuple[Arm, Stage], float]:
    """Return how long each stage of each arm may take, in seconds.

    What a need allows a slow source does not slow its arm: the promise of an arm is the need's own timing.
    """
    promised: dict[tuple[Arm, Stage], float] = {}
    for touchpoint in declared.touchpoints:
        for send in touchpoint.sends:
            arm = Arm(touchpoint.name, send.type)
            promised[arm, Stage.SENDER] = max(send.timing.seconds_max, touchpoint.offline_seconds_max)
            promised[arm, Stage.OURS] = send.timing.seconds_max
        for need in touchpoint.needs:
            promised[Arm(touchpoint.name, need.data), Stage.VISIBLE] = need.timing.seconds_max
    return promised


def judge(connection: psycopg.Connection, *, declared: TouchpointMap, now: dt.datetime) -> Judgement:
    """Compare the last full minutes, and the last full hour, with what is promised and with what is usual."""
    judged = Judgement([], set())
    until = now.replace(second=0, microsecond=0)
    promised = promised_seconds(declared)
    for touchpoint, data, stage, _, counts in store.read(
        connection, "freshness_since", since=until - WINDOW, until=until
    ):
        limit = promised.get((Arm(touchpoint, data), Stage(stage)))
        share = None if limit is None else share_within(counts, limit)
        if limit is None or share is None or sum(counts) < EVENTS_MIN:
            continue
        kind = _KINDS[Stage(stage)]
        if share >= SHARE_PROMISED:
            judged.kept.add((touchpoint, data, kind))
        else:
            measured = quantile_seconds(counts, SHARE_PROMISED) or 0.0
            judged.broken.append(_breach(touchpoint, data, kind, until - WINDOW, measured, limit))
    hour = now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=1)
    for arm, counts in _hours(connection, declared, hour).items():
        observed, usual = counts[0], counts[1:]
        if is_silent(observed, usual):
            mean = statistics.fmean(usual)
            judged.broken.append(_breach(arm.touchpoint, arm.data, SILENCE, hour, float(observed), mean))
        else:
            judged.kept.add((arm.touchpoint, arm.data, SILENCE))
    return judged


def is_silent(observed: int, usual: Sequence[int]) -> bool:
    """Tell whether an hour had fewer events than chance explains, from the same hour of earlier weeks.

    With fewer than two weeks, nothing is said. Otherwise the count would have to lie below each of them, and below
    the 1 % quantile of a Poisson distribution with their mean.
    """
    if len(usual) < _WEEKS_MIN or observed >= min(usual):
        return False
    return poisson_at_most(observed, statistics.fmean(usual)) < _CHANCE_OF_SILENCE


def poisson_at_most(count: int, mean: float) -> float:
    """Return the chance of at most ``count`` events where ``mean`` are expected (Poisson distribution)."""
    logarithms = [number * math.log(mean) - mean - math.lgamma(number + 1) for number in range(count + 1)]
    highest = max(logarithms)
    if highest < -700:
        return 0.0
    return min(1.0, math.exp(highest) * sum(math.exp(each - highest) for each in logarithms))


def _hours(connection: psycopg.Connection, declared: TouchpointMap, hour: dt.datetime) -> dict[Arm, list[int]]:
    sent = [Arm(touchpoint.name, send.type) for touchpoint in declared.touchpoints for send in touchpoint.sends]
    found: dict[Arm, list[int]] = {}
    for touchpoint, data, _, count in store.read(
        connection,
        "hour_counts",
        hour=hour,
        weeks=WEEKS_COMPARED,
        touchpoints=[arm.touchpoint for arm in sent],
        data=[arm.data for arm in sent],
    ):
        found.setdefault(Arm(touchpoint, data), []).append(int(count))
    return found


def _breach(
    touchpoint: str, data: str, kind: str, since: dt.datetime, measured: float, promised: float
) -> store.BreachRow:
    return store.BreachRow(IDS.new(), touchpoint, data, kind, since, measured, promised, None, "")
