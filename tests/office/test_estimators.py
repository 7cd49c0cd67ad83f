"""The statistics of effects: against a second implementation, against examples done by hand, and often enough right."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra `effects` is not installed")

import statsmodels.api as sm
from scipy import linalg, stats
from statsmodels.stats import multitest, proportion

from comptoir.office.experiments import estimators, simulations
from comptoir.office.experiments.estimators import Estimate, Floats


def drawn(seed: int, *, n: int = 80, m: int = 50) -> tuple[Floats, Floats, Floats, Floats]:
    """Return outcome and covariate of a control group and an arm, with different slopes and spreads."""
    generator = np.random.default_rng(seed)
    x, z = generator.gamma(2, 10, n), generator.gamma(2, 12, m)
    return 3 + 0.8 * x + generator.normal(0, 5, n), x, 5 + 1.1 * z + generator.normal(0, 9, m), z


# -- by hand ------------------------------------------------------------------------------------------------------


def test_two_means_by_hand() -> None:
    # Means 2 and 5, variances 1 and 4, of three each: sqrt(1/3 + 4/3), and (5/3)^2 / ((1/9)/2 + (16/9)/2) degrees.
    found = estimators.welch(np.array([1.0, 2, 3]), np.array([3.0, 5, 7]))
    assert found.effect == 3
    assert found.standard_error == pytest.approx(math.sqrt(5 / 3), rel=1e-9, abs=1e-12)
    assert found.degrees == pytest.approx(50 / 17, rel=1e-9, abs=1e-12)


def test_newcombes_own_example() -> None:
    # Newcombe 1998, table II, (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    low, high = estimators.newcombe((48, 80), (56, 70), 0.05)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    # (c) 5/56 against 0/29: -0.0381 to 0.1926; (h) 10/10 against 0/10: 0.6075 to 1.
    low, high = estimators.newcombe((0, 29), (5, 56), 0.05)
    assert (round(low, 4), round(high, 4)) == (-0.0381, 0.1926)
    low, high = estimators.newcombe((0, 10), (10, 10), 0.05)
    assert (round(low, 4), round(high, 4)) == (0.6075, 1.0)


def test_holms_correction_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03 times 3, 2, 1, none less than the one before.
    assert estimators.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert estimators.holm([0.9]) == [0.9]


def test_the_sample_ratio_by_hand() -> None:
    # 60 and 40 where 50 and 50 were planned: chi-square 4 with one degree, 0.0455.
    assert estimators.sample_ratio([60, 40], [1, 1]) == pytest.approx(math.erfc(math.sqrt(2)), rel=1e-9, abs=1e-12)
    assert estimators.sample_ratio([900, 100], [9, 1]) == 1
    assert estimators.sample_ratio([4, 4], [1, 1]) is None


# -- a second implementation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_two_means_agree_with_scipy(seed: int) -> None:
    control, _, arm, _ = drawn(seed)
    other = stats.ttest_ind(arm, control, equal_var=False)
    found = estimators.welch(control, arm)
    assert found.p_value() == pytest.approx(other.pvalue, rel=1e-9, abs=1e-12)
    assert found.degrees == pytest.approx(other.df, rel=1e-9, abs=1e-12)
    assert found.interval(0.05) == pytest.approx(tuple(other.confidence_interval(0.95)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("some", "of", "others", "of_others"), [(5, 50, 9, 60), (0, 40, 3, 40), (30, 30, 29, 31), (7, 900, 1, 100)]
)
def test_two_shares_agree_with_statsmodels(some: int, of: int, others: int, of_others: int) -> None:
    other = proportion.confint_proportions_2indep(others, of_others, some, of, method="newcomb", compare="diff")
    assert estimators.newcombe((some, of), (others, of_others), 0.05) == pytest.approx(other, rel=1e-9, abs=1e-12)


def test_a_share_test_agrees_with_statsmodels() -> None:
    other = proportion.proportions_ztest([90, 60], [500, 480])
    assert estimators.shares_p_value((60, 480), (90, 500)) == pytest.approx(other[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_adjusted_effect_agrees_with_statsmodels(seed: int) -> None:
    control, x, arm, z = drawn(seed)
    centre = float(np.mean(np.concatenate((x, z))))
    apart = np.concatenate((x, z)) - centre
    is_arm = np.concatenate((np.zeros(len(x)), np.ones(len(z))))
    other = sm.OLS(
        np.concatenate((control, arm)), np.column_stack((np.ones(len(apart)), is_arm, apart, is_arm * apart))
    ).fit(cov_type="HC2")
    found = estimators.lin((control, x), (arm, z), centre=centre, spread=0)
    assert found.effect == pytest.approx(other.params[1], rel=1e-9, abs=1e-12)
    assert found.standard_error == pytest.approx(other.bse[1], rel=1e-9, abs=1e-12)
    more = estimators.lin((control, x), (arm, z), centre=centre, spread=0.25)
    assert more.standard_error**2 == pytest.approx(other.bse[1] ** 2 + other.params[3] ** 2 / 4, rel=1e-9, abs=1e-12)


def by_definition(
    design: Floats, outcome: Floats, clusters: np.ndarray, contrast: Floats
) -> tuple[float, float, float]:
    """Return the effect, CR2 and the degrees of freedom with matrices as wide as there are people."""
    n = len(outcome)
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    rest = outcome - hat @ outcome
    meat, columns = np.zeros((design.shape[1],) * 2), []
    for cluster in np.unique(clusters):
        chosen = np.flatnonzero(clusters == cluster)
        root = np.linalg.inv(linalg.sqrtm(np.eye(len(chosen)) - hat[np.ix_(chosen, chosen)]).real)
        pulled = design[chosen].T @ root @ rest[chosen]
        meat += np.outer(pulled, pulled)
        columns.append((np.eye(n) - hat)[:, chosen] @ root @ design[chosen] @ bread @ contrast)
    gram = np.column_stack(columns).T @ np.column_stack(columns)
    values = np.linalg.eigvalsh(gram)
    return (
        float(contrast @ bread @ design.T @ outcome),
        math.sqrt(float(contrast @ bread @ meat @ bread @ contrast)),
        float(np.sum(values) ** 2 / np.sum(values**2)),
    )


@pytest.mark.parametrize("with_covariate", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_clusters_agree_with_the_definition(seed: int, with_covariate: bool) -> None:
    generator = np.random.default_rng(seed)
    clusters = generator.integers(0, 14, 120)
    is_arm = (clusters % 3 == 0).astype(float)
    x = generator.normal(size=120)
    outcome = 50 + is_arm + x + generator.normal(size=14)[clusters] + generator.normal(size=120)
    columns = [1 - is_arm, is_arm, *((1 - is_arm) * x, is_arm * x) * with_covariate]
    design = np.column_stack(columns)
    contrast = np.zeros(len(columns))
    contrast[:2] = -1, 1
    effect, error, degrees = by_definition(design, outcome, clusters, contrast)
    control, arm = is_arm == 0, is_arm == 1
    found = estimators.clustered(
        (outcome[control], x[control] if with_covariate else None, clusters[control].astype(np.int32)),
        (outcome[arm], x[arm] if with_covariate else None, clusters[arm].astype(np.int32)),
        centre=0, spread=0,
    )  # fmt: skip
    assert (found.effect, found.standard_error, found.degrees) == pytest.approx((effect, error, degrees), rel=1e-7)


def test_clusters_of_one_person_are_the_two_means() -> None:
    control, _, arm, _ = drawn(1)
    numbers = np.arange(len(control) + len(arm), dtype=np.int32)
    found = estimators.clustered(
        (control, None, numbers[: len(control)]), (arm, None, numbers[len(control) :]), centre=0, spread=0
    )
    plain = estimators.welch(control, arm)
    assert (found.effect, found.standard_error) == pytest.approx((plain.effect, plain.standard_error), rel=1e-9)


def test_holm_agrees_with_statsmodels() -> None:
    p_values = list(np.random.default_rng(3).uniform(0, 0.2, 9))
    assert estimators.holm(p_values) == pytest.approx(
        multitest.multipletests(p_values, method="holm")[1], rel=1e-9, abs=1e-12
    )


def test_large_numbers_that_differ_little_keep_their_digits() -> None:
    control, x, arm, z = drawn(2)
    near, far = (
        estimators.lin((control + by, x), (arm + by, z), centre=25, spread=0.1) for by in (0.0, 1e9)
    )  # fmt: skip
    assert (far.effect, far.standard_error) == pytest.approx((near.effect, near.standard_error), rel=1e-5)


def test_no_spread_at_all_is_certain() -> None:
    assert Estimate(0.0, 0.0, 3).p_value() == 1
    assert Estimate(1.0, 0.0, 3).p_value() == 0


# -- how often they are right -------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", simulations.CASES, ids=lambda case: case.name)
def test_an_interval_is_as_often_right_as_it_says(case: simulations.Case) -> None:
    found = simulations.simulate(case, rounds=600, seed=20240304)
    # Four standard errors of 600 rounds are 3.6 points; the interval for every look may be right more often.
    assert found.coverage >= 0.95 - 0.036
    assert found.false_alarms <= 0.05 + 0.036
    if not case.is_for_every_look:
        assert found.coverage <= 0.95 + 0.036


def test_arms_and_sizes_alarm_as_often_as_they_say() -> None:
    alone, holm, bonferroni, right, lost = simulations.alarms(rounds=600, seed=20240304).values()
    assert alone > 0.09
    assert max(holm, bonferroni) <= 0.05 + 0.036
    assert right <= 0.01
    assert lost > 0.75


def test_the_ordinary_interval_fails_whoever_looks_often() -> None:
    looked = next(case for case in simulations.CASES if case.is_for_every_look)
    naive = simulations.simulate(looked, rounds=300, seed=7, is_naive=True)
    assert naive.false_alarms > 0.15
