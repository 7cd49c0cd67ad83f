"""What nobody may do on the way from a basket to an order, and back: refused by name, and nothing moves.

A ticket that was stolen, numbers below zero, a mix of currencies, a return of what nobody bought. What is changed in a
form is in ``tests/scenarios/test_prepared_cart.py``, forged reports are in ``test_payments.py``.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import carding
from support.gateway import Gateway
from support.pages import accepted, event, staff_client, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Assurance
from comptoir.foundation.rooms.tickets import issue_ticket
from comptoir.foundation.rooms.visits import Visit
from support.buying import AT, STORE, Buyer, Cashier, basket_with, counted, listed, opened, pay, speaking, step_of
from support.payers import Payer

MY: Final = {"host": f"{host_of(COUNTER)}:8000", "accept-language": "en"}
SAFE: Final = {
    "host": f"{host_of(VAULT)}:8000", "accept-language": "en", "origin": origin_of(VAULT),
    "sec-fetch-site": "same-origin",
}  # fmt: skip
TILL: Final = f"/stores/{STORE}/tills/1"
#: Whatever is refused leaves these as they are.
MOVED: Final = (
    "orders_order", "checkout_checkout", "stock_article", "sales_sale", "sales_return", "loyalty_account",
    "offers_redemption", "giftcards_card",
)  # fmt: skip


@pytest.fixture
def selling(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    accepted(gateway.post([listed("tea", price=1250), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("tea", 10)], touchpoint="console"))
    with speaking(gateway):
        yield gateway


def filled(gateway: Gateway) -> str:
    basket, filling = basket_with("tea")
    accepted(gateway.post([filling], touchpoint="storefront"))
    return basket


def ticket_for(basket: str, *, at: Any = None) -> str:
    now = at or timezone.now()
    visit = Visit(basket, Assurance.NOBODY, ("basket",), now)
    with entered(COUNTER):
        path = f"/checkout/?{urlencode({'basket': basket})}"
        return issue_ticket(origin=COUNTER, destination=VAULT, path=path, visit=visit, now=now)


def refusal(gateway: Gateway, kind: str, data: Mapping[str, Any], *, source: str, touchpoint: str) -> tuple[str, str]:
    """Send one event that is refused; returns the problem's name and the field at fault."""
    answer = gateway.post([event(kind, data, source=source)], touchpoint=touchpoint).json()["outcomes"][0]
    assert "problem" in answer, (kind, data, answer)
    problem = answer["problem"]
    return problem["type"].rsplit(":", 1)[1], problem.get("field", "")


def test_a_stolen_ticket_opens_nothing_once_it_was_used_and_shows_nobody(shop: Shop, selling: Gateway) -> None:
    basket = filled(selling)
    ticket, owner, thief = ticket_for(basket), Client(headers=SAFE), Client(headers=SAFE)
    assert owner.post("/arrive/", {"ticket": ticket}).status_code == 302
    page = owner.get(f"/checkout/?basket={basket}").content.decode()
    form = dict(re.findall(r'name="(basket|order|digest)" value="([^"]*)"', page))
    form |= {"by": "pickup", "store": STORE, "name": "Alice Martin", "email": "alice@example.org"}
    owner.post("/checkout/", form)
    order = form["order"]
    with shop.unchanged(*MOVED):
        assert thief.post("/arrive/", {"ticket": ticket}).status_code in {403, 409, 410}
        for path in (f"/checkout/?basket={basket}", f"/checkout/orders/{order}/"):
            answer = thief.get(path)
            assert answer.status_code in {403, 404}
            assert "Alice" not in answer.content.decode()
        # Neither does the form help that the owner was shown, in the thief's browser.
        assert thief.post("/checkout/", form).status_code == 403
        # And one that was kept for two minutes, or leads to somebody else's basket, is none.
        old = ticket_for(basket, at=timezone.now() - dt.timedelta(minutes=2))
        assert thief.post("/arrive/", {"ticket": old}).status_code == 403
        head, _, tail = ticket_for(basket).rpartition(".")
        assert thief.post("/arrive/", {"ticket": f"{head}.{tail[::-1]}"}).status_code == 403


def test_whoever_is_quicker_with_a_ticket_sees_goods_and_no_person(shop: Shop, selling: Gateway) -> None:
    """The owner is refused then, and told; what the thief can do is pay for somebody else's tea."""
    basket = filled(selling)
    ticket, owner, thief = ticket_for(basket), Client(headers=SAFE), Client(headers=SAFE)
    assert thief.post("/arrive/", {"ticket": ticket}).status_code == 302
    text = thief.get(f"/checkout/?basket={basket}").content.decode()
    assert "Tea" in text
    assert re.findall(r'name="(?:name|email)"[^>]* value="([^"]*)"', text) in ([], ["", ""])
    with shop.unchanged(*MOVED):
        refused = owner.post("/arrive/", {"ticket": ticket})
    assert refused.status_code in {403, 409, 410}
    assert "Nothing was changed. This ticket does not open" in words(refused.content.decode())


@pytest.mark.parametrize("quantity", ["-1", "0", "-999999", "1e3", "1.5", "١", "9" * 30, "", "1;drop", "NaN"])
def test_no_quantity_but_a_whole_one_comes_into_a_basket(shop: Shop, selling: Gateway, quantity: str) -> None:
    client = Client(headers=MY)
    client.post("/basket/put", {"product": "tea-1", "quantity": "2"})
    with shop.unchanged("baskets_basket", *MOVED):
        answer = client.post("/basket/put", {"product": "tea-1", "quantity": quantity})
        assert answer.status_code == 422
        assert "whole number" in words(answer.content.decode())
    if quantity != "0":  # as a line's own number, none takes it out
        with shop.unchanged("baskets_basket", *MOVED):
            answer = client.post("/basket/line", {"product": "tea-1", "quantity": quantity})
            assert answer.status_code == 422
    assert "2 pieces" in words(client.get("/basket").content.decode())


def test_no_number_below_zero_and_no_other_currency_is_taken_anywhere(shop: Shop, selling: Gateway) -> None:
    basket = str(uuid.uuid4())
    put = {"product": "tea-1", "quantity": 1}
    line = {"product": "tea-1", "quantity": 1, "amount": 1250}
    sale = {"receipt": "9", "store": STORE, "currency": "USD", "total": 1250, "lines": [line]}
    order = str(uuid.uuid4())
    placed = {
        "order": order, "number": number_of(uuid.UUID(order)), "currency": "USD", "total": 1250, "by": "pickup",
        "store": STORE, "lines": [line],
    }  # fmt: skip
    card = {"code": carding.new_code(), "currency": "USD", "amount": 1000}
    euro = {"amount": 1250, "currency": "EUR"}
    wrong = (
        ("basket.changed", {"basket": basket, "put": [{**put, "quantity": -3}]}, "storefront", "field_invalid"),
        ("basket.changed", {"basket": basket, "put": [{**put, "quantity": 0}]}, "storefront", "field_invalid"),
        ("basket.changed", {"basket": basket, "put": [{**put, "seen": euro}]}, "storefront", "currency_not_accepted"),
        ("sale.closed", {**sale, "lines": [{**line, "quantity": -1}]}, "till", "field_invalid"),
        ("sale.closed", {**sale, "currency": "EUR"}, "till", "currency_not_accepted"),
        ("sale.closed", {**sale, "total": 1}, "till", "total_mismatch"),
        ("order.placed", {**placed, "total": -1250}, "vault", "field_invalid"),
        ("order.placed", {**placed, "lines": [{**line, "quantity": -1}]}, "vault", "field_invalid"),
        ("order.placed", {**placed, "currency": "EUR"}, "vault", "currency_not_accepted"),
        ("stock.counted", {"store": STORE, "lines": [{"sku": "tea-1", "quantity": -1}]}, "console", "field_invalid"),
        ("gift_card.issue", {**card, "amount": -1}, "till", "field_invalid"),
        ("gift_card.issue", {**card, "currency": "EUR"}, "till", "currency_not_accepted"),
    )  # fmt: skip
    sources = {"storefront": "/storefront", "till": TILL, "vault": "/vault", "console": "/console"}
    for kind, data, touchpoint, name in wrong:
        with shop.unchanged("baskets_basket", *MOVED):
            told, field = refusal(selling, kind, data, source=sources[touchpoint], touchpoint=touchpoint)
        assert told == (name or told), (kind, data, told)
        assert field.startswith("data."), (kind, told, field)


def test_nobody_brings_back_what_nobody_bought(shop: Shop, selling: Gateway) -> None:
    basket = filled(selling)
    buyer = Buyer(Client(), basket)
    buyer.come()
    assert buyer.place() == "placed"
    assert pay(buyer.order)
    handed = event("order.hand_over", {"code": pickup_code_of(buyer.order), "store": STORE}, source=TILL, at=AT)
    accepted(selling.post([handed], touchpoint="till"))
    number = number_of(buyer.order)
    back = {
        "receipt": "B1", "sale": {"receipt": number, "source": "/vault"}, "currency": "USD", "total": 1250,
        "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
    }  # fmt: skip
    wrong = (
        ({**back, "sale": {"receipt": "NOBODY", "source": "/vault"}}, "sale_unknown"),
        ({**back, "sale": {"receipt": number, "source": TILL}}, "sale_unknown"),
        ({**back, "lines": [{"line": 2, "quantity": 1, "amount": 1250}]}, "line_unknown"),
        ({**back, "total": 2500, "lines": [{"line": 1, "quantity": 2, "amount": 2500}]}, "return_exceeds_sale"),
        ({**back, "total": 9999, "lines": [{"line": 1, "quantity": 1, "amount": 9999}]}, None),
        ({**back, "currency": "EUR"}, "currency_not_accepted"),
        ({**back, "total": -1250, "lines": [{"line": 1, "quantity": 1, "amount": -1250}]}, "field_invalid"),
        ({**back, "lines": [{"line": 1, "quantity": -1, "amount": 1250}]}, "field_invalid"),
    )  # fmt: skip
    for data, name in wrong:
        with shop.unchanged(*MOVED, "payments_refund", "checkout_repayment"):
            told, field = refusal(selling, "sale.returned", data, source="/console", touchpoint="console")
        assert told == (name or told), (data, told)
        assert field, (data, told)
    desk = staff_client()
    for shown in ("NOBODY", "-1", "' or 1=1 --", "x" * 200):
        page = words(desk.get("/returns", {"receipt": shown}).content.decode())
        assert "Nothing" in page or "no " in page.lower(), page[:400]
    # After all that it comes back once, for what it cost.
    accepted(selling.post([event("sale.returned", back, source="/console")], touchpoint="console"))
    told, _ = refusal(selling, "sale.returned", {**back, "receipt": "B2"}, source="/console", touchpoint="console")
    assert told == "return_exceeds_sale"
    cashier = Cashier()
    for _ in range(2):
        cashier.look(now=timezone.now())
    assert cashier == [(buyer.order, 1250)]


def test_a_gift_card_of_nobody_and_too_much_of_one_hold_nothing(shop: Shop, selling: Gateway) -> None:
    payer = Payer(Client(), filled(selling))
    payer.come()
    for code in (carding.new_code(), "AAAA-AAAA-AAAA-AAAA-AAAA", "' or 1=1", "-1"):
        with shop.unchanged(*MOVED):
            payer.form["card"] = code
            assert payer.place() != "placed"
    payer.form["card"] = ""
    for points in ("-5", "5", "1e9", "x"):  # nobody is signed in: there are none to spend
        with shop.unchanged(*MOVED):
            assert payer.place(points=points) != "placed"
    assert payer.place() == "placed"
    assert step_of(payer.order) == ("placed", "")
