"""The statistics of the figures, pure, each with its source. Not here: what is counted (``figures.py``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

#: The normal distribution's 0.975 quantile: every interval holds with 95 %.
Z: Final = 1.959963984540054


class Interval(msgspec.Struct, frozen=True):
    """From where to where a figure may lie, with 95 %."""

    low: float
    high: float


class Figure(msgspec.Struct, frozen=True):
    """A figure with what it was made of. ``value`` is ``None`` where there is nothing to divide by."""

    value: float | None
    numerator: float
    denominator: float
    interval: Interval | None


def rate(numerator: int, denominator: int) -> Figure:
    """Return a share with Wilson's score interval (Wilson 1927, JASA 22:209; Brown, Cai, DasGupta 2001)."""
    if not denominator:
        return Figure(None, numerator, denominator, None)
    p, n = numerator / denominator, denominator
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    # At the ends the bounds are exact, which arithmetic misses by a hair.
    low = 0.0 if numerator == 0 else middle - half
    high = 1.0 if numerator == denominator else middle + half
    return Figure(p, numerator, denominator, Interval(low, high))


class Difference(msgspec.Struct, frozen=True):
    """How two groups differ: each one's figure, the first less the second, and where that may lie with 95 %.

    ``difference`` is ``None`` where a group is too small to tell.
    """

    one: Figure
    other: Figure
    difference: float | None
    interval: Interval | None


#: Of fewer in a group nothing is told of a difference.
GROUP_MIN: Final = 20


def difference(some: int, of: int, others: int, of_others: int) -> Difference:
    """Return how two shares differ, with the interval of Newcombe 1998 (Stat. Med. 17:873, method 10)."""
    one, other = rate(some, of), rate(others, of_others)
    if min(of, of_others) < GROUP_MIN:
        return Difference(one, other, None, None)
    assert one.value is not None
    assert other.value is not None
    assert one.interval is not None
    assert other.interval is not None
    value = one.value - other.value
    low = value - math.hypot(one.value - one.interval.low, other.interval.high - other.value)
    high = value + math.hypot(one.interval.high - one.value, other.value - other.interval.low)
    return Difference(one, other, value, Interval(low, high))


def difference_of_means(one: tuple[int, int, int], other: tuple[int, int, int]) -> Difference:
    """Return how two means differ, each of (count, sum, sum of squares), with Welch's interval (Biometrika 1947).

    From twenty cases on the normal distribution stands for Student's; a little too narrow there.
    """
    (n, total, squares), (m, total_other, squares_other) = one, other
    means = [Figure(a / b if b else None, a, b, None) for a, b in ((total, n), (total_other, m))]
    if min(n, m) < GROUP_MIN:
        return Difference(means[0], means[1], None, None)
    variance = _variance(n, total, squares) / n + _variance(m, total_other, squares_other) / m
    value, half = total / n - total_other / m, Z * math.sqrt(variance)
    return Difference(means[0], means[1], value, Interval(value - half, value + half))


def _variance(n: int, total: int, squares: int) -> float:
    return max(0.0, (squares - total * total / n) / (n - 1))


def ratio(ours: int, theirs: int) -> Figure:
    """Return how many of ``ours`` come on one of ``theirs``; the interval is that of the share, as odds."""
    share = rate(ours, ours + theirs).interval
    if not theirs or share is None:
        return Figure(None, ours, theirs, None)
    odds = Interval(share.low / (1 - share.low), share.high / (1 - share.high) if share.high < 1 else math.inf)
    return Figure(ours / theirs, ours, theirs, odds)


def median_wait(waits: Iterable[tuple[float, bool]]) -> Figure:
    """Return the Kaplan-Meier median of waits, (how long, whether it ended); who still waits is censored, not left out.

    Kaplan, Meier 1958, JASA 53:457; Greenwood's variance; the interval of Brookmeyer, Crowley 1982, Biometrics 38:29,
    on the log(-log) scale. ``None`` as long as at least half still wait; a bound that was not reached is infinite.
    """
    ordered = sorted(waits)
    at_risk, survival, greenwood = len(ordered), 1.0, 0.0
    median, low, high = None, None, math.inf
    target = math.log(-math.log(0.5))
    index = 0
    while index < len(ordered):
        time, ended, left = ordered[index][0], 0, 0
        while index < len(ordered) and ordered[index][0] == time:
            ended += ordered[index][1]
            left += 1
            index += 1
        if ended:
            survival *= 1 - ended / at_risk
            if ended < at_risk:
                greenwood += ended / (at_risk * (at_risk - ended))
            if median is None and survival <= 0.5:
                median = time
            if 0 < survival < 1:
                error = math.sqrt(greenwood) / abs(math.log(survival))
                place = math.log(-math.log(survival))
                if low is None and place + Z * error >= target:
                    low = time
                if high == math.inf and place - Z * error > target:
                    high = time
            elif survival <= 0:
                # Nobody is left who waits: the last wait bounds what was not bounded before.
                low = time if low is None else low
        at_risk -= left
    ended_in_all = sum(ended for _, ended in ordered)
    interval = None if median is None else Interval(median if low is None else low, high)
    return Figure(median, ended_in_all, len(ordered), interval)


def gini(counts: Sequence[int]) -> Figure:
    """Return Gini's coefficient of contributions: 0, all write alike; near 1, one writes everything.

    G = 2 * sum(i * x_i) / (n * sum(x)) - (n + 1) / n over sorted x (Dorfman 1979, Rev. Econ. Stat. 61:146). The
    interval is the jackknife's (Ogwang 2000, Oxf. Bull. Econ. Stat. 62:123), each coefficient without one person made
    from sums.
    """
    n, total = len(counts), sum(counts)
    if not n or not total:
        return Figure(None, total, n, None)
    x = sorted(counts)
    weighted = sum(place * each for place, each in enumerate(x, 1))
    value = 2 * weighted / (n * total) - (n + 1) / n
    if n < 3:
        return Figure(value, total, n, None)
    without, behind = [], total
    for place, each in enumerate(x, 1):
        behind -= each  # what comes after it moves one place down
        rest = total - each
        if rest:
            without.append(2 * (weighted - place * each - behind) / ((n - 1) * rest) - n / (n - 1))
    mean = sum(without) / len(without)
    error = math.sqrt((n - 1) / n * sum((each - mean) ** 2 for each in without))
    return Figure(value, total, n, Interval(max(0.0, value - Z * error), min(1.0, value + Z * error)))


def reciprocity(*, mutual: int, one_way: int) -> Figure:
    """Return the share of links that go both ways, r = L<-> / L (Garlaschelli, Loffredo 2004, PRL 93:268701).

    ``mutual`` and ``one_way`` are pairs of people. The interval is Wilson's of the mutual pairs among all linked ones,
    since the two links of a pair are not independent; as links, d becomes 2d / (1 + d).
    """
    share = rate(mutual, mutual + one_way).interval
    links = 2 * mutual + one_way
    if share is None:
        return Figure(None, 2 * mutual, links, None)
    return Figure(
        2 * mutual / links, 2 * mutual, links,
        Interval(2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high)),
    )  # fmt: skip


def rho(*, links: int, mutual_links: int, people: int) -> float | None:
    """Return reciprocity beyond chance, (r - a) / (1 - a) with a = L / (N (N - 1)); ``None`` where it means nothing."""
    pairs = people * (people - 1)
    if not links or not pairs or links == pairs:
        return None
    a = links / pairs
    return (mutual_links / links - a) / (1 - a)


def half_writers(counts: Sequence[int]) -> int:
    """Return the smallest number of people who have written half of everything."""
    half, written = sum(counts) / 2, 0
    for number, each in enumerate(sorted(counts, reverse=True), 1):
        written += each
        if written >= half:
            return number
    return 0


Advice = Literal[
    "begin", "answer", "welcome", "step_back", "ask_less_say_more", "invite_back", "find_more_voices", "go_on", "wait"
]


class Aims(msgspec.Struct, frozen=True):
    """From where on something is said to be well. They are the shop's to change, not facts."""

    answered: float = 0.8
    newcomers_answered: float = 0.8
    participation: float = 1.0
    started: float = 0.5
    again: float = 0.3
    top_ten: float = 0.7
    contributors: int = 5
    #: Of fewer cases nothing is certain, whatever an interval says.
    cases: int = 5


_AIMS: Final = Aims()
#: From where on each figure is said to be well: at least, or at most. They are this software's proposals; a plan's
#: gates and ceilings stand in their place.
BOUNDS: Final[Mapping[str, tuple[float | None, float | None]]] = {
    "participation": (_AIMS.participation, None),
    "started_by_customers": (_AIMS.started, None),
    "first_reply_hours": (None, 24.0),
    "answered_within_7_days": (_AIMS.answered, None),
    "answered_by_customers": (0.5, None),
    "newcomers_answered_within_24_hours": (_AIMS.newcomers_answered, None),
    "newcomers_again": (_AIMS.again, None),
    "top_10_share": (None, _AIMS.top_ten),
    "shop_share_of_matter": (None, 0.5),
    "shop_share_of_company": (None, 0.25),
    "held_upheld": (0.8, None),
    "flags_upheld": (0.5, None),
    "decided_hours": (None, 24.0),
    "appeals_overturned": (None, 0.2),
}


class Looked(msgspec.Struct, frozen=True):
    """What advice is made of: figures of a span of weeks."""

    contributors: int
    answered: Figure
    newcomers_answered: Figure
    participation: Figure
    started: Figure
    newcomers_again: Figure
    top_ten: Figure


def advise(seen: Looked, aims: Aims = Aims()) -> tuple[Advice, bool]:  # noqa: B008 - frozen
    """Return what to do next, and whether the figures are sure of it: the interval leaves the aim outside.

    One thing at a time, in the order in which a place dies: nobody comes, nobody answers, newcomers are not welcomed,
    the shop talks to itself, the shop begins everything, nobody comes back, everything hangs on a few.
    """
    if not seen.contributors:
        return "begin", True
    steps: tuple[tuple[Advice, Figure, float, bool], ...] = (
        ("answer", seen.answered, aims.answered, True),
        ("welcome", seen.newcomers_answered, aims.newcomers_answered, True),
        ("step_back", seen.participation, aims.participation, True),
        ("ask_less_say_more", seen.started, aims.started, True),
        ("invite_back", seen.newcomers_again, aims.again, True),
        ("find_more_voices", seen.top_ten, aims.top_ten, False),
    )
    perhaps: Advice | None = None
    for advice, figure, aim, more_is_better in steps:
        if figure.value is None or figure.interval is None:
            continue
        sure = figure.interval.high < aim if more_is_better else figure.interval.low > aim
        missed = figure.value < aim if more_is_better else figure.value > aim
        sure = sure and figure.denominator + (figure.numerator if advice == "step_back" else 0) >= aims.cases
        if sure and (advice != "find_more_voices" or seen.contributors > 10):
            return advice, True
        if missed and perhaps is None and advice != "find_more_voices":
            perhaps = advice
    if perhaps is not None:
        return perhaps, False
    return ("wait", False) if seen.contributors < aims.contributors else ("go_on", True)
