"""STOP from a number is for whoever has it: on a list only and never written to, or known to nobody until later."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.gateway import Gateway
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client

from comptoir.config.command import main
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel.shop import secret
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.announcements.commands import send_waiting
from comptoir.vault.contacts import commands, stopped
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.contacts.models import Index
from comptoir.vault.messages import texts
from comptoir.vault.rights import retention
from support.mailing import of, user

SAFE = {"host": f"{host_of(VAULT)}:8000"}
PHONE = "+33612345678"
LIST = """
    [list]
    name = "till"
    [[identifiers]]
    column = "Card"
    kind = "card"
    [contact]
    name = "Name"
    phone = "Phone"
    country = "FR"
    [[consents]]
    purpose = "marketing"
    channel = "message"
    column = "Texts"
    given = ["yes"]
    at = "Since"
    how = "paper form at the till"
"""
HEADING = "Card,Name,Phone,Texts,Since"


@pytest.fixture
def gate(gateway: Gateway) -> Iterator[Gateway]:
    for name in (house.STOREFRONT, house.VAULT):
        house.keep_key(name, gateway.keys[name])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_TEXTS_URL="https://provider.example/"):
        yield gateway


def imported(folder: Path, gate: Gateway, *rows: str) -> dict[str, Any]:
    (folder / "list.csv").write_text("\n".join((HEADING, *rows, "")))
    (folder / "mapping.toml").write_text(LIST)
    words = ["import", "customers", str(folder / "list.csv"), "--mapping", str(folder / "mapping.toml"), "--json"]
    told = ["--send", "--gateway", gate.url, "--key", gate.keys["lists"], "--report", str(folder / "report.csv")]
    result = CliRunner().invoke(main, [*words, *told])
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def says_stop(number: str = PHONE) -> bool:
    """The provider brings what somebody answered."""
    answer = Client(headers=SAFE).post(
        f"/messages/answers/?secret={texts.answer_secret()}", {"from": number, "text": "Stop"},
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    return bool(answer.json()["ended"])


def agrees(card: str) -> bool:
    with entered(COUNTER):
        customer = uuid.UUID(customer_id(secret("identifiers"), "card", card))
        return customers.permits(customer, purpose="marketing", channel="message")


def day(days_ago: int) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)).date().isoformat()


def test_whoever_is_on_a_list_only_ends_offers_that_never_came(gate: Gateway, shop: Shop, tmp_path: Path) -> None:
    imported(
        tmp_path, gate, f"1,Alix,{PHONE},yes,{day(30)}", f"2,Bela,{PHONE},yes,{day(30)}",
        f"3,Cleo,+33612345679,yes,{day(30)}",
    )  # fmt: skip
    assert [agrees(card) for card in "123"] == [True, True, True]
    assert says_stop() is True
    assert [agrees(card) for card in "123"] == [False, False, True], "both who have the number, and nobody else"
    assert shop.value("select count(*) from announcements_announcement") == 0
    found = imported(tmp_path, gate, f"1,Alix,{PHONE},yes,{day(20)}")
    assert found["consents_stopped"] == 1, "the list says it anew, and STOP is later"
    assert not agrees("1")


def test_what_was_kept_without_its_number_is_found_once_the_list_comes_again(
    gate: Gateway, shop: Shop, tmp_path: Path
) -> None:
    row = f"1,Alix,{PHONE},yes,{day(30)}"
    imported(tmp_path, gate, row)
    with entered(VAULT):
        Index.objects.all().delete()
    assert says_stop() is False
    assert agrees("1")
    assert imported(tmp_path, gate, row)["same"] == 1
    assert send_waiting() == 1
    assert not agrees("1")
    assert imported(tmp_path, gate, row)["same"] == 1
    assert send_waiting() == 0


def test_a_list_that_comes_after_stop_brings_nothing_back(gate: Gateway, shop: Shop, tmp_path: Path) -> None:
    assert says_stop() is False, "nobody has this number yet"
    assert shop.value("select count(*) from contacts_stopped") == 1
    assert PHONE[1:] not in json.dumps(shop.contents()), "a digest and nothing else"
    found = imported(tmp_path, gate, f"1,Alix,{PHONE},yes,{day(30)}", f"3,Cleo,+33612345679,yes,{day(30)}")
    assert found["consents_stopped"] == 1
    assert "consent_stopped" in (tmp_path / "report.csv").read_text()
    assert [agrees(card) for card in "13"] == [False, True]
    assert shop.value("select count(*) from events_event where type = 'consent.given'") == 1


def test_what_was_agreed_to_after_stop_holds(gate: Gateway, shop: Shop, tmp_path: Path) -> None:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)
    stopped.remember(PHONE, at=long_ago)
    found = imported(tmp_path, gate, f"1,Alix,{PHONE},yes,{day(30)}", f"2,Bela,{PHONE},yes,{day(90)}")
    assert found["consents_stopped"] == 1
    send_waiting()
    assert [agrees(card) for card in "12"] == [True, False]


def test_whoever_signs_in_and_gives_such_a_number_has_ended_what_is_older(gate: Gateway, shop: Shop) -> None:
    now = dt.datetime.now(dt.UTC)
    mine = customers.customer_of_user(user(1))

    def permits() -> bool:
        with entered(COUNTER):
            return customers.permits(mine, purpose="marketing", channel="message")

    stopped.remember(PHONE, at=now - dt.timedelta(hours=2))
    for hours_ago, is_over in ((24, True), (1, False)):
        agreed = casting.consented("marketing", "message", of=of(1), at=now - dt.timedelta(hours=hours_ago))
        assert gate.post(agreed, touchpoint="storefront").is_success
        assert permits()
        commands.keep(user(1), values=ContactValues.of(phone=PHONE), purpose="messages", actor="customer", at=now)
        send_waiting()
        assert permits() is not is_over


def test_an_answer_that_is_no_number_is_not_noted(gate: Gateway, shop: Shop) -> None:
    with shop.unchanged():
        assert says_stop("12345") is False
        assert says_stop("Shop") is False


def test_a_number_is_remembered_for_three_years_after_its_last_stop(shop: Shop) -> None:
    now = dt.datetime.now(dt.UTC)
    for days in (1_200, 1_000):
        stopped.remember(PHONE, at=now - dt.timedelta(days=days))
    stopped.remember("+33612345679", at=now - dt.timedelta(days=1_100))
    assert retention.drop_expired(now=now)["contacts_stopped"] == 1
    assert shop.value("select count(*) from contacts_stopped") == 1
