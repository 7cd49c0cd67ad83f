"""The laws of baskets, without a database: any order and repetition, merging, prices that add up, tax."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.counter.baskets import pricing
from comptoir.counter.baskets.contracts import Seen
from comptoir.counter.baskets.folding import (
    Claimed,
    Content,
    Kept,
    Left,
    Line,
    Operation,
    Put,
    Shown,
    Sold,
    fold,
    lower,
)
from comptoir.counter.offers.contracts import BasketLine, Deducted, Deduction, Priced, Titles
from comptoir.counter.taxes import reading, rules
from comptoir.counter.taxes.errors import TaxesInvalid
from comptoir.counter.taxes.rules import Rates, Taxable
from comptoir.square.catalog.contracts import Price
from comptoir.square.catalog.store import Goods

START = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
PRODUCTS = ("tea", "cup", "bread")
SOURCES = ("/storefront", "/stores/330/tills/1", "/app/alice")


def at(minute: int) -> dt.datetime:
    return START + dt.timedelta(minutes=minute)


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """What several channels do to one basket: put in, take out what some put brought, sell, show codes."""
    operations: list[Operation] = []
    puts: list[Put] = []
    for number in range(draw(st.integers(1, 12))):
        when, source = at(draw(st.integers(0, 6))), draw(st.sampled_from(SOURCES))
        kind = draw(st.sampled_from(["put", "put", "keep", "sold", "code", "claim"]))
        if kind == "put" or (kind == "keep" and not puts):
            put = Put(when, source, f"e{number}", 1, draw(st.sampled_from(PRODUCTS)), draw(st.integers(1, 5)))
            puts.append(put)
            operations.append(put)
        elif kind == "keep":
            of = draw(st.sampled_from(puts))
            operations.append(Kept(when, source, f"e{number}", 1, of.key, draw(st.integers(0, 5))))
        elif kind == "sold":
            product, quantity = draw(st.sampled_from(PRODUCTS)), draw(st.integers(1, 6))
            operations.append(Sold(when, source, f"p{number}", 1, product, quantity))
        elif kind == "code":
            operations.append(Shown(when, source, f"e{number}", 1, draw(st.sampled_from("ab")), draw(st.booleans())))
        else:
            operations.append(Claimed(when, source, f"e{number}"))
    return operations


@given(histories(), st.randoms(use_true_random=False), st.data())
def test_any_order_and_repetition_ends_in_the_same_basket(
    operations: list[Operation], chance: random.Random, data: st.DataObject
) -> None:
    expected = fold(operations)
    repeated = operations + data.draw(st.lists(st.sampled_from(operations), max_size=8))
    chance.shuffle(repeated)
    assert fold(repeated) == expected


@given(histories())
def test_nothing_is_lost_and_nothing_doubled(operations: list[Operation]) -> None:
    """What is left of each product is what was put in, less what was taken out and sold; never less than nothing."""
    content = fold(operations)
    for product in PRODUCTS:
        brought = sum(each.quantity for each in operations if isinstance(each, Put) and each.product == product)
        left = sum(line.quantity for line in content.lines if line.product == product)
        kept = {each.key: each.quantity for each in operations if isinstance(each, Put) and each.product == product}
        for each in operations:
            if isinstance(each, Kept) and each.of in kept:
                kept[each.of] = min(kept[each.of], each.quantity)
        sold = sum(each.quantity for each in operations if isinstance(each, Sold) and each.product == product)
        assert max(0, sum(kept.values()) - sold) <= left <= sum(kept.values()) <= brought


@given(histories(), histories(), st.randoms(use_true_random=False))
def test_merging_two_baskets_is_all_that_was_done_to_either(
    one: list[Operation], other: list[Operation], chance: random.Random
) -> None:
    other = [msgspec.structs.replace(each, id=f"o{each.id}") for each in other]
    other = [
        msgspec.structs.replace(each, of=(each.of[0], f"o{each.of[1]}", each.of[2])) if isinstance(each, Kept) else each
        for each in other
    ]
    unsold = [[each for each in those if not isinstance(each, Sold)] for those in (one, other)]
    merged = fold(itertools.chain(*unsold))
    apart = [fold(those) for those in unsold]
    for product in PRODUCTS:
        assert _pieces(merged, product) == sum(_pieces(each, product) for each in apart)
    both = one + other
    expected = fold(both)
    chance.shuffle(both)
    assert fold(both) == expected == fold(itertools.chain(both, one))


def _pieces(content: Content, product: str) -> int:
    return sum(line.quantity for line in content.lines if line.product == product)


@given(histories(), st.integers(0, 6))
def test_a_line_is_lowered_to_what_was_asked(operations: list[Operation], wanted: int) -> None:
    for line in fold(operations).lines:
        kept: list[Operation] = [
            Kept(at(100), "/storefront", "lower", number, key, most)
            for number, (key, most) in enumerate(lower(line, wanted), start=1)
        ]
        assert _pieces(fold([*operations, *kept]), line.product) == min(line.quantity, wanted)


def test_of_many_codes_the_last_ten_are_shown() -> None:
    shown = [Shown(at(number), "/storefront", f"e{number}", 1, f"c{number}", is_shown=True) for number in range(14)]
    hidden = Shown(at(20), "/storefront", "x", 1, "c13", is_shown=False)
    assert fold([*shown, hidden]).codes == tuple(f"c{number}" for number in range(3, 13))


def test_what_somebody_else_put_in_meanwhile_stays() -> None:
    phone = Put(at(0), "/storefront", "a", 1, "tea", 1)
    till = Put(at(1), "/stores/330/tills/1", "b", 1, "tea", 1)
    removed = Kept(at(2), "/storefront", "c", 1, phone.key, 0)
    again = Kept(at(2), "/stores/330/tills/1", "d", 1, phone.key, 0)
    assert _pieces(fold([phone, till, removed, again]), "tea") == 1


# -- prices -------------------------------------------------------------------------------------------------------


def goods(sku: str, amount: int, *, tax: str = "standard", includes_tax: bool = True, **more: Any) -> Goods:
    prices = (Price("EUR", amount, includes_tax),)
    said: dict[str, Any] = {
        "product": sku, "gtin": None, "options": {}, "prices": prices, "name": {"en": sku}, "category": None,
        "tax": tax, "asks_over": None, "is_listed": True,
    }  # fmt: skip
    return Goods(sku, **{**said, **more})


def content(*lines: tuple[str, int], seen: int | None = None) -> Content:
    return Content(
        tuple(
            Line(sku, quantity, (Left("/s", sku, 1, quantity, 0, None if seen is None else Seen("EUR", seen)),))
            for sku, quantity in lines
        )
    )


FRANCE = reading.rates_in(reading.Taxes("FR"))
JAPAN = reading.rates_in(reading.Taxes("JP"))


def quoted(
    what: Content, known: Sequence[Goods], *, off: Sequence[int] = (), rates: Rates | None = FRANCE
) -> pricing.Quote:
    def price(lines: Sequence[BasketLine]) -> Priced:
        before = sum(line.amount for line in lines)
        parts = tuple(
            Deducted(number, min(amount, line.amount))
            for number, (amount, line) in enumerate(zip(off, lines, strict=False), start=1)
        )
        discount = sum(part.amount for part in parts)
        given = (Deduction("promotion", Titles("Ten off"), discount, parts, {"en": "because"}),) if discount else ()
        return Priced(before, discount, before - discount, given)

    return pricing.quote(
        what, {each.sku: each for each in known}, currency="EUR", price=price, earns=lambda _: 0, rates=rates
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000), st.integers(1, 30), st.integers(0, 20_000),
            st.sampled_from(["standard", "reduced", "zero"]), st.booleans(),
        ),
        min_size=1, max_size=6,
    ),
    st.sampled_from([FRANCE, JAPAN, None]),
)  # fmt: skip
def test_totals_always_add_up(lines: list[tuple[int, int, int, str, bool]], rates: Rates | None) -> None:
    known = [
        goods(f"g{number}", amount, tax=tax, includes_tax=included)
        for number, (amount, _, _, tax, included) in enumerate(lines)
    ]
    basket = content(*((f"g{number}", quantity) for number, (_, quantity, *_) in enumerate(lines)))
    quote = quoted(basket, known, off=[off for _, _, off, _, _ in lines], rates=rates)
    assert quote.before - quote.discount == sum(line.total for line in quote.lines)
    assert quote.total == sum(line.total for line in quote.lines) + quote.tax_on_top
    assert quote.tax_on_top == sum(line.tax for line in quote.lines if line.tax_on_top)
    if rates is not None:
        assert sum(each.tax for each in quote.taxes) == sum(line.tax for line in quote.lines)
        assert sum(each.gross for each in quote.taxes) == quote.total
    for line in quote.lines:
        assert line.amount - line.discount == line.total >= 0
        assert sum(off.amount for off in line.off) == line.discount
        assert line.piece * (line.quantity - 1) + line.last_piece == line.total


@given(st.integers(0, 10_000), st.integers(1, 40), st.data())
def test_refunds_of_all_pieces_in_any_order_are_what_was_paid(total: int, quantity: int, data: st.DataObject) -> None:
    back, given_back = 0, 0
    while back < quantity:
        coming = data.draw(st.integers(1, quantity - back))
        given_back += rules.refund(total, quantity, returned=back, coming_back=coming)
        back += coming
        assert given_back <= total
    assert given_back == total


def test_a_discounted_piece_is_refunded_at_what_it_cost() -> None:
    """``share-of-the-discount``: https://github.com/smartlabsAT/sonata-project-ecommerce/issues/177."""
    quote = quoted(content(("a", 1), ("b", 1)), [goods("a", 20_000), goods("b", 10_000)], off=[2_000, 1_000])
    assert [line.piece for line in quote.lines] == [18_000, 9_000]


def test_what_cannot_be_sold_is_said_and_not_priced() -> None:
    known = [
        goods("sold", 500), goods("gone", 500, is_listed=False), goods("priceless", 0, prices=()),
        goods("dollars", 0, prices=(Price("USD", 300),)),
    ]  # fmt: skip
    quote = quoted(content(("sold", 2), ("gone", 1), ("priceless", 1), ("dollars", 1), ("never", 1)), known)
    assert [(each.product, each.why) for each in quote.missing] == [
        ("gone", "delisted"), ("priceless", "no_price"), ("dollars", "no_price"), ("never", "unknown"),
    ]  # fmt: skip
    assert quote.total == 1_000
    assert quoted(content(("sold", 1000)), known).missing[0].why == "too_many"


def test_a_digest_names_what_is_paid_and_a_change_is_explained() -> None:
    basket = content(("tea", 2), seen=450)
    before, same = quoted(basket, [goods("tea", 500)]), quoted(basket, [goods("tea", 500)])
    dearer, cheaper = quoted(basket, [goods("tea", 550)]), quoted(basket, [goods("tea", 500)], off=[100])
    assert before.digest == same.digest
    assert len({before.digest, dearer.digest, cheaper.digest}) == 3
    assert before.lines[0].unit_before == 450
    assert pricing.changes(pricing.seen_in(before), dearer) == {"tea": 100}
    assert pricing.changes(pricing.seen_in(before), cheaper) == {"tea": -100}
    on_top = quoted(basket, [goods("tea", 500, includes_tax=False)])
    assert pricing.changes(pricing.seen_in(before), on_top) == {"": 200}
    assert pricing.changes(pricing.seen_in(before), same) == {}


# -- tax ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from(["standard", "reduced", "zero"]), st.integers(0, 100_000), st.booleans()), max_size=9
    ),
    st.sampled_from([FRANCE, JAPAN]),
)
def test_tax_is_rounded_once_for_each_rate(lines: list[tuple[str, int, bool]], rates: Rates) -> None:
    taxable = [Taxable(*each) for each in lines]
    settled = rules.settle(taxable, rates)
    for each in settled.taxes:
        mine = [line for line in taxable if rules.rate_of(line.tax, rates) == each.rate]
        exact = sum(
            (Fraction(line.amount * each.rate, (rules.WHOLE + each.rate) if line.includes_tax else rules.WHOLE)
             for line in mine),
            Fraction(),
        )  # fmt: skip
        assert each.tax == (int(exact) if rates is JAPAN else int(exact + Fraction(1, 2)))
    assert sum(settled.lines) == sum(each.tax for each in settled.taxes)
    assert sum(each.gross for each in settled.taxes) == sum(line.amount for line in taxable) + settled.added
    assert all(part >= 0 for part in (*settled.lines, *settled.on_top))


def test_japans_two_rates_have_one_fraction_each() -> None:
    lines = [Taxable("reduced", 108, includes_tax=True)] * 3 + [Taxable("standard", 105, includes_tax=True)] * 3
    settled = rules.settle(lines, JAPAN)
    # 8 % of 324 is 24; 10/110 of 315 is 28.6, and down.
    assert [(each.rate, each.net, each.tax) for each in settled.taxes] == [(10_000, 287, 28), (8_000, 300, 24)]
    assert sum(settled.lines) == 52


def test_the_shop_gives_the_rates_of_its_states(tmp_path: Path) -> None:
    path = tmp_path / "taxes.toml"
    assert reading.load_rates(path) is None
    path.write_text('country = "US"\nstate = "NY"\n[states.NY]\nstandard = "8.875"\nreduced = "4"\n')
    rates = reading.load_rates(path)
    assert rates is not None
    assert (rates.place, rates.rates["standard"], rates.rates["reduced"]) == ("US-NY", 8_875, 4_000)
    settled = rules.settle([Taxable("standard", 1_000, includes_tax=False)], rates)
    assert (settled.added, settled.taxes[0].net) == (89, 1_000)
    with pytest.raises(TaxesInvalid, match=r"\[states.TX\]"):
        reading.load_rates(path, state="TX")


NEW_YORK = 'country = "US"\nstate = "NY"\n'
UNUSABLE = (
    'country = "US"', 'country = "XX"', 'country = "fr"', 'country = "FR"\nrates = 3', "nonsense",
    f'{NEW_YORK}[states.NY]\nstandard = "-1"', f'{NEW_YORK}[states.NY]\nstandard = "8.8755"',
)  # fmt: skip


@pytest.mark.parametrize("text", UNUSABLE)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "taxes.toml"
    path.write_text(text)
    with pytest.raises(TaxesInvalid):
        reading.load_rates(path)
