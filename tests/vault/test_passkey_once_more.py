"""The passkey once more at the checkout: for a large sum, and for an address that is none of one's own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from allauth.mfa.models import Authenticator
from django.utils import timezone

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.sessions import RoomSession
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues, PostalAddress
from support.buying import STORE, Buyer, basket_with, counted, listed, opened, speaking
from support.visitors import vault_session

HOME = {"line1": "7 rue du Secret", "city": "Lyon", "postcode": "69001", "country": "FR"}
ELSEWHERE = {**HOME, "line1": "8 rue d'Ailleurs"}
SECONDS = 360


@pytest.fixture
def selling(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    accepted(gateway.post([listed("tea", price=1250), listed("urn", price=60_000), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("tea", 10), counted("urn", 10)], touchpoint="console"))
    with speaking(gateway), environment(COMPTOIR_SHIPS_FROM=STORE):
        yield gateway


@pytest.fixture
def nora(selling: Gateway) -> uuid.UUID:
    """Somebody with a passkey and one address."""
    user = uuid.uuid4()
    vault_session(user)
    home = PostalAddress(lines=(HOME["line1"],), postcode="69001", city="Lyon", country="FR")
    with entered(VAULT):
        Authenticator.objects.create(user_id=user, type="webauthn", data={})
        values = ContactValues.of(name="Nora Canari", email="nora@canari.example", addresses=(home,))
        contacts.keep(user, values=values, purpose="parcels", actor=f"customer:{user}", at=timezone.now())
    return user


def come(gateway: Gateway, user: uuid.UUID, product: str, *, shown_before: int = SECONDS) -> Buyer:
    """Have somebody at the checkout who is signed in, and has shown the passkey so many seconds ago."""
    basket, filling = basket_with(product)
    accepted(gateway.post([filling], touchpoint="storefront"))
    client = Client()
    name, key = vault_session(user)
    with entered(VAULT):
        session = RoomSession(key, room=VAULT)
        (shown,) = session["account_authentication_methods"]
        session["account_authentication_methods"] = [{**shown, "at": shown["at"] - shown_before}]
        session.save()
    client.cookies[name] = key
    one = Buyer(client, basket)
    one.come()
    return one


def test_a_large_sum_asks_for_it_before_anything_is_typed_and_before_it_is_ordered(
    shop: Shop, selling: Gateway, nora: uuid.UUID
) -> None:
    one = come(selling, nora, "urn")
    assert "For an amount like this we ask for your passkey once more." in one.said
    with shop.unchanged("checkout_checkout", "orders_order", "stock_article"):
        told = one.place(name="Norah Typed")
    assert told.startswith("403")
    assert "Show your passkey once more before this is ordered." in one.said
    assert "what you typed is still there" in one.said
    fresh = come(selling, nora, "urn", shown_before=10)
    assert "once more" not in fresh.said
    assert fresh.place() == "placed"
    with environment(COMPTOIR_CONFIRM_FROM="0"):
        assert come(selling, nora, "urn").place() == "placed"
    with environment(COMPTOIR_CONFIRM_FROM="1000"):
        assert come(selling, nora, "tea").place().startswith("403")


def test_another_address_asks_for_it_and_ones_own_does_not(shop: Shop, selling: Gateway, nora: uuid.UUID) -> None:
    one = come(selling, nora, "tea")
    assert "once more" not in one.said
    with shop.unchanged("checkout_checkout", "orders_order", "stock_article"):
        assert one.place(by="delivery", **ELSEWHERE).startswith("403")
    assert "It goes to another address than the one you keep here." in one.said
    assert come(selling, nora, "tea").place(by="delivery", **HOME) == "placed"
    assert come(selling, nora, "tea").place(by="pickup", **ELSEWHERE) == "placed", "a pick-up goes nowhere"
    assert come(selling, nora, "tea", shown_before=10).place(by="delivery", **ELSEWHERE) == "placed"


def test_whoever_has_no_passkey_is_not_asked(shop: Shop, selling: Gateway) -> None:
    assert come(selling, uuid.uuid4(), "urn").place() == "placed"
    basket, filling = basket_with("urn")
    accepted(selling.post([filling], touchpoint="storefront"))
    guest = Buyer(Client(), basket)
    assert "once more" not in guest.come()
    assert guest.place() == "placed"
