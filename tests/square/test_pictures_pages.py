"""Pictures in a browser without JavaScript: sent with a post, refused without losing a word, seen by whoever may."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from support import drawn, talking
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages, sale, take_part
from support.shop import Shop

set_up_django()  # a member of staff's session is a row of a model
OWN = (house.STOREFRONT, house.SQUARE, house.CONSOLE)


@pytest.fixture
def counter(gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that every page may speak to, two cards, and a topic."""
    accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1001", 30, receipt="2")]))
    accepted(gateway.post([talking.opened("bread", at=dt.datetime.now(dt.UTC))], touchpoint="console"))
    with listening_to(gateway, *OWN):
        yield gateway


@pytest.fixture
def pages(counter: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, counter) as running:
        yield running


def member(pages: Pages, browser: Browser, *, card: str, name: str) -> Page:
    """Return a browser without JavaScript that takes part under a public name."""
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    take_part(pages, page, card=card, name=name)
    return page


def sent(page: Page, number: int, content: bytes, *, name: str = "loaf.jpg", alt: str | None = "A loaf") -> None:
    page.locator(f"#picture{number}").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})
    if alt is not None:
        page.locator(f"#alt{number}").fill(alt)


def begun(pages: Pages, page: Page) -> None:
    """Fill in a story, and open the place for its pictures."""
    page.goto(pages.url(SQUARE, "/write?kind=story"))
    page.get_by_label("Title").fill("My first loaf")
    page.get_by_label("Text").fill("It took three days.")
    page.get_by_text("Pictures", exact=True).click()


def refused(page: Page, said: str) -> None:
    """Publish, and be told what is wrong."""
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("alert").get_by_text(said).wait_for()


def test_a_picture_that_is_refused_is_named_and_nothing_is_lost(
    pages: Pages, browser: Browser, photograph: Callable[[Page, str], None]
) -> None:
    page = member(pages, browser, card="1000", name="Wren")
    begun(pages, page)
    sent(page, 1, drawn.told())
    sent(page, 3, drawn.bomb(), alt="A bomb")
    refused(page, "40 megapixels")
    assert "Picture 3." in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Text").input_value() == "It took three days."
    assert page.locator("#alt1").input_value() == "A loaf"
    page.get_by_text("This one is here already.").wait_for()
    photograph(page, "square-write-pictures")
    for bad, said in (
        (drawn.moving(), "A picture that moves"),
        (b"\0\0\0\x18ftypheic", "Most Compatible"),
        (drawn.encoded(drawn.loaf())[:-4_000], "can be read to its end"),
        (b"\xff\xd8\xff" + b"\0" * 10_000_100, "at most 10 MB"),
    ):
        sent(page, 3, bad, alt="Another one")
        refused(page, said)
    sent(page, 3, drawn.encoded(drawn.loaf(900, 300), "PNG"), alt="")
    refused(page, "Say in words what the picture shows")
    page.locator("#alt3").fill("A second loaf, cut open")
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Only you see this yet.").wait_for()
    assert page.locator(".pictures img").count() == 2


def decide(pages: Pages, browser: Browser, post: str) -> None:
    """Look at a post with its picture in the office, and find nothing against it."""
    office = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    pages.sign_in(office, "camille")
    office.goto(pages.url(OFFICE, f"/moderation/{post}"))
    answer = office.goto(pages.url(OFFICE, str(office.locator(".pictures img").first.get_attribute("src"))))
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    office.go_back()
    office.get_by_label("Nothing against it").check()
    office.get_by_label("On which ground?").select_option("none")
    office.get_by_label("The facts").fill("A loaf, nothing else.")
    office.get_by_role("button", name="Decide").click()
    office.get_by_role("heading", name="Moderation").wait_for()


def read_by_all(pages: Pages, post: str, address: str) -> None:
    """What everybody gets is a picture and nothing else, wherever the post is shown."""
    answer = httpx.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert "set-cookie" not in answer.headers
    assert answer.content[8:12] == b"WEBP"
    assert len(httpx.get(address.replace(".webp", "-small.webp")).content) < len(answer.content)
    read = httpx.get(pages.url(SQUARE, f"/threads/{post}")).text
    assert read.count("<img") == 2
    assert re.search(r'width="1200" height="1600" alt="A loaf" loading="lazy"', read)
    assert '"caption":"A second loaf, cut open"' in read
    assert "-small.webp" in httpx.get(pages.url(SQUARE, "/")).text
    assert "&lt;img src=" in httpx.get(pages.url(SQUARE, "/feed.atom")).text


def test_pictures_are_seen_by_whoever_may_see_their_post(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], None]
) -> None:
    page = member(pages, browser, card="1000", name="Wren")
    begun(pages, page)
    sent(page, 1, drawn.told())
    sent(page, 2, drawn.encoded(drawn.loaf(900, 300), "PNG"), alt="A second loaf, cut open")
    page.get_by_role("button", name="Publish").click()
    # Who is new waits for a person, and sees their own pictures meanwhile; nobody else does.
    page.get_by_text("Only you see this yet.").wait_for()
    addresses = [pages.url(SQUARE, str(each.get_attribute("src"))) for each in page.locator(".pictures img").all()]
    assert page.request.get(addresses[0]).headers["cache-control"] == "private, no-store"
    assert httpx.get(addresses[0]).status_code == 404
    post = shop.value("select id::text from community_post")
    decide(pages, browser, post)
    read_by_all(pages, post, addresses[0])
    wide = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    wide.goto(pages.url(SQUARE, f"/threads/{post}"))
    photograph(wide, "square-pictures")
    wide.goto(pages.url(SQUARE))
    photograph(wide, "square-front-pictures")
    # Changed by its author: one picture goes, with what was kept of it; then all of it.
    page.goto(pages.url(SQUARE, f"/posts/{post}/edit"))
    page.get_by_label("Leave it out").nth(1).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("edited").wait_for()
    assert page.locator(".pictures img").count() == 1
    assert httpx.get(addresses[1]).status_code == 404
    page.goto(pages.url(SQUARE, f"/posts/{post}/edit"))
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("This was taken back by its author.").wait_for()
    assert httpx.get(addresses[0]).status_code == 404
    assert shop.value("select count(*) from community_picture") == 0


def test_a_hidden_posts_pictures_are_not_served(pages: Pages, shop: Shop, browser: Browser) -> None:
    picture = drawn.kept(shop)
    now = dt.datetime.now(dt.UTC)
    told = talking.staff_wrote("Our oven.", kind="story", title="Our oven", pictures=[picture], at=now)
    accepted(pages.gateway.post([told], touchpoint="console"))
    address = pages.url(SQUARE, f"/pictures/{picture['digest']}.webp")
    assert httpx.get(address).status_code == 200
    decided = {
        **talking.STAFF, "decision": talking.new(), "post": talking.post_of(told), "action": "hide",
        "ground": "charter", "rule": "No ovens", "facts": "An oven.",
    }  # fmt: skip
    accepted(
        pages.gateway.post(
            [talking.said("post.decided", decided, source=talking.CONSOLE, at=now)], touchpoint="console"
        )
    )
    assert httpx.get(address).status_code == 404
    assert httpx.get(pages.url(SQUARE, "/pictures/" + "0" * 64 + ".webp")).status_code == 404
    assert httpx.get(pages.url(SQUARE, "/pictures/x.svg")).status_code == 404


def test_much_is_taken_from_members_where_they_write_and_from_nobody_else(pages: Pages, browser: Browser) -> None:
    address = pages.url(SQUARE, "/write")
    large = {"picture1": ("a.jpg", b"\xff\xd8\xff" + b"\0" * 200_000, "image/jpeg")}
    assert httpx.post(address, files=large).status_code == 413
    assert httpx.post(pages.url(SQUARE, "/leave"), files=large, headers={"Cookie": "a=b"}).status_code == 413
    assert httpx.post(address, content=b"x" * 200_000, headers={"Cookie": "a=b"}).status_code == 413
    # A stranger with a cookie is read, and refused by the form's own secret.
    assert httpx.post(address, files=large, headers={"Cookie": "a=b"}).status_code == 403
    huge = {"picture1": ("a.jpg", b"\0" * (42 << 20), "image/jpeg")}
    # The server may end the connection before everything was sent.
    with contextlib.suppress(httpx.TransportError):
        assert httpx.post(address, files=huge, headers={"Cookie": "a=b"}).status_code == 413
