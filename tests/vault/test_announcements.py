"""The counter hears of what the vault has to tell it, at once or later, in order, and of each thing once."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.config.equipping import equip_pages
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.touchpoints import house
from support.gateway import EXAMPLES, Gateway
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core.management import call_command

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.announcements.commands import announce, send_waiting
from comptoir.vault.contacts import commands
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.contacts.errors import ContactInvalid

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
ALICE = uuid.UUID(int=0xA11CE)

pytestmark = pytest.mark.xdist_group("console")  # the house's keys lie in the folder that all workers share


@pytest.fixture(autouse=True)
def keys(shop: Shop) -> Iterator[None]:
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        equip_pages(lambda _line: None)
        yield
        for touchpoint in house.HOUSE:
            house.key_path(touchpoint).unlink(missing_ok=True)


def keep(name: str = "Alice") -> None:
    commands.keep(ALICE, values=ContactValues.of(name=name), purpose="x", actor="house", at=NOW)


def heard(shop: Shop) -> list[str]:
    rows = shop.rows("select data->>'closeness' as said from events_event where type = 'closeness.changed' order by 1")
    return [row["said"] for row in rows]


def told(shop: Shop) -> list[str]:
    return [row["type"] for row in shop.rows("select type from events_event order by position")]


def test_the_counter_hears_of_each_step_once(shop: Shop, gateway: Gateway) -> None:
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        keep()
        keep("Alice Martin")
        assert send_waiting() == 1
        assert send_waiting() == 0
        commands.destroy(ALICE, actor="house", at=NOW + dt.timedelta(days=1))
        assert send_waiting() == 1
    assert heard(shop) == ["known", "recognised"]
    assert shop.value("select value from customers_choice where matter = 'closeness'") == "recognised"
    assert shop.value("select count(*) from announcements_announcement") == 0
    assert str(ALICE) not in str(shop.contents("events_event", "customers_choice", "customers_customer"))


def test_what_cannot_be_told_now_is_told_later(shop: Shop, gateway: Gateway) -> None:
    keep()
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:1"), shop.unchanged():
        assert send_waiting() == 0
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert send_waiting() == 1
    assert heard(shop) == ["known"]


def test_a_word_that_was_told_and_not_taken_away_is_no_second_event(shop: Shop, gateway: Gateway) -> None:
    keep()
    row = shop.rows("select id, person, kind, said::text, at from announcements_announcement")[0]
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        send_waiting()
        shop.rows("insert into announcements_announcement values (%s, %s, %s, %s, %s) returning id", *row.values())
        assert send_waiting() == 1
    assert heard(shop) == ["known"]


def test_data_that_are_refused_leave_no_word(shop: Shop) -> None:
    with pytest.raises(ContactInvalid):
        commands.keep(ALICE, values=ContactValues.of(email="x"), purpose="x", actor="house", at=NOW)
    assert shop.value("select count(*) from announcements_announcement") == 0


def test_what_waits_is_told_in_the_order_in_which_it_happened(shop: Shop, gateway: Gateway) -> None:
    until = (NOW + dt.timedelta(days=3)).isoformat()
    with entered(VAULT):
        announce(ALICE, "spending.frozen", at=NOW + dt.timedelta(minutes=2))
        announce(ALICE, "spending.cooled", at=NOW + dt.timedelta(minutes=1), said={"until": until})
    keep()
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert send_waiting(stop_at=2) == 2
        assert told(shop) == ["closeness.changed", "spending.cooled"]
        assert send_waiting() == 1
    assert told(shop) == ["closeness.changed", "spending.cooled", "spending.frozen"]


def test_what_is_refused_for_good_does_not_hold_up_what_comes_after_it(
    shop: Shop, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with entered(VAULT):
        announce(ALICE, "spending.cooled", at=NOW - dt.timedelta(minutes=1), said={"until": "some day"})
    keep()
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert send_waiting() == 2
    assert told(shop) == ["closeness.changed"]
    assert "The counter refuses to hear spending.cooled" in caplog.text
    assert str(ALICE) not in caplog.text


def test_what_waited_in_two_tables_goes_on_waiting_in_one(shop: Shop, gateway: Gateway) -> None:
    bob, first, second = uuid.UUID(int=0xB0B), uuid.UUID(int=1), uuid.UUID(int=2)
    for package, before in (("credentials", "0004"), ("contacts", "0002")):
        call_command("migrate", package, before, database="default", verbosity=0)
    shop.rows(
        "insert into credentials_user (id, kind, name, password, joined_at, is_active)"
        " values (%s, 'customer', '', '!', %s, true) returning id", bob, NOW,
    )  # fmt: skip
    shop.rows(
        "insert into credentials_announcement (id, user_id, kind, said, at)"
        " values (%s, %s, 'spending.frozen', '{}', %s) returning id", second, bob, NOW + dt.timedelta(minutes=1),
    )  # fmt: skip
    shop.rows(
        "insert into contacts_announcement (id, person, closeness, at) values (%s, %s, 'known', %s) returning id",
        first, ALICE, NOW,
    )  # fmt: skip
    call_command("migrate", database="default", verbosity=0)
    rows = shop.rows("select id, person, kind, said from announcements_announcement order by at")
    assert [tuple(row.values()) for row in rows] == [
        (first, ALICE, "closeness.changed", {"closeness": "known"}), (second, bob, "spending.frozen", {}),
    ]  # fmt: skip
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        assert send_waiting() == 2
    assert told(shop) == ["closeness.changed", "spending.frozen"]
