"""Payments that wait for a person: shown with what finds them at the provider, asked again, or given back by hand."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, customer_of, event, sale, staff_client, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.config import checking
from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import attending, jobs, rules
from support.buying import AT, Buyer, basket_with, counted, listed, opened, speaking
from support.paying import Simulator, hear, let_pay, reference_of, simulator
from support.visitors import vault_session

SAFE = {"host": f"{host_of(VAULT)}:8000", "accept-language": "en"}
PAGE = "/checkout/payments/"


@pytest.fixture
def provider(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Simulator]:
    accepted(gateway.post([listed("tea", price=1250), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("tea", 10)], touchpoint="console"))
    with speaking(gateway), simulator(tmp_path) as running:
        running.moods(reports="never")
        yield running


@pytest.fixture
def staff(provider: Simulator) -> Client:
    client = Client(headers=SAFE)
    cookie, value = vault_session(uuid.uuid4(), is_staff=True)
    client.cookies[cookie] = value
    return client


def ordered(gateway: Gateway) -> Buyer:
    basket, filling = basket_with("tea")
    accepted(gateway.post([filling], touchpoint="storefront"))
    buyer = Buyer(Client(), basket)
    buyer.come()
    assert buyer.place() == "placed"
    return buyer


def paid(shop: Shop, gateway: Gateway, provider: Simulator) -> uuid.UUID:
    order = ordered(gateway).order
    let_pay(shop, provider, order)
    return order


def called_off(gateway: Gateway, order: uuid.UUID) -> None:
    off = event("order.cancel", {"order": str(order), "because": "by_staff"}, source="/console", at=AT)
    accepted(gateway.post([off], touchpoint="console"))
    with entered(VAULT):
        commands.look_at_due(money=MONEY, now=timezone.now())
    jobs.tend(now=timezone.now())


def refused(shop: Shop, gateway: Gateway, provider: Simulator) -> tuple[uuid.UUID, str]:
    """An order that was called off, and whose money the provider does not give back; returns it and its refund."""
    order = paid(shop, gateway, provider)
    provider.moods(reports="never", refunds="refused")
    called_off(gateway, order)
    provider.moods(reports="never")
    return order, str(shop.value("select id from payments_refund"))


def broken() -> list[str]:
    return [each.name for each in checking.check_house().checks if not each.holds and "payment" in each.name]


def longer_ago(shop: Shop, table: str, column: str) -> None:
    shop.rows(f"update {table} set {column} = now() - interval '2 hours' returning 1")


def test_what_a_provider_refuses_is_shown_at_once_and_asked_for_once_more(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client
) -> None:
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    order, refund = refused(shop, gateway, provider)
    text = words(staff.get(PAGE).content.decode())
    assert "The provider refuses to give the money back." in text
    for shown in (number_of(order), "$12.50", provider.sessions(order)[0]["payment"]):
        assert shown in text
    assert "Alice" not in text
    assert broken() == ["payments_are_answered"], "as soon as the page has it"
    for _ in range(2):  # a double click
        assert staff.post(f"{PAGE}refused/{refund}/").status_code == 302
    assert provider.money(order) == 0
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    assert shop.value("select count(*) from payments_refund") == 2
    assert broken() == []


def test_how_it_was_given_back_by_hand_is_said_once_and_kept(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client
) -> None:
    order, refund = refused(shop, gateway, provider)
    for wrong in ("", "ab", "x" * 201, "bell \a bell"):
        with shop.unchanged():
            answer = staff.post(f"{PAGE}{refund}/", {"how": wrong})
        assert answer.status_code == 422
        assert "Between 3 and 200 characters." in words(answer.content.decode())
    for _ in range(2):
        assert staff.post(f"{PAGE}{refund}/", {"how": "by bank  transfer, 4711"}).status_code == 302
    assert shop.value("select by_hand from payments_refund") == "by bank transfer, 4711"
    notes = [row for row in shop.rows("select content from events_audit") if "payments.gave_back" in row["content"]]
    assert len(notes) == 1
    assert "by bank transfer, 4711" in notes[0]["content"]
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    # Whoever presses the other button on an old page asks for nothing: it would be given back twice.
    assert staff.post(f"{PAGE}refused/{refund}/").status_code == 302
    assert provider.money(order) == 1250
    longer_ago(shop, "payments_refund", "wanted_at")
    assert broken() == []


def refused_by_report(shop: Shop, gateway: Gateway, provider: Simulator) -> tuple[uuid.UUID, str, str]:
    """As :func:`refused`, but the provider has a refund that it may do after all; also returns its number of it."""
    order = paid(shop, gateway, provider)
    provider.moods(reports="never", refunds="pending")
    called_off(gateway, order)
    number = str(shop.value("select reference from payments_refund"))
    assert heard(shop, provider, order, number, "refused")
    provider.moods(reports="never")
    return order, str(shop.value("select id from payments_refund")), number


def heard(shop: Shop, provider: Simulator, order: uuid.UUID, number: str, word: str) -> bool:
    """Let the provider say how a refund stands, and hear it."""
    provider.call("POST", f"/control/refunds/{number}/{word}")
    return [hear(each) for each in provider.reports(reference_of(shop, order), "refund_done", "refund_failed")] != []


@pytest.mark.parametrize("instead", ["again", "by hand"])
def test_what_a_provider_does_after_it_was_given_back_otherwise_went_back_twice(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client, instead: str
) -> None:
    order, refund, number = refused_by_report(shop, gateway, provider)
    # Half of it: the capture has room for both.
    with psycopg.connect(database.administrator_conninfo()) as connection:
        connection.execute("update payments_refund set amount = 500")
    if instead == "again":
        assert staff.post(f"{PAGE}refused/{refund}/").status_code == 302
        assert provider.money(order) == 750
    else:
        assert staff.post(f"{PAGE}{refund}/", {"how": "by bank transfer, 4711"}).status_code == 302
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    assert broken() == []
    assert heard(shop, provider, order, number, "done")
    text = words(staff.get(PAGE).content.decode())
    assert "The money went back twice: the provider did it after all." in text
    assert number_of(order) in text
    assert "Given too much $5.00" in text
    assert "Ask for it once more" not in text
    assert broken() == ["payments_are_answered"]
    for word in ("settled", "gone"):
        assert word in staff.post(f"{PAGE}{refund}/", {"how": "the customer sent it back"})["location"]
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    assert broken() == []
    notes = [row["content"] for row in shop.rows("select content from events_audit")]
    assert sum("the customer sent it back" in each for each in notes) == 1


def half_refused(shop: Shop, gateway: Gateway, provider: Simulator) -> tuple[uuid.UUID, str, str]:
    """As :func:`refused_by_report`, of one of two pieces: there is money left that could go back once more."""
    basket, filling = basket_with("tea", "tea")
    accepted(gateway.post([filling], touchpoint="storefront"))
    buyer = Buyer(Client(), basket)
    buyer.come()
    assert buyer.place() == "placed"
    provider.pay(reference_of(shop, buyer.order))
    for report in provider.reports(reference_of(shop, buyer.order), "paid"):
        hear(report)
    handed = event("order.hand_over", {"order": str(buyer.order)}, source="/console", at=AT)
    data = {
        "receipt": "B", "sale": {"receipt": number_of(buyer.order), "source": "/vault"}, "currency": "USD",
        "total": 1250, "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
    }  # fmt: skip
    for said in (handed, event("sale.returned", data, source="/console")):
        accepted(gateway.post([said], touchpoint="console"))
    provider.moods(reports="never", refunds="pending")
    with entered(VAULT):
        commands.look_at_due(money=MONEY, now=timezone.now())
    jobs.tend(now=timezone.now())
    number = str(shop.value("select reference from payments_refund"))
    assert heard(shop, provider, buyer.order, number, "refused")
    provider.moods(reports="never")
    return buyer.order, str(shop.value("select id from payments_refund")), number


@pytest.mark.parametrize(("refuse", "left"), [(refused_by_report, 0), (half_refused, 1250)], ids=["all", "a piece"])
def test_a_second_refund_that_nobody_was_asked_for_ends_when_the_first_one_is_done(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client, refuse: Any, left: int
) -> None:
    order, refund, number = refuse(shop, gateway, provider)
    with environment(COMPTOIR_PAYMENTS=""):  # it waits here, and does not reach the provider
        second = attending._again(uuid.UUID(refund), now=timezone.now())
    assert heard(shop, provider, order, number, "done")
    jobs.tend(now=timezone.now())
    assert provider.money(order) == left
    assert len(provider.state(order)["refunds"]) == 1
    # The provider was never asked for it: it would refuse what it gave back whole, and do the rest once more.
    found = {str(row.pop("id")): row for row in shop.rows("select id, state, why, tries from payments_refund")}
    assert found[refund]["state"] == "done"
    assert found[str(second)] == {"state": "refused", "why": "not_needed", "tries": 0}
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    assert staff.post(f"{PAGE}refused/{second}/").status_code == 302
    assert provider.money(order) == left
    assert broken() == []


def test_a_refusal_whose_line_is_gone_stands_at_the_top(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client
) -> None:
    _order, refund = refused(shop, gateway, provider)
    assert staff.post(f"{PAGE}{refund}/", {"how": "by bank transfer, 4711"}).status_code == 302
    answer = staff.post(f"{PAGE}{refund}/", {"how": "x"})
    assert answer.status_code == 422
    text = words(answer.content.decode())
    assert "Between 3 and 200 characters." in text
    assert "No payment waits for anybody." in text


@pytest.mark.parametrize("with_card", [False, True], ids=["nobody", "with a card"])
def test_a_guest_is_forgotten_once_no_money_is_to_go_back(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client, with_card: bool
) -> None:
    basket, filling = basket_with("tea")
    accepted(gateway.post([filling], touchpoint="storefront"))
    guest = Client()
    accepted(gateway.post([sale("1", 0, receipt="before")], touchpoint="till"))
    buyer = Buyer(guest, basket, customer=customer_of(gateway, "1") if with_card else None)
    buyer.come()
    assert buyer.place() == "placed"
    provider.pay(reference_of(shop, buyer.order))
    for report in provider.reports(reference_of(shop, buyer.order), "paid"):
        hear(report)
    handed = event("order.hand_over", {"order": str(buyer.order)}, source="/console", at=AT)
    accepted(gateway.post([handed], touchpoint="console"))

    def look() -> None:
        with entered(VAULT):  # by then no letter is tried any more
            commands.look_at_due(money=MONEY, now=timezone.now() + dt.timedelta(days=4))

    def page() -> str:
        return words(guest.get(f"/checkout/orders/{buyer.order}/", headers=SAFE).content.decode())

    may = "Have your name and address forgotten"
    look()
    assert may in page()
    assert ("among the purchases of the customer card" in page()) is with_card
    assert ("is nobody’s" in page()) is not with_card
    data = {
        "receipt": "B", "sale": {"receipt": number_of(buyer.order), "source": "/vault"}, "currency": "USD",
        "total": 1250, "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
    }  # fmt: skip
    accepted(gateway.post([event("sale.returned", data, source="/console")], touchpoint="console"))
    assert may not in page(), "its money was not even asked back"
    provider.moods(reports="never", refunds="refused")
    look()
    assert may not in page(), "nor after that"
    jobs.tend(now=timezone.now() + dt.timedelta(days=4))
    assert shop.value("select state from payments_refund") == "refused"
    assert may not in page(), "somebody has to reach them"
    with shop.unchanged("checkout_checkout", "contacts_key"):
        refused_so = guest.post(f"/checkout/orders/{buyer.order}/forget/", headers=SAFE)
    assert "written or given back to you" in words(refused_so.content.decode())
    assert staff.post(f"{PAGE}{shop.value('select id from payments_refund')}/", {"how": "in cash"}).status_code == 302
    assert may in page()
    guest.post(f"/checkout/orders/{buyer.order}/forget/", headers=SAFE)
    assert "Your name and address are forgotten." in page()
    assert shop.value("select count(*) from contacts_key") == 0


def test_what_is_not_answered_is_shown_after_an_hour_and_asked_now(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client
) -> None:
    order = paid(shop, gateway, provider)
    provider.moods(reports="never", calls="error")
    called_off(gateway, order)
    refund = shop.value("select id from payments_refund")
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())
    longer_ago(shop, "payments_refund", "wanted_at")
    assert "The provider does not say whether the money goes back." in words(staff.get(PAGE).content.decode())
    assert "no answer yet" in words(staff.post(f"{PAGE}refund/{refund}/", follow=True).content.decode())
    assert provider.money(order) == 1250
    provider.moods(reports="never")
    assert staff.post(f"{PAGE}refund/{refund}/").status_code == 302
    assert provider.money(order) == 0
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())


def test_whether_it_is_paid_is_asked_now(shop: Shop, gateway: Gateway, provider: Simulator, staff: Client) -> None:
    order = ordered(gateway).order
    provider.pay(reference_of(shop, order))
    provider.moods(reports="never", calls="error")
    jobs.tend(now=timezone.now() + rules.SHOWN_AFTER)
    longer_ago(shop, "payments_session", "unknown_since")
    session = shop.value("select id from payments_session")
    assert "The provider does not say whether it is paid." in words(staff.get(PAGE).content.decode())
    provider.moods(reports="never")
    assert staff.post(f"{PAGE}session/{session}/").status_code == 302
    assert shop.value("select state from orders_order") == "paid"
    assert "No payment waits for anybody." in words(staff.get(PAGE).content.decode())


def test_nobody_else_sees_it_and_an_invented_number_does_nothing(
    shop: Shop, gateway: Gateway, provider: Simulator, staff: Client
) -> None:
    _, refund = refused(shop, gateway, provider)
    customer = Client(headers=SAFE)
    cookie, value = vault_session(uuid.uuid4())
    customer.cookies[cookie] = value
    for stranger in (customer, Client(headers=SAFE)):
        with shop.unchanged("payments_refund", "events_audit"):
            assert stranger.get(PAGE).status_code in {302, 404}
            assert stranger.post(f"{PAGE}refused/{refund}/").status_code in {302, 404}
            assert stranger.post(f"{PAGE}{refund}/", {"how": "in cash"}).status_code in {302, 404}
    with shop.unchanged("payments_refund", "events_audit"):
        for path in (f"refused/{uuid.uuid4()}/", f"session/{refund}/", f"nothing/{refund}/"):
            assert "gone" in staff.post(f"{PAGE}{path}")["location"]
        assert "gone" in staff.post(f"{PAGE}{uuid.uuid4()}/", {"how": "in cash"})["location"]
    console = staff_client().get("/orders").content.decode()
    assert re.search(r'href="http://[^"]*/checkout/payments/"', console)
