"""A stranger buys something by clicking on a phone, and picks it up: every room, the provider's page, the console.

All of the house runs, the worker and the provider simulator among it. Not here: what each step refuses
(``tests/vault/test_checkout.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from support.pages import complaints, event
from support.processes import free_port, wait_until
from support.shop import Shop, environment
from support.whole_house import World, run, whole_house

set_up_django()  # before the modules that hold models

pytestmark = pytest.mark.exclusive
STORE: Final = "324"
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
_TABS_MAX: Final = 60


def stock(world: World) -> None:
    """Have a cup listed, and two of them in the store."""
    hours = [{"days": ["mon"], "opens": "09:00", "closes": "18:00"}]
    variant = {"sku": "cup-1", "prices": [{"currency": "USD", "amount": 800}]}
    product = {"product": "cup", "name": {"en": "Cup"}, "variants": [variant]}
    store = {"store": STORE, "name": "The Mill", "zone": "UTC", "hours": hours}
    counted = {"store": STORE, "lines": [{"sku": "cup-1", "quantity": 2}]}
    for kind, data, source, touchpoint in (
        ("product.listed", product, "/webshop", "webshop"), ("store.listed", store, "/webshop", "webshop"),
        ("stock.counted", counted, "/console", "console"),
    ):  # fmt: skip
        told = world.tell(event(kind, data, source=source, at=AT), touchpoint=touchpoint)
        assert told["status"] == "accepted", told


def reach(page: Page, what: Locator) -> None:
    """Press Tab until something has the focus; it is visible there."""
    for _ in range(_TABS_MAX):
        page.keyboard.press("Tab")
        if what.evaluate("each => each === document.activeElement"):
            assert what.is_visible()
            return
    raise AssertionError(f"Tab does not lead to {what}")


def confirm_by_keyboard(page: Page) -> None:
    """Fill in the checkout's form and send it, without a pointer."""
    pickup = page.get_by_role("radio", name=re.compile("Pick it up at a store"))
    reach(page, pickup)
    page.keyboard.press("Space")
    expect(pickup).to_be_checked()
    for label, value in (("Name", "Alice Martin"), ("E-mail address, for the receipt", "alice@example.org")):
        reach(page, page.get_by_label(label, exact=True))
        page.keyboard.type(value)
    reach(page, page.get_by_label("Store", exact=True))
    page.keyboard.type("The Mill")
    reach(page, page.get_by_role("button", name="Order and pay $8.00"))
    page.keyboard.press("Enter")


def confirm_by_pointer(page: Page) -> None:
    """Fill in the checkout's form and send it."""
    page.get_by_role("radio", name=re.compile("Pick it up at a store")).check()
    page.get_by_label("Name", exact=True).fill("Alice Martin")
    page.get_by_label("E-mail address, for the receipt", exact=True).fill("alice@example.org")
    page.get_by_label("Store", exact=True).select_option(STORE)
    page.get_by_role("button", name="Order and pay $8.00").click()


def bought(world: World, page: Page, *, by_keyboard: bool) -> str:
    """Go from the product to the paid order; returns the pick-up code on its page."""
    page.goto(url_of(SQUARE, "/en/product/cup"))
    page.get_by_role("button", name="Into the basket").click()
    # What comes from another room is shown once before it is put in.
    page.get_by_role("main").get_by_role("button", name="Into the basket").first.click()
    expect(page.get_by_text("It is in your basket.")).to_be_visible()
    fits(page)
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_role("button", name="Go on to pay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your basket is here")
    page.get_by_role("button", name="Go on to pay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay")
    fits(page)
    (confirm_by_keyboard if by_keyboard else confirm_by_pointer)(page)
    # The way there goes on by itself, with scripts and without.
    expect(page.get_by_text("This page only pretends.")).to_be_visible(timeout=20_000)
    fits(page)
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Order "))
    order = page.url

    def is_booked() -> bool:
        page.goto(order)
        return "It is paid. We lay it ready for you." in page.get_by_role("status").first.inner_text()

    wait_until(is_booked, what="the order that is paid", seconds_max=90)
    fits(page)
    return page.locator(".typed code").inner_text()


def fits(page: Page) -> None:
    """A page is no wider than the phone."""
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url


def come_in(page: Page) -> None:
    """Let a member of staff be taken on, and come into the office."""
    page.goto(run("staff", "add", "akiko@shop.example", "--name", "Akiko").strip().splitlines()[-1])
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_load_state()
    page.goto(url_of(OFFICE, "/"))
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("navigation", name="Console").wait_for()


def handed_over(page: Page, code: str) -> None:
    """Lay the order ready, and hand it over to whoever shows its code."""
    page.goto(url_of(OFFICE, "/orders"))
    page.get_by_role("button", name="It lies ready").click()
    expect(page.get_by_text("ready", exact=True)).to_be_visible()
    assert "Alice" not in page.content()
    page.get_by_label("Pick-up code").fill(code)
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("It is handed over.")).to_be_visible()
    expect(page.get_by_text("Nothing waits to be picked up.")).to_be_visible()


def test_a_stranger_buys_on_a_phone_and_picks_up_with_and_without_scripts(
    shop_on_own_server: Shop, tmp_path: Path, browser: Browser
) -> None:
    with (
        environment(COMPTOIR_PAYMENTS="pretend", COMPTOIR_PRETEND_PORT=str(free_port())),
        whole_house(shop_on_own_server, tmp_path) as world,
    ):
        stock(world)
        office = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
        staff = office.new_page()
        come_in(staff)
        for has_scripts in (True, False):
            context = browser.new_context(viewport=PHONE, locale="en", java_script_enabled=has_scripts, has_touch=True)
            context.set_default_timeout(30_000)
            page = context.new_page()
            heard = complaints(page)
            code = bought(world, page, by_keyboard=has_scripts)
            handed_over(staff, code)
            page.reload()
            expect(page.get_by_role("status").first).to_have_text("You have it.")
            assert heard == []
            context.close()
        office.close()
        shop = world.shop
        assert [row["state"] for row in shop.rows("select state from orders_order")] == ["handed_over"] * 2
        left = shop.rows("select counted + moved as quantity, held from stock_article where sku = 'cup-1'")
        assert left == [{"quantity": 0, "held": 0}]
        assert shop.value("select sum(total) from orders_order") == 1_600
        assert shop.value("select count(*) from sales_sale") == 2
