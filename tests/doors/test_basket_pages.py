"""The basket on the storefront: a stranger's by a cookie, a customer's everywhere, and what a till reads of it."""

from __future__ import annotations

import datetime as dt
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, customer_of, event, running_pages, sale, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.storefront import baskets, links
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.touchpoints import house

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MY = {"host": f"{host_of(COUNTER)}:8000"}
AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
TILL = "/stores/324/tills/1"


def listed(product: str, *, price: int, currency: str = "USD", gtin: str | None = None, **said: Any) -> dict[str, Any]:
    variant = {"sku": f"{product}-1", "prices": [{"currency": currency, "amount": price}]}
    variant |= {"gtin": gtin} if gtin else {}
    names = {"en": product.title(), "fr": f"{product} (fr)", "ja": f"{product} (ja)"}
    data = {"product": product, "name": names, "variants": [variant], **said}
    return event("product.listed", data, source="/webshop", at=said.pop("at", AT))


@pytest.fixture
def wares(gateway: Gateway) -> Iterator[Gateway]:
    """The shop sells tea, a cup, and wine from 18 on."""
    goods = [
        listed("tea", price=1250, gtin="4006381333931"), listed("cup", price=800),
        listed("wine", price=2000, asks_over=18),
    ]  # fmt: skip
    accepted(gateway.post(goods, touchpoint="webshop"))
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
    house.key_path(house.STOREFRONT).unlink(missing_ok=True)


def stranger(language: str = "en") -> Client:
    return Client(headers={**MY, "accept-language": language})


def opened(customer: uuid.UUID, client: Client | None = None) -> Client:
    client = client or stranger()
    assert client.get(f"/card/{links.card_token(customer)}").status_code == 302
    return client


def said(client: Client, path: str = "/basket") -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200, answer.content.decode()[:1000]
    return words(answer.content.decode())


def put(client: Client, product: str, quantity: int | str = 1, **form: Any) -> Any:
    return client.post("/basket/put", {"product": product, "quantity": quantity, **form}, follow=True)


def read(gateway: Gateway, basket: str, *, source: str = TILL, touchpoint: str = "till") -> httpx.Response:
    return gateway.client.get(
        f"/v1/baskets/{basket}", params={"source": source},
        headers={"Authorization": f"Bearer {gateway.keys[touchpoint]}"},
    )  # fmt: skip


def test_a_stranger_fills_a_basket_with_nothing_but_a_cookie(shop: Shop, wares: Gateway) -> None:
    client = stranger()
    assert "There is nothing in your basket yet." in said(client)
    assert baskets.cookie_name() not in client.cookies
    text = words(put(client, "tea-1", 2).content.decode())
    assert "It is in your basket." in text
    assert "$25.00" in text
    put(client, "4006381333931")  # the barcode of the same tea
    put(client, "cup-1")
    text = said(client)
    assert "4 pieces" in text
    assert "$45.50" in text
    assert shop.value("select count(*) from customers_customer") == 0
    client.post("/basket/line", {"product": "tea-1", "quantity": 1})
    client.post("/basket/line", {"product": "cup-1", "quantity": 0})
    assert "1 piece " in said(client)
    assert "$12.50" in said(client)
    assert "There is nothing in your basket yet." in said(stranger())


REFUSED = (
    ({"product": "tea-1", "quantity": "-3"}, "Write a whole number from 1 to 999.", 422),
    ({"product": "tea-1", "quantity": "1000"}, "Write a whole number from 1 to 999.", 422),
    ({"product": "tea-1", "quantity": "1.5"}, "Write a whole number from 1 to 999.", 422),
    ({"product": "nothing", "quantity": "1"}, "The shop sells nothing under this number.", 404),
    ({"product": "x" * 65, "quantity": "1"}, "The shop sells nothing under this number.", 404),
)


def test_what_cannot_be_put_in_is_said(shop: Shop, wares: Gateway) -> None:
    client = stranger()
    with shop.unchanged("baskets_basket", "events_event"):
        for form, sentence, status in REFUSED:
            answer = client.post("/basket/put", form)
            assert answer.status_code == status, form
            assert sentence in words(answer.content.decode()), form


def test_the_same_form_twice_happens_once(wares: Gateway) -> None:
    client = stranger()
    said(client)
    page = client.get("/basket/add?product=tea-1").content.decode()
    found = re.search(r'name="request" value="([^"]+)"', page)
    assert found is not None
    put(client, "tea-1", request=found[1])
    put(client, "tea-1", request=found[1])
    assert "1 piece " in said(client)


def test_forms_of_the_shop_window_are_believed_by_their_origin(shop: Shop, wares: Gateway) -> None:
    client = Client(headers=MY, enforce_csrf_checks=True)
    form = {"product": "tea-1", "quantity": "2"}
    from_there = {"origin": origin_of(SQUARE)}
    with shop.unchanged("baskets_basket"):
        for origin in ("https://evil.example", "null", ""):
            refused = client.post("/basket/from-shop", form, headers={"origin": origin, "sec-fetch-site": "same-site"})
            assert refused.status_code == 403
        assert client.post("/basket/put", form, headers=from_there).status_code == 403
        asked = client.post("/basket/from-shop", form, headers={**from_there, "sec-fetch-site": "cross-site"})
        assert asked.status_code == 302
        assert "Into the basket" in said(client, asked.headers["location"])
    done = client.post("/basket/from-shop", form, headers={**from_there, "sec-fetch-site": "same-site"})
    assert done.headers["location"] == "/basket?put=tea-1"
    assert "2 pieces" in said(client)


def test_whoever_is_recognised_takes_their_basket_along(shop: Shop, wares: Gateway) -> None:
    accepted(wares.post([sale("1", 40, receipt="1"), sale("2", 40, receipt="2")]))
    nora, other = customer_of(wares, "1"), customer_of(wares, "2")
    at_home = opened(nora)
    put(at_home, "cup-1")
    phone = stranger()
    put(phone, "tea-1", 2)
    opened(nora, phone)
    text = said(phone)
    assert "3 pieces" in text
    assert "$33.00" in text
    assert not phone.cookies[baskets.cookie_name()].value
    assert "3 pieces" in said(at_home)
    assert "There is nothing in your basket yet." in said(opened(other))
    assert shop.value("select count(*) from baskets_basket where customer is null") == 0


def test_another_persons_basket_is_nobodys_by_its_id(wares: Gateway, shop: Shop) -> None:
    accepted(wares.post([sale("1", 40, receipt="1")]))
    nora = opened(customer_of(wares, "1"))
    put(nora, "tea-1")
    basket = shop.value("select id::text from baskets_basket")
    thief = stranger()
    thief.cookies[baskets.cookie_name()] = basket
    assert "There is nothing in your basket yet." in said(thief)
    put(thief, "cup-1")
    assert "1 piece " in said(thief)
    assert "1 piece " in said(nora)


def test_a_till_reads_what_is_shown_to_it_and_sells_it(shop: Shop, wares: Gateway) -> None:
    client = stranger()
    put(client, "tea-1", 2)
    put(client, "cup-1")
    client.post("/basket/show")
    found = re.search(r"<code translate=\"no\">(\d{8})</code>", client.get("/basket").content.decode())
    assert found is not None
    told = read(wares, found[1])
    assert told.status_code == httpx.codes.OK, told.text
    quote = told.json()["quote"]
    assert (quote["total"], [line["product"] for line in quote["lines"]]) == (3300, ["tea-1", "cup-1"])
    basket = told.json()["basket"]
    sold = {
        "receipt": "r1", "currency": "USD", "total": 2500, "basket": basket,
        "lines": [{"product": "tea-1", "quantity": 2, "amount": 2500}],
    }  # fmt: skip
    accepted(wares.post([event("sale.closed", sold, source=TILL)]))
    assert [line["product"] for line in read(wares, basket).json()["quote"]["lines"]] == ["cup-1"]
    assert "1 piece " in said(client)
    for number in ("00000000", str(uuid.uuid4())):
        assert read(wares, number).json()["type"].endswith(":basket_unknown")
    assert read(wares, basket, source="/webshop").json()["type"].endswith(":source_not_declared")
    assert read(wares, basket, touchpoint="newsletter").json()["type"].endswith(":need_not_declared")


def test_what_has_changed_since_is_said(wares: Gateway) -> None:
    client = stranger()
    put(client, "tea-1")
    put(client, "cup-1")
    later = dt.datetime(2026, 3, 3, 10, tzinfo=dt.UTC)
    ended = event("product.delisted", {"product": "cup"}, source="/webshop", at=later)
    dearer = listed("tea", price=1400)
    dearer["time"] = later.isoformat()
    accepted(wares.post([dearer, ended], touchpoint="webshop"))
    text = said(client)
    assert "was $12.50 when you put it in" in text
    assert "Cup The shop sells this no more. It is not in the sum." in text
    assert "Total $14.00" in text
    assert "Total $14.00" in words(client.get("/basket?part=content").content.decode())


def test_it_is_bought_by_clicking(browser: Browser, wares: Gateway, tmp_path: Path) -> None:
    with running_pages(tmp_path, wares) as pages:
        _buy(browser, pages, 390)
        _buy(browser, pages, 1280)


# What the camera of a test sees: bars, whenever somebody looks.
SEEING = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["ean_13"]; }
  async detect() { return [{ rawValue: "4006381333931" }]; }
};
navigator.mediaDevices.getUserMedia = async () => document.createElement("canvas").captureStream();
HTMLMediaElement.prototype.play = async () => {};
"""


def test_the_phones_camera_reads_bars_into_the_basket(browser: Browser, wares: Gateway, tmp_path: Path) -> None:
    with running_pages(tmp_path, wares) as pages:
        context = browser.new_context(viewport={"width": 390, "height": 900})
        page = context.new_page()
        page.goto(pages.url(COUNTER, "/basket"))
        assert page.get_by_role("button", name="Scan it with the camera").count() == 0, "this browser reads no bars"
        context.add_init_script(SEEING)
        page.reload()
        page.get_by_role("button", name="Scan it with the camera").click()
        page.get_by_text("It is in your basket.").wait_for()
        page.get_by_role("link", name="Tea").wait_for()
        context.close()


def test_what_is_being_typed_stays_while_the_basket_changes_elsewhere(
    browser: Browser, wares: Gateway, tmp_path: Path
) -> None:
    accepted(wares.post([sale("1", 40, receipt="1")]))
    nora = customer_of(wares, "1")
    with running_pages(tmp_path, wares) as pages:
        page = browser.new_context(viewport={"width": 390, "height": 900}).new_page()
        page.goto(pages.card_url(nora))
        at_home = opened(nora)
        put(at_home, "tea-1")
        page.goto(pages.url(COUNTER, "/basket"))
        page.wait_for_selector('html[data-live="stream"]')
        page.get_by_label("Pieces of Tea").fill("7")
        page.get_by_label("A code that was given to you").press_sequentially("SPRI")
        put(at_home, "cup-1")
        page.get_by_label("Pieces of Cup").wait_for()
        page.keyboard.type("NG")
        assert page.get_by_label("A code that was given to you").input_value() == "SPRING"
        assert page.get_by_label("Pieces of Tea").input_value() == "7"
        assert page.get_by_label("Pieces of Cup").input_value() == "1"
        page.context.close()


def _buy(browser: Browser, pages: Pages, width: int) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto(pages.url(SQUARE, "/en/product/tea"))
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Into the basket").click()
    # In the demo the two rooms are different sites, so the browser keeps its cookies back: the page asks once.
    page.get_by_role("button", name="Into the basket").click()
    page.get_by_text("It is in your basket.").wait_for()
    page.get_by_label("Pieces of Tea").fill("3")
    page.get_by_role("button", name="Set").click()
    page.get_by_role("heading", name="3 pieces").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("COMPTOIR_TEST_IMAGES"):
        page.get_by_role("button", name="Show it at the till").click()
        page.get_by_role("heading", name="Pay it at a till").wait_for()
        for locale in ("en", "fr", "ja"):
            other = browser.new_context(viewport={"width": width, "height": 900}, locale=locale)
            mine = {each["name"]: each["value"] for each in page.context.cookies()}[baskets.cookie_name()]
            other.add_cookies([{"name": baskets.cookie_name(), "value": mine, "url": pages.url(COUNTER)}])
            shown = other.new_page()
            shown.goto(pages.url(COUNTER, "/basket"))
            assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            shown.screenshot(path=f"{folder}/basket-{locale}-{width}.png", full_page=True)
            other.close()
    page.context.close()
