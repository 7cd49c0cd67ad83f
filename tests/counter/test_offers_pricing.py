"""What a basket costs after promotions: sums that add up, whatever is drawn, and the cases that people argue about."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from comptoir.counter.offers.contracts import (
    Amount,
    BasketLine,
    Budget,
    Bundle,
    Conditions,
    FreeItem,
    Items,
    Percentage,
    Points,
    Priced,
    Promotion,
    Titles,
)
from comptoir.counter.offers.pricing import Candidate, Circumstances, price, split

MONDAY = dt.datetime(2024, 3, 4, 17, 0, tzinfo=dt.UTC)
IDS = [str(uuid.UUID(int=number)) for number in range(1, 20)]


def where(**more: Any) -> Circumstances:
    at = more.pop("at", MONDAY)
    return Circumstances(
        at, at.astimezone(dt.timezone(dt.timedelta(hours=-5))), more.pop("source", "/stores/7/tills/2"),
        more.pop("channel", "store"), "USD", **more,
    )  # fmt: skip


def promotion(benefit: Any, **more: Any) -> Promotion:
    return Promotion(Titles("Week"), benefit, **more)


def line(amount: int, quantity: int = 1, product: str = "bread", category: str | None = None) -> BasketLine:
    return BasketLine(product=product, quantity=quantity, amount=amount, category=category)


def priced(basket: list[BasketLine], *promotions: Promotion, codes: bool = False, **more: Any) -> Priced:
    candidates = [Candidate(IDS[number], each, number + 1 if codes else 0) for number, each in enumerate(promotions)]
    return price(basket, candidates, where(**more))


def test_a_percentage_is_rounded_once_and_split_by_the_cent() -> None:
    found = priced([line(333), line(333), line(333)], promotion(Percentage(10)))
    assert found.discount == 100  # 99.9, half up
    assert [each.amount for each in found.deductions[0].lines] == [34, 33, 33]


def test_a_percentage_has_its_most() -> None:
    assert priced([line(10_000)], promotion(Percentage(50, amount_max=300))).discount == 300


def test_a_sum_is_never_more_than_the_goods_cost() -> None:
    found = priced([line(150, product="coffee"), line(900)], promotion(Amount(200), items=Items(products=("coffee",))))
    assert (found.discount, found.total) == (150, 900)
    assert [each.line for each in found.deductions[0].lines] == [1]


def test_the_cheapest_is_free() -> None:
    found = priced([line(600, 2), line(250), line(900, 3)], promotion(FreeItem(2)))
    assert found.discount == 250 + 300
    assert {each.line: each.amount for each in found.deductions[0].lines} == {2: 250, 3: 300}


def test_take_three_pay_two_counts_groups_from_the_dearest() -> None:
    take = promotion(Bundle(take=3, pay=2))
    assert priced([line(500), line(400), line(300), line(200)], take).discount == 300
    assert priced([line(6 * 100, 6)], take).discount == 200
    assert priced([line(100), line(100)], take, codes=True).not_applied[0].reason == "too_few"


def test_three_for_a_price() -> None:
    found = priced([line(500), line(400), line(300), line(200)], promotion(Bundle(take=3, price=1000)))
    assert (found.discount, found.total) == (200, 1200)
    assert priced([line(300, 3)], promotion(Bundle(take=3, price=1000))).discount == 0


def test_a_thousand_million_units_are_counted_at_once() -> None:
    found = priced([line(10**12, 10**9)], promotion(Bundle(take=3, pay=2)))
    assert found.discount == 10**9 // 3 * 1000
    assert priced([line(10**12, 10**9)], promotion(FreeItem(1000))).discount == 1_000_000


def test_those_that_go_together_follow_one_another() -> None:
    first = promotion(Amount(500), priority=90)
    then = promotion(Percentage(10), priority=10)
    assert priced([line(1000)], then, first).discount == 500 + 50


def test_one_that_stands_alone_is_weighed_against_the_others() -> None:
    alone, together = promotion(Amount(300), stacking="alone"), promotion(Percentage(20))
    assert priced([line(1000)], alone, together).discount == 300
    found = priced([line(2000)], alone, together, codes=True)
    assert found.discount == 400
    assert [(each.code, each.reason) for each in found.not_applied] == [(1, "better_without")]


def test_what_another_promotion_has_taken_is_not_taken_twice() -> None:
    found = priced([line(500)], promotion(Amount(500), priority=90), promotion(Percentage(10)), codes=True)
    assert (found.total, [(each.code, each.reason) for each in found.not_applied]) == (0, [(2, "nothing_left")])


def test_conditions_say_what_is_missing() -> None:
    coffee = Items(categories=("COFFEE",))
    basket = [line(400, product="mug"), line(600, 2, "beans", "COFFEE")]
    cases = (
        (promotion(Percentage(10), items=coffee, conditions=Conditions(amount_min=601)), "amount_too_small"),
        (promotion(Percentage(10), items=coffee, conditions=Conditions(quantity_min=3)), "too_few"),
        (promotion(Percentage(10), items=Items(products=("tea",))), "no_such_goods"),
        (promotion(Percentage(10), conditions=Conditions(channels=("web",))), "not_here"),
        (promotion(Percentage(10), conditions=Conditions(places=("/stores/70",))), "not_here"),
        (promotion(Percentage(10), conditions=Conditions(weekdays=(1, 2))), "not_now"),
        (promotion(Percentage(10), conditions=Conditions(hours=("13:00", "14:00"))), "not_now"),
        (promotion(Percentage(10), conditions=Conditions(audience="recognised")), "who_is_it"),
        (promotion(Percentage(10), codes="each", conditions=Conditions(audience="holder")), "who_is_it"),
        (promotion(Percentage(10), budget=Budget(per_customer_max=1)), "who_is_it"),
    )
    for each, reason in cases:
        assert priced(basket, each, codes=True).not_applied[0].reason == reason
    good = Conditions(
        amount_min=600, quantity_min=2, places=("/stores/7",), channels=("store",), weekdays=(6,),
        hours=("22:00", "12:30"), audience="recognised",
    )  # fmt: skip
    found = priced(basket, promotion(Percentage(10), items=coffee, conditions=good), is_recognised=True)
    assert found.discount == 60


def test_hours_are_those_of_the_shop_and_may_go_past_midnight() -> None:
    night = promotion(Percentage(10), conditions=Conditions(hours=("22:00", "02:00")))
    for hour, holds in ((2, False), (3, True), (6, True), (7, False)):  # in UTC; five hours earlier in the shop
        at = dt.datetime(2024, 3, 5, hour, 30, tzinfo=dt.UTC)
        assert (priced([line(100)], night, at=at).discount == 10) is holds, hour


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    monday_night = promotion(Percentage(10), conditions=Conditions(weekdays=(0,), hours=("22:00", "02:00")))
    # In UTC; five hours earlier in the shop, where the 4th of March 2024 is a Monday.
    for day, hour, holds in ((4, 6, False), (5, 3, True), (5, 6, True), (5, 7, False), (6, 3, False), (6, 6, False)):
        at = dt.datetime(2024, 3, day, hour, 30, tzinfo=dt.UTC)
        assert (priced([line(100)], monday_night, at=at).discount == 10) is holds, (day, hour)


def test_a_basket_gets_a_promotion_once() -> None:
    each = promotion(Percentage(10), codes="each")
    candidates = [Candidate(IDS[0], each, 1), Candidate(IDS[0], each, 2)]
    found = price([line(1000)], candidates, where())
    assert (found.discount, [(one.code, one.reason) for one in found.not_applied]) == (100, [(2, "once_a_basket")])


def test_points_cost_nothing_and_are_said() -> None:
    found = priced([line(1000)], promotion(Points(3)), promotion(Percentage(10)))
    assert (found.total, found.points_times) == (900, 3)


benefits = st.one_of(
    st.builds(Percentage, st.integers(1, 100), st.none() | st.integers(1, 5000)),
    st.builds(Amount, st.integers(1, 5000)),
    st.builds(FreeItem, st.integers(1, 4)),
    st.integers(2, 5).flatmap(lambda take: st.builds(Bundle, take=st.just(take), pay=st.integers(1, take - 1))),
    st.builds(Bundle, take=st.integers(2, 5), price=st.integers(0, 3000)),
    st.builds(Points, st.integers(2, 5)),
)
promotions = st.builds(
    Promotion,
    st.just(Titles("Week")),
    benefits,
    stacking=st.sampled_from(["together", "alone"]),
    priority=st.integers(0, 100),
    items=st.sampled_from([Items(), Items(products=("a",)), Items(categories=("X",)), Items(products=("b", "c"))]),
)
lines = st.builds(
    BasketLine,
    product=st.sampled_from("abcd"),
    quantity=st.integers(1, 9),
    amount=st.integers(0, 9999),
    category=st.sampled_from(["X", "Y", None]),
)


@given(st.lists(lines, min_size=1, max_size=8), st.lists(promotions, max_size=5), st.randoms(use_true_random=False))
def test_sums_add_up_whatever_is_drawn(basket: list[BasketLine], drawn: list[Promotion], chance: Any) -> None:
    candidates = [Candidate(IDS[number], each, number + 1) for number, each in enumerate(drawn)]
    found = price(basket, candidates, where())
    assert found.before == sum(each.amount for each in basket)
    assert found.total == found.before - found.discount >= 0
    off = [0] * len(basket)
    for deduction in found.deductions:
        assert deduction.amount == sum(each.amount for each in deduction.lines)
        assert all(each.amount > 0 for each in deduction.lines)
        assert set(deduction.because) == {"en", "ja", "fr"}
        for each in deduction.lines:
            off[each.line - 1] += each.amount
    assert found.discount == sum(off)
    assert all(taken <= each.amount for taken, each in zip(off, basket, strict=True))
    told = {each.code for each in found.deductions} | {each.code for each in found.not_applied}
    assert told == set(range(1, len(drawn) + 1))
    stacking = [drawn[each.code - 1].stacking for each in found.deductions]
    assert "alone" not in stacking or len(stacking) == 1
    for candidate in candidates:  # no choice of one alone would have been cheaper
        is_together = candidate.promotion.stacking == "together"
        assert is_together or found.discount >= price(basket, [candidate], where()).discount
    chance.shuffle(candidates)
    assert price(basket, candidates, where()).discount == found.discount


@given(st.integers(0, 10**12), st.dictionaries(st.integers(0, 20), st.integers(1, 10**9), min_size=1))
def test_a_split_is_whole_and_fair(amount: int, goods: dict[int, int]) -> None:
    parts = split(amount, goods)
    taken = min(amount, sum(goods.values()))
    assert sum(parts.values()) == taken
    for number, cost in goods.items():
        assert abs(parts.get(number, 0) - taken * cost / sum(goods.values())) < 1.001
        assert parts.get(number, 0) <= cost


def test_what_is_used_up_is_told_where_it_would_be_given_and_nowhere_else() -> None:
    ten, wine = promotion(Percentage(10)), promotion(Percentage(50), items=Items(categories=("WINE",)))
    spent = [(Candidate(IDS[0], ten), "used_up"), (Candidate(IDS[1], wine), "had")]
    found = price([line(1_000)], [], where(), spent)
    assert (found.total, found.deductions) == (1_000, ())
    assert [(each.code, each.reason, each.promotion) for each in found.not_applied] == [(0, "used_up", IDS[0])]
    assert {*found.not_applied[0].because} == {"en", "fr", "ja"}
    found = price([line(1_000, category="WINE")], [], where(), spent)
    assert [each.reason for each in found.not_applied] == ["used_up", "had"]


def test_one_of_whose_money_too_little_is_left_is_used_up_too() -> None:
    ten = Candidate(IDS[0], promotion(Percentage(10)), discount_left=99)
    assert [each.reason for each in price([line(1_000)], [ten], where()).not_applied] == ["used_up"]
    assert price([line(990)], [ten], where()).not_applied == ()
    assert price([line(990)], [ten], where()).discount == 99


def test_what_would_have_lost_against_something_better_is_not_told_of() -> None:
    better = Candidate(IDS[0], promotion(Percentage(30), stacking="alone"))
    spent = [(Candidate(IDS[1], promotion(Percentage(10), stacking="alone")), "used_up")]
    found = price([line(1_000)], [better], where(), spent)
    assert (found.total, found.not_applied) == (700, ())
