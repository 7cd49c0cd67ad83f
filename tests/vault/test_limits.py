"""Limits that wait, and the passkey that lets them hold at once: with a real gateway, which decides it."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from support.gateway import Gateway
from support.pages import event, words
from support.passkeys import Device
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.loyalty.codes import mint_code
from comptoir.foundation.rooms.current import entered
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of
from support.vault import Visitor, asked_in, problem_of

TILL = "/stores/324/tills/1"


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that the vault can reach with a key of its own."""
    house.keep_key(house.VAULT, gateway.keys["vault"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        yield gateway


@pytest.fixture
def alice(counter: Gateway) -> tuple[Visitor, uuid.UUID]:
    """Have a visitor with a passkey and points, who has locked them and wants three hundred a day now."""
    visitor = Visitor()
    visitor.make_passkey()
    with entered(VAULT):
        user = User.objects.get()
        customer = customer_of(user)
    sale = {
        "receipt": "r-1", "store": "324", "customer": {"kind": USER_KIND, "value": str(user.pk)},
        "currency": "USD", "total": 100_000, "lines": [{"product": "1082185", "quantity": 1, "amount": 100_000}],
    }  # fmt: skip
    assert counter.post(event("sale.closed", sale, source=TILL)).is_success
    limit(counter, customer, locked=True)
    limit(counter, customer, points_per_day=300)
    return visitor, customer


def limit(counter: Gateway, customer: uuid.UUID, **limits: Any) -> None:
    """Say on the counter's page what may be spent."""
    data = {"customer": {"kind": "customer", "value": str(customer)}, **limits}
    assert counter.post(event("spending.limited", data, source="/storefront"), touchpoint="storefront").is_success


def redeemed(counter: Gateway, customer: uuid.UUID, points: int) -> str:
    """Spend points at a till with a fresh code; returns ``accepted``, or the name of the refusal."""
    data = {
        "customer": {"kind": "customer", "value": str(customer)},
        "points": points,
        "proof": {"kind": "code", "value": mint_code(customer, at=dt.datetime.now(dt.UTC), points_max=points).value},
    }
    told: dict[str, Any] = counter.post(event("points.redeem", data, source=TILL)).json()
    return str(told["type"]).rsplit(":", 1)[-1] if "type" in told else str(told["status"])


def signed(visitor: Visitor, answer: Any, *, device: Device | None = None) -> Any:
    """Sign what a page shows, and send it."""
    shown = (device or visitor.device).show(asked_in(answer)["request_options"])
    return visitor.send("/limits/", {"credential": json.dumps(shown)}, to="/limits/sign/", answer=answer)


def test_a_passkey_lets_hold_at_once_what_waits(shop: Shop, counter: Gateway, alice: tuple[Visitor, uuid.UUID]) -> None:
    visitor, customer = alice
    assert redeemed(counter, customer, 5) == "spending_locked"
    page = visitor.get("/limits/")
    assert "At most 300 points a day." in words(page.content.decode())
    answer = signed(visitor, page)
    assert "It holds." in words(answer.content.decode())
    assert redeemed(counter, customer, 200) == "accepted"
    assert redeemed(counter, customer, 101) == "daily_limit_reached"
    assert "Nothing waits." in words(visitor.get("/limits/").content.decode())
    entries = shop.value("select count(*) from events_audit where content like '%credentials.limits_signed%'")
    assert entries == 1
    with shop.unchanged("loyalty_standing", "events_event"):
        assert problem_of(signed(visitor, page)) == (403, "passkey_replayed")


def test_what_was_changed_after_it_was_shown_is_not_signed(
    shop: Shop, counter: Gateway, alice: tuple[Visitor, uuid.UUID]
) -> None:
    visitor, customer = alice
    page = visitor.get("/limits/")
    limit(counter, customer, points_per_day=90_000)
    with shop.unchanged("loyalty_standing", "events_event"):
        assert problem_of(signed(visitor, page))[1] == "transaction_changed"
    assert redeemed(counter, customer, 5) == "spending_locked"


def test_a_session_without_the_passkey_signs_nothing(
    shop: Shop, counter: Gateway, alice: tuple[Visitor, uuid.UUID]
) -> None:
    visitor, customer = alice
    stranger = Device(visitor.device.origin)
    other = Visitor(device=stranger)
    other.make_passkey()
    page = visitor.get("/limits/")
    with shop.unchanged("loyalty_standing", "events_event"):
        assert "Nothing waits." in words(other.get("/limits/").content.decode())
        options = {**asked_in(page)["request_options"]}
        options["publicKey"] = {
            name: value for name, value in options["publicKey"].items() if name != "allowCredentials"
        }
        shown = stranger.show(options)
        answer = visitor.send("/limits/", {"credential": json.dumps(shown)}, to="/limits/sign/", answer=page)
        assert problem_of(answer)[1] == "passkey_unknown"
    # Whoever has just added a passkey of their own waits, too.
    visitor.make_passkey("/passkeys/add/")
    assert problem_of(visitor.get("/limits/")) == (403, "spending_held")
    assert redeemed(counter, customer, 5) in {"spending_cooling", "spending_locked"}


def test_without_a_gateway_nothing_is_said_to_hold(shop: Shop, alice: tuple[Visitor, uuid.UUID]) -> None:
    visitor, _ = alice
    page = visitor.get("/limits/")
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), shop.unchanged("loyalty_standing", "events_event"):
        assert problem_of(signed(visitor, page))[1] == "gateway_away"
