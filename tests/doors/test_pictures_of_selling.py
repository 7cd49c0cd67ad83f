"""The docs' pictures of what a shopper and a cashier see: product, basket, checkout, order, wish list, web till.

Made of real pages, in a browser: ``make screenshots``. Looked at by people.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from comptoir.foundation.rooms.commands import set_up_django
from support import drawn
from support.gateway import Gateway
from support.pages import Pages, accepted, card, customer_of, event, running_pages, sale
from support.promoting import published
from support.tilling import pair, scan

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE
from support.buying import AT, STORE, pay, speaking

pytestmark = pytest.mark.screenshots
Photograph = Callable[[Page, str], list[Path]]
#: Number, name, what it is like, minor units, its barcode, pieces in the store, and how it is drawn.
GOODS: Final = (
    ("sencha", "Sencha, first flush", "Steamed and rolled in May, from Uji. Grassy, with a sweet end. 100 g.", 1450,
     "4006381333931", 18, drawn.still_life("tin")),
    ("kyusu", "Kyusu teapot", "Red clay from Tokoname, turned by hand, with a sieve of the same clay. 280 ml.", 6800,
     "96385074", 3, drawn.still_life("pot", ground="#e6dfdb", glaze="#7b4032")),
    ("bowl", "Tea bowl, ash glaze", "No two are alike. It keeps warm, and fits two hands.", 3200,
     "4012345678901", 7, drawn.still_life("bowl", ground="#dfe3e2", glaze="#5c6f7d")),
)  # fmt: skip


def listed(product: str, name: str, text: str, price: int, gtin: str) -> dict[str, Any]:
    variant = {"sku": product, "gtin": gtin, "prices": [{"currency": "USD", "amount": price}]}
    data = {
        "product": product, "name": {"en": name}, "text": {"en": text}, "category": "tea", "maker": "Oak Street Tea",
        "variants": [variant],
    }  # fmt: skip
    return event("product.listed", data, source="/webshop", at=AT)


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "opens": "10:00", "closes": "19:00"}]
    store = {"store": STORE, "name": "Oak Street", "zone": "America/New_York", "hours": hours}
    accepted(
        gateway.post(
            [
                event("category.listed", {"category": "tea", "name": {"en": "Tea"}}, source="/webshop", at=AT),
                event("store.listed", store, source="/webshop", at=AT), *(listed(*each[:5]) for each in GOODS),
            ],
            touchpoint="webshop",
        )
    )  # fmt: skip
    counted = {"store": STORE, "lines": [{"sku": each[0], "quantity": each[5]} for each in GOODS]}
    offer = published(
        str(uuid.uuid4()), title="Tea week", benefit={"kind": "Percentage", "percent": 20}, codes="shared",
        code="TEAWEEK", at=AT,
    )  # fmt: skip
    accepted(gateway.post([event("stock.counted", counted, source="/console", at=AT), offer], touchpoint="console"))
    accepted(gateway.post([sale("1000", 418, receipt="before", at=AT)]))
    with speaking(gateway), running_pages(tmp_path, gateway) as running:
        yield running


def shown(office: Page, pages: Pages) -> None:
    """Give each product its picture, as staff do."""
    pages.sign_in(office, "Akiko")
    for product, name, *_, picture in GOODS:
        office.goto(pages.url(OFFICE, "/stock"))
        office.get_by_role("link", name="Pictures of products").click()
        office.get_by_label("Number or barcode").fill(product)
        office.get_by_role("button", name="Show").click()
        file: FilePayload = {
            "name": f"{product}.jpg", "mimeType": "image/jpeg", "buffer": drawn.encoded(picture, quality=88),
        }  # fmt: skip
        office.locator("#picture1").set_input_files(file)
        office.locator("#alt1").fill(name)
        office.get_by_role("button", name="Show them").click()
        office.get_by_text("It is shown like this now.").wait_for()


def ordered(page: Page, pages: Pages, photograph: Photograph) -> list[Path]:
    """Buy as a customer with a card does, from the product to the order that is paid."""
    taken: list[Path] = []
    page.goto(pages.card_url(customer_of(pages.gateway, "1000")))
    for product, *_ in GOODS[:2]:
        page.goto(pages.url(SQUARE, f"/en/product/{product}"))
        if product == "kyusu":
            page.wait_for_load_state("networkidle")
            taken += photograph(page, "selling-product")
        page.get_by_role("button", name="Into the basket").first.click()
        page.get_by_role("main").get_by_role("button", name="Into the basket").first.click()
    page.get_by_label("A code that was given to you").fill("TEAWEEK")
    page.get_by_role("button", name="Use the code").click()
    expect(page.get_by_text("Tea week: 20% off").first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    taken += photograph(page, "selling-basket")
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_role("button", name="Go on to pay").click()
    page.get_by_role("button", name="Go on to pay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay")
    page.get_by_role("radio", name=re.compile("Pick it up at a store")).check()
    page.get_by_label("Name", exact=True).fill("Alice Martin")
    page.get_by_label("E-mail address, for the receipt", exact=True).fill("alice@example.org")
    page.get_by_label("Store", exact=True).select_option(STORE)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    taken += photograph(page, "selling-checkout")
    page.get_by_role("button", name=re.compile("^Order and pay")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Order "))
    found = re.search(r"/orders/([0-9a-f-]{36})/", page.url)
    assert found is not None
    assert pay(uuid.UUID(found[1]))
    page.goto(page.url.partition("?")[0])
    expect(page.get_by_role("status").first).to_contain_text("It is paid.")
    return taken + photograph(page, "selling-order")


def wished(owner: Page, friend: Page, pages: Pages, photograph: Photograph) -> list[Path]:
    """A list that its owner shares, and what a friend sees of it."""
    owner.goto(pages.card_url(customer_of(pages.gateway, "1000")))
    owner.goto(pages.url(COUNTER, "/wishes"))
    owner.get_by_label("Name of the list").fill("For our tea corner")
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=40)
    owner.get_by_label("The day, if there is one").fill(day.isoformat())
    owner.get_by_role("button", name="Begin the list").click()
    for product, *_ in GOODS[1:]:
        owner.goto(pages.url(COUNTER, f"/wishes/add?product={product}"))
        owner.get_by_role("main").get_by_role("button").first.click()
    owner.goto(pages.url(COUNTER, "/wishes"))
    owner.get_by_role("link", name="For our tea corner").click()
    owner.get_by_role("button", name="Make a link").click()
    link = owner.locator('input[value*="/w/"]').first.input_value()
    owner.evaluate("scrollTo(0, 0)")
    taken = photograph(owner, "selling-wish-list-owner")
    friend.goto(link)
    friend.get_by_role("button", name=re.compile("I am a friend")).click()
    friend.evaluate("scrollTo(0, 0)")
    return taken + photograph(friend, "selling-wish-list")


def sold(till: Page, pages: Pages, photograph: Photograph) -> list[Path]:
    """A till in a browser, with goods scanned and a customer's card taken."""
    pair(till, pages.url(COUNTER, "/till/"), pages.gateway.keys["till"])
    for number in (GOODS[0][4], GOODS[2][4], GOODS[2][4]):
        scan(till, number)
    till.get_by_label("Card number or code").fill(card("1000")["value"])
    till.get_by_role("button", name="Take", exact=True).click()
    expect(till.locator("#lines tbody tr")).to_have_count(2)
    expect(till.get_by_text("Customer 1000: 484 points")).to_be_visible()
    till.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    return photograph(till, "selling-till")


def test_pictures_of_selling(pages: Pages, browser: Browser, photograph: Photograph) -> None:
    contexts = [browser.new_context(locale="en", viewport={"width": 390, "height": 844}) for _ in range(4)]
    office, phone, friend, till = (each.new_page() for each in contexts)
    for each in contexts:
        each.set_default_timeout(30_000)
    shown(office, pages)
    taken = ordered(phone, pages, photograph)
    taken += wished(phone, friend, pages, photograph)
    taken += sold(till, pages, photograph)
    assert len(taken) == 14
    assert all(path.stat().st_size > 10_000 for path in taken)
    for each in contexts:
        each.close()
