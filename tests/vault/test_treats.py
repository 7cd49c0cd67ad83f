"""A treat in the month of somebody's birthday: by consent, through the whole house, and nobody learns the day."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from support.gateway import EXAMPLES, Gateway
from support.pages import words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config.rebuilding import rebuild
from comptoir.config.worker import Jobs
from comptoir.counter.customers import records
from comptoir.counter.customers.queries import customer_of_user
from comptoir.foundation.kernel.clock import FixedClock
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.touchpoints import house
from comptoir.vault.announcements.commands import send_waiting
from comptoir.vault.contacts.queries import kept_pieces
from comptoir.vault.credentials.models import User
from support.vault import Visitor, problem_of

NEW_YORK = dt.timezone(-dt.timedelta(hours=5))


@pytest.fixture
def gate(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    for name in (house.VAULT, house.STOREFRONT):
        house.keep_key(name, gateway.keys[name])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
    for name in (house.VAULT, house.STOREFRONT):
        house.key_path(name).unlink(missing_ok=True)


@pytest.fixture
def alice(gate: Gateway) -> Visitor:
    visitor = Visitor()
    visitor.make_passkey()
    return visitor


def user() -> uuid.UUID:
    with entered(VAULT):
        found: uuid.UUID = User.objects.get().pk
    return found


def give(visitor: Visitor, month: int, day: int) -> Any:
    return visitor.send("/contact/birthday/", {"month": str(month), "day": str(day), "agreed": "yes"})


def work(shop: Shop, at: dt.datetime) -> None:
    """Do what the worker does of it, at a moment."""
    jobs = Jobs(clock=FixedClock(at))
    with shop.connect() as connection:
        jobs.tell_treats(connection)
        jobs.end_treats(connection)


def is_due(gate: Gateway, key: str = "till") -> bool:
    headers = {"Authorization": f"Bearer {gate.keys[key]}"}
    answer = gate.client.get(f"/v1/customers/{customer_of_user(user())}/answers/treat_due", headers=headers)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told.keys() == {"customer", "predicate", "due"}, "a yes or no, and nothing of when"
    return bool(told["due"])


def openings(shop: Shop) -> int:
    read = "select count(*) from events_audit where content like '%contacts.read%' and content like '%birthday treat%'"
    found: int = shop.value(read.replace("%", "%%"))
    return found


def kept() -> set[str]:
    return {piece.field for piece in kept_pieces(user())}


def this_month() -> int:
    return dt.datetime.now(NEW_YORK).month


def test_a_till_hears_in_the_month_that_a_treat_is_due_and_nobody_hears_why(
    alice: Visitor, gate: Gateway, shop: Shop
) -> None:
    month = this_month()
    today = dt.datetime.now(NEW_YORK).day
    day = 3 if today > 15 else 25
    assert give(alice, month, day).status_code == 302
    given = "select type, data->>'channel' channel from events_event where type like 'consent%%' order by 2"
    assert shop.rows(given) == [
        {"type": "consent.given", "channel": "store"}, {"type": "consent.given", "channel": "web"},
    ]  # fmt: skip
    assert not is_due(gate)
    now = dt.datetime.now(dt.UTC)
    work(shop, now)
    assert is_due(gate)
    assert openings(shop) == 1
    work(shop, now + dt.timedelta(minutes=15))
    assert openings(shop) == 1, "once in a month"
    whole = str(shop.contents("events_event", "answers_treat", "customers_choice"))
    assert "birthday" not in whole
    assert f"{month:02}-{day:02}" not in whole
    assert rebuild().changed == []
    assert "to see whether a treat is due" in words(alice.get("/accesses/").content.decode())


def test_in_other_months_it_is_not_due(alice: Visitor, gate: Gateway, shop: Shop) -> None:
    month = this_month()
    give(alice, month % 12 + 1, 3)
    work(shop, dt.datetime.now(dt.UTC))
    assert not is_due(gate)
    assert shop.value("select count(*) from answers_treat") == 0


@pytest.mark.parametrize("year", [2027, 2028])
def test_who_was_born_on_29_february_is_treated_in_every_year(
    alice: Visitor, gate: Gateway, shop: Shop, year: int
) -> None:
    """In the shop's own time: February begins and ends with its midnights."""
    assert give(alice, 2, 29).status_code == 302
    first, last = dt.datetime(year, 2, 1, tzinfo=NEW_YORK), dt.datetime(year, 3, 1, tzinfo=NEW_YORK)
    work(shop, first - dt.timedelta(seconds=1))
    assert shop.rows("select until from answers_treat") == []
    work(shop, first)
    assert shop.rows("select until from answers_treat") == [{"until": last}]
    work(shop, last)
    assert shop.rows("select until from answers_treat where until > %s", last) == []


@pytest.mark.parametrize("how", ["withdrawn", "objected", "other terms", "removed", "stepped back"])
def test_with_the_consent_the_day_is_destroyed(alice: Visitor, gate: Gateway, shop: Shop, how: str) -> None:
    month = this_month()
    give(alice, month, 28)
    now = dt.datetime.now(dt.UTC)
    work(shop, now)
    assert is_due(gate)
    customer = {"customer": {"kind": "user", "value": str(user())}}
    if how == "withdrawn":
        for channel in ("store", "web"):
            assert kept() == {"birthday"}
            say("consent.withdrawn", customer | {"purpose": "treat", "channel": channel})
    elif how == "objected":
        say("objection.made", customer | {"means": "gpc"})
    elif how == "other terms":
        name = uuid.uuid4()
        record = records.agreement(name=name, term="SD-BASE", at=now)
        said = customer | {"proffer": str(name), "term": "SD-BASE", "record": record}
        say("terms.agreed", said, touchpoint=house.STOREFRONT)
    elif how == "removed":
        alice.send("/contact/birthday/remove/", {})
    else:
        alice.send("/contact/everything/remove/", {})
    assert not is_due(gate), "from the moment it was said"
    work(shop, dt.datetime.now(dt.UTC))
    assert kept() == set()
    with entered(COUNTER):
        assert shop.value("select customers_permits(%s, 'treat', 'store')", customer_of_user(user())) is False


def say(kind: str, data: dict[str, Any], touchpoint: str = house.VAULT) -> None:
    answer = house.send(kind, data, touchpoint=touchpoint, request=uuid.uuid4(), at=dt.datetime.now(dt.UTC))
    assert answer.problem is None, answer.problem


def test_a_consent_on_one_channel_is_for_that_channel(alice: Visitor, gate: Gateway, shop: Shop) -> None:
    month = this_month()
    give(alice, month, 28)
    said = {"customer": {"kind": "user", "value": str(user())}, "purpose": "treat", "channel": "web"}
    say("consent.withdrawn", said)
    work(shop, dt.datetime.now(dt.UTC))
    assert is_due(gate)
    assert kept() == {"birthday"}, "one is left"
    with shop.connect() as connection:
        row = connection.execute("select customers_permits(%s, 'treat', 'web')", (customer_of_user(user()),)).fetchone()
    assert row == (False,)


def test_a_receipt_is_the_customers_and_says_for_how_long(alice: Visitor, gate: Gateway, shop: Shop) -> None:
    give(alice, 5, 4)
    assert alice.go_to_counter().status_code == 302
    receipt = records.verify(alice.get("/consents/treat/store/receipt", room=COUNTER).content.decode())
    assert isinstance(receipt, records.Receipt)
    assert (receipt.purpose_dpv, receipt.duration) == ("dpv:PersonalisedBenefits", "P365D")
    assert "05-04" not in str(receipt)


def test_while_the_gateway_is_away_nothing_is_destroyed_and_it_is_told_later(
    alice: Visitor, gate: Gateway, shop: Shop
) -> None:
    month = this_month()
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        give(alice, month, 28)
        now = dt.datetime.now(dt.UTC)
        work(shop, now)
    assert kept() == {"birthday"}
    assert openings(shop) == 0, "nobody has heard that they agree"
    send_waiting()
    work(shop, now + dt.timedelta(minutes=15))
    assert is_due(gate)


def test_without_the_tick_nothing_is_kept_or_told(alice: Visitor, gate: Gateway, shop: Shop) -> None:
    with shop.unchanged("contacts_piece", "events_event", "announcements_announcement"):
        answer = alice.send("/contact/birthday/", {"month": "5", "day": "4"})
        assert problem_of(answer) == (422, "birthday_not_agreed")
        answer = alice.send("/contact/birthday/", {"month": "2", "day": "30", "agreed": "yes"})
        assert problem_of(answer)[0] == 422


def test_forgotten_with_everything_else(alice: Visitor, gate: Gateway, shop: Shop) -> None:
    month = this_month()
    give(alice, month, 28)
    work(shop, dt.datetime.now(dt.UTC))
    customer = customer_of_user(user())
    say("customer.forgotten", {"customer": {"kind": "user", "value": str(user())}})
    assert shop.value("select count(*) from answers_treat where customer = %s", customer) == 0
    assert str(customer) not in str(shop.contents("events_event", "answers_treat", "customers_permission"))
