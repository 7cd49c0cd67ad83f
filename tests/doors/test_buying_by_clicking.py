"""A stranger buys something by clicking on a phone, and picks it up: every room, the provider's page, the console.

All of the house runs, the worker and the provider simulator among it. Not here: what each step refuses
(``tests/vault/test_checkout.py``).
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, ViewportSize, expect

from comptoir.foundation.rooms.addresses import origin_of, url_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT
from support import carding
from support.pages import complaints, event, sale
from support.processes import free_port, wait_until
from support.shop import Shop, environment
from support.visitors import vault_session
from support.whole_house import World, run, whole_house

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.vault.payments import queries

pytestmark = pytest.mark.exclusive
STORE: Final = "324"
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
_TABS_MAX: Final = 60


def stock(world: World) -> None:
    """Have a cup listed, and four of them in the store."""
    hours = [{"days": ["mon"], "opens": "09:00", "closes": "18:00"}]
    variant = {"sku": "cup-1", "prices": [{"currency": "USD", "amount": 800}]}
    product = {"product": "cup", "name": {"en": "Cup"}, "variants": [variant]}
    store = {"store": STORE, "name": "The Mill", "zone": "UTC", "hours": hours}
    counted = {"store": STORE, "lines": [{"sku": "cup-1", "quantity": 4}]}
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


def to_the_checkout(page: Page) -> None:
    """Put a cup into the basket, and bring it to the checkout."""
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


def pays_with_all_means(world: World, page: Page) -> None:
    """Somebody who is signed in pays with points, with a gift card and at the provider; then with the card alone."""
    user, code = uuid.uuid4(), carding.new_code()
    earned = sale("1", 200, receipt="points")
    earned["data"]["customer"] = {"kind": "user", "value": str(user)}
    for said in (earned, carding.issued(code, 1_100)):
        assert world.tell(said)["status"] == "accepted"
    cookie, value = vault_session(user)
    page.context.add_cookies([{"name": cookie, "value": value, "url": url_of(VAULT, "/")}])

    to_the_checkout(page)
    page.get_by_role("radio", name=re.compile("Pick it up at a store")).check()
    page.get_by_label("Name", exact=True).fill("Alice Martin")
    page.get_by_label("Store", exact=True).select_option(STORE)
    page.get_by_label("Pay part of it with points").fill("150")
    page.get_by_label("Pay with a gift card").fill(code.lower())
    page.get_by_role("button", name="Use the card").click()
    expect(page.get_by_text("The gift card pays $6.50.")).to_be_visible()
    fits(page)
    # Less than the card has: the rest is asked of the provider.
    page.get_by_label("Pay with a gift card").fill("")
    page.get_by_role("button", name=re.compile("^Order and pay|^Order, with")).click()
    expect(page.get_by_text("This page only pretends.")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name=re.compile(r"^Pay .*6\.50")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Order "))
    is_paid(page)
    expect(page.get_by_text("paid with 150 points")).to_be_visible()
    fits(page)

    to_the_checkout(page)
    page.get_by_role("radio", name=re.compile("Pick it up at a store")).check()
    page.get_by_label("Name", exact=True).fill("Alice Martin")
    page.get_by_label("Store", exact=True).select_option(STORE)
    page.get_by_label("Pay with a gift card").fill(code)
    page.get_by_role("button", name="Use the card").click()
    expect(page.get_by_text("The gift card pays $8.00. $3.00 is left on it then. Nothing is left")).to_be_visible()
    page.get_by_role("button", name="Order, with nothing more to pay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Order "))
    is_paid(page)
    expect(page.get_by_text("paid with gift card")).to_be_visible()
    shop = world.shop
    assert shop.value("select available + held from giftcards_card") == 300
    paid = [row["paid_by"] for row in shop.rows("select paid_by from orders_order order by placed_at desc limit 2")]
    assert paid == [{"gift_card": 800}, {"points": 150, "provider": 650}]


def is_paid(page: Page) -> None:
    """An order's page says that it is paid, as soon as it is booked."""
    order = page.url

    def is_booked() -> bool:
        page.goto(order)
        return "It is paid. We lay it ready for you." in page.get_by_role("status").first.inner_text()

    wait_until(is_booked, what="the order that is paid", seconds_max=90)


def bought(world: World, page: Page, *, by_keyboard: bool) -> str:
    """Go from the product to the paid order; returns the pick-up code on its page."""
    to_the_checkout(page)
    (confirm_by_keyboard if by_keyboard else confirm_by_pointer)(page)
    # The way there goes on by itself, with scripts and without.
    expect(page.get_by_text("This page only pretends.")).to_be_visible(timeout=20_000)
    fits(page)
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Order "))
    is_paid(page)
    fits(page)
    return page.locator(".typed code").inner_text()


def asked_by(page: Page) -> list[tuple[bool, str, str]]:
    """Return a list that fills with what a page asks for: whether it goes there, from which origin, of which one."""
    asked: list[tuple[bool, str, str]] = []

    def hear(request: Request) -> None:
        asked.append((request.is_navigation_request(), _origin(request.frame.url), _origin(request.url)))

    page.on("request", hear)
    return asked


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def talks_to_nobody_else(asked: list[tuple[bool, str, str]]) -> None:
    """No page of the way has asked anybody but its own room, and nobody was led but to a room or the provider."""
    rooms = {origin_of(each) for each in (SQUARE, COUNTER, VAULT)}
    (provider,) = queries.page_origins()
    assert {there for goes, _, there in asked if goes} == {*rooms, provider}
    crossing = {(here, there) for goes, here, there in asked if not goes and here != there}
    assert crossing == set(), "a page asks another origin"
    assert sum(here == origin_of(VAULT) for goes, here, _ in asked if not goes) > 0, "nothing was heard of the vault"


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
    is_ready = page.get_by_role("button", name="It lies ready")
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size(PHONE)
    fits(page)
    box = is_ready.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"], "staff on a phone need not look for it"
    page.set_viewport_size(wide)
    is_ready.click()
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
            heard, asked = complaints(page), asked_by(page)
            code = bought(world, page, by_keyboard=has_scripts)
            handed_over(staff, code)
            page.reload()
            expect(page.get_by_role("status").first).to_have_text("You have it.")
            assert heard == []
            talks_to_nobody_else(asked)
            context.close()
        office.close()
        context = browser.new_context(viewport=PHONE, locale="en", java_script_enabled=False, has_touch=True)
        context.set_default_timeout(30_000)
        pays_with_all_means(world, context.new_page())
        context.close()
        shop = world.shop
        states = [row["state"] for row in shop.rows("select state from orders_order order by placed_at")]
        assert states == ["handed_over", "handed_over", "paid", "paid"]
        left = shop.rows("select counted + moved as quantity, held from stock_article where sku = 'cup-1'")
        assert left == [{"quantity": 0, "held": 0}]
        assert shop.value("select sum(total) from orders_order") == 3_200
        assert shop.value("select count(*) from sales_sale where source = '/vault'") == 4
