"""The charter in a browser without JavaScript: the shop writes it, a member amends it, a decision names a section."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from comptoir.config.worker import Jobs
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from support import talking
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, running_pages, sale, take_part
from support.shop import Shop, environment

set_up_django()  # a member of staff's session is a row of a model
OWN = (house.STOREFRONT, house.SQUARE, house.CONSOLE)


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    """Have a gateway that every page may speak to, a card, and the pages; two votes are enough here."""
    for touchpoint in OWN:
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    accepted(gateway.post([sale("1000", 90, receipt="1")]))
    with (
        environment(
            COMPTOIR_GATEWAY_URL=gateway.url,
            COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"),
            COMPTOIR_CHARTER_QUORUM="1",
        ),
        running_pages(tmp_path, gateway) as running,
    ):
        yield running
    for touchpoint in OWN:
        house.key_path(touchpoint).unlink()


def trusted(pages: Pages, page: Page, shop: Shop) -> str:
    """Let somebody take part under a name that has read and helped enough for level 2; return the name's id."""
    take_part(pages, page)
    wren = str(shop.value("select id::text from community_persona"))
    now = dt.datetime.now(dt.UTC)
    stories = [
        talking.staff_wrote(f"Story {number}.", kind="story", title=f"Story {number}", at=now - dt.timedelta(days=9))
        for number in range(10)
    ]
    accepted(pages.gateway.post(stories, touchpoint="console"))
    said = [talking.voted(wren, talking.post_of(story), at=now) for story in stories]
    said += [
        talking.wrote(
            wren, f"Reply {number}.", kind="reply", thread=talking.post_of(stories[number]),
            at=now - dt.timedelta(days=number + 1),
        )
        for number in range(5)
    ]  # fmt: skip
    accepted(pages.gateway.post(said, touchpoint="square"))
    # Five votes of others, who are not in this small world.
    reply = shop.value("select id::text from community_post where author = %s limit 1", wren)
    for _ in range(5):
        shop.rows(
            "insert into community_vote (post, persona, value, position) values (%s, %s, 1, %s) returning 1",
            reply, str(uuid.uuid4()), str(uuid.uuid4()),
        )  # fmt: skip
    shop.rows("update community_post set up = 5 where id = %s returning 1", reply)
    return wren


def test_a_charter_is_written_amended_and_referred_to(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], None]
) -> None:
    office = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    pages.sign_in(office, "camille")
    office.goto(pages.url(OFFICE, "/charter"))
    office.get_by_label("Its name in addresses and decisions").fill("be-kind")
    for code, title, text in (
        ("en", "Be kind", "Talk to others as you would at a counter."),
        ("ja", "思いやり", "店先で話すように話しましょう。"),
        ("fr", "Soyez aimables", "Parlez aux autres comme au comptoir."),
    ):
        office.locator(f"#title-{code}").fill(title)
        office.locator(f"#text-{code}").fill(text)
    office.get_by_role("button", name="Publish it").click()
    office.get_by_role("link", name="Be kind").wait_for()
    assert "店先で話すように" in httpx.get(pages.url(SQUARE, "/ja/charter")).text
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    trusted(pages, page, shop)
    page.goto(pages.url(SQUARE, "/charter"))
    photograph(page, "square-charter")
    page.get_by_role("link", name="Propose a change").click()
    page.locator("#text-en").fill("Talk to others as you would at a counter, and to newcomers twice so.")
    page.get_by_label("Why?").fill("Newcomers leave when nobody is kind.")
    page.get_by_role("button", name="Propose it").click()
    page.get_by_role("button", name="For it").click()
    page.get_by_text("1 for, 0 against").wait_for()
    assert page.locator("ins").first.inner_text().strip() != ""
    photograph(page, "square-charter-proposal")
    page.get_by_role("link", name="Talk it over").click()
    page.get_by_role("heading", name="Charter: Be kind").wait_for()
    office.goto(pages.url(OFFICE, "/charter"))
    office.get_by_text("1 for, 0 against").wait_for()
    photograph(office, "console-charter")
    # Three weeks later nobody of the shop has said no.
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=22)
    with shop.connect() as connection:
        Jobs(clock=_Later(later)).settle_charter(connection)
    page.goto(pages.url(SQUARE, "/charter/sections/be-kind"))
    page.get_by_text("Adopted with 1 for, 0 against").wait_for()
    assert page.locator("#v2 ins").first.inner_text().strip() != ""
    photograph(page, "square-charter-section")
    office.goto(pages.url(OFFICE, f"/moderation/{shop.value('select id::text from community_post limit 1')}"))
    assert office.locator("#rules option").first.get_attribute("value") == "be-kind/2: Be kind"


class _Later:
    def __init__(self, now: dt.datetime) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now
