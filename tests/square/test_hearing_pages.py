"""What is new for a member, in a browser without scripts: the bell, what they know, follow and mute, and choose."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response

from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.touchpoints import house
from support import talking
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages, sale, take_part
from support.shop import Shop


@pytest.fixture
def counter(gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that the square and the storefront may speak to, and two cards."""
    accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1001", 30, receipt="2")]))
    with listening_to(gateway, house.STOREFRONT, house.SQUARE):
        yield gateway


@pytest.fixture
def pages(counter: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, counter) as running:
        yield running


def member(browser: Browser, pages: Pages, *, card: str, name: str) -> Page:
    """Open a card without scripts, choose a public name, and be on the square under it."""
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    take_part(pages, page, card=card, name=name)
    return page


def got(answer: Response | None) -> Response:
    assert answer is not None
    return answer


def say(page: Page, text: str) -> None:
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Send").click()
    page.locator(".said").filter(has_text=text).wait_for()


def test_a_member_hears_of_an_answer_and_a_mention_and_says_that_they_know(
    pages: Pages, browser: Browser, shop: Shop
) -> None:
    now = dt.datetime.now(dt.UTC)
    accepted(pages.gateway.post([talking.opened("bread", at=now)], touchpoint="console"))
    wren = member(browser, pages, card="1000", name="Wren")
    wren.goto(pages.url(SQUARE, "/en/write?topic=bread"))
    wren.get_by_label("Title").fill("How long does rye bread keep?")
    wren.get_by_label("Text").fill("Mine is hard.")
    wren.get_by_role("button", name="Publish").click()
    wren.get_by_role("button", name="Following").wait_for()
    thread = wren.url
    finch = member(browser, pages, card="1001", name="Finch")
    finch.goto(thread)
    say(finch, "Five days, @wren, wrapped in a cloth. @Nobody knows better.")
    assert shop.value("select count(*) from hearing_mention") == 1
    # Whom the shop has found leads to their page, in each language; who is nobody stays text.
    for language in ("en", "ja", "fr"):
        finch.goto(pages.url(SQUARE, f"/{language}/threads/{thread.split('/threads/')[1]}"))
        said = finch.locator(".said").last
        assert [each.inner_text() for each in said.get_by_role("link").all()] == ["@wren"]
        said.get_by_role("link", name="@wren").click()
        assert finch.url.startswith(pages.url(SQUARE, f"/{language}/members/"))
        finch.get_by_role("heading", name="Wren").wait_for()
    finch.goto(thread)
    wren.goto(pages.url(SQUARE, "/en/"))
    wren.get_by_role("link", name="1 is new for you").click()
    wren.get_by_text("Finch names you").wait_for()
    wren.locator(".news").get_by_role("link", name="How long does rye bread keep?").click()
    wren.get_by_text("1 thing here is new for you:").wait_for()
    # No page tells by the millisecond when somebody wrote.
    assert str(shop.value("select position from hearing_mention"))[:8] not in wren.content()
    wren.get_by_role("button", name="I know this").click()
    assert wren.get_by_text("is new for you:").count() == 0
    say(finch, "And six in the cellar.")
    wren.goto(pages.url(SQUARE, "/en/news"))
    wren.get_by_text("Finch answers you").wait_for()
    wren.get_by_role("button", name="I know all of this").click()
    wren.get_by_role("heading", name="What is new for you").wait_for()
    assert wren.get_by_text("is new", exact=False).filter(has_text="1 is new").count() == 0
    # Muted, the conversation says nothing any more.
    wren.goto(thread)
    wren.get_by_role("button", name="Mute").click()
    wren.get_by_role("button", name="Muted: hear of it again").wait_for()
    say(finch, "Or seven.")
    wren.goto(pages.url(SQUARE, "/en/news"))
    wren.get_by_text("Nothing is new.").wait_for()
    wren.get_by_role("link", name="What you hear of").click()
    wren.get_by_role("button", name="Let go").click()
    wren.get_by_text("Nothing yet, beside the conversations").wait_for()
    wren.goto(pages.url(SQUARE, "/en/news"))
    wren.get_by_text("3 are new").or_(wren.get_by_text("1 is new")).first.wait_for()
    wren.get_by_role("link", name="What you hear of").click()
    wren.get_by_role("checkbox", name="Somebody answers you On the page").uncheck()
    wren.get_by_role("button", name="Keep this choice").click()
    wren.get_by_text("Kept.").wait_for()
    assert shop.value("select 'reply' = any(page) or not 'mention' = any(page) from hearing_choice") is False


def test_a_public_name_has_a_page_where_it_is_followed(pages: Pages, browser: Browser) -> None:
    wren = member(browser, pages, card="1000", name="Wren")
    wren.goto(pages.url(SQUARE, "/en/write"))
    wren.get_by_label("Title").fill("A story")
    wren.get_by_label("Text").fill("Of a loaf.")
    wren.get_by_role("button", name="Publish").click()
    finch = member(browser, pages, card="1001", name="Finch")
    finch.goto(wren.url)
    finch.get_by_role("link", name="Wren").click()
    finch.get_by_role("button", name="Follow", exact=True).click()
    finch.get_by_role("button", name="Following").wait_for()
    assert "/members/" in finch.url
    stranger = browser.new_context(java_script_enabled=False).new_page()
    answer = got(stranger.goto(finch.url))
    assert answer.status == 200
    assert stranger.get_by_role("button", name="Follow").count() == 0
    answer = got(stranger.goto(pages.url(SQUARE, f"/en/members/{uuid.uuid4()}")))
    assert answer.status == 404
    # What is new is for members alone, and no browser keeps it.
    answer = got(stranger.goto(pages.url(SQUARE, "/en/news")))
    assert answer.status == 401
    answer = got(finch.goto(pages.url(SQUARE, "/en/news")))
    assert answer.headers["cache-control"] == "private, no-store"
