"""The statistics of an effect, each with its source. Pure, on arrays; needs scipy.

Not here: which of them is used when (``measuring.py``). Formulas in plain words, and how often they are right:
``docs/effects.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special, stats

from comptoir.square.programme import sequential

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

#: Every interval holds with 95 %: for all arms together.
ALPHA: Final = 0.05
#: A difference that is there is found in four of five cases.
POWER: Final = 0.8
#: With fewer expected in a cell than this, the test of two shares is Fisher's exact one.
EXPECTED_MIN: Final = 5
_PINNED: Final = 1e-10


class Estimate(msgspec.Struct, frozen=True):
    """A difference, its standard error, and the degrees of freedom of its t distribution."""

    effect: float
    standard_error: float
    degrees: float

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the interval that is wrong in ``alpha`` of all cases."""
        reach = float(stats.t.isf(alpha / 2, self.degrees)) * self.standard_error
        return self.effect - reach, self.effect + reach

    def p_value(self) -> float:
        """Return how often chance alone would make a difference at least as large, were there none."""
        if self.standard_error == 0:
            return 1.0 if self.effect == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.effect / self.standard_error), self.degrees))

    def detectable(self, alpha: float) -> float:
        """Return the smallest effect that is found in four of five cases."""
        return float(stats.t.isf(alpha / 2, self.degrees) + stats.norm.isf(1 - POWER)) * self.standard_error


def welch(control: Floats, arm: Floats) -> Estimate:
    """Return the difference of two means; variances need not be equal (Welch 1947, Biometrika 34:28)."""
    parts = [(float(np.var(each, ddof=1)) / len(each), len(each) - 1) for each in (control, arm)]
    return _together(_shifted_mean(arm) - _shifted_mean(control), parts)


def lin(control: tuple[Floats, Floats], arm: tuple[Floats, Floats], *, centre: float, spread: float) -> Estimate:
    """Return the difference of two means at one value of the covariate; each arm is (outcome, covariate).

    A line is fitted to each arm by itself, which is the regression with interactions of Lin 2013 (Ann. Appl. Stat.
    7:295), with the HC2 variance (MacKinnon, White 1985). ``centre`` is the covariate's mean over everybody and
    ``spread`` that mean's variance: who happened to be in the file is chance as well, and where the lines have
    different slopes it adds to the variance.
    """
    fits = [_line(outcome, covariate - centre) for outcome, covariate in (control, arm)]
    (at_control, slope_control, variance_control), (at_arm, slope_arm, variance_arm) = fits
    parts = [(variance_control, len(control[0]) - 2), (variance_arm, len(arm[0]) - 2)]
    found = _together(at_arm - at_control, parts)
    more = (slope_arm - slope_control) ** 2 * spread
    return Estimate(found.effect, math.sqrt(found.standard_error**2 + more), found.degrees)


def _shifted_mean(values: Floats) -> float:
    # Large numbers that differ little keep their digits.
    return float(values[0] + np.mean(values - values[0]))


def _together(effect: float, parts: Sequence[tuple[float, int]]) -> Estimate:
    """Put two independent variances together, with the degrees of freedom of Satterthwaite (1946)."""
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return Estimate(effect, 0.0, float(min(degrees for _, degrees in parts)))
    degrees = 1 / sum((variance / total) ** 2 / degrees for variance, degrees in parts)
    return Estimate(effect, math.sqrt(total), degrees)


def _line(outcome: Floats, covariate: Floats) -> tuple[float, float, float]:
    """Return a fitted line's height at 0, its slope, and the HC2 variance of that height."""
    n, middle = len(outcome), float(np.mean(covariate))
    apart = covariate - middle
    squares = float(apart @ apart)
    slope = float(apart @ (outcome - outcome[0])) / squares
    height = _shifted_mean(outcome)
    rest = outcome - height - slope * apart
    leverage = 1 / n + apart**2 / squares
    weights = 1 / n - middle * apart / squares
    # Somebody through whom the line has to go has no distance from it, and says nothing about the variance.
    free = np.maximum(1 - leverage, _PINNED)
    return height - slope * middle, slope, float(np.sum(weights**2 * rest**2 / free))


def clustered(
    control: tuple[Floats, Floats | None, Codes],
    arm: tuple[Floats, Floats | None, Codes],
    *,
    centre: float,
    spread: float,
) -> Estimate:
    """Return the difference of two means whose people were assigned by cluster; arms are (outcome, covariate, cluster).

    The variance is CR2, which corrects for few clusters, with the degrees of freedom of Bell and McCaffrey (2002,
    Survey Methodology 28:169; Imbens, Kolesar 2016, Rev. Econ. Stat. 98:701; Pustejovsky, Tipton 2018, J. Bus. Econ.
    Stat. 36:672). With a covariate it is Lin's regression; ``centre`` and ``spread`` are those of :func:`lin`.
    """
    # A number that is taken from every outcome cancels in the difference, and large numbers keep their digits.
    outcome = np.concatenate((control[0], arm[0])) - control[0][0]
    is_arm = np.concatenate((np.zeros(len(control[0])), np.ones(len(arm[0]))))
    columns = [1 - is_arm, is_arm]
    if control[1] is not None and arm[1] is not None:
        apart = np.concatenate((control[1], arm[1])) - centre
        columns += [(1 - is_arm) * apart, is_arm * apart]
    contrast = np.zeros(len(columns))
    contrast[:2] = -1, 1
    fitted, found = bell_mccaffrey(
        np.column_stack(columns), outcome, np.concatenate((control[2], arm[2])), contrast=contrast
    )
    if len(columns) == 2:
        return found
    more = float(fitted[3] - fitted[2]) ** 2 * spread
    return Estimate(found.effect, math.sqrt(found.standard_error**2 + more), found.degrees)


def bell_mccaffrey(design: Floats, outcome: Floats, clusters: Codes, *, contrast: Floats) -> tuple[Floats, Estimate]:
    """Return a least-squares fit and one contrast of it, with CR2 and its degrees of freedom.

    In the coordinates of the Cholesky root L of the inverse of X'X every cluster is a matrix as small as the design is
    wide: with Z = X_g L, f(Z Z') Z = Z f(Z' Z). So nothing grows with the square of a cluster.
    """
    _, group = np.unique(clusters, return_inverse=True)
    count, width = int(group.max()) + 1, design.shape[1]
    root = np.linalg.cholesky(np.linalg.inv(design.T @ design))
    turned = design @ root
    fitted = root @ (turned.T @ outcome)
    rest = outcome - design @ fitted
    sums = np.stack([np.bincount(group, turned[:, i] * rest, count) for i in range(width)], axis=-1)
    inner = np.empty((count, width, width))
    for i in range(width):
        for j in range(i, width):
            inner[:, i, j] = inner[:, j, i] = np.bincount(group, turned[:, i] * turned[:, j], count)
    values, vectors = np.linalg.eigh(inner)
    gap = 1 - values
    # The generalised inverse: what a cluster alone decides says nothing about the variance.
    scale = np.where(gap > _PINNED, 1 / np.sqrt(np.maximum(gap, _PINNED)), 0.0)
    corrected = np.einsum("gij,gj,gkj->gik", vectors, scale, vectors)
    aim = root.T @ contrast
    pulled = np.einsum("gij,j->gi", corrected, aim)
    variance = float(np.sum(np.einsum("gi,gi->g", pulled, sums) ** 2))
    # Bell and McCaffrey: the variance of the variance if everybody were independent and alike.
    moved = np.einsum("gij,gj->gi", inner, pulled)
    own = np.einsum("gi,gi->g", pulled, moved)
    shared = np.einsum("gi,gi->g", moved, moved)
    trace = float(np.sum(own) - np.sum(shared))
    squares = float(np.sum(own**2) - 2 * np.sum(own * shared) + np.sum((moved.T @ moved) ** 2))
    return fitted, Estimate(float(contrast @ fitted), math.sqrt(max(variance, 0.0)), max(trace * trace / squares, 1.0))


def newcombe(control: tuple[int, int], arm: tuple[int, int], alpha: float) -> tuple[float, float]:
    """Return the interval of a difference of two shares, each (how many, of how many).

    Newcombe 1998 (Stat. Med. 17:873), method 10: Wilson's two intervals (1927, JASA 22:209), squared and added.
    """
    z = float(stats.norm.isf(alpha / 2))
    (p, low, high), (q, low_arm, high_arm) = (_wilson(*each, z) for each in (control, arm))
    value = q - p
    return value - math.hypot(q - low_arm, high - p), value + math.hypot(high_arm - q, p - low)


def _wilson(some: int, of: int, z: float) -> tuple[float, float, float]:
    share = some / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    # At the ends the bounds are exact, which arithmetic misses by a hair.
    return share, 0.0 if some == 0 else middle - half, 1.0 if some == of else middle + half


def shares_p_value(control: tuple[int, int], arm: tuple[int, int]) -> float:
    """Return the p-value of two shares: Pearson's chi-square, and Fisher's exact test where few are expected."""
    table = [[some, of - some] for some, of in (control, arm)]
    expected = min(map(sum, table)) * min(sum(column) for column in zip(*table, strict=True)) / (control[1] + arm[1])
    if expected == 0:
        return 1.0
    if expected < EXPECTED_MIN:
        return min(1.0, float(stats.fisher_exact(table).pvalue))
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979, Scand. J. Stat. 6:65), in their order."""
    corrected, worst = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = worst
    return corrected


def sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> float | None:
    """Return how often chance alone makes arms differ so much from their planned shares (Pearson's chi-square).

    ``None`` where fewer than five are expected in an arm: too few to tell.
    """
    total, whole = sum(counts), sum(shares)
    expected = [total * share / whole for share in shares]
    if min(expected) < EXPECTED_MIN:
        return None
    return float(stats.chisquare(list(counts), expected).pvalue)


def differ(effects: Sequence[float], standard_errors: Sequence[float]) -> float | None:
    """Return how often chance alone makes groups' effects differ so much (Cochran 1954, Biometrics 10:101)."""
    if len(effects) < 2 or min(standard_errors) == 0:
        return None
    weights = [1 / error**2 for error in standard_errors]
    middle = math.fsum(map(float.__mul__, weights, effects)) / math.fsum(weights)
    q = math.fsum(weight * (effect - middle) ** 2 for weight, effect in zip(weights, effects, strict=True))
    return float(special.chdtrc(len(effects) - 1, q))


def at_every_look(found: Estimate, *, units: int, planned: int, alpha: float) -> tuple[float, float] | None:
    """Return the interval that holds at all looks together; ``units`` are those of the smaller arm.

    The boundary is the one of ``square/programme/sequential.py``. ``None`` with fewer than :data:`LOOK_MIN` units.
    """
    if units < LOOK_MIN:
        return None
    reach = sequential.boundary(units, planned=planned, alpha=alpha) * found.standard_error
    return found.effect - reach, found.effect + reach


#: The interval for every look is asymptotic: with fewer units in an arm nothing is said,
LOOK_MIN: Final = 50
#: nor while fewer people than this did anything else than most do, which is mostly: bought anything at all.
DIFFERENT_MIN: Final = 20
_PSEUDO: Final = 4


def is_told_apart(values: Floats) -> bool:
    """Tell whether enough people of an arm differ from what most of them did, so that their variance is known."""
    _, counts = np.unique(values, return_counts=True)
    return len(values) - int(counts.max()) >= DIFFERENT_MIN


def cautious(found: Estimate, control: tuple[int, int], arm: tuple[int, int]) -> Estimate:
    """Return a difference of two shares with a standard error that few people do not make too small.

    Four pseudo-observations of the widest spread stand in each arm, as in ``square/programme/sequential.py``.
    """
    variance = sum((some * (of - some) / of + _PSEUDO / 4) / (of + _PSEUDO) / of for some, of in (control, arm))
    return Estimate(found.effect, math.sqrt(variance), found.degrees)


def skewness(values: Floats) -> float:
    """Return how lopsided outcomes are: 0 for symmetrical ones, 2 for waiting times."""
    return float(stats.skew(values)) if np.ptp(values) > 0 else 0.0


def variance_of_mean(values: Floats, clusters: Codes | None) -> float:
    """Return the variance of a mean, of people or of people in clusters."""
    if clusters is None:
        return float(np.var(values, ddof=1)) / len(values)
    _, group = np.unique(clusters, return_inverse=True)
    sums = np.bincount(group, values - np.mean(values))
    count = len(sums)
    return float(sums @ sums) / len(values) ** 2 * count / max(count - 1, 1)


def independence(table: Sequence[Sequence[int]]) -> float:
    """Return how often chance alone makes a table's columns of counts differ so much (Pearson's chi-square)."""
    return float(stats.chi2_contingency(np.array(table), correction=False).pvalue)
