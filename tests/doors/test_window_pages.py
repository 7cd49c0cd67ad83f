"""A customer composes their shop window by keyboard, without JavaScript; the shop shows it; somebody takes it over."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page

from comptoir.doors.storefront.links import card_token
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import composing
from comptoir.square.catalog.composing import RULES_MAX, Rule
from support import casting
from support.casting import WEBSHOP
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages
from support.shop import Shop

set_up_django()
NOW = dt.datetime.now(dt.UTC)
NAMES = {"tea": ("Tea", "Thé", "お茶"), "meat": ("Meat", "Viande", "肉"), "bread": ("Bread", "Pain", "パン")}


def listed(kind: str, **data: Any) -> dict[str, Any]:
    return casting.event(kind, data, source=WEBSHOP, at=NOW - dt.timedelta(days=1))


def product(number: str, category: str, maker: str, **more: Any) -> dict[str, Any]:
    prices = [{"currency": "USD", "amount": 500 + len(number)}]
    return listed("product.listed", product=number, name={"en": number.title()}, category=category, maker=maker,
                  variants=[{"sku": number, "prices": prices}], **more)  # fmt: skip


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    said = [
        listed("category.listed", category=slug, name=dict(zip(("en", "fr", "ja"), names, strict=True)))
        for slug, names in NAMES.items()
    ]
    said += [
        product("ham", "meat", "Acme"), product("sencha", "tea", "Oi"), product("oolong", "tea", "Acme"),
        product("rye", "bread", "Oi"), product("rum-cake", "bread", "Acme", asks_over=18),
    ]  # fmt: skip
    accepted(gateway.post(said, touchpoint="webshop"))
    with (
        listening_to(gateway, house.SQUARE, house.STOREFRONT, house.VAULT),
        running_pages(tmp_path, gateway) as running,
    ):
        yield running


def bought(gateway: Gateway, *days: int, card: str = "1000", goods: str = "sencha") -> None:
    """Let somebody buy something, tea if nothing else is said, on each of these days ago."""
    sales = [
        casting.event(
            "sale.closed",
            {"receipt": f"{goods}-{card}-{each}", "currency": "USD", "total": 500,
             "customer": {"kind": "card", "value": card},
             "lines": [{"product": goods, "quantity": 1, "amount": 500}]},
            source="/stores/330/tills/1", at=NOW - dt.timedelta(days=each),
        )
        for each in days
    ]  # fmt: skip
    accepted(gateway.post(sales, touchpoint="till"))


def customer(gateway: Gateway, card: str = "1000") -> str:
    answer = httpx.post(
        f"{gateway.url}/v1/customers/resolve", json={"kind": "card", "value": card},
        headers={"Authorization": f"Bearer {gateway.keys['till']}"},
    )  # fmt: skip
    return str(answer.json()["customer"])


def opened(pages: Pages, browser: Browser, who: str, *, language: str = "en") -> Page:
    """Return a browser without JavaScript that has opened somebody's card."""
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}, locale=language
    )  # fmt: skip
    page = context.new_page()
    page.goto(pages.url(COUNTER, f"/card/{card_token(uuid.UUID(who))}"))
    return page


def wares(pages: Pages, page: Page, asked: str = "") -> list[str]:
    page.goto(pages.url(SQUARE, f"/en/shop{asked}"))
    return page.locator(".wares > li > a").all_inner_texts()


def sentences(page: Page) -> list[str]:
    return page.locator("section[aria-labelledby=rules] .rules > li > span").all_inner_texts()


def told(gateway: Gateway, who: str, *, touchpoint: str = "webshop") -> Any:
    answer = httpx.get(
        f"{gateway.url}/v1/customers/{who}/window", headers={"Authorization": f"Bearer {gateway.keys[touchpoint]}"}
    )
    return answer.json()


def test_a_window_is_composed_shown_shared_and_switched_off(  # noqa: PLR0915 - one story, told in its order
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], list[Path]]
) -> None:
    gateway = pages.gateway
    bought(gateway, 1)
    who = customer(gateway)
    assert told(gateway, who)["window"]["rules"] == []
    page = opened(pages, browser, who)
    assert wares(pages, page) == ["Ham", "Oolong", "Rum-Cake", "Rye", "Sencha"]
    assert "Your window is on" not in page.content()
    page.goto(pages.url(COUNTER, "/window"))
    page.get_by_text("you have not allowed us to choose by what you bought").wait_for()
    page.get_by_label("Which").select_option("meat")
    page.get_by_role("button", name="Never show it").first.click()
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    page.get_by_label("Who").fill("nobody")
    page.get_by_role("button", name="Show it first").last.click()
    page.get_by_role("alert").get_by_text("made by “nobody”").wait_for()
    page.get_by_label("Who").fill("oi")  # however it is written
    page.get_by_label("Who").press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    page.get_by_label("One thing in how many").select_option("2")
    page.get_by_role("button", name="Add it").first.click()
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    said = ["Never show Meat.", "Show what Oi makes first.", "One thing in 2 from outside what is put first."]
    assert sentences(page) == said
    photograph(page, "my-window")
    # The square knows nobody, and shows it all the same: what never is never, what is first stands first.
    assert wares(pages, page) == ["Rye", "Oolong", "Sencha", "Rum-Cake"]
    page.get_by_text("Your window is on").wait_for()
    page.get_by_text("3 rules").wait_for()
    photograph(page, "shop-window-on")
    assert page.locator(".shelves a").all_inner_texts() == ["Bread", "Tea"]
    assert wares(pages, page, "?q=ham") == []
    assert wares(pages, page, "?order=cheapest") == ["Rye", "Oolong", "Sencha", "Rum-Cake"]
    page.goto(pages.url(SQUARE, "/en/product/ham"))
    page.get_by_text("You never want to see this in the shop.").wait_for()
    # Every channel is told the same.
    window = told(gateway, who)["window"]
    assert [each["en"] for each in window["sentences"]] == said
    assert window["rules"][0] == {"rule": "never", "of": "category", "value": "meat"}
    assert told(gateway, who, touchpoint="till")["type"].endswith("need_not_declared")
    # Somebody else reads it by its address, which says nothing of her, and uses it without an account.
    page.goto(pages.url(COUNTER, "/window"))
    link = str(page.get_by_label("Address").get_attribute("value"))
    assert who not in link
    stranger = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    stranger.goto(pages.url(SQUARE, f"{urlsplit(link).path}?{urlsplit(link).query}"))
    stranger.get_by_text("Never show Meat.").wait_for()
    photograph(stranger, "shop-window-shared")
    stranger.get_by_role("button", name="Use it in this browser").click()
    stranger.get_by_text("Your window is on").wait_for()
    assert stranger.locator(".wares > li > a").all_inner_texts() == ["Rye", "Oolong", "Sencha", "Rum-Cake"]
    stranger.get_by_role("link", name="See, change or switch off").click()
    stranger.get_by_role("button", name="Switch it off here").click()
    assert "Ham" in wares(pages, stranger)
    # Another customer takes the rules over into their own window.
    bought(gateway, 2, card="1001")
    other = opened(pages, browser, customer(gateway, "1001"), language="fr")
    other.goto(pages.url(SQUARE, f"/fr/window?{urlsplit(link).query}"))
    other.get_by_role("link", name="Reprendre ces règles dans la mienne").click()
    other.get_by_role("button", name="Les ajouter aux miennes").click()
    other.get_by_text("C’est noté.").wait_for()
    assert sentences(other)[0] == "Ne jamais montrer : Viande."
    photograph(other, "my-window-fr")
    # It is remembered, and seen there.
    page.goto(pages.url(COUNTER, "/remembered"))
    page.get_by_text("Never show Meat.").wait_for()
    page.goto(pages.url(COUNTER, "/window"))
    page.get_by_role("button", name="Take all out").click()
    page.get_by_text("The shop shows everything again in this browser.").wait_for()
    assert "Ham" in wares(pages, page)
    assert shop.value("select count(*) from windows_window") == 2


def test_a_guess_is_shown_with_its_reason_and_answered_once(
    pages: Pages, browser: Browser, photograph: Callable[[Page, str], list[Path]]
) -> None:
    gateway = pages.gateway
    bought(gateway, 1, 20, 40, 60)
    who = customer(gateway)
    page = opened(pages, browser, who, language="ja")
    page.goto(pages.url(COUNTER, "/window"))
    assert page.locator(".guess").count() == 0  # she has not allowed it
    allow(gateway)
    page.goto(pages.url(COUNTER, "/window"))
    assert page.locator(".guess").count() == 2
    photograph(page, "my-window-ja")
    guess = page.locator(".guess").filter(has=page.locator("strong", has_text="お茶"))
    assert "4回" in guess.inner_text()
    assert wares(pages, page)[0] == "Ham"  # a guess changes nothing by itself
    page.goto(pages.url(COUNTER, "/window"))
    guess.get_by_role("button", name="この推測を採用する").click()
    page.get_by_text("保存しました").wait_for()
    assert sentences(page) == ["「お茶」を最初に表示します。"]
    assert set(wares(pages, page)[:2]) == {"Sencha", "Oolong"}
    page.goto(pages.url(COUNTER, "/window"))
    page.locator(".guess").get_by_role("button", name="この推測を忘れる").click()
    assert page.locator(".guess").count() == 0
    bought(gateway, 3, 4, 5)
    page.goto(pages.url(COUNTER, "/window"))
    assert page.locator(".guess").count() == 0  # forgotten stays forgotten
    page.get_by_role("button", name="すべて外す").click()
    page.get_by_text("保存しました").wait_for()
    assert page.locator(".guess").count() == 0  # and what was kept once is not guessed again


def allow(gateway: Gateway, card: str = "1000") -> None:
    """Let somebody allow the shop to choose by what they bought."""
    allowed = casting.consented("personalisation", "web", of={"kind": "card", "value": card}, at=NOW)
    accepted(gateway.post([allowed], touchpoint="storefront"))


def correcting(page: Page, name: str, summary: str = "Correct this guess") -> Locator:
    """Return the guess about this name, with what can be true instead of it opened by keyboard."""
    guess = page.locator(".guess").filter(has=page.locator(f"strong:text-is('{name}')"))
    guess.locator("summary").get_by_text(summary).wait_for()
    if guess.locator("details").get_attribute("open") is None:
        guess.locator("summary").press("Enter")
    return guess


def test_a_guess_is_corrected_by_what_is_true_instead(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], list[Path]]
) -> None:
    gateway = pages.gateway
    bought(gateway, 1, 20, 40, 60)
    bought(gateway, 2, 21, 41, goods="ham")
    allow(gateway)
    who = customer(gateway)
    page = opened(pages, browser, who)
    page.goto(pages.url(COUNTER, "/window"))
    assert page.locator(".guess").count() == 4
    never = correcting(page, "Meat").get_by_role("button", name="No, never")
    said = page.locator(f"#{never.get_attribute('aria-describedby')}")
    assert said.inner_text() == "Never show Meat."  # what becomes of it stands beside it
    photograph(page, "my-window-correct")
    never.press("Enter")
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    assert sentences(page) == ["Never show Meat."]
    correcting(page, "Acme").get_by_role("button", name="Yes, but not so much").press("Enter")
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    less = ["Never show Meat.", "Show what Acme makes first.", "One thing in 2 from outside what is put first."]
    assert sentences(page) == less
    assert wares(pages, page) == ["Oolong", "Rye", "Rum-Cake", "Sencha"]
    # Another topic in its place: what the shop does not know, and what it thought already, is none.
    page.goto(pages.url(COUNTER, "/window"))
    tea = correcting(page, "Tea")
    assert tea.get_by_label("Another kind of goods").locator("option").all_inner_texts() == ["Bread", "Meat"]
    tea.get_by_label("Another maker").fill("nobody")
    tea.get_by_label("Another maker").press("Enter")
    page.get_by_role("alert").get_by_text("made by “nobody”").wait_for()
    assert page.locator(".guess details[open]").count() == 1
    tea = correcting(page, "Tea")
    assert tea.get_by_label("Another maker").input_value() == "nobody"
    tea.get_by_label("Another kind of goods").select_option("bread")
    tea.get_by_role("button", name="Show this first").first.press("Enter")
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    assert sentences(page) == [*less, "Show Bread first."]
    maker = correcting(page, "Oi")
    maker.get_by_label("Another maker").fill("oi")
    maker.get_by_label("Another maker").press("Enter")
    page.get_by_role("alert").get_by_text("“Oi” is what we thought.").wait_for()
    assert sentences(page) == [*less, "Show Bread first."]
    correcting(page, "Oi").get_by_role("button", name="Even more").press("Enter")
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    assert sentences(page) == [*less, "Show Bread first.", "Only show what Oi makes."]
    assert page.locator(".guess").count() == 0
    # It is told as a correction, and each channel reads the rules; the customer takes one out like any other.
    answers = shop.value("select array_agg(guess || ' ' || answer order by guess) from windows_guessanswer")
    assert answers == ["category:meat correct", "category:tea correct", "maker:Acme correct", "maker:Oi correct"]
    assert told(gateway, who)["window"]["rules"][-1] == {"rule": "only", "of": "maker", "value": "Oi"}
    page.get_by_role("button", name="Take out: Only show what Oi makes.").click()
    page.get_by_text("The shop shows it like this in this browser now.").wait_for()
    bought(gateway, 3, 4, 5)
    page.goto(pages.url(COUNTER, "/window"))
    assert page.locator(".guess").count() == 0


@pytest.mark.parametrize(
    ("language", "name", "summary", "button", "said"),
    [
        ("fr", "Thé", "Corriger cette supposition", "Oui, mais pas autant",
         ["Montrer d’abord : Thé.", "Une chose sur 2 hors de ce qui vient d’abord."]),
        ("ja", "お茶", "この推測を訂正する", "好きだが、ほどほどに",
         ["「お茶」を最初に表示します。", "2点に1点は、最初に表示するもの以外から選びます。"]),
    ],
)  # fmt: skip
def test_a_guess_is_corrected_in_the_readers_language(
    pages: Pages, browser: Browser, language: str, name: str, summary: str, button: str, said: list[str]
) -> None:
    bought(pages.gateway, 1, 20, 40)
    allow(pages.gateway)
    page = opened(pages, browser, customer(pages.gateway), language=language)
    page.goto(pages.url(COUNTER, "/window"))
    less = correcting(page, name, summary).get_by_role("button", name=button)
    told = page.locator(f"#{less.get_attribute('aria-describedby')}").inner_text()
    assert told == ("" if language == "ja" else " ").join(said)
    less.press("Enter")
    page.locator(".notice.good").wait_for()
    assert sentences(page) == said


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"answer": "correct"}, "Say what is true instead."),
        ({"answer": "correct", "correction": "always"}, "Say what is true instead."),
        ({"answer": "perhaps"}, "A guess is kept, corrected or forgotten."),
        ({"answer": "correct", "correction": "instead"}, "Choose what the sentence is to speak of."),
        ({"answer": "correct", "correction": "instead", "category": "nothing"}, "Choose what the sentence"),
        ({"answer": "correct", "correction": "instead", "category": "tea"}, "“Tea” is what we thought."),
        ({"answer": "correct", "correction": "instead", "maker": "\x00<i>"}, "made by “&lt;i&gt;”"),
    ],
)
def test_what_corrects_nothing_is_refused_and_changes_nothing(
    pages: Pages, shop: Shop, form: dict[str, str], said: str
) -> None:
    bought(pages.gateway, 1, 20, 40)
    allow(pages.gateway)
    card = card_token(uuid.UUID(customer(pages.gateway)))
    there = {"Host": f"my.localhost:{pages.port}", "Origin": pages.url(COUNTER, "").rstrip("/")}
    with httpx.Client(base_url=pages.url(SQUARE, "/"), headers=there, timeout=60) as client:
        client.get(f"/card/{card}")
        (token, *_others) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/window").text)
        sent = {"csrfmiddlewaretoken": token, "guess": "category:tea", **form}
        with shop.unchanged("windows_window", "windows_guessanswer"):
            refused = client.post("/window/guess", data=sent)
    assert refused.status_code == 422
    assert said in " ".join(re.findall(r'role="alert">(.*?)</p>', refused.text))


@pytest.mark.parametrize(
    ("language", "most", "long"),
    [
        ("en", "A window has at most 30 rules.", "So many long names do not fit into an address."),
        ("fr", "Une vitrine a au plus 30 phrases.", "Autant de longs noms ne tiennent pas dans une adresse."),
        ("ja", "ショーウィンドウに入れられる文は30個までです。", "長い名前が多すぎて、アドレスに収まりません。"),
    ],
)
def test_what_is_too_much_for_a_window_is_said_in_the_readers_language(
    pages: Pages, shop: Shop, language: str, most: str, long: str
) -> None:
    bought(pages.gateway, 1)
    card = card_token(uuid.UUID(customer(pages.gateway)))
    many = [Rule("never", "maker", f"Maker {number}") for number in range(RULES_MAX + 1)]
    wide = [Rule("never", "maker", f"{number}{'茶' * 90}") for number in range(4)]
    there = {
        "Host": f"my.localhost:{pages.port}", "Origin": pages.url(COUNTER, "").rstrip("/"), "Accept-Language": language,
    }  # fmt: skip
    with httpx.Client(base_url=pages.url(SQUARE, "/"), headers=there, timeout=60) as client:
        client.get(f"/card/{card}")
        (token, *_others) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/window").text)
        form = {"csrfmiddlewaretoken": token}
        for rules, said in ((many, most), (wide, long)):
            halves = (rules[: len(rules) // 2], rules[len(rules) // 2 :])
            first, second = ({**form, "what": "take", "take": composing.written(half)} for half in halves)
            cleared = client.post("/window/change", data={**form, "what": "clear"})
            assert cleared.status_code == 302, cleared.text[:3000]
            assert client.post("/window/change", data=first).status_code == 302
            with shop.unchanged("windows_window"):
                refused = client.post("/window/change", data=second)
            assert refused.status_code == 422
            assert said in " ".join(re.findall(r'role="alert">(.*?)</p>', refused.text))


def test_a_window_comes_from_the_house_or_from_a_press_of_a_button(pages: Pages) -> None:
    said = "v=1&never=category%3Ameat"
    with httpx.Client(base_url=pages.url(SQUARE, "/"), timeout=60) as client:
        forged = client.get("/en/window/carry", params={"w": f"{said}:1:forged"})
        assert (forged.status_code, "set-cookie" in forged.headers) == (400, False)
        for origin in ("https://evil.example", "null", pages.url(COUNTER, "").rstrip("/")):
            refused = client.post("/en/window/use", data={"w": said}, headers={"Origin": origin})
            assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
        own = {"Origin": pages.url(SQUARE, "").rstrip("/")}
        done = client.post("/en/window/use", data={"w": said}, headers=own)
        assert (done.status_code, done.headers["location"]) == (302, "/en/shop")
        assert "Ham" not in client.get("/en/shop").text
        gone = client.post("/en/window/use", data={"w": "v=1&never=nonsense"}, headers=own)
        assert "Max-Age=0" in gone.headers["set-cookie"]
        for cookie in ("v=1&first=maker%3A%00", "%ff", "a" * 3_500, "v=9"):
            assert client.get("/en/shop", headers={"Cookie": f"comptoir-window={cookie}"}).status_code == 200
