"""The card: opened by a link, true while one looks, with the reason for every point, in three languages."""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway, running_gateway
from support.pages import Pages, accepted, card, complaints, customer_of, event, sale, tell, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.loyalty.commands import adopt_programme
from comptoir.counter.loyalty.programme import read_programme
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT
from comptoir.foundation.rooms.sessions import RoomSession

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MY = {"host": f"{host_of(COUNTER)}:8000"}


def opened(customer: uuid.UUID, language: str = "en") -> tuple[Client, str]:
    """Open a card with a fresh browser; returns the browser and the card's page."""
    client = Client(headers={**MY, "accept-language": language})
    answer = client.get(f"/card/{links.card_token(customer)}", follow=True)
    assert (answer.status_code, answer.redirect_chain) == (200, [("/card", 302)])
    return client, words(answer.content.decode())


# -- links and sessions -------------------------------------------------------------------------------------------


def test_a_link_opens_the_card_of_one_customer_only(shop: Shop) -> None:
    alice, bob = uuid.uuid4(), uuid.uuid4()
    client, _ = opened(alice)
    with entered(COUNTER):
        assert RoomSession(client.cookies["comptoir-counter"].value, room=COUNTER)["visit"]["subject"] == str(alice)
    token = links.card_token(bob)
    forged = links.card_token(alice).split(".", 1)[0] + "." + token.split(".", 1)[1]
    stranger = Client(headers=MY)
    answer = stranger.get(f"/card/{forged}")
    assert answer.status_code == 404
    assert "no longer works" in answer.content.decode()
    assert not stranger.cookies.get("comptoir-counter")
    assert stranger.get("/card").headers["Location"] == "/"


@pytest.mark.parametrize("token", ["x", "a.b.c", "....", "%00", "é", "A" * 500])
def test_what_is_no_link_is_told_so(shop: Shop, token: str) -> None:
    answer = Client(headers=MY).get(f"/card/{token}")
    assert answer.status_code == 404
    assert not answer.cookies.get("comptoir-counter")


def test_a_link_ends_after_its_days(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = uuid.uuid4()
    token = links.card_token(customer)
    assert links.customer_of(token) == customer
    later = time.time() + links.VALID_DAYS * 86_400 + 60
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    with pytest.raises(links.CardLinkInvalid):
        links.customer_of(token)


def test_a_card_that_is_put_away_is_gone_from_the_browser(shop: Shop) -> None:
    client, _ = opened(uuid.uuid4())
    client.post("/card/leave")
    assert client.get("/card").headers["Location"] == "/"
    assert client.get("/card/live").status_code == 403
    assert client.get("/card/stream").status_code == 403


def test_nobody_reads_the_parts_of_a_card_without_one(shop: Shop) -> None:
    stranger = Client(headers=MY)
    assert stranger.get("/card/live").status_code == 403
    assert stranger.get("/card/stream").status_code == 403
    assert "How to get your card here" in stranger.get("/").content.decode()


# -- what the card says -------------------------------------------------------------------------------------------


def test_somebody_new_has_an_empty_card_that_says_what_to_do(shop: Shop) -> None:
    _, said = opened(uuid.uuid4())
    assert "Your points Live 0 points" in said
    assert "No points yet. Show the code at the till with your next purchase." in said


def test_a_shop_with_a_shelf_leads_to_where_an_age_is_proven(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = opened(uuid.uuid4())
    link = f'<a href="{origin_of(VAULT)}/prove/">Prove that you are over 20</a>'
    for said, is_there in (("", False), ("JP: alcohol, tobacco", True), ("everything", False)):
        monkeypatch.setenv("COMPTOIR_ADULT_SHELF", said)
        assert (link in client.get("/card").content.decode()) == is_there


def test_every_point_has_its_reason(gateway: Gateway) -> None:
    customer = tell(gateway, cards=1, months=1)
    _, said = opened(customer)
    balance = gateway.get(f"/v1/customers/{customer}/balance").json()["balance"]
    assert f"Your points Live {balance['available']} points" in said
    for reason in (
        "Adjusted by the shop +100",
        "Sorry for the wait on Saturday",
        "Somebody published a review +20",
        "20 by the rule “Thank you for a review”, good until",
        "Points held for a purchase −25",
        "Held for a purchase 25",
        "Goods returned −5",
        "5 taken back, earned by the rule “A point for every dollar”",
        "Purchase, store 324",
    ):
        assert reason in said, reason


TITLES = {
    "en": "40 by the rule “A point for every dollar”, good until",
    "ja": "ルール「1ドルにつき1ポイント」により 40 ポイント",
    "fr": "40 par la règle « Un point par dollar », valables",
}


def test_a_rule_is_told_in_the_readers_language(gateway: Gateway) -> None:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    customer = customer_of(gateway, "1")
    for language, told in TITLES.items():
        assert told in opened(customer, language)[1], language


def test_a_rule_without_a_title_has_its_name_until_a_newer_version_gives_one(shop: Shop, tmp_path: Path) -> None:
    whole = (EXAMPLES / "programme.toml").read_text()
    plain = tmp_path / "programme.toml"
    plain.write_text(re.sub(r"^title = .*\n", "", whole, flags=re.MULTILINE))
    with running_gateway(tmp_path, programme=plain) as gateway:
        accepted(gateway.post([sale("1", 40, receipt="1")]))
        customer = customer_of(gateway, "1")
    assert "title" not in str(shop.rows("select definition from loyalty_programme"))
    assert "ルール「base」により 40 ポイント" in opened(customer, "ja")[1]
    with shop.connect() as connection:
        japanese = re.sub(r"^title = .*(ja = \S+),.*$", r"title = { \1 }", whole, flags=re.MULTILINE)
        versions = adopt_programme(connection, programme=read_programme(japanese), now=dt.datetime.now(dt.UTC)).versions
        assert len(versions) == 2
    for language in ("ja", "fr"):
        assert "1ドルにつき1ポイント" in opened(customer, language)[1]


def test_cards_that_are_linked_are_one_wallet_and_others_stay_apart(gateway: Gateway) -> None:
    accepted(gateway.post([sale("1", 30, receipt="a"), sale("2", 12, receipt="b"), sale("3", 99, receipt="c")]))
    link = {"identifier": card("1"), "customer": card("2"), "evidence": "both were shown at the counter"}
    accepted(gateway.post([event("identifier.linked", link, source="/webshop")], touchpoint="webshop"))
    for number in ("1", "2"):
        assert "Your points Live 42 points" in opened(customer_of(gateway, number))[1]
    assert "Your points Live 99 points" in opened(customer_of(gateway, "3"))[1]


def test_the_history_is_read_page_by_page_without_a_gap(gateway: Gateway) -> None:
    accepted(gateway.post([sale("1", each + 1, receipt=str(each)) for each in range(45)]))
    client, _ = opened(customer_of(gateway, "1"))
    moved: list[str] = []
    address = "/card"
    for expected in (20, 20, 5):
        page = client.get(address).content.decode()
        here = re.findall(r'class="moved gained">\+(\d+)<', page)
        assert len(here) == expected
        moved.extend(here)
        following = re.search(r'href="(/card\?before=[^"]+)"', page)
        address = following[1] if following else ""
    assert address == ""
    assert sorted(map(int, moved)) == list(range(1, 46))


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        ("en", ["Your points", "Why you have them", "Purchase, store 324", "$1,234.00", "1,234 points"]),
        ("ja", ["お持ちのポイント", "ポイントの理由", "お買い物（店舗 324）", "$1,234.00", "1,234 ポイント"]),
        (
            "fr",
            ["Vos points", "Pourquoi vous les avez", "Achat, magasin 324", "1 234,00 $", "1 234 points"],
        ),
    ],
)
def test_the_card_speaks_the_readers_language(gateway: Gateway, language: str, phrases: list[str]) -> None:
    accepted(gateway.post([sale("1", 1234, receipt="1")]))
    client, said = opened(customer_of(gateway, "1"), language)
    for phrase in phrases:
        assert phrase in said, phrase
    assert f'<html lang="{language}">' in client.get("/card").content.decode()


def test_a_language_is_chosen_without_a_script(shop: Shop) -> None:
    client, said = opened(uuid.uuid4())
    assert "Your points" in said
    answer = client.post("/language", {"language": "ja", "next": "/card"})
    assert answer.headers["Location"] == "/card"
    assert "お持ちのポイント" in client.get("/card").content.decode()


def test_the_square_sets_no_cookie_and_has_an_address_for_each_language(shop: Shop) -> None:
    for path, language, said in (
        ("/", "en", "Ask people who have tried it"),
        ("/fr/", "fr", "Demandez à ceux qui ont essayé"),
        ("/ja/", "ja", "使ったことのある人に聞いてみよう"),
    ):
        answer = Client().get(path, headers={"host": f"{host_of(SQUARE)}:8000"})
        page = answer.content.decode()
        assert answer.status_code == 200
        assert not answer.cookies
        assert said in page
        assert f'<html lang="{language}">' in page


def test_the_card_can_lie_on_a_home_screen(shop: Shop) -> None:
    manifest = Client(headers=MY).get("/manifest.webmanifest").json()
    assert manifest["start_url"] == "/card"
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert Client(headers=MY).get(icon["src"]).status_code == 200, icon


# -- in a browser -------------------------------------------------------------------------------------------------


def test_the_balance_changes_while_one_looks(pages: Pages, page: Page) -> None:
    gateway = pages.gateway
    accepted(gateway.post([sale("1000", 20, receipt="first")]))
    heard = complaints(page)
    page.goto(pages.card_url(customer_of(gateway, "1000")))
    page.wait_for_selector('html[data-live="stream"]')
    balance = page.locator(".balance b")
    assert balance.inner_text() == "20"
    seconds = []
    for number in range(1, 6):
        began = time.monotonic()
        accepted(gateway.post([sale("1000", 35, receipt=f"further-{number}")]))
        balance.get_by_text(str(20 + 35 * number), exact=True).wait_for()
        seconds.append(time.monotonic() - began)
    assert page.locator(".history li .moved").first.inner_text() == "+35"
    assert page.locator("#said").inner_text() == "You have 195 points."
    assert heard == []
    # A busy machine may hold up any of them, but not all.
    assert min(seconds) < 1, f"they took {seconds} s"


def test_a_card_stays_open_while_others_earn(pages: Pages, page: Page) -> None:
    gateway = pages.gateway
    accepted(gateway.post([sale("1000", 20, receipt="first")]))
    page.goto(pages.card_url(customer_of(gateway, "1000")))
    page.wait_for_selector('html[data-live="stream"]')
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    accepted(gateway.post([sale("2000", 5, receipt="other")]))
    accepted(gateway.post([sale("1000", 1, receipt="own")]))
    page.locator(".balance b").get_by_text("21", exact=True).wait_for()
    assert len([url for url in asked if url.endswith("/card/live")]) == 1


def test_the_pages_end_at_once_though_somebody_looks(pages: Pages, page: Page) -> None:
    page.goto(pages.card_url(uuid.uuid4()))
    page.wait_for_selector('html[data-live="stream"]')
    pages.process.terminate()
    assert pages.process.wait(timeout=15) == 0  # a stream by itself never ends


def test_without_a_stream_the_card_is_fetched_again_and_again(pages: Pages, page: Page) -> None:
    gateway = pages.gateway
    accepted(gateway.post([sale("1000", 20, receipt="first")]))
    page.route("**/card/stream", lambda route: route.abort())
    page.goto(pages.card_url(customer_of(gateway, "1000")))
    page.wait_for_selector('html[data-live="polling"]')
    accepted(gateway.post([sale("1000", 3, receipt="second")]))
    page.locator(".balance b").get_by_text("23", exact=True).wait_for()


def test_a_card_that_was_put_away_elsewhere_says_so(pages: Pages, page: Page) -> None:
    gateway = pages.gateway
    accepted(gateway.post([sale("1000", 20, receipt="first")]))
    page.goto(pages.card_url(customer_of(gateway, "1000")))
    page.wait_for_selector('html[data-live="stream"]')
    other = page.context.new_page()
    other.goto(pages.url(COUNTER, "/card"))
    other.get_by_role("button", name="Put the card away").click()
    accepted(gateway.post([sale("1000", 3, receipt="second")]))
    page.get_by_role("heading", name="How to get your card here").wait_for()


def test_the_card_reads_and_posts_without_a_script(browser: Browser, pages: Pages) -> None:
    customer = tell(pages.gateway, cards=1, months=2)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(pages.card_url(customer))
    assert page.locator(".history li").count() > 3
    assert page.get_by_role("link", name="Look again").is_visible()
    page.get_by_role("button", name="日本語").click()
    assert page.locator("html").get_attribute("lang") == "ja"
    page.get_by_role("button", name="カードをしまう").click()
    assert page.url == pages.url(COUNTER, "/")
    context.close()


def test_the_card_is_used_with_the_keyboard_alone(pages: Pages, page: Page) -> None:
    page.goto(pages.card_url(tell(pages.gateway, cards=1, months=1)))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] == "" or page.evaluate("document.activeElement === document.body")
        if reached[-1] == "Français":
            break
    assert reached[-1] == "Français"
    page.keyboard.press("Enter")
    page.wait_for_selector('html[lang="fr"]')


def test_no_page_is_wider_than_a_telephone(browser: Browser, pages: Pages) -> None:
    customer = tell(pages.gateway, cards=1, months=3)
    for language in ("en", "ja", "fr"):
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale=language)
        page = context.new_page()
        heard = complaints(page)
        for address in (pages.url(SQUARE), pages.url(COUNTER), pages.card_url(customer)):
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") == 390, address
            assert page.locator("html").get_attribute("lang") == language
        assert heard == []
        context.close()
