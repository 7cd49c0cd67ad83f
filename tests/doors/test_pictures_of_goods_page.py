"""Staff choose what a product looks like, in a browser without JavaScript; shoppers see it, in the basket too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from support import casting, drawn
from support.casting import WEBSHOP
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages

set_up_django()
YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


def listed(number: str, name: str) -> dict[str, Any]:
    data = {
        "product": number, "name": {"en": name}, "category": "tea",
        "variants": [{"sku": number, "prices": [{"currency": "USD", "amount": 900}]}],
    }  # fmt: skip
    return casting.event("product.listed", data, source=WEBSHOP, at=YESTERDAY)


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    tea = casting.event("category.listed", {"category": "tea", "name": {"en": "Tea"}}, source=WEBSHOP, at=YESTERDAY)
    accepted(gateway.post([tea, listed("sencha", "Sencha"), listed("oolong", "Oolong")], touchpoint="webshop"))
    with (
        listening_to(gateway, house.SQUARE, house.STOREFRONT, house.CONSOLE),
        running_pages(tmp_path, gateway) as running,
    ):
        yield running


def chosen(page: Page, number: int, content: bytes, alt: str) -> None:
    page.locator(f"#picture{number}").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": content})
    page.locator(f"#alt{number}").fill(alt)


def test_a_product_gets_pictures_and_loses_one(
    pages: Pages, browser: Browser, photograph: Callable[[Page, str], list[Path]]
) -> None:
    office = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    pages.sign_in(office, "camille")
    office.goto(pages.url(OFFICE, "/stock"))
    office.get_by_role("link", name="Pictures of products").click()
    office.get_by_role("link", name="Oolong").wait_for()
    photograph(office, "office-pictures")
    office.get_by_label("Number or barcode").fill("nothing")
    office.get_by_role("button", name="Show").click()
    office.get_by_role("alert").get_by_text("nothing under this number").wait_for()
    office.get_by_label("Number or barcode").fill("sencha")
    office.get_by_role("button", name="Show").click()
    chosen(office, 1, drawn.told(), "A tin of tea")
    chosen(office, 2, drawn.bomb(), "A bomb")
    office.get_by_role("button", name="Show them").click()
    office.get_by_role("alert").get_by_text("40 megapixels").wait_for()
    assert office.locator("#alt1").input_value() == "A tin of tea"  # nothing is lost
    chosen(office, 2, drawn.encoded(drawn.loaf(900, 300)), "")
    office.get_by_role("button", name="Show them").click()
    office.get_by_role("alert").get_by_text("Say in words").wait_for()
    office.locator("#alt2").fill("Tea in a cup")
    office.locator("input[name=first][value='2']").check()
    office.get_by_role("button", name="Show them").click()
    office.get_by_text("It is shown like this now.").wait_for()
    photograph(office, "office-product-pictures")
    assert office.locator("#alt1").input_value() == "Tea in a cup"

    shopper = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    shopper.goto(pages.url(SQUARE, "/en/product/sencha"))
    images = shopper.locator(".goods-pictures img")
    assert [each.get_attribute("alt") for each in images.all()] == ["Tea in a cup", "A tin of tea"]
    assert images.first.evaluate("image => image.complete && image.naturalWidth > 0")
    photograph(shopper, "shop-product-picture")
    shopper.get_by_role("button", name="Into the basket").click()
    shopper.get_by_role("button", name="Into the basket").click()  # two sites, so it is asked once more
    shopper.get_by_text("It is in your basket.").wait_for()
    thumb = shopper.locator(".basket-lines img")
    thumb.wait_for()
    assert thumb.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    photograph(shopper, "basket-picture")
    shopper.goto(pages.url(SQUARE, "/en/shop"))
    assert shopper.locator(".wares img").count() == 1
    assert shopper.locator(".wares .tile").inner_text() == "T"
    photograph(shopper, "shop-pictures")

    for _ in range(2):  # both, one after the other
        office.locator("input[name=without1]").check()
        office.get_by_role("button", name="Show them").click()
        office.get_by_text("It is shown like this now.").wait_for()
    shopper.goto(pages.url(SQUARE, "/en/product/sencha"))
    assert shopper.locator(".goods-pictures").count() == 0
