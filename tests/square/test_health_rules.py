"""The statistics of the figures, against published examples and against slow ways to the same end."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comptoir.square.health import rules
from comptoir.square.health.rules import Figure, Interval, Looked, advise, rate

#: Weeks in remission with 6-mercaptopurine (Freireich et al. 1963), as every textbook of survival analysis has them;
#: the second value says whether the remission ended.
TREATED = [(6, 1), (6, 1), (6, 1), (6, 0), (7, 1), (9, 0), (10, 1), (10, 0), (11, 0), (13, 1), (16, 1), (17, 0),
           (19, 0), (20, 0), (22, 1), (23, 1), (25, 0), (32, 0), (32, 0), (34, 0), (35, 0)]  # fmt: skip
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_the_median_wait_is_that_of_the_textbook() -> None:
    figure = rules.median_wait((time, bool(ended)) for time, ended in TREATED)
    assert (figure.value, figure.numerator, figure.denominator) == (23, 9, 21)
    assert figure.interval == Interval(13, math.inf), "as R's survfit(conf.type='log-log') has it"
    figure = rules.median_wait((time, True) for time in PLACEBO)
    assert (figure.value, figure.interval) == (8, Interval(4, 11))


def test_silence_does_not_flatter() -> None:
    """The mean over those that were answered would say one hour in both cases."""
    answered = [(1.0, True)] * 4
    assert rules.median_wait(answered).value == 1
    assert rules.median_wait([*answered, *[(50.0, False)] * 5]).value is None
    assert rules.median_wait([]) == Figure(None, 0, 0, None)


def test_a_share_has_wilsons_interval() -> None:
    figure = rate(8, 10)
    assert figure.interval is not None
    assert (figure.interval.low, figure.interval.high) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert rate(0, 0) == Figure(None, 0, 0, None)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_share_lies_in_its_interval(some: int, others: int) -> None:
    figure = rate(some, some + others)
    if figure.value is not None:
        assert figure.interval is not None
        assert 0 <= figure.interval.low <= figure.value <= figure.interval.high <= 1


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
def test_ginis_coefficient_is_half_the_mean_difference_over_the_mean(counts: list[int]) -> None:
    n = len(counts)
    slow = sum(abs(a - b) for a in counts for b in counts) / (2 * n * sum(counts))
    figure = rules.gini(counts)
    assert figure.value == pytest.approx(slow, abs=1e-9)
    if n >= 3:
        left_out = [rules.gini(counts[:i] + counts[i + 1 :]).value for i in range(n)]
        mean = sum(each or 0 for each in left_out) / n
        error = math.sqrt((n - 1) / n * sum(((each or 0) - mean) ** 2 for each in left_out))
        assert figure.interval is not None
        assert figure.interval.high == pytest.approx(min(1, slow + rules.Z * error), abs=1e-9)


def test_reciprocity_counts_links_and_looks_beyond_chance() -> None:
    figure = rules.reciprocity(mutual=2, one_way=4)
    assert (figure.value, figure.numerator, figure.denominator) == (0.5, 4, 8)
    # Five people, eight of twenty possible links: by chance, 0.4 of them would go both ways.
    assert rules.rho(links=8, mutual_links=4, people=5) == pytest.approx((0.5 - 0.4) / 0.6)
    assert rules.rho(links=2, mutual_links=2, people=2) is None


def test_half_of_it() -> None:
    assert [rules.half_writers(each) for each in ([], [3], [1, 1, 1, 1], [10, 1, 1])] == [0, 1, 2, 1]


GOOD = Looked(
    contributors=40, answered=rate(95, 100), newcomers_answered=rate(95, 100), participation=rules.ratio(300, 60),
    started=rate(70, 80), newcomers_again=rate(50, 90), top_ten=rate(100, 300),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({}, ("go_on", True)),
        ({"contributors": 0}, ("begin", True)),
        ({"answered": rate(40, 100), "started": rate(1, 80)}, ("answer", True)),
        ({"answered": rate(3, 4)}, ("answer", False)),
        ({"newcomers_answered": rate(0, 1)}, ("welcome", False)),
        ({"newcomers_answered": rate(30, 100)}, ("welcome", True)),
        ({"participation": rules.ratio(20, 200)}, ("step_back", True)),
        ({"started": rate(5, 80)}, ("ask_less_say_more", True)),
        ({"newcomers_again": rate(5, 90)}, ("invite_back", True)),
        ({"top_ten": rate(290, 300)}, ("find_more_voices", True)),
    ],
)
def test_one_thing_is_advised_and_how_surely(change: dict[str, object], advice: tuple[str, bool]) -> None:
    fields = {name: getattr(GOOD, name) for name in GOOD.__struct_fields__}
    assert advise(Looked(**{**fields, **change})) == advice
