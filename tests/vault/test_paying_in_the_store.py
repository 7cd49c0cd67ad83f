"""A pick-up that is paid in the store: held for nobody's money yet, handed over for money, booked then, or fallen."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway, running_gateway
from support.pages import accepted, event, staff_session, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.utils import timezone

from comptoir.config.rebuilding import rebuild
from comptoir.counter.baskets import quoting
from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.orders.codes import pickup_code_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from comptoir.vault.checkout import commands, rules, waiting
from comptoir.vault.checkout.contracts import Recipient, Wish
from comptoir.vault.checkout.errors import NotInStore
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts.contracts import Hidden
from support.buying import (
    AT,
    STORE,
    Buyer,
    Cashier,
    basket_with,
    counted,
    follow,
    listed,
    opened,
    pay,
    speaking,
    step_of,
)
from support.mailing import mailed

HELD = "select coalesce(sum(held), 0)::int from stock_article"


@pytest.fixture
def selling(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """The shop sells cups, nine of which are in its store, and lets people pay there within two days."""
    accepted(gateway.post([listed("cup", price=800), listed("tea", price=1250), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 9)], touchpoint="console"))
    with speaking(gateway), environment(COMPTOIR_PAY_IN_STORE_HOURS="48", COMPTOIR_PAY_IN_STORE_GUESTS="2"):
        yield gateway


def buyer(gateway: Gateway, *products: str) -> Buyer:
    basket, filled = basket_with(*products)
    accepted(gateway.post([filled], touchpoint="storefront"))
    one = Buyer(Client(), basket)
    one.come()
    return one


def ordered(gateway: Gateway, *products: str) -> Buyer:
    one = buyer(gateway, *products)
    assert one.place(pay="store") == "placed"
    assert step_of(one.order) == ("placed", "")
    return one


def staff(gateway: Gateway) -> Client:
    name, key = staff_session()
    client = Client(headers={"host": f"{host_of(OFFICE)}:8000", "accept-language": "en"})
    client.cookies[name] = key
    return client


def hand(client: Client, order: uuid.UUID, **form: str) -> Any:
    return client.post("/orders/hand-over", {"code": pickup_code_of(order), "store": STORE, **form}, follow=True)


def of_page(answer: Any, **form: str) -> dict[str, str]:
    found = dict(re.findall(r'name="(identity|amount)" value="([^"]*)"', answer.content.decode()))
    assert found["amount"] == "800"
    return {**found, **form}


def test_it_is_held_taken_for_handed_over_and_booked_once(shop: Shop, selling: Gateway) -> None:
    till, now = Cashier(), timezone.now()
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        one = ordered(selling, "cup")
        assert shop.value(HELD) == 1
        assert shop.value("select count(*) from sales_sale") == 0
        till.look(now=now)
        till.look(now=now + dt.timedelta(hours=40))
        ((to, letter),) = mailbox.letters
    text = str(letter.get_content())
    assert to == ["alice@example.org"]
    assert "You pay $8.00 when you pick it up at The Mill" in text
    assert pickup_code_of(one.order) not in text, "the code is on the page, and not in a mailbox"
    link = re.search(r"http://\S+(/checkout/orders/\S+)", text)
    assert link is not None
    page = words(Client(headers={"host": f"{host_of(VAULT)}:8000", "accept-language": "en"})
                 .get(link[1]).content.decode())  # fmt: skip
    assert pickup_code_of(one.order) in page
    assert "You pay $8.00 there" in page
    assert "Alice" not in page

    # A till that says nothing of money is refused; so is whoever takes another sum.
    bare = event("order.hand_over", {"code": pickup_code_of(one.order), "store": STORE}, source="/stores/324/tills/1")
    refused = selling.post([bare], touchpoint="till").json()["outcomes"][0]["problem"]
    assert refused["type"].endswith(":order_not_paid")
    assert refused["total"] == 800
    client = staff(selling)
    listing = words(client.get("/orders").content.decode())
    assert "pays here" in listing
    client.post(f"/orders/{one.order}", {"does": "pack"})
    assert shop.value("select state from orders_order") == "placed"
    assert "ready" in words(client.get("/orders").content.decode())
    asked = hand(client, one.order)
    assert "Take $8.00 first" in words(asked.content.decode())
    for wrong in ({}, {"means": "points"}, {"means": "card"}, {"means": "card", "reference": "<b>"},
                  {"means": "cash", "amount": "1"}, {"means": "cash", "amount": "-800"}):  # fmt: skip
        with shop.unchanged("orders_order", "sales_sale"):
            answer = hand(client, one.order, **{**of_page(hand(client, one.order)), **wrong})
            assert answer.status_code in {409, 422}, wrong
    form = of_page(asked, means="card", reference="T-4711")
    for done in [hand(client, one.order, **form) for _ in range(2)]:  # a double click
        assert "It is handed over." in words(done.content.decode()), words(done.content.decode())[300:900]
        assert "$8.00 was taken." in words(done.content.decode())
    late = hand(client, one.order)
    assert "It was handed over before" in words(late.content.decode())
    for _ in range(3):
        till.look(now=timezone.now() + dt.timedelta(minutes=1))
    assert till == []
    assert step_of(one.order) == ("settled", "")
    row = shop.rows("select state, paid_by, taken, receipt is not null as booked from orders_order")[0]
    assert row == {
        "state": "handed_over", "paid_by": {"card": 800}, "booked": True,
        "taken": {"means": "card", "amount": 800, "reference": "T-4711"},
    }  # fmt: skip
    assert shop.value("select count(*) from sales_sale") == 1
    follow(shop)
    assert shop.value(HELD) == 0
    statement = database.load_statements("comptoir.config", "checking.sql")
    for name in ("orders_match_their_money", "what_is_over_keeps_nothing", "sales_match_orders"):
        assert shop.value(statement[name]) == 0, name
    assert rebuild(keep=False).changed == []


def content_of(shop: Shop, buyer: Buyer) -> dict[str, int]:
    with shop.connect() as connection:
        found = quoting.find(connection, buyer.form["basket"])
    return {} if found is None else {line.product: line.quantity for line in found.content.lines}


def test_what_is_ordered_leaves_the_basket_at_once_and_what_is_put_in_later_stays(shop: Shop, selling: Gateway) -> None:
    """Also where it is the same product again, whatever is sold at the hand-over."""
    one = buyer(selling, "cup", "cup", "tea")
    basket = one.form["basket"]
    assert one.place(pay="store") == "placed"
    assert content_of(shop, one) == {}
    put = [{"product": "cup-1", "quantity": 2}]
    more = event("basket.changed", {"basket": basket, "put": put}, source="/storefront")
    accepted(selling.post([more], touchpoint="storefront"))
    client = staff(selling)
    form = dict(re.findall(r'name="(identity|amount)" value="([^"]*)"', hand(client, one.order).content.decode()))
    hand(client, one.order, **form, means="cash")
    till = Cashier()
    for _ in range(2):
        till.look(now=timezone.now())
    assert step_of(one.order) == ("settled", "")
    assert content_of(shop, one) == {"cup-1": 2}
    # The next order of the same basket is one of its own.
    one.look()
    assert one.place(pay="store") == "placed"
    assert content_of(shop, one) == {}
    assert shop.value("select count(*) from orders_order") == 2
    assert rebuild(keep=False).changed == []


def test_a_basket_that_two_pages_order_at_once_is_ordered_once(shop: Shop, selling: Gateway) -> None:
    basket, filled = basket_with("cup")
    accepted(selling.post([filled], touchpoint="storefront"))
    pages = [Buyer(Client(), basket) for _ in range(4)]
    for each in pages:
        each.come()
    together = threading.Barrier(len(pages))

    def place(one: Buyer) -> str:
        together.wait()
        try:
            return one.place(pay="store")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(pages)) as threads:
        told = list(threads.map(place, pages))
    assert told.count("placed") == 1, told
    assert shop.value("select count(*) from orders_order where state = 'placed'") == 1
    assert shop.value(HELD) == 1


def test_a_shop_whose_map_lets_nobody_empty_baskets_orders_each_once_all_the_same(
    shop: Shop, selling: Gateway, tmp_path: Path
) -> None:
    written = (EXAMPLES / "touchpoints.toml").read_text(encoding="utf-8")
    begins = written.index('[touchpoint.vault.sends."basket.changed"]')
    own = tmp_path / "touchpoints.toml"
    own.write_text(written[:begins] + written[written.index("[", begins + 1) :], encoding="utf-8")
    with environment(COMPTOIR_MAP=str(own)):
        one = ordered(selling, "cup")
        assert content_of(shop, one) == {"cup-1": 1}
        one.look()
        assert one.place(pay="store") != "placed"
    assert shop.value("select count(*) from orders_order") == 1


@pytest.mark.parametrize("is_older", [True, False], ids=["already", "meanwhile"])
def test_a_map_that_does_not_let_the_sale_say_since_when_holds_up_no_paid_order(
    shop: Shop, gateway: Gateway, tmp_path: Path, is_older: bool
) -> None:
    """It lacked the field already when the order was placed, or only when it was paid; nothing else gets lost."""
    written = (EXAMPLES / "touchpoints.toml").read_text(encoding="utf-8")
    own = tmp_path / "touchpoints.toml"
    own.write_text(re.sub(r"fields\.basket_at = .*\n", "", written), encoding="utf-8")
    goods = [listed("cup", price=800), opened()]
    accepted(gateway.post(goods, touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 9)], touchpoint="console"))
    with running_gateway(tmp_path, declared=own, keys=gateway.keys) as narrow, speaking(gateway):
        ways = (environment(COMPTOIR_PAY_IN_STORE_HOURS="48"), environment(COMPTOIR_MAP=str(own)))
        with ways[0], ways[1] if is_older else contextlib.nullcontext():
            one = ordered(gateway, "cup")
            basket = one.form["basket"]
            # Without the field, the basket keeps what is ordered until it is paid, and is ordered so once.
            assert content_of(shop, one) == ({"cup-1": 1} if is_older else {})
            put = {"basket": basket, "put": [{"product": "cup-1", "quantity": 2}]}
            accepted(gateway.post([event("basket.changed", put, source="/storefront")], touchpoint="storefront"))
            if is_older:
                one.look()
                assert "cannot be paid in the store" in one.place(pay="store")
        order = shop.value("select id from orders_order")
        taken = {"order": str(order), "store": STORE, "taken": {"means": "cash", "amount": 800}}
        accepted(gateway.post([event("order.hand_over", taken, source="/console")], touchpoint="console"))
        with environment(COMPTOIR_GATEWAY_URL=narrow.url, COMPTOIR_MAP=str(own)):
            Cashier().look(now=timezone.now())
    assert step_of(order) == ("settled", "")
    assert shop.value("select count(*) from sales_sale") == 1
    assert content_of(shop, one) == {"cup-1": 2}
    assert rebuild(keep=False).changed == []


@pytest.mark.parametrize("lacks", [("hold",), ("store", "customer", "basket", "basket_at", "hold")])
def test_a_paid_order_is_booked_with_what_the_map_lets_its_sale_say(
    shop: Shop, gateway: Gateway, tmp_path: Path, lacks: tuple[str, ...]
) -> None:
    written = (EXAMPLES / "touchpoints.toml").read_text(encoding="utf-8")
    begins = written.index('[touchpoint.vault.sends."sale.closed"]')
    ends = written.index("[", begins + 1)
    sale = re.sub(rf"fields\.({'|'.join(lacks)}) = .*\n", "", written[begins:ends])
    own = tmp_path / "touchpoints.toml"
    own.write_text(written[:begins] + sale + written[ends:], encoding="utf-8")
    accepted(gateway.post([listed("cup", price=800), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 9)], touchpoint="console"))
    with running_gateway(tmp_path, declared=own, keys=gateway.keys) as narrow, speaking(gateway):
        with environment(COMPTOIR_PAY_IN_STORE_HOURS="48"):
            one = ordered(gateway, "cup")
        taken = {"order": str(one.order), "store": STORE, "taken": {"means": "cash", "amount": 800}}
        accepted(gateway.post([event("order.hand_over", taken, source="/console")], touchpoint="console"))
        with environment(COMPTOIR_GATEWAY_URL=narrow.url, COMPTOIR_MAP=str(own)):
            Cashier().look(now=timezone.now())
        follow(shop)
    assert step_of(one.order) == ("settled", "")
    said = json.loads(shop.value("select data::text from events_event where type = 'sale.closed'"))
    assert not said.keys() & set(lacks)
    assert said["total"] == 800
    assert shop.value(HELD) == 0, "what was sold is not held any more"
    assert shop.value("select state from orders_order") == "handed_over"
    assert rebuild(keep=False).changed == []


def test_whoever_does_not_come_loses_nothing_and_holds_nothing(shop: Shop, selling: Gateway) -> None:
    one, two = ordered(selling, "cup"), ordered(selling, "cup")
    assert shop.value(HELD) == 2
    till = Cashier()
    # Staff cancel one: its customer is told that nothing was charged.
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        staff(selling).post(f"/orders/{two.order}", {"does": "cancel"})
        for minutes in (1, 2, 3):
            till.look(now=timezone.now() + dt.timedelta(minutes=minutes))
        subjects = [str(letter["Subject"]) for _, letter in mailbox.letters]
        last = str(mailbox.letters[-1][1].get_content())
    assert sum("was cancelled" in each for each in subjects) == 1
    assert "Nothing was charged" in last
    assert step_of(two.order) == ("over", "cancelled")
    assert shop.value(HELD) == 1
    after = timezone.now() + dt.timedelta(hours=48, minutes=5)
    till.look(now=after)
    till.look(now=after + 2 * rules.LOOK_AGAIN)
    assert step_of(one.order) == ("over", "not_paid")
    assert (shop.value(HELD), till) == (0, [])
    assert shop.value("select because from orders_order where id = %s", one.order) == "not_paid"
    gone = hand(staff(selling), one.order)
    assert "It was handed over before, or cancelled." in words(gone.content.decode())
    assert shop.value("select count(*) from sales_sale") == 0


def test_what_was_handed_over_in_the_last_second_is_booked_and_not_fallen(shop: Shop, selling: Gateway) -> None:
    one = ordered(selling, "cup")
    client = staff(selling)
    hand(client, one.order, **of_page(hand(client, one.order), means="cash"))
    # The clock comes late, and finds both: its time is over, and it was handed over.
    till = Cashier()
    for hours in (49, 50):
        till.look(now=timezone.now() + dt.timedelta(hours=hours))
    assert step_of(one.order) == ("settled", "")
    assert shop.value("select paid_by from orders_order") == {"cash": 800}


def test_guests_hold_no_more_than_a_store_lets_them_whoever_comes_at_once(shop: Shop, selling: Gateway) -> None:
    buyers = [buyer(selling, "cup") for _ in range(6)]
    barrier = threading.Barrier(len(buyers))

    def order(one: Buyer) -> str:
        barrier.wait(timeout=60)
        try:
            return one.place(pay="store")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(buyers)) as threads:
        said = list(threads.map(order, buyers))
    assert said.count("placed") == 2, said
    assert all("It cannot be paid in the store this time" in each for each in said if each != "placed")
    assert shop.value(HELD) == 2
    # Whoever is refused may pay beforehand; a delivery is never paid so, and neither is a heap of goods.
    late = buyer(selling, "cup")
    assert late.place() == "placed"
    heap = buyer(selling, *["cup"] * 6)
    assert "When you pay" not in heap.said
    assert "It cannot be paid in the store" in heap.place(pay="store")
    with environment(COMPTOIR_PAY_IN_STORE_HOURS=""):
        off = buyer(selling, "cup")
        assert "When you pay" not in off.said
        assert "It cannot be paid in the store" in off.place(pay="store")


def test_whoever_is_signed_in_has_points_when_it_is_booked_and_at_most_a_few_at_once(
    shop: Shop, selling: Gateway
) -> None:
    user, now = uuid.uuid4(), timezone.now()

    def wished(**more: Any) -> uuid.UUID:
        basket, filled = basket_with("cup")
        accepted(selling.post([filled], touchpoint="storefront"))
        with entered(VAULT):
            _, priced = commands.quote(basket, customers=[customer_of_user(user)], now=now)
            wish = Wish(
                order=uuid.uuid4(), basket=basket, digest=priced.digest, by="pickup", store=STORE, user=user,
                recipient=Recipient(Hidden("Alice Martin")), in_store=True, **more,
            )  # fmt: skip
            commands.begin(wish, now=now)
            commands.advance(wish.order, now=now)
        return wish.order

    orders = [wished() for _ in range(waiting.OPEN_MAX)]
    with shop.unchanged("checkout_checkout", "orders_order"), pytest.raises(NotInStore):
        wished()
    with shop.unchanged("checkout_checkout", "orders_order"), pytest.raises(NotInStore):
        wished(points=1)
    handed = {
        "order": str(orders[0]), "store": STORE, "taken": {"means": "cash", "amount": 800},
    }  # fmt: skip
    accepted(selling.post([event("order.hand_over", handed, source="/console", at=AT)], touchpoint="console"))
    Cashier().look(now=timezone.now())
    found = shop.rows("select customer from sales_sale")
    assert [str(each["customer"]) for each in found] == [str(customer_of_user(user))]
    assert USER_KIND == "user"
    assert pay(orders[1], at=now) is False or step_of(orders[1])[0] == "placed", "no provider pays for it"
    with entered(VAULT):
        assert Checkout.objects.filter(step="placed").count() == waiting.OPEN_MAX - 1


def test_what_was_called_off_while_somebody_pays_gives_the_money_back(shop: Shop, selling: Gateway) -> None:
    one = buyer(selling, "cup")
    assert one.place() == "placed"
    off = event("order.cancel", {"order": str(one.order), "because": "withdrawn"}, source="/storefront", at=AT)
    accepted(selling.post([off], touchpoint="storefront"))
    # The payment comes before the clock has looked.
    pay(one.order)
    till = Cashier()
    for minutes in (1, 2):
        till.look(now=timezone.now() + dt.timedelta(minutes=minutes))
    assert step_of(one.order) == ("over", "too_late")
    assert till == [(one.order, 800)]
    assert (shop.value(HELD), shop.value("select count(*) from sales_sale")) == (0, 0)
