"""One purchase through every room: found on a phone, cheaper by a coupon, paid, on the card, picked up, brought back.

Somebody with a card does what the shop is for, by clicking, while the whole house runs: the card page shows the points
as they come and go, a till in the browser hands the order over, and another store takes a piece back. Not here: the
same without a card and without scripts (``test_buying_by_clicking.py``), what each step refuses.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE
from support.pages import complaints, event, sale
from support.processes import free_port, wait_until
from support.promoting import published
from support.shop import Shop, environment
from support.whole_house import World, run, whole_house

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.storefront.links import card_token

pytestmark = pytest.mark.exclusive
NEAR: Final = "324"
OTHER: Final = "412"
#: Each with how many cups stand there.
STORES: Final = ((NEAR, "The Mill", 3), (OTHER, "The Harbour", 0))
CARD: Final = "1000"
CODE: Final = "MUGWEEK"
TILL: Final = f"/stores/{NEAR}/tills/web-1"
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}


def stock(world: World) -> None:
    """Have two stores, a cup of which three stand in the nearer one, and a code that takes a quarter off."""
    hours = [{"days": ["mon"], "opens": "09:00", "closes": "18:00"}]
    variant = {"sku": "cup-1", "prices": [{"currency": "USD", "amount": 800}]}
    product = {"product": "cup", "name": {"en": "Cup"}, "variants": [variant]}
    stores = [{"store": store, "name": name, "zone": "UTC", "hours": hours} for store, name, _ in STORES]
    counts = [{"store": store, "lines": [{"sku": "cup-1", "quantity": count}]} for store, _, count in STORES]
    quarter = {"kind": "Percentage", "percent": 25}
    said = [
        ("webshop", event("product.listed", product, source="/webshop")),
        *(("webshop", event("store.listed", each, source="/webshop")) for each in stores),
        *(("console", event("stock.counted", each, source="/console")) for each in counts),
        ("console", published(str(uuid.uuid4()), title="Mug week", benefit=quarter, codes="shared", code=CODE)),
        ("till", sale(CARD, 100, receipt="first")),
    ]
    for touchpoint, each in said:
        told = world.tell(each, touchpoint=touchpoint)
        assert told["status"] == "accepted", told


def shows_points(card: Page, points: int) -> None:
    """An open card page says by itself how many points there are."""
    expect(card.get_by_text(f"You have {points} points.")).to_be_visible(timeout=20_000)


def ordered(phone: BrowserContext) -> Page:
    """Find two cups, show the code, and pay with the provider; returns the page of the order, paid."""
    page = phone.new_page()
    page.goto(url_of(SQUARE, "/en/"))
    page.get_by_role("searchbox").first.fill("cup")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Cup").first.click()
    page.get_by_role("button", name="Into the basket").click()
    page.get_by_role("main").get_by_role("button", name="Into the basket").first.click()
    page.wait_for_selector('html[data-live="stream"]')
    page.get_by_label("Pieces of Cup").fill("2")
    expect(page.get_by_label("Pieces of Cup")).to_have_value("2")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("heading", name="2 pieces")).to_be_visible()
    page.get_by_label("A code that was given to you").fill(CODE)
    page.get_by_role("button", name="Use the code").click()
    expect(page.get_by_text("Mug week: 25% off")).to_be_visible()
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_role("button", name="Go on to pay").click()
    page.get_by_role("button", name="Go on to pay").click()
    page.get_by_role("radio", name=re.compile("Pick it up at a store")).check()
    page.get_by_label("Name", exact=True).fill("Alice Martin")
    page.get_by_label("E-mail address, for the receipt", exact=True).fill("alice@example.org")
    page.get_by_label("Store", exact=True).select_option(NEAR)
    page.get_by_role("button", name="Order and pay $12.00").click()
    expect(page.get_by_text("This page only pretends.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Order "))
    order = page.url

    def is_booked() -> bool:
        page.goto(order)
        return "It is paid. We lay it ready for you." in page.get_by_role("status").first.inner_text()

    wait_until(is_booked, what="the order that is paid", seconds_max=90)
    return page


def come_in(page: Page) -> None:
    """Let a member of staff be taken on, and come into the office."""
    page.goto(run("staff", "add", "akiko@shop.example", "--name", "Akiko").strip().splitlines()[-1])
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_load_state()
    page.goto(url_of(OFFICE, "/"))
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("navigation", name="Console").wait_for()


def handed_over_at_a_till(till: Page, key: str, code: str) -> None:
    """Pair a browser with the nearer store's till, and hand the order over there."""
    till.goto(url_of(COUNTER, "/till/"))
    till.get_by_label("Where it stands").fill(TILL)
    till.get_by_label("Its key").fill(key)
    till.get_by_role("button", name="Begin").click()
    till.get_by_label("Pick-up code").fill(code)
    till.get_by_role("button", name="Look", exact=True).click()
    till.get_by_role("button", name="Hand over", exact=True).click()
    expect(till.get_by_role("main").get_by_text("Handed over.")).to_be_visible()


def brought_back(staff: Page, order: str) -> None:
    """Take one of the two cups back in the other store, where nobody has sold it."""
    staff.goto(url_of(OFFICE, "/returns"))
    staff.get_by_label("Number of the receipt or of the order, or a pick-up code").fill(order)
    staff.get_by_role("button", name="Find it").click()
    staff.get_by_label("Pieces of Cup that come back").fill("1")
    staff.get_by_label("Why").select_option("unwanted")
    staff.get_by_label("The goods").select_option("on_shelf")
    staff.get_by_label("Store").select_option(OTHER)
    staff.get_by_role("button", name="Show what it gives back").click()
    staff.get_by_role("button", name="Take it back for $6.00").click()
    expect(staff.get_by_text("It is booked. $6.00 goes back by itself, the way it was paid")).to_be_visible()


def test_one_purchase_is_true_in_every_room(shop_on_own_server: Shop, tmp_path: Path, browser: Browser) -> None:
    with (
        environment(COMPTOIR_PAYMENTS="pretend", COMPTOIR_PRETEND_PORT=str(free_port())),
        whole_house(shop_on_own_server, tmp_path) as world,
    ):
        stock(world)
        customer = uuid.UUID(world.customer_of("card", CARD))
        phone = browser.new_context(viewport=PHONE, locale="en", has_touch=True)
        office = browser.new_context(viewport=DESK, locale="en")
        for each in (phone, office):
            each.set_default_timeout(30_000)
        card, staff, till = phone.new_page(), office.new_page(), office.new_page()
        heard = [complaint for page in (card, staff, till) for complaint in [complaints(page)]]
        card.goto(url_of(COUNTER, f"/card/{card_token(customer)}"))
        shows_points(card, 100)
        order = ordered(phone)
        shows_points(card, 112)

        come_in(staff)
        staff.goto(url_of(OFFICE, "/orders"))
        staff.get_by_role("button", name="It lies ready").click()
        handed_over_at_a_till(till, world.keys["till"], order.locator(".typed code").inner_text())
        order.reload()
        expect(order.get_by_role("status").first).to_have_text("You have it.")
        expect(order.get_by_text("It has earned you 12 points.")).to_be_visible()

        brought_back(staff, order.get_by_role("heading", level=1).inner_text().removeprefix("Order "))
        shows_points(card, 106)
        office.close()
        phone.close()
        assert heard == [[], [], []]

        shop = world.shop
        assert shop.value("select state from orders_order") == "handed_over"
        receipt = world.mailbox.wait(1)
        assert receipt["To"] == "alice@example.org"
        assert "$12.00" in receipt.get_content()
        wait_until(
            lambda: shop.value("select sum(amount) from payments_refund where state = 'done'") == 600,
            what="the money that goes back", seconds_max=150,
        )  # fmt: skip
        left = shop.rows(
            "select store, counted + moved as quantity, held from stock_article where sku = 'cup-1' order by store"
        )
        assert left == [
            {"store": NEAR, "quantity": 1, "held": 0}, {"store": OTHER, "quantity": 1, "held": 0},
        ]  # fmt: skip
        assert shop.value("select available from loyalty_account where customer = %s", customer) == 106
