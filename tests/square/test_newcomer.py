"""Somebody's first day on the square, on a telephone: from the front page to a question, an answer, a vote, an idea.

In English with JavaScript, in Japanese and in French without. Nothing here depends on a script.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.touchpoints import house
from support import talking
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, card, customer_of, event, running_pages, sale
from support.shop import Shop, environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass(frozen=True)
class Newcomer:
    """Somebody with their language, and what they write."""

    language: str
    name: str
    title: str
    text: str
    search: str
    answer: str
    idea: str
    held: str
    waits: str
    has_script: bool = False


NEWCOMERS = (
    Newcomer(
        "en", "Goldcrest", "How do I keep basil fresh?", "Mine is black after **two** days.", "basil",
        "In a glass of water, like flowers.", "Sell herbs with their roots", "Only you see this yet.",
        "A person of the shop looks at it first", has_script=True,
    ),
    Newcomer(
        "ja", "やまがら", "ぬか床の手入れはどうすればいいですか", "毎日かき混ぜても、少し酸っぱくなります。", "ぬか床",
        "涼しい所に置くと長持ちします。", "量り売りの味噌を置いてほしい", "今はあなたにだけ見えています。",
        "まずお店の担当者が確認し",
    ),
    Newcomer(
        "fr", "Mésange", "Comment garder le basilic ?", "Le mien noircit en deux jours.", "basilic",
        "Dans un verre d'eau.", "Vendre les herbes avec leurs racines", "Vous seul voyez ceci pour l’instant.",
        "Une personne de la boutique le regarde",
    ),
)  # fmt: skip


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    """Have pages that may speak to the gateway, a topic, and a question that waits for an answer."""
    for touchpoint in house.HOUSE:
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    now = dt.datetime.now(dt.UTC)
    accepted(gateway.post([sale(str(1000 + number), 30, receipt=str(number)) for number in range(4)]))
    persona = talking.new()
    chosen = {"customer": card("1003"), "persona": persona, "name": "Wren"}
    accepted(gateway.post([event("persona.choose", chosen, source="/storefront")], touchpoint="storefront"))
    accepted(
        gateway.post([talking.opened("kitchen", en="Kitchen", ja="台所", fr="Cuisine", at=now)], touchpoint="console")
    )
    asked = talking.wrote(persona, "How long does rye bread keep?", topic="kitchen", at=now)
    accepted(gateway.post([asked], touchpoint="square"))
    with (
        environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")),
        running_pages(tmp_path, gateway) as running,
    ):
        yield running
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)


def test_a_newcomers_first_day(pages: Pages, browser: Browser, shop: Shop) -> None:
    for number, one in enumerate(NEWCOMERS):
        context = browser.new_context(
            locale=one.language, java_script_enabled=one.has_script, viewport={"width": 390, "height": 844}
        )
        page = context.new_page()
        arrive(pages, page, one, card_number=str(1000 + number))
        ask(pages, page, one)
        help_and_vote(pages, page, one, shop)
        propose(pages, page, one)
        wait_for_a_person(pages, page, one, shop)
        fits(page)
        context.close()
    assert shop.value("select count(*) from community_post where state = 'public'") == 1 + 3 * len(NEWCOMERS)


def arrive(pages: Pages, page: Page, one: Newcomer, *, card_number: str) -> None:
    """Land as a stranger, want to write, be told how one takes part, choose a name, and be there under it."""
    page.goto(pages.url(SQUARE))
    assert page.locator("html").get_attribute("lang") == one.language
    assert page.context.cookies() == []
    page.locator('a[href$="/write"]').first.click()
    page.locator("main h1").wait_for()
    fits(page)
    to_the_counter = page.locator(f'main a[href^="{pages.url(COUNTER, "")}"]').first.get_attribute("href")
    assert to_the_counter == pages.url(COUNTER, "/who")
    page.goto(pages.card_url(customer_of(pages.gateway, card_number)))  # as it stands on a receipt
    page.goto(to_the_counter)
    page.locator('form[action$="/who/names"] input[name=name]').fill(one.name)
    fits(page)
    page.locator('form[action$="/who/names"] button').click()
    page.locator('form[action$="/who/names/take-part"] button').click()
    page.locator('form[action$="/arrive/"] button').click()
    page.get_by_text(one.name).first.wait_for()
    page.goto(pages.url(SQUARE, f"/{one.language}/"))


def ask(pages: Pages, page: Page, one: Newcomer) -> None:
    """Ask a question, see it, and find it."""
    page.locator('a[href$="/write"]').first.click()
    page.locator("[name=topic]").select_option("kitchen")
    page.locator("[name=title]").fill(one.title)
    page.locator("[name=text]").fill(one.text)
    fits(page)
    page.locator("form:has([name=title]) button:not([formaction])").last.click()
    page.get_by_role("heading", name=one.title).wait_for()
    assert page.locator(".said").first.inner_text() == one.text.replace("**", "")
    page.goto(pages.url(SQUARE, f"/{one.language}/search?q={one.search}"))
    page.get_by_role("link", name=one.title).wait_for()
    reading = page.context.browser.new_context() if page.context.browser else None
    assert reading is not None
    stranger = reading.new_page()
    stranger.goto(pages.url(SQUARE, f"/{one.language}/"))
    stranger.get_by_role("link", name=one.title).first.wait_for()
    reading.close()


def help_and_vote(pages: Pages, page: Page, one: Newcomer, shop: Shop) -> None:
    """Answer somebody else's question, and find it good."""
    thread = shop.value("select id from community_thread where title = 'How long does rye bread keep?'")
    page.goto(pages.url(SQUARE, f"/{one.language}/threads/{thread}"))
    before = shop.value("select up from community_post where id = %s", thread)
    page.locator(f'button[formaction$="/posts/{thread}/vote"]').click()
    page.locator(f'button[formaction$="/posts/{thread}/vote"][aria-pressed=true]').wait_for()
    assert shop.value("select up from community_post where id = %s", thread) == before + 1
    page.locator('form[action$="/reply"] [name=text]').fill(one.answer)
    page.locator('form[action$="/reply"] button:not([formaction])').last.click()
    page.locator(".said", has_text=one.answer).wait_for()


def propose(pages: Pages, page: Page, one: Newcomer) -> None:
    """Propose something, and see it on the board."""
    page.goto(pages.url(SQUARE, f"/{one.language}/write?kind=idea"))
    page.locator("[name=title]").fill(one.idea)
    page.locator("[name=text]").fill(one.idea)
    page.locator("form:has([name=title]) button:not([formaction])").last.click()
    page.get_by_role("heading", name=one.idea).wait_for()
    page.goto(pages.url(SQUARE, f"/{one.language}/ideas"))
    page.get_by_role("link", name=one.idea).wait_for()


def wait_for_a_person(pages: Pages, page: Page, one: Newcomer, shop: Shop) -> None:
    """Write something with many links: it is kept, its author sees it and why nobody else does."""
    page.goto(pages.url(SQUARE, f"/{one.language}/write"))
    page.locator("[name=title]").fill(f"{one.title} 2")
    page.locator("[name=text]").fill("https://a.example https://b.example https://c.example")
    page.locator("form:has([name=title]) button:not([formaction])").last.click()
    page.get_by_text(one.held).wait_for()
    page.get_by_text(one.waits).first.wait_for()
    assert shop.value("select held from community_post order by position desc limit 1") == "links"


def fits(page: Page) -> None:
    """Check that a page is no wider than the telephone."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
