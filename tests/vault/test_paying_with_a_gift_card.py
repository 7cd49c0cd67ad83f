"""A part is paid with a gift card, or all: held with the goods, spent with the sale, given back in proportion."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from django.test import Client
from hypothesis import given

from comptoir.foundation.rooms.commands import set_up_django
from support import carding
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, event, posted_by, staff_session, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.giftcards.codes import number_of
from comptoir.counter.giftcards.jobs import end_what_is_over
from comptoir.counter.orders import codes as orders
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from comptoir.vault.checkout import receipts, rules
from comptoir.vault.checkout.contracts import Tender
from comptoir.vault.checkout.models import Checkout
from support.buying import AT, STORE, Cashier, basket_with, counted, listed, opened, pay, speaking, step_of
from support.payers import Payer

TOO_LATE = rules.PAY_WITHIN + dt.timedelta(minutes=1)
STATEMENTS = database.load_statements("comptoir.config", "checking.sql")


@given(
    points=st.integers(0, 20), worth=st.sampled_from([1, 3, 100]), card=st.integers(0, 300),
    provider=st.integers(0, 300), cuts=st.lists(st.integers(0, 10_000), max_size=6),
)  # fmt: skip
def test_whatever_comes_back_goes_back_to_each_leg_and_adds_up(
    points: int, worth: int, card: int, provider: int, cuts: list[int]
) -> None:
    total = points * worth + card + provider
    tenders = rules.tenders_of(total, points=points, worth=worth, card=card)
    assert sum(each.amount for each in tenders) == total
    places = sorted({cut % (total + 1) for cut in cuts} | {0, total})
    left, owed = {each.means: each.amount for each in tenders}, 0
    amounts = [after - before for before, after in itertools.pairwise(places)]
    for amount, parts in zip(amounts, rules.split_back(tenders, amounts), strict=True):
        owed += amount - sum(parts.values())
        assert 0 <= owed < worth
        for each in tenders:
            assert 0 <= parts[each.means] <= left[each.means]
            left[each.means] -= parts[each.means]
    assert set(left.values()) <= {0}


def test_the_odd_minor_unit_comes_back_to_the_card_first() -> None:
    three = [Tender("points", 100, 100), Tender("gift_card", 100), Tender("provider", 101)]
    assert rules.split_back(three, [100, 201]) == [
        {"points": 0, "gift_card": 67, "provider": 33}, {"points": 100, "gift_card": 33, "provider": 68},
    ]  # fmt: skip


@pytest.fixture
def goods(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Tea at $12.50, ten pieces of it."""
    accepted(gateway.post([listed("tea", price=1250), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("tea", 10)], touchpoint="console"))
    with speaking(gateway):
        yield gateway
    for name, statement in STATEMENTS.items():
        if name.startswith("gift_cards") or name == "what_is_over_keeps_nothing":
            assert shop.value(statement) == 0, name


def card_of(gateway: Gateway, amount: int, **more: Any) -> str:
    code = carding.new_code()
    accepted(gateway.post([carding.issued(code, amount, **more)], touchpoint="till"))
    return code


def payer_of(gateway: Gateway, *products: str) -> Payer:
    """Have somebody at the checkout with these goods."""
    basket, filling = basket_with(*products)
    accepted(gateway.post([filling], touchpoint="storefront"))
    payer = Payer(Client(), basket)
    payer.come()
    return payer


def left(shop: Shop, code: str) -> tuple[int, int]:
    (row,) = shop.rows("select available, held from giftcards_card where id = %s", carding.digest(code))
    return row["available"], row["held"]


def paying(gateway: Gateway, code: str, *products: str) -> Payer:
    """Have somebody's order placed, a part of which a card pays."""
    payer = payer_of(gateway, *(products or ("tea",)))
    assert "The gift card pays" in payer.shows(code)
    assert payer.place() == "placed"
    return payer


def test_a_card_pays_a_part_and_the_page_says_so_before_anything_is_ordered(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 501)
    payer = payer_of(goods, "tea")
    with shop.unchanged("checkout_checkout", "giftcards_card", "orders_order"):
        said = payer.shows(code.lower())
    assert "The gift card pays $5.01. $0.00 is left on it then. $7.49 is left to pay." in said
    assert "Order and pay $7.49" in said
    assert payer.place() == "placed"
    assert left(shop, code) == (0, 501)
    assert step_of(payer.order) == ("placed", "")
    assert pay(payer.order)
    assert left(shop, code) == (0, 0)
    assert shop.value("select paid_by from orders_order where id = %s", str(payer.order)) == {
        "gift_card": 501, "provider": 749
    }  # fmt: skip
    with entered(VAULT):
        row = Checkout.objects.get(order=payer.order)
        _, text = receipts.composed(row, key="")
    number = number_of(carding.digest(code))
    assert f"paid with gift card {number}: $5.01" in text
    kept = str(shop.contents())
    assert code not in kept
    assert code[:16] not in kept


def test_an_order_that_a_card_pays_as_a_whole_needs_no_provider(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 5000)
    payer = payer_of(goods, "tea")
    said = payer.shows(code)
    assert "Nothing is left to pay." in said
    assert "Order, with nothing more to pay" in said
    with environment(COMPTOIR_PAYMENTS=""):
        assert payer.place() == "placed"
    assert step_of(payer.order) == ("settled", "")
    assert left(shop, code) == (3750, 0)
    assert shop.value("select count(*) from payments_session") == 0
    assert shop.value(STATEMENTS["orders_match_their_money"]) == 0


def test_what_comes_to_nothing_frees_the_card(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 501)
    payer = paying(goods, code)
    cashier = Cashier()
    for _ in range(3):
        cashier.look(now=timezone.now() + TOO_LATE)
    assert step_of(payer.order) == ("over", "not_paid")
    assert left(shop, code) == (501, 0)
    assert cashier == []


def test_an_order_that_is_called_off_gives_back_the_card_and_the_money(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 501)
    payer = paying(goods, code)
    assert pay(payer.order)
    off = event("order.cancel", {"order": str(payer.order), "because": "by_staff"}, source="/console", at=AT)
    accepted(goods.post([off], touchpoint="console"))
    cashier = Cashier()
    for _ in range(3):
        cashier.look(now=timezone.now())
    assert cashier == [(payer.order, 749)]
    assert left(shop, code) == (501, 0)


def test_what_comes_back_piece_by_piece_goes_back_in_proportion(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 1001)
    payer = paying(goods, code, "tea", "tea")
    assert pay(payer.order)
    cashier, lines = Cashier(), shop.value("select lines from orders_order where id = %s", str(payer.order))
    pieces = [(number, 1) for number, line in enumerate(lines, start=1) for _ in range(line["quantity"])]
    assert len(pieces) == 2
    for count, ((line, quantity), (card, money)) in enumerate(zip(pieces, ((501, 749), (500, 750)), strict=True)):
        data = {
            "receipt": f"B{count}", "sale": {"receipt": orders.number_of(payer.order), "source": "/vault"},
            "currency": "USD", "total": 1250, "lines": [{"line": line, "quantity": quantity, "amount": 1250}],
            "refund": "as_paid",
        }  # fmt: skip
        said = event("sale.returned", data, source="/console", at=timezone.now())
        accepted(goods.post([said], touchpoint="console"))
        before = left(shop, code)[0]
        for _ in range(2):
            cashier.look(now=timezone.now())
        assert left(shop, code)[0] - before == card
        assert cashier[-1] == (payer.order, money)
    assert len(cashier) == 2
    assert left(shop, code) == (1001, 0)


def test_money_that_comes_too_late_gives_back_what_the_card_has_paid(shop: Shop, goods: Gateway) -> None:
    """The coupons' hold is gone, the card's is not: nothing is sold, and both go back."""
    code = card_of(goods, 501)
    payer = paying(goods, code)
    released = event("coupon.release", {"reservation": str(payer.order)}, source="/vault", at=AT)
    accepted(goods.post([released], touchpoint="vault"))
    assert pay(payer.order)
    assert step_of(payer.order) == ("over", "too_late")
    cashier = Cashier()
    cashier.look(now=timezone.now())
    assert cashier == [(payer.order, 749)]
    assert left(shop, code) == (501, 0)


def test_money_that_comes_after_the_cards_hold_is_given_back(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 501)
    payer = paying(goods, code)
    handlers = carding.handlers()
    with shop.connect() as connection:
        late = timezone.now() + dt.timedelta(hours=2)
        assert end_what_is_over(connection, now=late, handlers=handlers) == (1, 0)
    assert pay(payer.order)
    assert step_of(payer.order) == ("over", "too_late")
    cashier = Cashier()
    cashier.look(now=timezone.now())
    assert cashier == [(payer.order, 749)]
    assert left(shop, code) == (501, 0)
    assert shop.value("select count(*) from sales_sale") == 0


def test_what_was_spent_meanwhile_is_said_before_anything_is_charged(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 501)
    payer = payer_of(goods, "tea")
    payer.shows(code)
    accepted(goods.post([carding.redeemed(code, 500)], touchpoint="till"))
    with shop.unchanged("checkout_checkout", "orders_order"):
        payer.place()
    assert "The gift card pays $0.01." in payer.said
    accepted(goods.post([carding.redeemed(code, 1)], touchpoint="till"))
    with shop.unchanged("checkout_checkout", "orders_order"):
        payer.place()
    assert "This gift card cannot be used here and now." in payer.said


def test_whatever_is_wrong_with_a_code_the_page_says_the_same_and_then_nothing(shop: Shop, goods: Gateway) -> None:
    lost, empty = card_of(goods, 500), card_of(goods, 500)
    accepted(goods.post([carding.stopped(number=number_of(carding.digest(lost)))], touchpoint="console"))
    accepted(goods.post([carding.redeemed(empty, 500)], touchpoint="till"))
    payer = payer_of(goods, "tea")
    for slip in ("x", lost[:-1], lost[1] + lost[0] + lost[2:] if lost[0] != lost[1] else "y"):
        assert "There is a slip in the gift card's code" in payer.shows(slip)
    for code in (lost, empty, *(carding.new_code() for _ in range(9))):
        assert "This gift card cannot be used here and now." in payer.shows(code)
    good = card_of(goods, 500)
    assert "Too many codes were wrong." in payer.shows(good)
    assert shop.value("select count(*) from checkout_checkout") == 0


def test_a_shop_whose_map_has_no_gift_cards_offers_none(shop: Shop, goods: Gateway, tmp_path: Any) -> None:
    text = (EXAMPLES / "touchpoints.toml").read_text()
    own = tmp_path / "own.toml"
    own.write_text(re.sub(r'\[touchpoint\.vault\.sends\."gift_card\.credit"\]\n(?:.+\n)+', "", text))
    with environment(COMPTOIR_MAP=str(own)):
        payer = payer_of(goods, "tea")
        assert "gift card" not in payer.said
        code = card_of(goods, 500)
        payer.form["card"] = code
        assert payer.place() == "placed"
    assert left(shop, code) == (500, 0)
    with entered(VAULT):
        assert [each["means"] for each in Checkout.objects.get(order=payer.order).said["tenders"]] == ["provider"]


def test_what_a_card_alone_has_paid_goes_back_onto_it_at_the_returns_desk(shop: Shop, goods: Gateway) -> None:
    code = card_of(goods, 5000)
    payer = payer_of(goods, "tea")
    payer.shows(code)
    with environment(COMPTOIR_PAYMENTS=""):
        assert payer.place() == "placed"
    handed = event("order.hand_over", {"order": str(payer.order)}, source="/console", at=timezone.now())
    accepted(goods.post([handed], touchpoint="console"))
    desk = Client(headers={"host": f"{host_of(OFFICE)}:8000", "accept-language": "en"})
    name, value = staff_session("Alice")
    desk.cookies[name] = value
    place = desk.get("/returns", {"receipt": orders.number_of(payer.order)})["location"]
    chosen = {"take-1": "1", "reason": "unwanted", "goods": "on_shelf", "store": STORE}
    page = desk.get(place, chosen).content.decode()
    assert "back at the till" not in words(page)
    assert desk.post(place, posted_by(page)).status_code == 302
    cashier = Cashier()
    cashier.look(now=timezone.now())
    assert left(shop, code) == (5000, 0)
    assert cashier == []
