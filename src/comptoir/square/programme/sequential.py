"""The difference of two means with an interval that may be looked at every week, and how long it would take. Pure.

An interval of the ordinary kind holds for one look; whoever looks each week and stops when it suits finds a difference
where there is none. Here the interval holds at all looks together, with 95 %: a confidence sequence by Robbins'
normal mixture (Robbins 1970, Ann. Math. Stat. 41:1397) for means with estimated variances (Waudby-Smith, Arbour,
Sinha, Kennedy, Ramdas 2024, Ann. Stat. 52:2613, "Time-uniform central limit theory and asymptotic confidence
sequences"). It is asymptotic; four pseudo-observations of the widest possible spread in each arm keep it honest while
units are few, and with fewer than five in an arm nothing is said. Coverage is measured in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from comptoir.square.health.rules import Interval, Z

#: The interval is wrong at any look in so many cases.
ALPHA: Final = 0.05
#: The normal distribution's 0.8 quantile: a difference that is there is found in four of five trials.
_POWER: Final = 0.8416212335729143
#: With fewer units in an arm nothing is said.
UNITS_MIN: Final = 5
#: The mixture is tuned to be narrowest at the planned number of units; where fewer are planned, at this many.
PLANNED_MIN: Final = 20
PLANNED_MAX: Final = 1_000_000
_PSEUDO: Final = 4
#: The mixture's information at the planned number of units; near the least of its boundary for 0.05.
_TUNED: Final = 8.0

Verdict = Literal["a_better", "b_better", "no_difference", "cannot_tell"]


class Arm(msgspec.Struct, frozen=True):
    """What came of one variant: how many units, the mean of their outcomes, and the mean's variance."""

    units: int
    mean: float | None
    variance: float


class Difference(msgspec.Struct, frozen=True):
    """What B has more than A (negative: less), with its interval; ``None`` while there is too little."""

    a: Arm
    b: Arm
    value: float | None
    interval: Interval | None


def arm(outcomes: Sequence[float], *, cap: float) -> Arm:
    """Return an arm's mean and the mean's variance; outcomes lie between 0 and ``cap``."""
    n = len(outcomes)
    if not n:
        return Arm(0, None, math.inf)
    mean = math.fsum(outcomes) / n
    squares = math.fsum((each - mean) ** 2 for each in outcomes) + _PSEUDO * cap * cap / 4
    return Arm(n, mean, squares / (n + _PSEUDO) / n)


def boundary(units: int, *, planned: int, alpha: float = ALPHA) -> float:
    """Return how many standard errors the interval reaches to each side, at so many units in the smaller arm.

    It is wrong at any look in ``alpha`` of all cases. ``office/experiments`` uses it too.
    """
    information = _TUNED * units / max(planned, PLANNED_MIN)
    return math.sqrt((1 + 1 / information) * math.log((1 + information) / alpha**2))


def difference(a: Sequence[float], b: Sequence[float], *, cap: float, planned: int) -> Difference:
    """Return the difference of two arms, with the interval that holds at every look; ``planned`` units in each arm."""
    one, other = arm(a, cap=cap), arm(b, cap=cap)
    if one.mean is None or other.mean is None:
        return Difference(one, other, None, None)
    value, least = other.mean - one.mean, min(one.units, other.units)
    if least < UNITS_MIN:
        return Difference(one, other, value, None)
    reach = boundary(least, planned=planned) * math.sqrt(one.variance + other.variance)
    return Difference(one, other, value, Interval(max(-cap, value - reach), min(cap, value + reach)))


def verdict(found: Difference, *, smallest: float) -> Verdict:
    """Return what an interval says: B is better, A is, the difference is smaller than what matters, or nothing yet."""
    interval = found.interval
    if interval is None:
        return "cannot_tell"
    if -smallest <= interval.low and interval.high <= smallest:
        return "no_difference"
    if interval.low > 0:
        return "b_better"
    return "a_better" if interval.high < 0 else "cannot_tell"


def units_at_one_look(*, variance_a: float, variance_b: float, smallest: float) -> int:
    """Return how many units each arm needs to find a difference in four of five trials, looked at once, at the end.

    n = (z * sqrt(2 v) + z' * sqrt(va + vb))^2 / d^2 with v the variance of both together (Fleiss, Levin, Paik 2003,
    Statistical Methods for Rates and Proportions, ch. 4); 0.44 against 0.56 makes 272, 0.52 against 0.60 makes 604.
    """
    if smallest <= 0:
        return PLANNED_MAX
    return _needed(Z, variance_a, variance_b, smallest)


def units_at_every_look(*, variance_a: float, variance_b: float, smallest: float) -> int:
    """Return the same for a trial that is looked at as often as one likes: about 1.9 times as many."""
    if smallest <= 0:
        return PLANNED_MAX
    return max(_needed(boundary(PLANNED_MIN, planned=PLANNED_MIN), variance_a, variance_b, smallest), UNITS_MIN)


def _needed(reach: float, variance_a: float, variance_b: float, smallest: float) -> int:
    # The variance of both arms thrown together, as if there were no difference between them.
    pooled = (variance_a + variance_b) / 2 + smallest * smallest / 4
    root = reach * math.sqrt(2 * pooled) + _POWER * math.sqrt(variance_a + variance_b)
    return min(PLANNED_MAX, max(1, math.ceil((root / smallest) ** 2)))
