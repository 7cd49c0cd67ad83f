"""Which week a username posts in, what its short links sold and how sure that is, and what its posts brought. Pure."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from comptoir.foundation.kernel.problem import Problem
from comptoir.office.attribution.errors import PlanInvalid
from comptoir.office.experiments.assignment import assign

#: How many pairs of weeks a plan may have: fewer say nothing, and nobody waits longer.
PAIRS_MIN: Final = 6
PAIRS_MAX: Final = 52
_LEVEL: Final = 0.95
_Z: Final = statistics.NormalDist().inv_cdf((1 + _LEVEL) / 2)

Verdict = Literal["running", "stopped", "more", "less", "cannot_tell"]


class Plan(msgspec.Struct, frozen=True):
    """A username's plan: so many pairs of weeks from a Monday on; it posts in one week of each, and rests in one.

    ``stopped`` is the Monday from which on it is given up, if it is.
    """

    network: str
    username: str
    began: dt.date
    pairs: int
    stopped: dt.date | None = None

    @property
    def ends(self) -> dt.date:
        """Return the Monday after its last week."""
        return self.began + dt.timedelta(weeks=2 * self.pairs)


class Brought(msgspec.Struct, frozen=True):
    """What a week with posts sold more than one of rest, in minor units, between ``low`` and ``high`` (95 %).

    While the plan runs there is neither: it says beforehand when it is looked at, and is not looked at before.
    """

    verdict: Verdict
    pairs_over: int
    effect: float | None = None
    low: float | None = None
    high: float | None = None


class Together(msgspec.Struct, frozen=True):
    """What accounts brought in all their weeks with posts (minor units), between ``low`` and ``high`` (95 %)."""

    verdict: Literal["more", "less", "cannot_tell"]
    accounts: int
    weeks: int
    effect: float
    low: float
    high: float


def week_of(day: dt.date) -> dt.date:
    """Return the Monday on which a day's week begins (ISO 8601)."""
    return day - dt.timedelta(days=day.weekday())


def judge_plan(pairs: int) -> Problem | None:
    """Return why a plan cannot have so many pairs of weeks, or nothing."""
    if PAIRS_MIN <= pairs <= PAIRS_MAX:
        return None
    return PlanInvalid(f"A plan has {PAIRS_MIN} to {PAIRS_MAX} pairs of weeks.", field="pairs")


def posts_in(week: dt.date, plan: Plan, *, salt: bytes) -> bool | None:
    """Tell whether a username posts in the week that begins on this Monday, or rests; ``None`` outside of its plan.

    Which week of a pair is the one with posts is drawn by a hash with the shop's secret: one in two.
    """
    number = (week - plan.began).days // 7
    if not 0 <= number < 2 * plan.pairs or (plan.stopped is not None and week >= plan.stopped):
        return None
    pair = plan.began + dt.timedelta(weeks=number // 2 * 2)
    name = f"posts {plan.network} {plan.username} {plan.began.isoformat()}"
    first = assign(pair.isoformat(), experiment=name, salt=salt, shares={"first": 1, "second": 1}) == "first"
    return first == (number % 2 == 0)


def between(net: int, squares: float) -> tuple[float, float]:
    """Return between what such a time sells on average, right nineteen times of twenty, were chance alone at work.

    Sales that come one by one, each with its own amount, are a compound Poisson process: the variance of their sum is
    estimated by the sum of the squares of their amounts (Feller 1968, An Introduction to Probability Theory, I, XII.2).
    With fewer than about thirty sales it is a rough guess.
    """
    half = _Z * math.sqrt(max(0.0, squares))
    return net - half, net + half


def brought(sold: Mapping[dt.date, int], plan: Plan, *, today: dt.date, salt: bytes) -> Brought:
    """Return what posts brought: ``sold`` is the whole shop's net sales by week, over all channels, in minor units.

    The interval is Student's on the differences within pairs (Gosset 1908, Biometrika 6:1): neighbouring weeks share
    their season. What a post still sells in the week after it makes the effect look smaller. Needs scipy.
    """
    weeks = min(max(0, (week_of(today) - plan.began).days // 7), 2 * plan.pairs)
    pairs_over = weeks // 2
    if plan.stopped is not None and plan.stopped < plan.ends:
        return Brought("stopped", min(pairs_over, max(0, (plan.stopped - plan.began).days // 14)))
    if pairs_over < plan.pairs:
        return Brought("running", pairs_over)
    differences = _differences(sold, plan, salt=salt)
    from scipy import stats  # noqa: PLC0415 - slow to load, and an extra

    effect = statistics.fmean(differences)
    reach = float(stats.t.ppf((1 + _LEVEL) / 2, plan.pairs - 1)) * statistics.stdev(differences) / math.sqrt(plan.pairs)
    low, high = effect - reach, effect + reach
    return Brought(_told(low, high), pairs_over, effect, low, high)


def together(sold: Mapping[dt.date, int], plans: Sequence[Plan], *, salt: bytes) -> Together | None:
    """Return what these accounts brought together, by those of their plans that are over; ``None`` if none is.

    The sum of all differences within pairs. Plans that run at the same time look at the same sales, so what is left of
    their differences is summed up week by week before it is squared: the kernel for observations that overlap (Conley
    1999, Journal of Econometrics 92:1), with the part of two pairs that they have in common as its weight, which makes
    the variance of a single plan Student's. As many degrees of freedom as the shortest plan has. Needs scipy.
    """
    over = [each for each in plans if each.stopped is None or each.stopped >= each.ends]
    if not over:
        return None
    from scipy import stats  # noqa: PLC0415 - slow to load, and an extra

    effect = 0.0
    left: dict[dt.date, float] = defaultdict(float)
    for plan in over:
        differences = _differences(sold, plan, salt=salt)
        effect += math.fsum(differences)
        mean, scale = statistics.fmean(differences), math.sqrt(plan.pairs / (plan.pairs - 1))
        for number, each in enumerate(differences):
            for week in (0, 1):
                left[plan.began + dt.timedelta(weeks=2 * number + week)] += scale * (each - mean)
    deviation = math.sqrt(math.fsum(each * each for each in left.values()) / 2)
    reach = float(stats.t.ppf((1 + _LEVEL) / 2, min(each.pairs for each in over) - 1)) * deviation
    low, high = effect - reach, effect + reach
    return Together(_told(low, high), len(over), sum(each.pairs for each in over), effect, low, high)


def _differences(sold: Mapping[dt.date, int], plan: Plan, *, salt: bytes) -> list[float]:
    """Return, for each pair of weeks, what the one with posts sold more than the one of rest."""
    found = []
    for number in range(plan.pairs):
        first, second = (plan.began + dt.timedelta(weeks=2 * number + each) for each in (0, 1))
        with_posts, at_rest = (first, second) if posts_in(first, plan, salt=salt) else (second, first)
        found.append(float(sold.get(with_posts, 0) - sold.get(at_rest, 0)))
    return found


def _told(low: float, high: float) -> Literal["more", "less", "cannot_tell"]:
    return "more" if low > 0 else "less" if high < 0 else "cannot_tell"
