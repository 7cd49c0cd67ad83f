"""Your contact data, as a person meets it: given, shown, corrected, removed, and all of it taken back.

Alice is a customer whom the shop recognises; Bob is another one.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support.pages import words
from support.shop import Shop
from support.vault import Visitor
from support.visitors import vault_session

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client
from django.utils import timezone

from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.vault.contacts import commands, queries
from comptoir.vault.contacts.contracts import FIELDS, Birthday, ContactValues, PostalAddress
from comptoir.vault.credentials.commands import one_time_link, take_on
from comptoir.vault.credentials.web import CONFIRMED_FOR

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
ALICE, BOB = uuid.UUID(int=0xA11CE), uuid.UUID(int=0xB0B)


class Browser:
    """A browser in the vault, signed in as somebody."""

    def __init__(self, user: uuid.UUID, language: str = "en") -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.language = language
        name, value = vault_session(user)
        self.client.cookies[name] = value

    def get(self, path: str) -> Any:
        return self.client.get(path, headers={"host": f"{host_of(VAULT)}:8000", "accept-language": self.language})

    def send(self, path: str, **form: str) -> Any:
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path).content.decode())[-1]
        headers = {"host": f"{host_of(VAULT)}:8000", "origin": origin_of(VAULT), "accept-language": self.language}
        return self.client.post(path, {**form, "csrfmiddlewaretoken": token}, headers=headers)

    def says(self, path: str = "/contact/") -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.status_code
        return words(answer.content.decode())


@pytest.fixture
def alice(shop: Shop) -> Browser:
    return Browser(ALICE)


def kept(user: uuid.UUID = ALICE) -> dict[str, Any]:
    values = queries.read(user, fields=FIELDS, purpose="test", actor="house", at=NOW)
    return {field: hidden.reveal() for field, hidden in values.given().items()}


def went_back(answer: Any) -> bool:
    return (answer.status_code, answer.headers.get("Location")) == (302, "/contact/")


HOME = {"line1": "12 rue des Lilas", "postcode": "21000", "city": "Dijon", "country": "FR"}


# -- a piece at a time --------------------------------------------------------------------------------------------


def test_who_gave_nothing_is_told_that_nothing_is_kept_and_nothing_is_opened(shop: Shop, alice: Browser) -> None:
    assert "The shop has none. It recognises you, and knows nothing else." in alice.says()
    assert shop.value("select count(*) from events_audit") == 0


def test_a_name_is_given_corrected_and_removed(shop: Shop, alice: Browser) -> None:
    assert went_back(alice.send("/contact/name/", name="Alice Martin"))
    assert kept() == {"name": "Alice Martin"}
    assert "Alice Martin" in alice.says()
    assert 'value="Alice Martin"' in alice.get("/contact/name/").content.decode()
    assert went_back(alice.send("/contact/name/", name="Alice Öztürk"))
    assert went_back(alice.send("/contact/phone/", phone="+33 1 42 68 53 00"))
    assert "+33 1 42 68 53 00" in alice.says()
    assert "It is gone at once" in alice.says("/contact/name/remove/")
    assert went_back(alice.send("/contact/name/remove/"))
    assert kept() == {"phone": "+33142685300"}
    assert "It is the last thing" in alice.says("/contact/phone/remove/")
    assert went_back(alice.send("/contact/phone/remove/"))
    assert not queries.is_known(ALICE)
    rows = shop.rows("select said->>'closeness' as said from announcements_announcement order by id")
    assert [row["said"] for row in rows] == ["known", "recognised"]


def test_addresses_are_given_one_at_a_time(shop: Shop, alice: Browser) -> None:
    assert went_back(alice.send("/contact/addresses/new/", **HOME))
    tokyo = {"line1": "銀座1-2-3", "postcode": "104-0061", "city": "中央区", "region": "東京都", "country": "JP"}
    assert went_back(alice.send("/contact/addresses/new/", **tokyo))
    said = alice.says()
    assert "12 rue des Lilas 21000 Dijon France" in said
    assert "〒104-0061 東京都中央区 銀座1-2-3 Japan" in said
    assert went_back(alice.send("/contact/addresses/1/", **{**HOME, "line1": "14 rue des Lilas"}))
    assert [address.lines for address in kept()["addresses"]] == [("14 rue des Lilas",), ("銀座1-2-3",)]
    assert went_back(alice.send("/contact/addresses/1/remove/"))
    assert [address.city for address in kept()["addresses"]] == ["中央区"]
    assert "It is the last thing" in alice.says("/contact/addresses/1/remove/")
    assert went_back(alice.send("/contact/addresses/1/remove/"))
    assert not queries.is_known(ALICE)


def test_so_many_addresses_and_no_more(shop: Shop, alice: Browser) -> None:
    home = PostalAddress(lines=("x",), city="Dijon", country="FR")
    commands.keep(ALICE, values=ContactValues.of(addresses=(home,) * 5), purpose="x", actor="house", at=NOW)
    assert alice.get("/contact/addresses/new/").status_code == 404
    assert alice.get("/contact/addresses/6/").status_code == 404
    assert "Add another" not in alice.says()


def test_a_birthday_is_a_day_without_a_year_and_by_consent(shop: Shop, alice: Browser) -> None:
    with shop.unchanged("contacts_piece", "contacts_key"):
        answer = alice.send("/contact/birthday/", month="2", day="29")
    assert (answer.status_code, answer.headers["X-Comptoir-Problem"]) == (422, "birthday_not_agreed")
    assert went_back(alice.send("/contact/birthday/", month="2", day="29", agreed="yes"))
    assert kept() == {"birthday": Birthday(month=2, day=29)}
    assert "February 29" in alice.says()
    assert "2000" not in alice.says()


@pytest.mark.parametrize(
    ("path", "form", "says"),
    [
        ("/contact/name/", {"name": " "}, "Write a name of at most 100 characters."),
        ("/contact/name/", {"name": "a" * 101}, "Write a name of at most 100 characters."),
        ("/contact/phone/", {"phone": "12"}, "This is not a telephone number."),
        ("/contact/birthday/", {"month": "2", "day": "30", "agreed": "yes"}, "Choose a month and a day"),
        ("/contact/birthday/", {"month": "x", "day": "", "agreed": "yes"}, "Choose a month and a day"),
        ("/contact/addresses/new/", {**HOME, "line1": ""}, "Something is missing here"),
        ("/contact/addresses/new/", {**HOME, "country": "Elsewhere"}, "Something is missing here"),
    ],
)
def test_what_cannot_be_kept_comes_back_with_what_was_written(
    shop: Shop, alice: Browser, path: str, form: dict[str, str], says: str
) -> None:
    with shop.unchanged("contacts_piece", "contacts_key", "announcements_announcement"):
        answer = alice.send(path, **form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert says in words(page)
    assert 'aria-invalid="true"' in page
    assert answer.headers["X-Comptoir-Problem"] in {"contact_invalid", "birthday_not_agreed"}


@pytest.mark.parametrize("path", ["/contact/birth_date/", "/contact/email/", "/contact/iban/", "/contact/name/remove/"])
def test_what_there_is_not_is_not_found(alice: Browser, path: str) -> None:
    assert alice.get(path).status_code == 404


def test_a_stranger_is_sent_to_the_entrance(shop: Shop) -> None:
    for path in ("/contact/", "/contact/name/", "/contact/everything/remove/"):
        answer = Client().get(path, headers={"host": f"{host_of(VAULT)}:8000"})
        assert answer.status_code == 302, path
        assert "/sign-in/" in answer.headers["Location"]


# -- who may -----------------------------------------------------------------------------------------------------


def test_to_change_anything_the_passkey_is_shown_again_and_looking_needs_none(shop: Shop) -> None:
    visitor = Visitor()
    visitor.make_passkey()
    assert went_back(visitor.send("/contact/name/", {"name": "Alice Martin"}))
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + CONFIRMED_FOR):
        page = visitor.get("/contact/")
        assert "Alice Martin" in page.content.decode()
        assert 'href="/address/"' in page.content.decode()  # an e-mail address is given where it is proven
        for path in ("name/", "name/remove/", "phone/", "addresses/new/", "everything/remove/"):
            answer = visitor.get(f"/contact/{path}")
            assert unquote(answer.headers["Location"]) == f"/confirm/?next=/contact/{path}"
        with shop.unchanged("contacts_piece", "contacts_key"):
            assert visitor.send("/contact/", {"name": "Mallory"}, to="/contact/name/").status_code == 302


def test_staff_have_no_contact_data_here(shop: Shop) -> None:
    take_on(name="Camille", email="camille@shop.example", now=timezone.now())
    camille = Visitor()
    camille.send(urlsplit(one_time_link(email="camille@shop.example", now=timezone.now())).path, {})
    assert camille.get("/contact/").status_code == 404


# -- all of it ----------------------------------------------------------------------------------------------------


def test_everything_is_taken_back_at_once(shop: Shop, alice: Browser) -> None:
    alice.send("/contact/name/", name="Alice Martin")
    alice.send("/contact/addresses/new/", **HOME)
    assert "Your points and purchases stay" in alice.says("/contact/everything/remove/")
    assert queries.is_known(ALICE)  # looking destroys nothing
    assert went_back(alice.send("/contact/everything/remove/"))
    assert not queries.is_known(ALICE)
    assert "The shop no longer knows who you are." in alice.says()
    assert shop.value("select count(*) from contacts_key") == 0


def test_looking_at_the_page_is_an_access_like_any_other(shop: Shop, alice: Browser) -> None:
    alice.send("/contact/name/", name="Alice Martin")
    alice.says()
    last = shop.value("select content::json from events_audit order by number desc limit 1")
    assert (last["action"], last["purpose"], last["actor"]) == (
        "contacts.read",
        "shown to the person",
        f"customer:{ALICE}",
    )


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_the_pages_speak_the_readers_language_and_load_nothing_from_elsewhere(shop: Shop, language: str) -> None:
    browser = Browser(ALICE, language)
    commands.keep(
        ALICE,
        values=ContactValues.of(
            name="Alice",
            email="alice@example.org",
            phone="+33142685300",
            birthday=Birthday(2, 29),
            addresses=(PostalAddress(lines=("x",), city="Dijon", country="FR"),),
        ),
        purpose="x",
        actor="house",
        at=NOW,
    )
    paths = ["", "name/", "phone/", "birthday/", "addresses/new/", "name/remove/", "everything/remove/"]
    for path in paths:
        page = browser.get(f"/contact/{path}").content.decode()
        assert f'<html lang="{language}">' in page
        assert not re.search(r"\son\w+=|javascript:|<style|\sstyle=|<script", page), path
    assert {"en": "Birthday", "fr": "Anniversaire", "ja": "誕生日"}[language] in browser.says()
    assert {"en": "February 29", "fr": "29 février", "ja": "2月29日"}[language] in browser.says()
