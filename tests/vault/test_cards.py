"""Linking a card to a passkey: shown by this browser, asked for by this session, said yes to by the passkey."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.doors.storefront.links import card_token
from support.vault import Counter, Visitor, asked_in, problem_of, ticket_in

CARD = uuid.UUID("00000000-0000-8000-8000-000000000001")
TABLES = ("rooms_vaultadmission", "customers_link", "announcements_announcement")


@pytest.fixture
def counter() -> Iterator[Counter]:
    """Have a counter that hears what the vault tells it."""
    hearing = Counter()
    with mock.patch("comptoir.foundation.touchpoints.house.send", hearing.send):
        yield hearing


@pytest.fixture
def alice(shop: Shop) -> Visitor:
    visitor = Visitor()
    visitor.get(f"/card/{card_token(CARD)}", room=COUNTER)
    visitor.make_passkey()
    return visitor


def fetched(visitor: Visitor, *, asking: Visitor | None = None) -> str:
    """Return the ticket that the counter gives for a card that a vault's session asked for."""
    found = re.search(r'name="for" value="([^"]+)"', (asking or visitor).get("/cards/").content.decode())
    assert found is not None
    ticket = ticket_in(visitor.get(f"/card/show?for={found[1]}", room=COUNTER))
    assert ticket is not None
    return ticket


def linked(visitor: Visitor, ticket: str) -> Any:
    arrived = visitor.post("/arrive/", {"ticket": ticket}, origin=COUNTER)
    if arrived.status_code != 200:
        return arrived
    shown = visitor.send("/", {"ticket": ticket}, to="/cards/show/")
    if shown.status_code != 200:
        return shown
    answer = visitor.device.show(asked_in(shown)["request_options"])
    return visitor.send("/", {"ticket": ticket, "credential": json.dumps(answer)}, to="/cards/link/", answer=shown)


def test_a_card_that_was_shown_is_linked(alice: Visitor, shop: Shop, counter: Counter) -> None:
    ticket = fetched(alice)
    assert linked(alice, ticket).status_code == 302
    kind, said = counter.heard[-1]
    user = shop.value("SELECT id FROM credentials_user")
    assert kind == "identifier.linked"
    assert said["identifier"] == {"kind": "customer", "value": str(CARD)}
    assert said["customer"] == {"kind": "user", "value": str(user)}
    assert said["evidence"] == "card_link+passkey"
    # A ticket is good once.
    with shop.unchanged(*TABLES):
        assert problem_of(linked(alice, ticket)) == (403, "card_not_asked_for")
    assert counter.kinds() == ["identifier.linked"]


def test_a_stolen_ticket_is_good_in_the_session_that_asked_for_it_alone(
    alice: Visitor, shop: Shop, counter: Counter
) -> None:
    ticket = fetched(alice)
    victor = Visitor()
    victor.make_passkey()
    victor.get("/cards/")
    with shop.unchanged(*TABLES):
        assert problem_of(linked(victor, ticket)) == (403, "card_not_asked_for")
    assert counter.heard == []
    assert linked(alice, ticket).status_code == 302


def test_a_ticket_that_was_used_elsewhere_or_changed_or_is_old_is_refused(
    alice: Visitor, shop: Shop, counter: Counter
) -> None:
    ticket = fetched(alice)
    place = len(ticket) // 2
    changed = ticket[:place] + ("A" if ticket[place] != "A" else "B") + ticket[place + 1 :]
    with shop.unchanged(*TABLES):
        assert problem_of(linked(alice, changed)) == (403, "ticket_refused")
        assert problem_of(alice.post("/arrive/", {"ticket": ticket}, origin=VAULT)) == (403, "ticket_refused")
        late = timezone.now() + dt.timedelta(seconds=61)
        with mock.patch("comptoir.vault.credentials.views.cards.timezone.now", return_value=late):
            assert problem_of(linked(alice, ticket)) == (403, "ticket_refused")
    assert counter.heard == []


def test_a_card_that_was_shown_long_ago_has_to_be_shown_again(alice: Visitor, shop: Shop, counter: Counter) -> None:
    past = timezone.now() - dt.timedelta(minutes=11)
    with mock.patch("comptoir.doors.storefront.views.timezone.now", return_value=past):
        alice.get(f"/card/{card_token(CARD)}", room=COUNTER)
    assert problem_of(linked(alice, fetched(alice))) == (403, "card_shown_long_ago")
    assert counter.heard == []


def test_a_browser_without_a_card_link_has_nothing_to_show(alice: Visitor, counter: Counter) -> None:
    alice.go_to_counter()
    answer = alice.get("/card/show?for=" + "a" * 43, room=COUNTER)
    assert answer.status_code == 403
    assert ticket_in(answer) is None


def test_a_card_of_another_passkey_is_not_taken(alice: Visitor, shop: Shop, counter: Counter) -> None:
    other = uuid.UUID("00000000-0000-8000-8000-000000000002")
    with shop.connect(COUNTER.role) as connection:
        for customer, kind in ((CARD, "card"), (other, "user")):
            connection.execute("INSERT INTO customers_customer (customer, kind) VALUES (%s, %s)", (customer, kind))
            connection.execute("INSERT INTO customers_membership (customer, person) VALUES (%s, %s)", (customer, CARD))
    assert problem_of(linked(alice, fetched(alice))) == (409, "card_of_another")
    assert counter.heard == []


def test_without_the_passkey_nothing_is_linked(alice: Visitor, shop: Shop, counter: Counter) -> None:
    ticket = fetched(alice)
    with shop.unchanged(*TABLES):
        refused = alice.send("/", {"ticket": ticket, "credential": "{}"}, to="/cards/link/")
        assert problem_of(refused) == (403, "passkey_replayed")
        bob = Visitor()
        bob.make_passkey()
        shown = alice.send("/", {"ticket": ticket}, to="/cards/show/")
        foreign = bob.device.show(asked_in(shown)["request_options"])
        form = {"ticket": ticket, "credential": json.dumps(foreign)}
        assert problem_of(alice.send("/", form, to="/cards/link/", answer=shown)) == (403, "passkey_unknown")
    assert counter.heard == []
