"""Reporting and deciding in a browser: flag and notice, queue, statement of reasons, objection, the public record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from support import talking
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages, sale, take_part
from support.shop import Shop

set_up_django()  # a member of staff's session is a row of a model
OWN = (house.STOREFRONT, house.SQUARE, house.CONSOLE)


@pytest.fixture
def counter(gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that every page may speak to, and two cards."""
    accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1001", 30, receipt="2")]))
    with listening_to(gateway, *OWN):
        yield gateway


@pytest.fixture
def pages(counter: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, counter) as running:
        yield running


def at_work(pages: Pages, browser: Browser, name: str) -> Page:
    """Return the browser of a member of staff."""
    page = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    pages.sign_in(page, name)
    return page


def fits(page: Page, name: str) -> None:
    """Check that a page is no wider than a phone."""
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    page.set_viewport_size(before)


def test_somebody_reports_somebody_decides_somebody_objects(  # noqa: PLR0915 - one story, told to its end
    pages: Pages, browser: Browser, shop: Shop
) -> None:
    now = dt.datetime.now(dt.UTC)
    accepted(pages.gateway.post([talking.opened("bread", at=now)], touchpoint="console"))
    writing = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    take_part(pages, writing, card="1000", name="Wren")
    writing.get_by_role("link", name="Write something").click()
    writing.get_by_label("Title").fill("Win a year of bread")
    writing.get_by_label("Text").fill("Everybody who writes to me wins.")
    writing.get_by_role("button", name="Publish").click()
    writing.get_by_role("heading", name="Win a year of bread").wait_for()
    address = writing.url

    reading = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    take_part(pages, reading, card="1001", name="Finch")
    reading.goto(address)
    reading.get_by_role("link", name="Report", exact=True).click()
    reading.get_by_label("Advertising or spam").check()
    reading.get_by_label("In your words, if you like").fill("I wrote, and won nothing.")
    reading.get_by_role("button", name="Flag it").click()
    reading.get_by_text("Thank you. Somebody of the shop looks at it.").wait_for()

    stranger = browser.new_context(java_script_enabled=True).new_page()
    stranger.goto(address)
    stranger.get_by_role("link", name="Report a post").click()
    stranger.get_by_role("link", name="Question 1").click()
    stranger.get_by_label("What is it against?").select_option("fraud")
    stranger.get_by_label("Why is it illegal?").fill("A prize that does not exist is a fraud.")
    stranger.get_by_label("As far as I know").check()
    fits(stranger, "report")
    stranger.get_by_role("button", name="Give notice").click()
    number = stranger.locator("code.secret").inner_text()
    assert stranger.context.cookies() == [], "who gives notice leaves nothing"
    stranger.get_by_role("link", name="What was decided?").click()
    stranger.get_by_label("Your receipt number").fill(number.lower().replace("-", " "))
    stranger.get_by_role("button", name="Look").click()
    stranger.get_by_text("It waits for a person").wait_for()

    alice = at_work(pages, browser, "Alice")
    alice.goto(pages.url(OFFICE, "/moderation"))
    alice.get_by_text("1 notice", exact=True).wait_for()
    alice.get_by_text("1 flag", exact=True).wait_for()
    alice.get_by_role("link", name="Win a year of bread").click()
    alice.get_by_text("I wrote, and won nothing.").wait_for()
    alice.get_by_text("A prize that does not exist is a fraud.").wait_for()
    alice.get_by_label("Hide it").check()
    alice.get_by_label("On which ground?").select_option("charter")
    alice.get_by_label("The facts").fill("There is no such prize in the shop.")
    alice.get_by_role("button", name="Decide").click()
    alice.get_by_text("What goes against a post needs a ground").wait_for()
    assert alice.get_by_label("The facts").input_value() == "There is no such prize in the shop."
    alice.get_by_label("Which rule").fill("No advertising")
    alice.get_by_role("button", name="Decide").click()
    alice.get_by_text("Nothing waits for a decision.").wait_for()
    assert shop.value("select state from community_post") == "hidden"

    stranger.reload()
    stranger.get_by_text("It was decided").wait_for()
    reading.goto(address)
    reading.get_by_text("This was hidden by a decision that its author was told.").wait_for()
    writing.goto(address)
    writing.get_by_role("link", name="The reasons, and how to object").click()
    writing.get_by_text("There is no such prize in the shop.").wait_for()
    assert "Finch" not in writing.content()
    statement = writing.url
    reading.goto(statement)
    assert reading.get_by_text("There is no such prize").count() == 0, "the reasons are for the author"
    writing.get_by_label("What was overlooked?").fill("It is our own tombola, in store 324.")
    fits(writing, "decision")
    writing.get_by_role("button", name="Object").click()
    writing.get_by_text("Somebody else, who had no part in it").wait_for()

    alice.goto(pages.url(OFFICE, "/moderation"))
    alice.get_by_role("link", name="Win a year of bread").click()
    alice.get_by_label("Nothing against it").check()
    alice.get_by_label("The facts").fill("It stays.")
    alice.get_by_role("button", name="Decide").click()
    alice.get_by_role("alert").get_by_text("somebody else answers the objection").wait_for()
    bruno = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    pages.sign_in(bruno, "Bruno")
    bruno.goto(pages.url(OFFICE, "/moderation"))
    bruno.get_by_text("objection", exact=True).wait_for()
    fits(bruno, "moderation")
    bruno.get_by_role("link", name="Win a year of bread").click()
    fits(bruno, "case")
    bruno.get_by_label("Nothing against it").check()
    bruno.get_by_label("On which ground?").select_option("none")
    bruno.get_by_label("The facts").fill("The tombola is the shop's own.")
    bruno.get_by_role("button", name="Decide").click()
    bruno.get_by_text("Nothing waits for a decision.").wait_for()
    assert shop.value("select state from community_post") == "public"

    stranger.goto(pages.url(SQUARE, "/moderation"))
    stranger.get_by_text("1, of which 1 answered, 1 with another decision").wait_for()
    fits(stranger, "record")
    for word in ("Wren", "Finch", "Alice", "Bruno", "tombola", "prize"):
        assert word not in stranger.content(), word
    answer = stranger.request.get(pages.url(SQUARE, "/moderation.json"))
    assert answer.json()["appeals_granted"] == 1
    assert not any(word in answer.text() for word in ("Wren", "Finch", "Alice", "Bruno", "tombola"))


def test_links_of_somebody_new_wait_for_a_person(pages: Pages, browser: Browser, shop: Shop) -> None:
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    take_part(pages, page, card="1000", name="Wren")
    page.get_by_role("link", name="Write something").click()
    page.get_by_label("Title").fill("Two mills")
    page.get_by_label("Text").fill("Look at https://mill.example and https://other.example.")
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Only you see this yet.").wait_for()
    assert shop.rows("select state, held from community_post") == [{"state": "held", "held": "links"}]
    alice = at_work(pages, browser, "Alice")
    alice.goto(pages.url(OFFICE, "/moderation"))
    alice.get_by_text("links by a new member").wait_for()
    page.get_by_role("link", name="Trust", exact=True).click()
    page.get_by_role("heading", name="You are at level 0").wait_for()
    fits(page, "trust")
    page.goto(pages.url(SQUARE, "/ja/trust"))
    page.get_by_role("heading", name="ここでの信頼の得かた").wait_for()
    assert shop.value("select count(*) from community_thread where is_shown") == 0
