"""What is left of a sale after its returns, and what may still come back. Against plain sums."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from comptoir.counter.sales.errors import LineUnknown, ReturnExceedsSale
from comptoir.counter.sales.rules import Line, Return, Returned, Sale, excess, in_order, kept
from support import casting

lines = st.lists(st.builds(Line, st.just("x"), st.integers(0, 4), st.integers(-100, 400)), min_size=1, max_size=4)
back = st.lists(
    st.builds(Returned, st.integers(1, 5), st.sampled_from([0, 1, 2]), st.sampled_from([0, 1, 50, 100, 200])),
    min_size=1,
    max_size=3,
)


def sale(sold: list[Line]) -> Sale:
    total = sum(each.amount for each in sold)
    return Sale("/till", "r", "p", None, casting.NOON, None, "USD", total, tuple(sold))


def goods(number: int, coming: list[Returned], *, status: str = "applied") -> Return:
    total = sum(each.amount for each in coming)
    return Return(
        "/till", f"t{number}", f"p{number}", "/till", "r", casting.NOON.replace(minute=number), None, "USD", total,
        tuple(coming), status,  # type: ignore[arg-type]
    )  # fmt: skip


@given(sold=lines, several=st.lists(back, max_size=5))
@settings(max_examples=300)
def test_whatever_is_let_back_never_exceeds_what_was_sold(sold: list[Line], several: list[list[Returned]]) -> None:
    booked = sale(sold)
    before: list[Return] = []
    for number, coming in enumerate(several):
        problem = excess(booked, before, coming)
        gone = [each for one in [*before, goods(number, coming)] for each in one.lines]
        fits = all(each.line <= len(sold) for each in gone) and all(
            sum(each.quantity for each in gone if each.line == place) <= line.quantity
            and sum(each.amount for each in gone if each.line == place) <= max(0, line.amount)
            for place, line in enumerate(sold, start=1)
        )
        assert (problem is None) == fits
        if problem is None:
            before.append(goods(number, coming))
        else:
            assert isinstance(problem, LineUnknown | ReturnExceedsSale)
            assert problem.field is not None
            assert problem.field.startswith("data.lines[")
    left = kept(booked, before)
    assert [each.product for each in left] == [each.product for each in sold]
    for line, rest in zip(sold, left, strict=True):
        assert 0 <= rest.quantity <= line.quantity
        assert min(0, line.amount) <= rest.amount <= line.amount
    assert sum(each.amount for each in left) == booked.total - sum(one.total for one in before)


@given(sold=lines, several=st.lists(back, max_size=4))
def test_what_is_kept_does_not_depend_on_the_order_of_the_returns(
    sold: list[Line], several: list[list[Returned]]
) -> None:
    booked = sale(sold)
    returns: list[Return] = []
    for number, coming in enumerate(several):
        if excess(booked, returns, coming) is None:
            returns.append(goods(number, coming))
    assert kept(booked, returns) == kept(booked, returns[::-1])
    assert in_order(returns[::-1]) == returns


def test_only_what_counts_is_put_in_order() -> None:
    waiting, excessive, applied = (goods(number, [], status=status) for number, status in
                                   enumerate(["waiting", "excessive", "applied"]))  # fmt: skip
    assert in_order([waiting, excessive, applied]) == [applied]


@pytest.mark.parametrize(
    ("coming", "field", "detail"),
    [
        ([Returned(2, 0, 0)], "data.lines[0].line", "The sale has 1 lines."),
        ([Returned(1, 3, 0)], "data.lines[0].quantity", "2 of this line can still come back."),
        (
            [Returned(1, 1, 60), Returned(1, 1, 60)],
            "data.lines[1].amount",
            "40 of this line's amount can still be refunded.",
        ),
    ],
)  # fmt: skip
def test_a_refusal_says_what_could_still_come_back(coming: list[Returned], field: str, detail: str) -> None:
    problem = excess(sale([Line("x", 2, 100)]), [], coming)
    assert problem is not None
    assert (problem.field, problem.detail) == (field, detail)
