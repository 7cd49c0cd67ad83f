"""A page of the checkout that is sent twice, whichever way it is paid: one order, and every answer leads to it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, event, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.orders.codes import number_of
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import keeping
from support import carding
from support.buying import AT, STORE, Buyer, basket_with, counted, listed, opened, pay, speaking, step_of
from support.payers import Payer
from support.paying import simulator
from support.visitors import vault_session

WAYS = ("store", "provider", "card", "points")
SAFE = {"host": f"{host_of(VAULT)}:8000", "accept-language": "en", "origin": f"{origin_of(VAULT)}"}
HELD = "select coalesce(sum(held), 0)::int from stock_article"
TOGETHER = 4


@pytest.fixture
def selling(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Gateway]:
    """Cups at $8.00 that may be paid in the store, and a provider that pretends."""
    accepted(gateway.post([listed("cup", price=800), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 99)], touchpoint="console"))
    keeping.prepare(at=AT)
    hours = environment(COMPTOIR_PAY_IN_STORE_HOURS="48", COMPTOIR_PAY_IN_STORE_GUESTS="9")
    with speaking(gateway), hours, simulator(tmp_path):
        yield gateway


def signed_in(gateway: Gateway) -> Client:
    """Somebody with points worth more than a cup, who has just shown their passkey."""
    user = uuid.uuid4()
    sale = {
        "receipt": "before", "store": STORE, "customer": {"kind": USER_KIND, "value": str(user)}, "currency": "USD",
        "total": 100_000, "lines": [{"product": "x", "quantity": 1, "amount": 100_000}],
    }  # fmt: skip
    accepted(gateway.post([event("sale.closed", sale, source="/stores/324/tills/1", at=AT)], touchpoint="till"))
    client = Client()
    name, value = vault_session(user)
    client.cookies[name] = value
    return client


def filled(gateway: Gateway, client: Client, way: str) -> dict[str, str]:
    """Return a page of the checkout, filled in by somebody who pays so, and not sent yet."""
    basket, filling = basket_with("cup")
    accepted(gateway.post([filling], touchpoint="storefront"))
    one = Payer(client, basket) if way == "card" else Buyer(client, basket)
    one.come()
    if way == "card":
        code = carding.new_code()
        accepted(gateway.post([carding.issued(code, 5000)], touchpoint="till"))
        assert isinstance(one, Payer)
        assert "Nothing is left to pay." in one.shows(code)
    more = {"store": {"pay": "store"}, "points": {"points": "800"}}.get(way, {})
    return {**one.form, "by": "pickup", "store": STORE, "name": "Alice", "email": "alice@example.org", **more}


def leads_to(client: Client, answer: Any, order: uuid.UUID, *, why: object = "") -> str:
    """Follow an answer to the order's page, or to the provider's; returns what it says."""
    if answer.status_code == 200:
        said = words(answer.content.decode())
        assert "Go on to the payment" in said, (why, said[:400])
        return said
    assert answer.status_code == 302, (why, words(answer.content.decode())[:400])
    page = client.get(answer["location"], headers=SAFE)
    assert page.status_code == 200, why
    said = words(page.content.decode())
    assert f"Order {number_of(order)}" in said, why
    return said


def is_one_order(shop: Shop, order: uuid.UUID, way: str) -> None:
    assert [str(row["id"]) for row in shop.rows("select id from orders_order")] == [str(order)]
    assert shop.value("select count(*) from checkout_checkout") == 1
    assert step_of(order) == ("settled" if way in {"card", "points"} else "placed", "")
    assert shop.value("select count(*) from sales_sale where receipt = %s", number_of(order)) == (
        1 if way in {"card", "points"} else 0
    )
    assert shop.value("select count(*) from stock_hold") == 1
    assert shop.value("select count(*) from payments_session") == (1 if way == "provider" else 0)


@pytest.mark.parametrize("way", WAYS)
def test_one_after_the_other(shop: Shop, selling: Gateway, way: str) -> None:
    """A double click, or the page loaded anew: its basket is empty by then, and the order itself counts as open."""
    client = signed_in(selling) if way == "points" else Client()
    form = filled(selling, client, way)
    order = uuid.UUID(form["order"])
    for count in range(3):
        leads_to(client, client.post("/checkout/", form, headers=SAFE), order, why=count)
        is_one_order(shop, order, way)
    if way == "provider":
        assert pay(order)
        assert "It is paid" in leads_to(client, client.post("/checkout/", form, headers=SAFE), order, why="paid")
        assert step_of(order) == ("settled", "")


@pytest.mark.parametrize("way", WAYS)
def test_all_at_once(shop: Shop, selling: Gateway, way: str) -> None:
    """Each is sent before any is answered, so no answer's cookie helps the next."""
    client = signed_in(selling) if way == "points" else Client()
    form = filled(selling, client, way)
    order = uuid.UUID(form["order"])
    together = threading.Barrier(TOGETHER)

    def send(_number: int) -> Any:
        one = Client()
        one.cookies.update(client.cookies)
        together.wait(timeout=60)
        try:
            return leads_to(one, one.post("/checkout/", form, headers=SAFE), order)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(TOGETHER) as threads:
        list(threads.map(send, range(TOGETHER)))
    is_one_order(shop, order, way)


def test_a_page_that_names_somebody_elses_order_leads_nowhere(shop: Shop, selling: Gateway) -> None:
    client, thief = Client(), Client()
    form = filled(selling, client, "store")
    leads_to(client, client.post("/checkout/", form, headers=SAFE), uuid.UUID(form["order"]))
    own = filled(selling, thief, "store")
    with shop.unchanged("checkout_checkout", "orders_order"):
        answer = thief.post("/checkout/", {**own, "order": form["order"]}, headers=SAFE)
    assert answer.status_code == 404
    assert number_of(uuid.UUID(form["order"])) not in answer.content.decode()
