"""How often the intervals are right, and how often they find what is not there: simulations with a seed.

``python -m comptoir.office.experiments.simulations`` prints the table of ``docs/effects.md``, in some minutes. Each
case draws people, assigns them by chance and compares with the effect that was put in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from comptoir.office.experiments import estimators, rules
from comptoir.office.experiments.estimators import ALPHA, Codes, Estimate, Floats

ROUNDS: Final = 10_000
SEED: Final = 20240304
LOOKS: Final = 20

Interval = tuple[float, float]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A world: how many people in each arm, what they spend, and which effect there is."""

    name: str
    control: int
    arm: int
    draw: Callable[[np.random.Generator, int, float], tuple[Floats, Floats, Codes]]
    effect: float
    judge: Callable[[_Drawn, _Drawn], Interval]
    is_for_every_look: bool = False
    is_of_shares: bool = False


class Rate(msgspec.Struct, frozen=True):
    """How often the interval holds the effect, and how often it finds one where there is none; its mean width."""

    coverage: float
    false_alarms: float
    width: float


_Drawn = tuple[Floats, Floats, Codes]


def simulate(case: Case, *, rounds: int, seed: int, is_naive: bool = False) -> Rate:
    """Return how often a case's interval was right in so many rounds, with the effect and without it."""
    generator = np.random.default_rng(seed)
    covered = alarms = 0
    width = 0.0
    for _ in range(rounds):
        for effect in (case.effect, 0.0):
            control, arm = case.draw(generator, case.control, 0.0), case.draw(generator, case.arm, effect)
            if case.is_for_every_look:
                intervals = _looks(control, arm, is_of_shares=case.is_of_shares, is_naive=is_naive)
            else:
                intervals = [case.judge(control, arm)]
            is_held = all(low <= effect <= high for low, high in intervals)
            if effect:
                covered += is_held
                width += (intervals[-1][1] - intervals[-1][0]) / rounds if intervals else 0.0
            else:
                alarms += not is_held
    return Rate(covered / rounds, alarms / rounds, width)


# -- people -------------------------------------------------------------------------------------------------------


def _spending(generator: np.random.Generator, n: int, effect: float) -> _Drawn:
    # Half of the people buy nothing, the others a lopsided sum; last year's spending is much like this year's.
    usual = generator.gamma(1.5, 20, n)
    before = usual * generator.gamma(4, 0.25, n)
    after = usual * generator.gamma(4, 0.25, n) * (generator.uniform(size=n) < 0.5) + effect
    return after, before, np.arange(n, dtype=np.int32)


def _uneven(generator: np.random.Generator, n: int, effect: float) -> _Drawn:
    # An arm that changes how this year depends on last year: the lines have different slopes.
    after, before, numbers = _spending(generator, n, 0.0)
    return after + effect * before / 30, before, numbers


def _buying(generator: np.random.Generator, n: int, effect: float) -> _Drawn:
    bought = (generator.uniform(size=n) < 0.04 + effect).astype(np.float64)
    return bought, bought, np.arange(n, dtype=np.int32)


def _seldom(generator: np.random.Generator, n: int, effect: float) -> _Drawn:
    # One in twenty-five buys, for a lopsided sum; the effect is that more of them do.
    bought = generator.uniform(size=n) < 0.04 + effect / 36
    after = generator.gamma(1.2, 30, n) * bought
    return after, after, np.arange(n, dtype=np.int32)


def _shops(generator: np.random.Generator, n: int, effect: float) -> _Drawn:
    # So many shops, of 10 to 60 people each, who resemble each other.
    sizes = generator.integers(10, 61, n)
    shop = np.repeat(np.arange(n, dtype=np.int32), sizes)
    own = generator.normal(0, 4, n)[shop]
    before = own + generator.normal(0, 10, len(shop))
    return 50 + own + 0.5 * before + generator.normal(0, 10, len(shop)) + effect, before, shop


# -- intervals ----------------------------------------------------------------------------------------------------


def _welch(control: _Drawn, arm: _Drawn) -> Interval:
    return estimators.welch(control[0], arm[0]).interval(ALPHA)


def _newcombe(control: _Drawn, arm: _Drawn) -> Interval:
    return estimators.newcombe(_tally(control[0]), _tally(arm[0]), ALPHA)


def _tally(outcome: Floats) -> tuple[int, int]:
    return round(float(np.sum(outcome))), len(outcome)


def _lin(control: _Drawn, arm: _Drawn) -> Interval:
    before = np.concatenate((control[1], arm[1]))
    found = estimators.lin(
        control[:2], arm[:2], centre=float(np.mean(before)), spread=estimators.variance_of_mean(before, None)
    )
    return found.interval(ALPHA)


def _clustered(control: _Drawn, arm: _Drawn) -> Interval:
    moved = np.asarray(arm[2] + 1_000_000, dtype=np.int32)
    return estimators.clustered((control[0], None, control[2]), (arm[0], None, moved), centre=0, spread=0).interval(
        ALPHA
    )


def _clustered_lin(control: _Drawn, arm: _Drawn) -> Interval:
    moved = np.asarray(arm[2] + 1_000_000, dtype=np.int32)
    before = np.concatenate((control[1], arm[1]))
    found = estimators.clustered(
        (control[0], control[1], control[2]), (arm[0], arm[1], moved), centre=float(np.mean(before)),
        spread=estimators.variance_of_mean(before, np.concatenate((control[2], moved))),
    )  # fmt: skip
    return found.interval(ALPHA)


def _looks(control: _Drawn, arm: _Drawn, *, is_of_shares: bool, is_naive: bool) -> list[Interval]:
    """Return the interval at each of twenty looks, while people arrive."""
    said = []
    for look in range(1, LOOKS + 1):
        now = [each[0][: len(each[0]) * look // LOOKS] for each in (control, arm)]
        found: Estimate = estimators.welch(*now)
        if is_of_shares:
            found = estimators.cautious(found, *(_tally(each) for each in now))
        if is_naive:
            said.append(found.interval(ALPHA))
        elif (is_of_shares or all(map(estimators.is_told_apart, now))) and (
            every := estimators.at_every_look(found, units=min(map(len, now)), planned=1_000, alpha=ALPHA)
        ) is not None:
            said.append(every)
    return said


CASES: Final = (
    Case(name="welch, 500 and 500", control=500, arm=500, draw=_spending, effect=2.0, judge=_welch),
    Case(name="welch, 100 and 900", control=100, arm=900, draw=_spending, effect=2.0, judge=_welch),
    Case(name="newcombe, 500 and 500", control=500, arm=500, draw=_buying, effect=0.03, judge=_newcombe),
    Case(name="newcombe, 100 and 900", control=100, arm=900, draw=_buying, effect=0.03, judge=_newcombe),
    Case(name="lin, 500 and 500", control=500, arm=500, draw=_spending, effect=2.0, judge=_lin),
    Case(name="lin, 100 and 900, other slopes", control=100, arm=900, draw=_uneven, effect=10.0, judge=_lin),
    Case(name="clustered, 5 and 5 shops", control=5, arm=5, draw=_shops, effect=3.0, judge=_clustered),
    Case(name="clustered, 4 and 12 shops", control=4, arm=12, draw=_shops, effect=3.0, judge=_clustered),
    Case(name="clustered lin, 10 and 10 shops", control=10, arm=10, draw=_shops, effect=3.0, judge=_clustered_lin),
    Case(name="every look", control=2_000, arm=2_000, draw=_spending, effect=2.0, judge=_welch,
         is_for_every_look=True),
    Case(name="every look, few buy, 1,000 and 9,000", control=1_000, arm=9_000, draw=_seldom, effect=1.0, judge=_welch,
         is_for_every_look=True),
    Case(name="every look, yes and no, 500 and 4,500", control=500, arm=4_500, draw=_buying, effect=0.03,
         judge=_newcombe, is_for_every_look=True, is_of_shares=True),
)  # fmt: skip


def alarms(*, rounds: int, seed: int) -> dict[str, float]:
    """Return how often there is an alarm in so many rounds: of any of three arms, and of sizes, right or wrong."""
    generator = np.random.default_rng(seed)
    names = ("alone", "holm", "bonferroni", "right", "lost")
    found = dict.fromkeys(names, 0)
    for _ in range(rounds):
        control = _spending(generator, 300, 0.0)[0]
        arms = [estimators.welch(control, _spending(generator, 300, 0.0)[0]) for _ in range(3)]
        p_values = [each.p_value() for each in arms]
        found["alone"] += min(p_values) <= ALPHA
        found["holm"] += min(estimators.holm(p_values)) <= ALPHA
        found["bonferroni"] += any(low > 0 or high < 0 for low, high in (each.interval(ALPHA / 3) for each in arms))
        held_out = int(generator.binomial(20_000, 0.1))
        for name, kept in (("right", 1.0), ("lost", 0.9)):
            reached = int(generator.binomial(20_000 - held_out, kept))
            p_value = estimators.sample_ratio([held_out, reached], [1, 9])
            found[name] += p_value is not None and p_value < rules.MISMATCH_P_VALUE
    said = {
        "three arms without an effect, each alone: any p-value up to 0.05": found["alone"],
        "three arms without an effect, Holm: any p-value up to 0.05": found["holm"],
        "three arms without an effect, Bonferroni: any interval without 0": found["bonferroni"],
        "2,000 held out of 20,000, as planned: the alarm of sizes": found["right"],
        "the same, one in ten of the others lost: the alarm of sizes": found["lost"],
    }
    return {name: count / rounds for name, count in said.items()}


def main() -> None:
    """Print the table."""
    sys.stdout.write("| case | effect is in the interval | finds what is not there | mean width |\n|---|---|---|---|\n")
    for case in CASES:
        found = simulate(case, rounds=ROUNDS if not case.is_for_every_look else ROUNDS // 5, seed=SEED)
        said = f"{found.coverage:.1%} | {found.false_alarms:.1%} | {found.width:.3g}"
        sys.stdout.write(f"| {case.name} | {said} |\n")
        sys.stdout.flush()
    looked = next(case for case in CASES if case.is_for_every_look)
    naive = simulate(looked, rounds=ROUNDS // 5, seed=SEED, is_naive=True)
    said = f"{naive.coverage:.1%} | {naive.false_alarms:.1%} | {naive.width:.3g}"
    sys.stdout.write(f"| the ordinary interval, looked at as often | {said} |\n\n| case | alarm |\n|---|---|\n")
    for name, rate in alarms(rounds=ROUNDS, seed=SEED).items():
        sys.stdout.write(f"| {name} | {rate:.2%} |\n")


if __name__ == "__main__":
    main()
