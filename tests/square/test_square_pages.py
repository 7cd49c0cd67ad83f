"""The square in a browser: a public name, a question, an answer from somebody else, a vote; no cookie for readers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

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


def test_somebody_asks_and_somebody_else_helps(pages: Pages, browser: Browser, shop: Shop) -> None:
    now = dt.datetime.now(dt.UTC)
    accepted(pages.gateway.post([talking.opened("bread", at=now)], touchpoint="console"))
    asking = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    take_part(pages, asking, card="1000", name="Wren")
    asking.get_by_role("link", name="Write something").click()
    asking.get_by_label("About").select_option("bread")
    asking.get_by_label("Title").fill("How long does rye bread keep?")
    asking.get_by_label("Text").fill("Mine is hard after **two** days. <script>alert(1)</script>")
    asking.get_by_role("button", name="Publish").click()
    asking.get_by_role("heading", name="How long does rye bread keep?").wait_for()
    assert asking.locator(".said strong").inner_text() == "two"
    helping = browser.new_context(java_script_enabled=False).new_page()
    take_part(pages, helping, card="1001", name="Finch")
    helping.get_by_role("link", name="How long does rye bread keep?").first.click()
    helping.get_by_label("Text").fill("Five days, wrapped in a cloth.")
    helping.get_by_text("Is it better elsewhere?").click()
    helping.get_by_label("Yes, this sends somebody").check()
    helping.get_by_label("Which one").fill("The mill in Arles")
    helping.get_by_role("button", name="Send").click()
    helping.get_by_text("better elsewhere: The mill in Arles").wait_for()
    asking.reload()
    asking.get_by_role("button", name="Good").click()
    asking.get_by_role("button", name="This helped me").click()
    asking.get_by_text("this helped", exact=True).wait_for()
    assert shop.rows("select up, down from community_post where number = 2") == [{"up": 1, "down": 0}]
    asking.goto(pages.url(SQUARE, "/search?q=cloth"))
    asking.get_by_role("link", name="How long does rye bread keep?").wait_for()


def test_a_reader_gets_no_cookie_and_is_told_how_to_take_part(pages: Pages, page: Page) -> None:
    page.goto(pages.url(SQUARE))
    page.get_by_role("link", name="Write something").click()
    page.get_by_role("heading", name="Take part under a name of your choice").wait_for()
    assert page.context.cookies() == []
