"""Whoever wants no more of something says so by the message's own link; a mail scanner that opens it says nothing."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.gateway import Gateway
from support.shop import COUNTED, Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client

from comptoir.counter.customers import queries as customers
from comptoir.counter.messages import ending, leaving
from comptoir.counter.messages.contracts import TemplateText
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import commands, keeping, pending
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.lists.models import Entry
from comptoir.vault.messages import texts
from support.mailing import address, customer, decide, dispatched, final, of, outcomes, send, user

PHONE = "+33612345601"
MY = {"host": f"{host_of(COUNTER)}:8000"}


@pytest.fixture
def gate(gateway: Gateway) -> Iterator[Gateway]:
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        now = dt.datetime.now(dt.UTC)
        for channel in ("web", "mail"):
            answer = gateway.post(
                casting.consented("marketing", channel, of=of(1), at=now - dt.timedelta(days=1)),
                touchpoint="storefront",
            )
            assert answer.is_success, answer.text
        yield gateway


def shown_on_the_page() -> uuid.UUID:
    (one,) = decide(dispatched(channel="web", because={"en": "you asked for offers on coffee"}), [customer(1)])
    assert send("web") == 1
    return one


def agrees(channel: str = "web") -> bool:
    with entered(COUNTER):
        return customers.permits(customer(1), purpose="marketing", channel=channel)


def test_a_mail_scanner_that_opens_the_link_changes_nothing(gate: Gateway, shop: Shop) -> None:
    path = f"/messages/why/{leaving.token_of(shown_on_the_page())}"
    with shop.unchanged():
        for client in (Client(headers=MY), Client(headers={**MY, "user-agent": "scanner"})):
            page = client.get(path)
            assert page.status_code == 200
            assert "you asked for offers on coffee" in page.content.decode()
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert client.head(path).status_code == 200
    assert agrees()


def test_one_click_ends_it_on_that_channel_and_on_no_other(gate: Gateway, shop: Shop) -> None:
    one = shown_on_the_page()
    path = f"/messages/why/{leaving.token_of(one)}"
    mail_program = Client(headers=MY, enforce_csrf_checks=True)
    body = "List-Unsubscribe=One-Click"
    answer = mail_program.post(path, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert not agrees()
    assert agrees("mail")
    assert "unsubscribed" in outcomes(shop)[one]
    with shop.unchanged("events_event", "customers_choice"):
        assert mail_program.post(path, body, content_type="application/x-www-form-urlencoded").status_code == 200
    later = decide(dispatched(channel="web"), [customer(1)], occurrence="2")
    send("web")
    assert outcomes(shop)[later[0]] == {"suppressed": "consent"}


def test_an_old_link_ends_it_again_for_whoever_has_agreed_since(gate: Gateway, shop: Shop) -> None:
    one, now = shown_on_the_page(), dt.datetime.now(dt.UTC)
    assert ending.end(one, at=now - dt.timedelta(days=20))
    assert agrees(), "the consent of yesterday is the later word"
    path, client = f"/messages/why/{leaving.token_of(one)}", Client(headers=MY)
    assert "<button" in client.get(path).content.decode()
    assert client.post(path).status_code == 200
    assert not agrees()
    assert "<button" not in client.get(path).content.decode()
    with shop.unchanged("events_event", "customers_choice", "messages_outcome"):
        assert client.post(path).status_code == 200
    again = casting.consented("marketing", "web", of=of(1), at=dt.datetime.now(dt.UTC))
    assert gate.post(again, touchpoint="storefront").is_success
    assert agrees()
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        assert "within a few minutes" in client.post(path).content.decode()
    assert agrees()
    assert ending.tell_ended(now=dt.datetime.now(dt.UTC)) == 1
    assert not agrees()


def test_what_is_said_while_the_counter_is_away_holds_and_is_told_later(gate: Gateway, shop: Shop) -> None:
    path = f"/messages/why/{leaving.token_of(shown_on_the_page())}"
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        assert "within a few minutes" in Client(headers=MY).post(path).content.decode()
    assert agrees()
    assert ending.tell_ended(now=dt.datetime.now(dt.UTC)) == 1
    assert not agrees()
    assert ending.tell_ended(now=dt.datetime.now(dt.UTC)) == 0


def test_a_link_that_is_none_finds_nothing(shop: Shop) -> None:
    for token in ("x", "0" * 60, leaving.token_of(uuid.uuid4())[:-2]):
        with shop.unchanged():
            assert Client(headers=MY).get(f"/messages/why/{token}").status_code == 404
            assert Client(headers=MY).post(f"/messages/why/{token}").status_code == 404


def test_the_customers_own_page_shows_what_came_and_why(gate: Gateway, shop: Shop) -> None:
    shown_on_the_page()
    client = Client(headers=MY)
    assert client.get(f"/card/{links.card_token(customer(1))}").status_code == 302
    page = client.get("/messages").content.decode()
    assert "20 % off coffee." in page
    assert "You get this because you asked for offers on coffee, on" in page
    other = Client(headers=MY)
    other.get(f"/card/{links.card_token(uuid.uuid4())}")
    assert "20 % off coffee." not in other.get("/messages").content.decode()


def test_stop_ends_offers_to_everybody_with_that_number(gate: Gateway, shop: Shop) -> None:
    """A couple shares a telephone, and a third has it from a list; a fourth has another one."""
    house.keep_key(house.VAULT, gate.keys["vault"])
    now = dt.datetime.now(dt.UTC)
    for number in (1, 2, 4):
        phone = "+33612345699" if number == 4 else PHONE
        commands.keep(
            user(number), values=ContactValues.of(phone=phone, email=address(number)), purpose="sign_in",
            actor="customer", at=now, proven=["phone"] if number == 1 else [],
        )  # fmt: skip
    keeping.prepare(at=now)
    listed, entry = customer(3), uuid.uuid4()
    with entered(VAULT):
        Entry.objects.create(id=entry, list="crm", kind="crm", customer=listed, taken_at=now, kept_at=now)
    pending.keep_all({entry: ContactValues.of(phone=PHONE)}, purpose="list", actor="operator", at=now)
    everybody = {"one": of(1), "two": of(2), "listed": of(3), "four": of(4)}
    for reference in everybody.values():
        for channel in ("message", "mail"):
            told = casting.consented("marketing", channel, of=reference, at=now - dt.timedelta(hours=1))
            assert gate.post(told, touchpoint="storefront").is_success
    (to_listed,) = decide(
        dispatched(channel="message", texts={"en": TemplateText("Hi")}), [listed], occurrence="before"
    )  # fmt: skip
    (offer,) = decide(dispatched(channel="message", texts={"en": TemplateText("Hi")}), [customer(1)], occurrence="sms")
    assert send("message", now=now) == 2
    assert set(final(shop).values()) == {"accepted"}
    assert texts.take_answer(PHONE, "Stop.") is True
    assert {"unsubscribed" in outcomes(shop)[each] for each in (to_listed, offer)} == {True, False}, "by the latest"
    with entered(COUNTER):
        mine = {
            "one": customer(1), "two": customer(2), "four": customer(4), "listed": listed,
        }  # fmt: skip
        texted = {who: customers.permits(each, purpose="marketing", channel="message") for who, each in mine.items()}
        mailed = {who: customers.permits(each, purpose="marketing", channel="mail") for who, each in mine.items()}
    assert texted == {"one": False, "two": False, "four": True, "listed": False}
    assert set(mailed.values()) == {True}, "mail is another channel"
    with shop.unchanged(*(shop.contents().keys() - COUNTED - {"contacts_stopped"})):
        assert texts.take_answer("+33612345698", "STOP") is False, "nobody has this number"
