"""What delivery costs: which price holds, how it is taxed, and that goods, tax and delivery are what is paid."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from comptoir.counter.delivery import reading, rules
from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.delivery.errors import DeliveryInvalid
from comptoir.counter.delivery.rules import Price
from comptoir.counter.orders.contracts import OrderLine, OrderPlaced
from comptoir.counter.orders.rules import given_back, judge_placing
from comptoir.counter.sales.rules import Return, Returned
from comptoir.counter.taxes.reading import Taxes, rates_in
from comptoir.counter.taxes.rules import Rates, Taxable

AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
FRANCE = rates_in(Taxes("FR"))
JAPAN = rates_in(Taxes("JP"))
classes = st.sampled_from(["standard", "reduced", "zero"])


def test_the_price_of_a_country_comes_before_the_one_for_everywhere_else(tmp_path: Path) -> None:
    path = tmp_path / "delivery.toml"
    assert reading.load_prices(path) is None
    path.write_text(
        '[[prices]]\ncurrency = "EUR"\namount = 1490\n\n'
        '[[prices]]\ncountries = ["FR", "MC"]\ncurrency = "EUR"\namount = 490\nfree_from = 5000\n\n'
        '[[prices]]\ncountries = ["JP"]\ncurrency = "JPY"\namount = 800\non_withdrawal = "kept"\n'
    )
    prices = reading.load_prices(path)
    assert prices is not None
    assert rules.price_for(prices, "MC", "EUR") == Price("EUR", 490, ("FR", "MC"), 5000)
    assert rules.price_for(prices, "PT", "EUR") == Price("EUR", 1490)
    assert rules.price_for(prices, "", "EUR") == Price("EUR", 1490)
    assert rules.price_for(prices, "JP", "JPY") == Price("JPY", 800, ("JP",), is_kept=True)
    assert rules.price_for(prices, "FR", "JPY") is None
    assert rules.price_for(prices, "FR", "USD") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "prices = []", '[[prices]]\ncurrency = "EUR"', '[[prices]]\ncurrency = "EUR"\namount = -1',
        '[[prices]]\ncurrency = "eur"\namount = 1', '[[prices]]\ncurrency = "EUR"\namount = 1\ncountries = ["France"]',
        '[[prices]]\ncurrency = "EUR"\namount = 1\nfrei_ab = 1', '[[prices]]\ncurrency = "EUR"\namount = 4.9',
        '[[prices]]\ncurrency = "EUR"\namount = 1\n[[prices]]\ncurrency = "EUR"\namount = 2',
        ('[[prices]]\ncurrency = "EUR"\namount = 1\ncountries = ["FR"]\n'
        '[[prices]]\ncurrency = "EUR"\namount = 2\ncountries = ["MC", "FR"]'), "\x00",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "delivery.toml"
    path.write_text(text)
    with pytest.raises(DeliveryInvalid):
        reading.load_prices(path)


def test_it_is_free_from_the_amount_on_and_not_a_cent_before() -> None:
    price = Price("EUR", 490, free_from=5000)
    assert [price.for_goods(total) for total in (0, 4999, 5000, 5001)] == [490, 490, 0, 0]


def test_in_france_it_has_the_rates_of_the_goods_and_in_japan_its_own() -> None:
    goods = [Taxable("reduced", 3000, includes_tax=True), Taxable("standard", 1000, includes_tax=True)]
    assert rules.taxables(Price("EUR", 490), goods, FRANCE) == [
        Taxable("reduced", 368, includes_tax=True), Taxable("standard", 122, includes_tax=True),
    ]  # fmt: skip
    food = goods[:1]
    assert rules.taxables(Price("JPY", 800), food, JAPAN) == [Taxable("standard", 800, includes_tax=True)]
    brought, settled = rules.charged(Price("JPY", 800), food, JAPAN)
    assert brought == Delivery(800, 72)  # 800 * 10 / 110, down
    assert settled is not None
    assert [(each.percent, each.gross) for each in settled.taxes] == [("10", 800), ("8", 3000)]


@given(
    goods=st.lists(st.builds(Taxable, classes, st.integers(0, 10**7), st.booleans()), min_size=1, max_size=8),
    amount=st.integers(0, 10**5), includes=st.booleans(), free_from=st.none() | st.integers(0, 10**7),
    how=st.sampled_from(["goods", "standard", "zero"]), rates=st.sampled_from([FRANCE, JAPAN]),
)  # fmt: skip
def test_goods_tax_and_delivery_are_what_is_paid(
    goods: list[Taxable], amount: int, includes: bool, free_from: int | None, how: str, rates: Rates
) -> None:
    rates = msgspec.structs.replace(rates, delivery=how)
    price = Price("EUR", amount, free_from=free_from, includes_tax=includes)
    brought, settled = rules.charged(price, goods, rates)
    assert settled is not None
    taken = sum(each.amount for each in goods)
    assert brought.amount == (0 if free_from is not None and taken >= free_from else amount)
    paid = taken + brought.amount + settled.added
    assert paid == sum(each.gross for each in settled.taxes), "the rates say what is paid"
    assert brought.tax == sum(settled.lines[len(goods) :])
    on_top = sum(settled.on_top[: len(goods)])
    assert paid == taken + on_top + brought.paid, "goods, the tax on top of them, and delivery"
    parts: Counter[str] = Counter()
    for each in rules.taxables(price, goods, rates):
        parts[each.tax] += each.amount
    assert sum(parts.values()) == brought.amount


def came_back(*lines: tuple[int, int, int]) -> Return:
    goods = tuple(Returned(*each) for each in lines)
    total = sum(each.amount for each in goods)
    return Return("/c", "R", "", "/v", "S", AT, None, "EUR", total, goods, "applied")


LINES = [OrderLine("tea", 2, 1000), OrderLine("cup", 1, 800, tax=100, tax_on_top=True)]


def test_it_is_given_back_with_the_last_piece_and_not_before() -> None:
    brought = Delivery(500, 80, on_top=True)
    returns = [came_back((1, 1, 500)), came_back((2, 1, 800)), came_back((1, 1, 500)), came_back((1, 0, 0))]
    assert given_back(LINES, returns, brought) == [500, 900, 500 + 580, 0]
    assert given_back(LINES, [came_back((1, 2, 1000), (2, 1, 800))], brought) == [2480]
    assert given_back(LINES, returns, Delivery(500, is_kept=True)) == [500, 900, 500, 0]
    assert given_back(LINES, returns) == [500, 900, 500, 0]


def placed(**more: object) -> OrderPlaced:
    data = {
        "order": "0f6b9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10", "number": "K7QM-2XHR-9DTW", "currency": "EUR",
        "total": 2480, "lines": msgspec.to_builtins(LINES), "by": "delivery",
        "delivery": {"amount": 500, "tax": 80, "on_top": True}, **more,
    }  # fmt: skip
    return msgspec.convert(data, OrderPlaced)


def test_an_order_whose_delivery_does_not_add_up_is_refused() -> None:
    assert judge_placing(placed()) is None
    for wrong in ({"total": 1900}, {"total": 2400}, {"delivery": {"amount": 580, "tax": 80, "on_top": True}}):
        assert getattr(judge_placing(placed(**wrong)), "name", "") == "order_mismatch", wrong
    pickup = judge_placing(placed(by="pickup", store="324"))
    assert getattr(pickup, "field", "") == "data.delivery"
    for bad in ({"amount": -1}, {"amount": 1, "tax": -1}, {"amount": 1, "more": 1}, {}):
        with pytest.raises(msgspec.ValidationError):
            placed(delivery=bad)
