"""What is remembered of a proof, if the customer wants it: through the gateway, and nothing that joins two of them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support.attesting import Authority, new_key
from support.gateway import EXAMPLES, Gateway
from support.proofs import Browser, call, prove, trusted_by_the_shop, words
from support.shop import Shop, environment
from support.wallet import Wallet

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.touchpoints import house
from comptoir.vault.credentials.models import Kind, User

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that hears what the vault says."""
    house.keep_key("vault", gateway.keys["vault"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway


@pytest.fixture
def wallet(counter: Gateway) -> Iterator[Wallet]:
    authority = Authority(dt.datetime.now(dt.UTC).replace(microsecond=0))
    with trusted_by_the_shop(authority):
        yield Wallet(authority, call, new_key())


def alice() -> tuple[Browser, str]:
    """Return the browser of a customer who is signed in, and who they are at the counter."""
    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=NOW)
    browser = Browser()
    browser.sign_in(user)
    return browser, customer_id(shop_folder.secret("identifiers"), "user", str(user.pk))


def known(gateway: Gateway, customer: str) -> dict[str, Any]:
    told: dict[str, Any] = gateway.get(f"/v1/customers/{customer}/answers/age_over_18").json()
    return told


def test_it_is_remembered_only_if_the_customer_wants_it(shop: Shop, counter: Gateway, wallet: Wallet) -> None:
    browser, customer = alice()
    prove(browser, wallet)
    assert "Otherwise it ends with this visit" in words(browser.get("/prove/"))
    assert shop.value("select count(*) from events_event") == 0
    assert not known(counter, customer)["proven"]
    assert browser.send("/prove/remember/", {}).headers["Location"] == "/prove/"
    told = known(counter, customer)
    assert (told["proven"], told["method"]) == (True, "mdoc")
    given_at, until = (dt.datetime.fromisoformat(told[name]) for name in ("given_at", "valid_until"))
    assert until - given_at == dt.timedelta(days=365)
    page = words(browser.get("/prove/"))
    assert "That you are over 18" in page
    assert "A document on your device said so" in page
    browser.send("/prove/forget/", {})
    assert not known(counter, customer)["proven"]
    assert "That you are over" not in words(browser.get("/prove/"))
    kinds = [row["type"] for row in shop.rows("select type from events_event order by position")]
    assert kinds == ["answer.proven", "answer.withdrawn"]


def test_nothing_joins_two_customers_who_have_one_wallet(shop: Shop, counter: Gateway, wallet: Wallet) -> None:
    """T28: byte for byte, after everything that can be kept was kept."""
    left: list[set[str]] = []
    for _ in range(2):
        before = {table: set(texts) for table, texts in shop.contents().items()}
        browser, _customer = alice()
        prove(browser, wallet)
        browser.send("/prove/remember/", {})
        fresh = [
            text
            for table, texts in shop.contents().items()
            if not table.startswith(("touchpoints_", "audit"))
            for text in texts
            if text not in before.get(table, set())
        ]
        left.append({piece for text in fresh for piece in re.findall(r"[A-Za-z0-9+/=_.-]{8,}", text)})
    columns = {row["column_name"] for row in shop.rows("select column_name from information_schema.columns")}
    told = {"accepted", "answer.proven", "age_over_18", "customer", "predicate", "comptoir", "identifiers"}
    common = {piece for piece in left[0] & left[1] if piece not in columns | told}
    days = {piece for piece in common if re.match(r"\d{4}-\d\d-\d\dT?|\d\d\.\d+|00\.?0*", piece)}
    assert {piece for piece in common - days if not piece.isalpha()} == set()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d)?", day) for day in days), "a moment is nobody else's"


def test_the_event_says_that_it_was_proven_how_and_until_when(shop: Shop, counter: Gateway, wallet: Wallet) -> None:
    browser, customer = alice()
    prove(browser, wallet)
    browser.send("/prove/remember/", {})
    (row,) = shop.rows("select data::text as data, source, touchpoint from events_event")
    assert (row["source"], row["touchpoint"]) == ("/vault", "vault")
    data = json.loads(row["data"])
    assert set(data) == {"customer", "predicate", "method", "valid_until"}
    assert data["customer"] == {"kind": "user", "value": customer}


def test_when_the_counter_is_away_nothing_is_remembered_and_the_page_says_so(
    shop: Shop, counter: Gateway, wallet: Wallet
) -> None:
    browser, customer = alice()
    prove(browser, wallet)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        answer = browser.send("/prove/remember/", {})
    assert (answer.status_code, "cannot take this at present" in words(answer)) == (503, True)
    assert not known(counter, customer)["proven"]
    browser.send("/prove/remember/", {})
    assert known(counter, customer)["proven"]


def test_a_member_of_staff_proves_nothing_for_a_customer(shop: Shop, counter: Gateway, wallet: Wallet) -> None:
    with entered(VAULT):
        user = User.objects.create(kind=Kind.STAFF, name="Camille", email="camille@shop.example", joined_at=NOW)
    browser = Browser()
    browser.sign_in(user)
    prove(browser, wallet)
    with shop.unchanged("events_event"):
        browser.send("/prove/remember/", {})
    assert "nobody to remember it for" in words(browser.get("/prove/"))
