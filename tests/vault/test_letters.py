"""Letters of what is new, from the square to a mail server: ended by one click, and nobody learns whose a name is."""

from __future__ import annotations

import datetime as dt
import re
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from comptoir.foundation.rooms.addresses import host_of, public_port
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER
from support.gateway import EXAMPLES, Gateway
from support.mailbox import Mailbox, running_mailbox
from support.newsworthy import ALICE, BOB, Turning, answered, conversation, wants
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client, override_settings

from comptoir.config.rebuilding import rebuild
from comptoir.config.worker import Jobs
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.letters import stopping
from comptoir.counter.letters.rules import due_at
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import commands
from comptoir.vault.contacts.contracts import ContactValues

ADDRESSES = {ALICE: "alice.canary@example.org", BOB: "bob.canary@example.net"}
NOW = dt.datetime.now(dt.UTC)  # when the test that runs began
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of all tests takes longer than a letter that is due at once."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", dt.datetime.now(dt.UTC))


@pytest.fixture
def gate(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    house.keep_key(house.STOREFRONT, gateway.keys[house.STOREFRONT])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
    house.key_path(house.STOREFRONT).unlink(missing_ok=True)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running_mailbox() as box:
        mail = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": box.port,
            "EMAIL_USE_TLS": False,
            "EMAIL_HOST_USER": "",
        }
        with override_settings(**mail):
            yield box


class Worker:
    """The worker's job, at moments of the test's own. It has looked once, long ago."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._clock = Turning(NOW)
        self._jobs = Jobs(clock=self._clock)
        self.at(NOW - 10 * DAY)

    def at(self, moment: dt.datetime) -> None:
        self._clock.at = moment
        with self._shop.connect() as connection:
            self._jobs.send_letters(connection)


@pytest.fixture
def worker(shop: Shop, gate: Gateway, mailbox: Mailbox) -> Worker:
    return Worker(shop)


def lives_at(user: uuid.UUID, *, is_proven: bool = True) -> None:
    values = ContactValues.of(email=ADDRESSES[user])
    proven = ["email"] if is_proven else []
    commands.keep(user, values=values, purpose="sign_in", actor=f"customer:{user}", at=NOW, proven=proven)  # type: ignore[arg-type]


def openings(shop: Shop, user: uuid.UUID) -> int:
    read = "select count(*) from events_audit where content like '%%letters of the square%%' and content like %s"
    found: int = shop.value(read, f"%{user}%")
    return found


def click(path: str, *, posting: bool) -> Any:
    headers = {"host": f"{host_of(COUNTER)}:{public_port()}"}
    client = Client(enforce_csrf_checks=True)
    if not posting:
        return client.get(path, headers=headers)
    form = "List-Unsubscribe=One-Click"
    return client.post(path, form, content_type="application/x-www-form-urlencoded", headers=headers)


def test_a_letter_says_what_is_new_once_and_only_to_who_asked(
    shop: Shop, gate: Gateway, worker: Worker, mailbox: Mailbox
) -> None:
    lives_at(ALICE)
    lives_at(BOB)
    wants(gate, ALICE)
    _wren, _finch, thread = conversation(gate)
    worker.at(NOW + DAY)
    ((recipients, letter),) = mailbox.letters
    assert recipients == [ADDRESSES[ALICE]]
    text = letter.get_content()
    assert letter["Subject"].endswith("1 new thing for you")
    assert "New for Wren:" in text
    assert "Finch answers you" in text
    assert f"/en/threads/{thread}#p2" in text
    assert "Five days" not in text, "titles and links, and not what was said"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    worker.at(NOW + 2 * DAY)
    assert len(mailbox.letters) == 1, "nothing is told twice"
    assert rebuild(keep=False).changed == []


def test_one_click_ends_the_letters_and_looking_at_the_link_does_not(
    gate: Gateway, worker: Worker, mailbox: Mailbox, shop: Shop
) -> None:
    lives_at(ALICE)
    wants(gate, ALICE, "at_once", "fr")
    _wren, finch, thread = conversation(gate)
    worker.at(NOW + dt.timedelta(minutes=15))
    letter = mailbox.wait(1)
    assert "nouveauté" in letter["Subject"]
    assert "/fr/threads/" in letter.get_content()
    path = re.sub(r"^<https?://[^/]+", "", letter["List-Unsubscribe"].strip()).removesuffix(">")
    assert click(path, posting=False).status_code == 200
    answered(gate, finch, thread)
    worker.at(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=30))
    assert openings(shop, ALICE) == 1, "once a day"
    answer = click(path, posting=True)
    assert answer.status_code == 200
    assert not answer.cookies
    assert click(path[:-1] + ("A" if path[-1] != "A" else "B"), posting=True).status_code == 404
    assert shop.value("select value from customers_choice where matter = 'letters'").startswith("never")
    before = len(mailbox.letters)
    answered(gate, finch, thread)
    worker.at(NOW + DAY)
    assert len(mailbox.letters) == before


def test_an_address_that_nobody_has_proven_gets_nothing(gate: Gateway, worker: Worker, mailbox: Mailbox) -> None:
    lives_at(ALICE, is_proven=False)
    wants(gate, ALICE)
    conversation(gate)
    worker.at(NOW + DAY)
    assert mailbox.letters == []


def test_a_mail_server_that_refuses_stops_nobody(gate: Gateway, worker: Worker, mailbox: Mailbox) -> None:
    lives_at(ALICE)
    wants(gate, ALICE)
    conversation(gate)
    mailbox.refuses = True
    worker.at(NOW + DAY)
    assert mailbox.letters == []


def test_neither_tables_nor_log_nor_audit_tell_whose_a_name_is(
    shop: Shop, gate: Gateway, worker: Worker, mailbox: Mailbox
) -> None:
    for user in (ALICE, BOB):
        lives_at(user)
        wants(gate, user)
    wren, _finch, _thread = conversation(gate)
    worker.at(NOW + DAY)
    assert [recipients for recipients, _ in mailbox.letters] == [[ADDRESSES[ALICE]]]
    # Both addresses were opened, though only one of the two had news.
    assert (openings(shop, ALICE), openings(shop, BOB)) == (1, 1)
    who = {str(ALICE), str(customer_of_user(ALICE)), ADDRESSES[ALICE]}
    joining = {
        name
        for name, rows in shop.contents().items()
        for row in rows
        if wren in str(row) and any(each in str(row) for each in who)
    }
    assert joining == {"customers_personaholder", "events_event"}, "the counter's own, and the wish for the name"
    types = shop.rows("select distinct type from events_event where data::text like %s", f"%{customer_of_user(ALICE)}%")
    assert {row["type"] for row in types} == {"persona.choose", "letters.chosen"}
    # The one row of a round says the same of everybody.
    assert [set(row) for row in shop.rows("select * from letters_round where rhythm = 'daily'")] == [
        {"rhythm", "until", "at"}
    ]


def test_a_stop_link_says_nothing_of_whom_it_is_for() -> None:
    customer = uuid.uuid4()
    token = stopping.token_of(customer)
    assert stopping.customer_of(token) == customer
    assert token != stopping.token_of(customer)
    for wrong in ("", "x", token[:-2], token[::-1], "é" * 40):
        with pytest.raises(stopping.StopLinkInvalid):
            stopping.customer_of(wrong)


def test_letters_are_due_in_the_shops_morning() -> None:
    def midnight(day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(5), dt.UTC)

    monday = dt.date(2026, 11, 23)
    early, late = (dt.datetime(2026, 11, 25, hour, tzinfo=dt.UTC) for hour in (11, 13))
    wednesday = monday + dt.timedelta(days=2)
    seven = dt.timedelta(hours=7)
    assert due_at("daily", late, today=wednesday, midnight=midnight) == midnight(wednesday) + seven
    assert due_at("daily", early, today=wednesday, midnight=midnight) == midnight(wednesday - DAY) + seven
    assert due_at("weekly", early, today=wednesday, midnight=midnight) == midnight(monday) + seven
    start = dt.datetime(2026, 11, 23, 11, tzinfo=dt.UTC)
    assert due_at("weekly", start, today=monday, midnight=midnight) == midnight(monday - 7 * DAY) + seven
    assert due_at("at_once", late, today=wednesday, midnight=midnight) == late
