"""Who gets what by a hash: evenly, always the same, and with no more moving than was promised."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="the extra `effects` is not installed")

from scipy import stats

from comptoir.office.experiments.assignment import assign, is_held_out
from comptoir.office.experiments.errors import SharesInvalid

SALT = b"a salt of this shop"
UNITS = [f"customer-{number}" for number in range(20_000)]
ARMS = {"none": 1.0, "mail": 6.0, "call": 3.0}


def drawn(shares: dict[str, float] = ARMS, *, experiment: str = "spring", salt: bytes = SALT) -> list[str]:
    return [assign(unit, experiment=experiment, salt=salt, shares=shares) for unit in UNITS]


def test_it_is_the_same_on_every_machine_and_in_every_release() -> None:
    few = [assign(str(number), experiment="spring", salt=SALT, shares=ARMS) for number in range(16)]
    assert [each[0] for each in few] == list(FIXED)
    assert [is_held_out(str(n), holdout="2026", salt=SALT, share=0.2) for n in range(40)].count(True) == FIXED_HELD_OUT


FIXED = "mnmccmcnmmmmnmmm"
FIXED_HELD_OUT = 2


def test_arms_have_their_shares() -> None:
    counts = Counter(drawn())
    assert stats.chisquare([counts[name] for name in ARMS], [2_000, 12_000, 6_000]).pvalue > 0.001


def test_another_experiment_or_another_salt_draws_independently() -> None:
    for other in (drawn(experiment="summer"), drawn(salt=b"another salt of it")):
        pairs = Counter(zip(drawn(), other, strict=True))
        table = [[pairs[one, two] for two in ARMS] for one in ARMS]
        assert stats.chi2_contingency(table).pvalue > 0.001


def test_of_two_arms_only_one_gains() -> None:
    before, after = drawn({"none": 1, "mail": 9}), drawn({"none": 2, "mail": 8})
    moved = Counter((one, two) for one, two in zip(before, after, strict=True) if one != two)
    assert set(moved) == {("mail", "none")}
    assert 0.08 < moved["mail", "none"] / len(UNITS) < 0.12


def test_a_greater_share_takes_from_the_others_and_gives_them_nothing() -> None:
    before, after = drawn(), drawn(ARMS | {"call": 5})
    assert {two for one, two in zip(before, after, strict=True) if one != two} == {"call"}


def test_an_arm_that_is_taken_away_leaves_everybody_else_where_they_are() -> None:
    for after in (drawn({"none": 1, "mail": 6}), drawn(ARMS | {"call": 0})):
        assert {one for one, two in zip(drawn(), after, strict=True) if one != two} == {"call"}


@given(st.dictionaries(st.text(max_size=9), st.floats(0.01, 100), min_size=1, max_size=6), st.text(max_size=9))
def test_the_order_and_the_scale_of_shares_mean_nothing(shares: dict[str, float], unit: str) -> None:
    got = assign(unit, experiment="spring", salt=SALT, shares=shares)
    assert got in shares
    turned = {name: shares[name] * 4 for name in reversed(shares)}
    assert assign(unit, experiment="spring", salt=SALT, shares=turned) == got


def test_a_greater_holdout_holds_the_same_people_and_more() -> None:
    held = [
        {unit for unit in UNITS if is_held_out(unit, holdout="2026", salt=SALT, share=s)} for s in (0, 0.02, 0.1, 1)
    ]
    assert held[0] == set()
    assert held[1] < held[2] < held[3] == set(UNITS)
    assert stats.binomtest(len(held[1]), len(UNITS), 0.02).pvalue > 0.001
    next_year = {unit for unit in UNITS if is_held_out(unit, holdout="2027", salt=SALT, share=0.1)}
    assert stats.binomtest(len(held[2] & next_year), len(held[2]), 0.1).pvalue > 0.001


def test_a_holdout_is_independent_of_an_experiment() -> None:
    counts = Counter(
        arm for unit, arm in zip(UNITS, drawn(), strict=True) if is_held_out(unit, holdout="2026", salt=SALT, share=0.2)
    )
    total = sum(counts.values())
    assert (
        stats.chisquare([counts[name] for name in ARMS], [total * share / 10 for share in ARMS.values()]).pvalue > 0.001
    )


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {"a": 0.0},
        {"a": -1.0, "b": 2.0},
        {"a": float("nan")},
        {"a": float("inf")},
        dict.fromkeys(map(str, range(21)), 1.0),
    ],
)
def test_shares_that_nobody_could_be_assigned_by_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(SharesInvalid) as refused:
        assign("1", experiment="spring", salt=SALT, shares=shares)
    assert (refused.value.field or "").startswith("shares")
    with pytest.raises(SharesInvalid):
        is_held_out("1", holdout="2026", salt=SALT, share=1.5)
