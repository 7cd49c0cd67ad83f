"""The theft, with a real gateway: session and mailbox in the wrong hands, and no till gives anything for the points.

Alice has a passkey, an address and points. Victor has copied her session, and reads her mail.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.test import override_settings

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from support.gateway import Gateway
from support.pages import event
from support.passkeys import Device
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core import mail

from comptoir.counter.loyalty.codes import mint_code
from comptoir.foundation.rooms.current import entered
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of
from support.vault import Visitor, asked_in, problem_of

TILL = "/stores/324/tills/1"


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that the vault can reach with a key of its own, and letters that are sent before the answer."""
    house.keep_key(house.VAULT, gateway.keys["vault"])
    with (
        environment(COMPTOIR_GATEWAY_URL=gateway.url),
        override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"),
        mock.patch("comptoir.vault.credentials.adapters.beside", lambda action: action()),
    ):
        mail.outbox = []
        yield gateway


def customer() -> uuid.UUID:
    with entered(VAULT):
        return customer_of(User.objects.get())


def signed(visitor: Visitor, points: int) -> str:
    """Let a passkey sign an amount; returns the code that comes out."""
    answer = visitor.get(f"/spend/?points={points}")
    shown = visitor.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": str(points), "place": ""}
    page = visitor.send("/spend/", form, to="/spend/sign/", answer=answer).content.decode()
    found = re.search(r'class="code small">(\w+)<', page)
    assert found is not None, page
    return found[1]


def redeemed(counter: Gateway, points: int, code: str) -> str:
    """Spend points at a till; returns ``accepted``, or the name of the refusal."""
    data = {
        "customer": {"kind": "customer", "value": str(customer())},
        "points": points,
        "proof": {"kind": "code", "value": code},
    }
    told: dict[str, Any] = counter.post(event("points.redeem", data, source=TILL)).json()
    return str(told["type"]).rsplit(":", 1)[-1] if "type" in told else str(told["status"])


def test_session_and_mailbox_spend_no_point_before_it_has_cooled(shop: Shop, counter: Gateway) -> None:
    alice = Visitor()
    alice.make_passkey()
    alice.send("/address/", {"email": "alice@home.example"})
    code = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", str(mail.outbox[-1].body))
    assert code is not None
    alice.send("/address/prove/", {"code": code[0]})
    line = {"product": "1082185", "quantity": 1, "amount": 100_000}
    sale = {
        "receipt": "r-1", "store": "324", "customer": {"kind": "customer", "value": str(customer())},
        "currency": "USD", "total": 100_000, "lines": [line],
    }  # fmt: skip
    assert counter.post(event("sale.closed", sale, source=TILL)).is_success
    assert redeemed(counter, 100, signed(alice, 100)) == "accepted"

    victor = Visitor(device=Device(alice.device.origin))
    for name, morsel in alice.client.cookies.items():
        victor.client.cookies[name] = morsel.value
    assert victor.make_passkey("/passkeys/add/").status_code == 302
    assert problem_of(victor.get("/spend/?points=900")) == (403, "spending_held")
    # Whatever code he comes by, no till takes it; and what is bought still earns.
    with shop.unchanged("loyalty_account", "loyalty_transfer"):
        stolen = mint_code(customer(), at=dt.datetime.now(dt.UTC), points_max=900).value
        assert redeemed(counter, 900, stolen) == "spending_cooling"
        assert redeemed(counter, 1, mint_code(customer(), at=dt.datetime.now(dt.UTC)).value) == "spending_cooling"
    before = shop.value("SELECT sum(available) FROM loyalty_account")
    assert counter.post(event("sale.closed", {**sale, "receipt": "r-2"}, source=TILL)).is_success
    assert shop.value("SELECT sum(available) FROM loyalty_account") > before

    link = re.search(r"https?://[^/]+(/freeze/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    assert Visitor().send(link[1], {}).status_code == 200
    assert victor.get("/").status_code == 302
    assert problem_of(Visitor(device=victor.device).show_passkey()) == (403, "passkey_unknown")
    with shop.unchanged("loyalty_account", "loyalty_transfer"):
        fresh = mint_code(customer(), at=dt.datetime.now(dt.UTC), points_max=10).value
        assert redeemed(counter, 10, fresh) in {"spending_frozen", "spending_cooling"}
    assert shop.value("SELECT bool_or(frozen) FROM loyalty_standing") is True


def test_a_card_and_a_passkey_are_one_person_at_the_counter(shop: Shop, counter: Gateway) -> None:
    from comptoir.counter.customers.queries import person_of
    from comptoir.doors.storefront.links import card_token
    from comptoir.foundation.rooms.declaration import COUNTER
    from support.pages import customer_of as card_of
    from support.pages import sale
    from support.vault import ticket_in

    assert counter.post(sale("1000", 50, receipt="r-1")).is_success
    card = card_of(counter, "1000")
    alice = Visitor()
    alice.get(f"/card/{card_token(card)}", room=COUNTER)
    alice.make_passkey()
    word = re.search(r'name="for" value="([^"]+)"', alice.get("/cards/").content.decode())
    assert word is not None
    ticket = ticket_in(alice.get(f"/card/show?for={word[1]}", room=COUNTER))
    shown = alice.send("/", {"ticket": ticket}, to="/cards/show/")
    answer = alice.device.show(asked_in(shown)["request_options"])
    form = {"ticket": ticket, "credential": json.dumps(answer)}
    linked = alice.send("/", form, to="/cards/link/", answer=shown)
    assert linked.status_code == 302, linked.content.decode()
    with entered(COUNTER):
        person = person_of(card)
    assert person is not None
    assert set(person.customers) == {card, customer()}
    # The points of the card are spent with the passkey.
    assert redeemed(counter, 20, signed(alice, 20)) == "accepted"
