"""The web till in Chromium: it sells online, offline, after a reload and after a restart, and tells of each sale once.

All of the house runs. The line is cut by the browser, and an answer is lost after the counter has decided. Not here:
what the counter decides (``tests/counter``), what is refused to whom (``test_till.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect

from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER
from conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from support import tilling
from support.pages import complaints, event
from support.processes import wait_until
from support.shop import Shop
from support.tilling import SOURCE, scan, sell
from support.whole_house import World, whole_house

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.loyalty import queries

pytestmark = pytest.mark.exclusive
WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
ALICE: Final = {"kind": "card", "value": "2613"}


class Desk:
    """A till's browser with a profile on a disk, which can be closed and opened again."""

    def __init__(self, browser: Browser, profile: Path) -> None:
        self._kind, self._profile = browser.browser_type, profile
        self.context: BrowserContext
        self.page: Page

    def open(self) -> Page:
        """Open the browser, with what it had kept."""
        self.context = self._kind.launch_persistent_context(
            str(self._profile), executable_path=str(CHROMIUM), args=list(CHROMIUM_ARGUMENTS), viewport=WIDE, locale="en"
        )
        self.context.set_default_timeout(20_000)
        self.page = self.context.pages[0]
        return self.page

    def close(self) -> None:
        """Close it."""
        self.context.close()


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """Have a till's browser."""
    one = Desk(browser, tmp_path / "profile")
    one.open()
    yield one
    one.close()


def stock(world: World) -> None:
    """Have a cup and a plate listed, a store, and points for Alice."""
    for listed in tilling.wares(at=AT):
        told = world.tell(listed, touchpoint="webshop")
        assert told["status"] == "accepted", told
    lines = [{"product": "cup-1", "quantity": 1, "amount": 50_000}]
    sale = {"receipt": "before", "customer": ALICE, "currency": "USD", "total": 50_000, "lines": lines}
    told = world.tell(event("sale.closed", sale, source="/stores/330/tills/1", at=AT))
    assert told["status"] == "accepted", told


def pair(page: Page, world: World) -> None:
    """Tell the till which one it is."""
    tilling.pair(page, url_of(COUNTER, "/till/"), world.keys["till"])


def is_kept(page: Page) -> bool:
    """Tell whether the page and its files are kept for when the line is gone."""
    return bool(page.evaluate(
        "async () => Boolean(navigator.serviceWorker.controller"
        " && await caches.match('/till/', {ignoreVary: true}) && await caches.match('/static/comptoir/till.js'))"
    ))  # fmt: skip


def sold(world: World) -> list[dict[str, Any]]:
    """Return the sales of this till."""
    return world.shop.rows(
        "select receipt, total_minor as total from sales_sale where source = %s order by receipt", SOURCE
    )


def test_a_till_sells_on_without_a_line_and_each_sale_arrives_once(  # noqa: PLR0915 - one story
    shop_on_own_server: Shop, tmp_path: Path, desk: Desk
) -> None:
    with whole_house(shop_on_own_server, tmp_path) as world:
        stock(world)
        page = desk.page
        heard = complaints(page)
        pair(page, world)
        wait_until(lambda: is_kept(page), what="the page that is kept", seconds_max=30)
        sell(page, "4006381333931", total="$8.00")
        wait_until(lambda: len(sold(world)) == 1, what="the sale of the till that is online")
        expect(page.locator("#line")).to_have_text("Online")
        # Points are set aside while there is a line, with a code that the customer shows.
        page.get_by_label("Card number or code").fill("2613")
        page.get_by_role("button", name="Take", exact=True).click()
        expect(page.locator("#who")).to_contain_text("500 points")
        page.get_by_text("Set points aside for when the line is gone").click()
        page.get_by_label("Points", exact=True).first.fill("200")
        page.locator("#lease-code").fill(fresh_code(world))
        page.get_by_role("button", name="Set aside").click()
        expect(page.locator("#who")).to_contain_text("200 points are set aside.")
        assert heard == []

        desk.context.set_offline(True)
        sell(page, "4006381333931", "96385074", total="$20.50")
        expect(page.locator("#line")).to_have_text("Offline: 1 sale waits")
        # No coupon without a line, by name; points out of what was set aside, and no more than that.
        page.get_by_label("Code of a coupon").fill("7K2M-9QXT-4D0V-HBN3-EW8R")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("Without a line no coupon is taken.")
        page.get_by_label("Card number or code").fill("2613")
        page.get_by_role("button", name="Take", exact=True).click()
        scan(page, "96385074")
        expect(page.locator("#total")).to_have_text("$12.50")
        page.get_by_role("button", name="To the payment").click()
        expect(page.locator("#given")).to_be_focused()
        for points, answer in (("201", "Without a line only points that were set aside"), ("150", "")):
            page.locator("#points-number").fill(points)
            page.locator("#points-worth").fill("2.50")
            page.get_by_role("button", name="Use points").click()
            if answer:
                expect(page.get_by_role("alert")).to_contain_text(answer)
        expect(page.locator("#total")).to_have_text("$10.00")
        page.get_by_label("Reference of the card terminal").fill("T-4711")
        page.get_by_role("button", name="Paid by card").click()
        expect(page.locator("#slip")).to_contain_text("Points (150)")
        # Reloaded without a line, the page and what it has are still there.
        page.reload()
        expect(page.locator("#line")).to_have_text("Offline: 2 sales wait")
        sell(page, "4006381333931", total="$8.00")
        expect(page.locator("#line")).to_have_text("Offline: 3 sales wait")
        desk.close()

        page = desk.open()
        desk.context.set_offline(True)
        page.goto(url_of(COUNTER, "/till/"))
        expect(page.locator("#line")).to_have_text("Offline: 3 sales wait")
        assert len(sold(world)) == 1
        # The line is back, and the first answer gets lost after the counter has decided.
        lost: list[int] = []

        def lose(route: Route) -> None:
            headers = {**route.request.headers, "host": urlsplit(route.request.url).netloc}
            address = f"http://127.0.0.1:{world.house.port}/till/ask/events"
            lost.append(httpx.post(address, content=route.request.post_data_buffer, headers=headers).status_code)
            route.abort("connectionreset")

        page.route("**/till/ask/events", lose, times=1)
        desk.context.set_offline(False)
        # The browser is asked something meanwhile: only then does what it asks for come to be answered here.
        wait_until(lambda: page.evaluate("true") and lost == [200], what="an answer that is lost", seconds_max=40)
        expect(page.locator("#line")).to_have_text("Online", timeout=40_000)
        assert [each["total"] for each in sold(world)] == [800, 2_050, 1_250, 800]
        assert (
            world.shop.value("select count(*) from events_event where type = 'sale.closed' and source = %s", SOURCE)
            == 4
        )
        assert world.shop.rows("select points, spent, sequences, status from loyalty_lease") == [
            {"points": 200, "spent": 150, "sequences": [1], "status": "open"}
        ]
        expect(page.locator("#refused")).to_be_hidden()


def fresh_code(world: World) -> str:
    """Return a code that Alice's page would show now."""
    with entered(COUNTER):
        return queries.fresh_code(uuid.UUID(world.customer_of("card", "2613")), now=dt.datetime.now(dt.UTC)).value
