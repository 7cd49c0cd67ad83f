"""Two old lists disagree about somebody, who says which is right, takes it back, and sees only what is surely theirs.

Alice signs in; her till card and her web account are on two lists. Whoever finds a card reads nobody's address.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, VAULT
from comptoir.foundation.touchpoints import house
from support import casting
from support.casting import EXAMPLES
from support.gateway import Gateway
from support.pages import words
from support.processes import free_port
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from django.utils import timezone

from comptoir.foundation.events.queries import accesses_of
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import queries as kept
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials import web
from comptoir.vault.credentials.models import User
from comptoir.vault.lists import choosing, commands
from comptoir.vault.lists.contracts import Details, Identifier, Listed
from comptoir.vault.lists.errors import ChoiceNotPossible
from support.vault import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TABLES = ("contacts_piece", "contacts_key", "lists_entry")
LONG = dt.timedelta(days=31)
CARD, ACCOUNT = Identifier("card", "KX471"), Identifier("web_account", "w-77")
AT_THE_TILL = Details(given_name="Alice", family_name="Canari", phone="+33612345678", lines=("12 rue de la Paix",),
                      postcode="75002", city="Paris", country="FR")  # fmt: skip
ONLINE = Details(given_name="Alice", family_name="Amsel", phone="+33612345678")


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that hears what the vault says."""
    house.keep_key("vault", gateway.keys["vault"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway


def listed(name: str, identifier: Identifier, details: Details) -> uuid.UUID:
    row = Listed(2, (identifier,), details)
    [noted] = commands.enter([row], name=name, at=timezone.now())
    commands.keep([(noted.entry, row)], replaces=False, actor="operator", at=timezone.now())
    return noted.entry


def link(gateway: Gateway, user: uuid.UUID, *others: Identifier, ago: dt.timedelta = LONG, why: str = "shown") -> None:
    online = {"kind": "user", "value": str(user)}
    for each in others:
        said = casting.link(online, {"kind": each.kind, "value": each.value}, at=timezone.now() - ago)
        said["data"]["evidence"] = why
        answer = gateway.post(said, touchpoint="app")
        assert answer.status_code == 200, answer.text


def alice() -> tuple[Visitor, uuid.UUID]:
    browser = Visitor()
    assert browser.make_passkey().status_code == 302
    with entered(VAULT):
        return browser, User.objects.order_by("-joined_at").values_list("id", flat=True)[0]


def said(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def name_of(user: uuid.UUID) -> str | None:
    values = kept.read(user, fields=["name"], purpose="parcel", actor="staff:1", at=timezone.now())
    return None if values.name is None else values.name.reveal()


def test_who_is_on_two_lists_says_which_is_right_and_takes_it_back(shop: Shop, counter: Gateway) -> None:
    browser, user = alice()
    till, web_shop = listed("till", CARD, AT_THE_TILL), listed("webshop", ACCOUNT, ONLINE)
    link(counter, user, CARD, ACCOUNT)
    with shop.unchanged(*TABLES):
        page = said(browser.get("/contact/lists/"))
    assert "Alice Canari List: till" in page
    assert "Alice Amsel List: webshop" in page
    assert "List: till, webshop" in page, "where they agree it is said once"
    assert "12 rue de la Paix, 75002 Paris, FR" in page
    for entry in (till, web_shop):
        with entered(VAULT):
            [opened] = [each.entry for each in accesses_of(entry) if each.entry.action == "contacts.read"]
        assert (opened.actor, opened.purpose) == (f"customer:{user}", "shown to the person")
    lists = shop.contents("lists_entry")
    for entry, expected in ((web_shop, "Alice Amsel"), (till, "Alice Canari")):
        answer = browser.send("/contact/lists/", {"field": "name", "entry": str(entry)})
        assert answer.status_code == 302
        assert name_of(user) == expected
        assert said(browser.get("/contact/lists/")).count("This is right Take it back") == 1
    assert browser.send("/contact/lists/", {"field": "name", "entry": "none"}).status_code == 302
    assert name_of(user) is None
    assert "Take it back" not in said(browser.get("/contact/lists/"))
    assert shop.contents("lists_entry") == lists, "no list is changed by a choice"
    assert shop.value("select count(*) from contacts_key where person = any(%s)", [till, web_shop]) == 2


def test_what_somebody_gave_themselves_holds(shop: Shop, counter: Gateway) -> None:
    browser, user = alice()
    entry = listed("till", CARD, AT_THE_TILL)
    link(counter, user, CARD)
    contacts.keep(
        user, values=ContactValues.of(name="Ali"), purpose="delivery", actor=f"customer:{user}", at=timezone.now()
    )
    assert "You gave this yourself, and it holds: Ali" in said(browser.get("/contact/lists/"))
    with shop.unchanged(*TABLES):
        for choice in (str(entry), "none"):
            assert "Nothing was changed" in said(
                browser.send("/contact/lists/", {"field": "name", "entry": choice}), 409
            )
    assert name_of(user) == "Ali"


@pytest.mark.parametrize(
    ("ago", "why", "is_shown"),
    [(LONG, "shown", True), (dt.timedelta(days=29), "shown", False), (dt.timedelta(0), "staff+staff: seen", True)],
)
def test_whoever_finds_a_card_and_links_it_reads_nobodys_address(
    shop: Shop, counter: Gateway, ago: dt.timedelta, why: str, is_shown: bool
) -> None:
    browser, user = alice()
    entry = listed("till", CARD, AT_THE_TILL)
    link(counter, user, CARD, ago=ago, why=why)
    page = said(browser.get("/contact/lists/"))
    assert ("rue de la Paix" in page, "No old list says anything" in page) == (is_shown, not is_shown)
    if not is_shown:
        with shop.unchanged(*TABLES, "events_audit"), pytest.raises(ChoiceNotPossible):
            choosing.choose(user, "name", entry, actor=f"customer:{user}", at=timezone.now())


def test_what_is_not_theirs_or_not_there_cannot_be_chosen(
    shop: Shop, counter: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, user = alice()
    mine, strange = listed("webshop", ACCOUNT, ONLINE), listed("till", CARD, AT_THE_TILL)
    link(counter, user, ACCOUNT)
    page = browser.get("/contact/lists/")
    assert "Canari" not in page.content.decode()
    with shop.unchanged(*TABLES):
        for field, entry, status in (
            ("name", str(strange), 409), ("addresses", str(mine), 409), ("phone", str(uuid.uuid4()), 409),
            ("name", "none", 409), ("email", str(mine), 404), ("name", "x", 404), ("", "", 404),
        ):  # fmt: skip
            answer = browser.send("/contact/lists/", {"field": field, "entry": entry}, answer=page)
            assert answer.status_code == status, (field, entry)
        monkeypatch.setattr(web, "is_freshly_confirmed", lambda _request: False)
        assert browser.get("/contact/lists/").headers["Location"].startswith("/confirm/")


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_one_is_chosen_in_a_browser(
    shop: Shop,
    counter: Gateway,
    browser: Browser,
    language: str,
    tmp_path: Path,
    photograph: Callable[[Page, str], list[Path]],
) -> None:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path):
        context = browser.new_context(locale=language, viewport={"width": 390, "height": 844})
        page = context.new_page()
        device: Any = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                   "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
        device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        at = f"http://safe.localhost:{port}"
        page.goto(f"{at}/passkey/make/")
        page.locator("[data-passkey]").first.click()
        page.wait_for_url(f"{at}/")
        with entered(VAULT):
            user = User.objects.get().pk
        listed("till", CARD, AT_THE_TILL)
        listed("webshop", ACCOUNT, ONLINE)
        link(counter, user, CARD, ACCOUNT)
        page.goto(f"{at}/contact/lists/")
        page.locator("button.quiet").first.focus()
        page.keyboard.press("Enter")
        page.locator(".mark.good").wait_for()
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        photograph(page, f"vault-lists-{language}")
        assert re.search(r"Alice \w+", name_of(user) or "")
        context.close()
