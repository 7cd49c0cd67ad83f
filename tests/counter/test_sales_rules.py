"""What is left of a sale after its returns, and what may still come back. Against plain sums."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from comptoir.counter.sales.errors import LineUnknown, ReturnExceedsSale
from comptoir.counter.sales.rules import (
    Line,
    Return,
    Returned,
    Sale,
    beside,
    costs,
    excess,
    in_order,
    kept,
    misstated,
    paid,
    paid_with_points,
    taxes_on_top,
    worth,
)
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


def taxed(amount: int, tax: int, *, discount: int | None = None, quantity: int = 1, points: int = 0) -> Line:
    return Line(
        "x", quantity, amount, discount=discount, tax=tax, tax_on_top=True, paid_with_points=points
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (taxed(1000, 1000), None),
        (taxed(1000, 1001), "tax"),
        (taxed(1000, -1), "tax"),
        (taxed(0, 8, discount=100), None),  # a maker's coupon paid all of it, and the tax on the price is due
        (taxed(0, 101, discount=100), "tax"),
        (taxed(0, 1), "tax"),
        (taxed(-500, -41), None),
        (taxed(-500, 41), "tax"),
        (taxed(-500, -501), "tax"),
        (Line("x", 1, 1000, tax=1001), "tax"),  # also where it is inside the amount
        (taxed(1000, 83, points=1083), None),
        (taxed(1000, 83, points=1084), "paid_with_points"),
    ],
)
def test_tax_and_points_that_cannot_be_right_are_named(line: Line, field: str | None) -> None:
    problem = misstated([Line("y", 1, 100), line])
    assert (None if problem is None else problem.field) == (None if field is None else f"data.lines[1].{field}")


@st.composite
def a_line(draw: st.DrawFn) -> Line:
    amount, discount = draw(st.integers(-300, 400)), draw(st.integers(0, 50))
    tax = draw(st.integers(min(0, amount), 0) if amount < 0 else st.integers(0, amount + discount))
    points = draw(st.integers(0, max(0, amount + tax)))
    return taxed(amount, tax, discount=discount, quantity=draw(st.integers(1, 4)), points=points)


@given(sold=st.lists(a_line(), min_size=1, max_size=4), data=st.data())
@settings(max_examples=300)
def test_pieces_in_any_order_give_back_what_was_paid_and_never_less_than_nothing(
    sold: list[Line], data: st.DataObject
) -> None:
    assert misstated(sold) is None
    booked, returns = sale(sold), list[Return]()
    pieces = [place for place, line in enumerate(sold, 1) if line.amount >= 0 for _ in range(line.quantity)]
    for number, place in enumerate(data.draw(st.permutations(pieces))):
        (amount,) = worth(booked, returns, [Returned(place, 1, 0)])
        returns.append(goods(number, [Returned(place, 1, amount)]))
    more = beside(booked, returns)
    given = [back.total + each.tax for back, each in zip(returns, more, strict=True)]
    assert all(0 <= each.by_points <= money for each, money in zip(more, given, strict=True))
    assert sum(given) == (paid(booked) if pieces else 0)
    assert sum(each.by_points for each in more) == (sum(paid_with_points(booked)) if pieces else 0)
    assert sum(costs(booked)) == max(0, booked.total)
    if all(line.amount >= 0 for line in sold):
        assert taxes_on_top(booked) == [line.added for line in sold]
        assert paid_with_points(booked) == [line.paid_with_points for line in sold]
