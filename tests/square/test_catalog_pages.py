"""The shop window: found by category, words in three languages, barcode; a product's page; stores and their hours."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Page

from comptoir.doors.storefront.shop import nearby
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog.contracts import StoreListed
from comptoir.square.catalog.queries import StoreShown
from support import casting
from support.casting import WEBSHOP
from support.gateway import Gateway
from support.pages import Pages, accepted, complaints, listening_to, running_pages
from support.processes import wait_until

YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
TRICK = "</script><script>alert(1)</script>"


def listed(kind: str, **data: Any) -> dict[str, Any]:
    return casting.event(kind, data, source=WEBSHOP, at=YESTERDAY)


def product(number: str, en: str, amount: int | None = None, **more: Any) -> dict[str, Any]:
    prices = [] if amount is None else [{"currency": "USD", "amount": amount}]
    said = {"name": {"en": en}, "variants": [{"sku": number, "prices": prices}], "category": "tea", **more}
    return listed("product.listed", product=number, **said)


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with listening_to(gateway, house.SQUARE), running_pages(tmp_path, gateway) as running:
        yield running


@pytest.fixture
def shelves(pages: Pages) -> Pages:
    """A shop with three teas, a coffee that nobody sells any more, and two stores."""
    accepted(
        pages.gateway.post(
            [
                listed("category.listed", category="drinks", name={"en": "Drinks", "ja": "飲み物", "fr": "Boissons"}),
                listed("category.listed", category="tea", name={"en": "Tea", "ja": "お茶"}, within="drinks"),
                product("sencha", "Sencha from Uji", 1_250, name={"en": "Sencha from Uji", "ja": "宇治の煎茶"},
                        maker="Ōi & fils", text={"en": f"Picked in May.\n\nBrew it cool. {TRICK}"},
                        variants=[
                            {"sku": "sencha-100", "gtin": "4006381333931", "options": {"size": "100 g"},
                             "prices": [{"currency": "USD", "amount": 1_250, "before": 1_500},
                                        {"currency": "JPY", "amount": 1_900}]},
                            {"sku": "sencha-250", "options": {"size": "250 g"},
                             "prices": [{"currency": "USD", "amount": 2_800, "includes_tax": False}]},
                        ]),
                product("darjeeling", "Darjeeling, second flush", 900, name={"en": "Darjeeling, second flush",
                        "fr": "Darjeeling d'été"}, maker="Ōi & fils"),
                product("hot-toddy", "Hot toddy mix", 700, asks_over=21),
                product("old", "Old coffee", 500, category="drinks"),
                listed("product.delisted", product="old"),
                listed("store.listed", store="12", name="Night market", zone="Asia/Tokyo", locality="Kyoto",
                       hours=[{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00",
                               "closes": "24:00"}]),
                listed("store.listed", store="13", name="Friday nights", zone="Europe/Paris", locality="Arles",
                       hours=[{"days": ["fri"], "opens": "22:00", "closes": "26:00"}],
                       exceptions=[{"day": "2099-12-24"}]),
            ],
            touchpoint="webshop",
        )
    )  # fmt: skip
    return pages


def names(page: Page) -> list[str]:
    return page.locator(".wares > li > a").all_inner_texts()


def test_somebody_looks_around_finds_and_narrows_down(shelves: Pages, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(shelves.url(SQUARE, "/en/"))
    page.get_by_role("link", name="Shop", exact=True).click()
    page.get_by_role("link", name="Drinks").click()
    assert page.locator(".shelves").inner_text().split() == ["Tea", "3"]
    page.get_by_role("link", name="Tea").click()
    assert sorted(names(page)) == ["Darjeeling, second flush", "Hot toddy mix", "Sencha from Uji"]
    page.get_by_text("Narrow down and sort").click()
    page.get_by_label("At most, in USD").fill("9,00")
    page.get_by_label("Order").select_option("cheapest")
    page.get_by_role("button", name="Show").click()
    assert names(page) == ["Hot toddy mix", "Darjeeling, second flush"]
    page.get_by_label("Search in Tea").fill("flushes")  # by its stem
    page.get_by_role("button", name="Search").click()
    assert names(page) == ["Darjeeling, second flush"]
    page.get_by_role("link", name="Darjeeling, second flush").click()
    page.get_by_role("heading", name="Darjeeling, second flush").wait_for()
    page.get_by_text("$9.00").wait_for()
    assert page.context.cookies() == []
    assert complaints(page) == []


@pytest.mark.parametrize(
    ("language", "words", "found"),
    [
        ("en", "sencha", ["Sencha from Uji"]), ("ja", "煎茶", ["宇治の煎茶"]), ("ja", "茶", ["宇治の煎茶"]),
        ("fr", "été", ["Darjeeling d'été"]), ("fr", "ete", ["Darjeeling d'été"]),
        ("en", "4006381333931", ["Sencha from Uji"]),
        ("en", "sencha-100", ["Sencha from Uji"]), ("en", "100 g", ["Sencha from Uji"]), ("en", "coffee", []),
        ("en", "oi fils", ["Darjeeling, second flush", "Sencha from Uji"]), ("en", "' & | ! <-> :* \\", []),
        ("en", "\x00tea\x00", []),
    ],
)  # fmt: skip
def test_it_is_found_by_words_numbers_and_whatever_is_typed(
    shelves: Pages, language: str, words: str, found: list[str]
) -> None:
    answer = httpx.get(shelves.url(SQUARE, f"/{language}/shop"), params={"q": words}, trust_env=False)
    assert answer.status_code == 200
    told = re.findall(r'<li><a href="/[a-z]{2}/product/[^"]+" lang="[a-z]{2}">([^<]+)</a>', answer.text)
    assert sorted(each.replace("&#x27;", "'") for each in told) == found


@pytest.mark.parametrize(
    "asked", ["page=0", "page=99", "page=x", "most=-1", "most=1e999", "most=NaN", "order=drop", "page=１"]
)
def test_what_cannot_be_read_is_not_asked(shelves: Pages, asked: str) -> None:
    assert httpx.get(shelves.url(SQUARE, f"/en/shop?{asked}"), trust_env=False).status_code == 200


def described(text: str) -> list[Any]:
    said = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL)
    assert len(said) == 1
    return list(json.loads(said[0]))


def test_search_engines_read_the_same_as_people(shelves: Pages, page: Page) -> None:
    url = shelves.url(SQUARE, "/en/product/sencha")
    group, path = described(httpx.get(url, trust_env=False).text)
    assert (group["@type"], group["brand"]["name"], group["variesBy"]) == ("ProductGroup", "Ōi & fils", ["size"])
    first, second = group["hasVariant"]
    assert (first["gtin13"], first["name"]) == ("4006381333931", "Sencha from Uji 100 g")
    assert [(each["price"], each["priceCurrency"]) for each in first["offers"]] == [("12.50", "USD"), ("1900", "JPY")]
    assert not second["offers"][0]["priceSpecification"]["valueAddedTaxIncluded"]
    assert [each["name"] for each in path["itemListElement"]] == ["Drinks", "Tea"]
    assert group["description"].endswith(TRICK)
    page.goto(url)
    page.get_by_text("Brew it cool. </script>").wait_for()  # as words
    page.get_by_role("cell", name="100 g").wait_for()
    page.get_by_text("plus tax").wait_for()
    assert complaints(page) == []


def test_what_is_sold_no_more_says_so_and_is_in_no_list(shelves: Pages, page: Page) -> None:
    page.goto(shelves.url(SQUARE, "/en/product/old"))
    page.get_by_text("The shop sells this no more.").wait_for()
    said = described(page.content())[0]
    assert said["offers"][0]["availability"].endswith("Discontinued")
    assert page.locator('meta[name="robots"][content="noindex"]').count() == 1
    page.goto(shelves.url(SQUARE, "/en/shop/drinks"))
    assert "Old coffee" not in names(page)


@pytest.mark.parametrize("number", ["sencha-250", "4006381333931", "04006381333931"])
def test_the_number_of_a_variant_leads_to_its_product_in_the_same_language(shelves: Pages, number: str) -> None:
    answer = httpx.get(shelves.url(SQUARE, f"/ja/product/{number}"), trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/ja/product/sencha")


def test_an_age_is_asked_for_and_no_birth_date(shelves: Pages, page: Page) -> None:
    page.goto(shelves.url(SQUARE, "/en/product/hot-toddy"))
    page.get_by_text("from 21 on").wait_for()
    page.get_by_text("You are asked for a yes or no, never for your birth date.").wait_for()


def test_stores_say_whether_they_are_open_and_when(shelves: Pages, page: Page) -> None:
    page.goto(shelves.url(SQUARE, "/en/"))
    page.get_by_role("link", name="Our stores").click()
    assert page.locator("h2").all_inner_texts() == ["Arles", "Kyoto"]
    # The other one is open in its nights of Friday alone.
    page.locator(".places > li", has_text="Night market").get_by_text("open until").wait_for()
    page.get_by_role("link", name="Friday nights").click()
    page.get_by_role("row", name=re.compile("Friday 22:00–02:00")).wait_for()
    page.get_by_role("row", name=re.compile("2099")).get_by_text("closed").wait_for()
    said = json.loads(re.findall(r'ld\+json">(.*?)</script>', page.content(), re.DOTALL)[0])
    assert said["openingHoursSpecification"] == [
        {"@type": "OpeningHoursSpecification", "dayOfWeek": ["Friday"], "opens": "22:00", "closes": "02:00"}
    ]
    for path in ("stores/99", "stores/%20", "stores/" + "9" * 65, "shop/nothing"):
        assert httpx.get(shelves.url(SQUARE, f"/en/{path}"), trust_env=False).status_code == 404


def test_a_shop_that_lists_nothing_has_no_window_in_its_menu(pages: Pages, page: Page) -> None:
    page.goto(pages.url(SQUARE, "/en/"))
    assert page.get_by_role("link", name="Shop", exact=True).count() == 0
    page.goto(pages.url(SQUARE, "/en/shop"))
    page.get_by_text("The shelves are still empty.").wait_for()
    page.goto(pages.url(SQUARE, "/en/stores"))
    page.get_by_text("No store is listed yet.").wait_for()


def _stocked(shelves: Pages) -> None:
    day = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00", "closes": "24:00"}]
    accepted(
        shelves.gateway.post(
            [
                listed("store.listed", store="14", name="Uji tea house", zone="Asia/Tokyo", locality="Uji", hours=day,
                       postcode="611-0021", latitude=34.891, longitude=135.808),
                listed("store.listed", store="15", name="Nara tea house", zone="Asia/Tokyo", locality="Nara",
                       postcode="630-8213", latitude=34.685, longitude=135.805),
                listed("store.listed", store="16", name="Otaru tea house", zone="Asia/Tokyo", locality="Otaru",
                       latitude=43.19, longitude=140.994),
                listed("stock.counted", store="14", lines=[{"sku": "sencha-100", "quantity": 3}]),
                listed("stock.counted", store="15", lines=[{"sku": "sencha-100", "quantity": 1},
                                                           {"sku": "sencha-250", "quantity": 0}]),
                listed("stock.counted", store="16", lines=[{"sku": "sencha-100", "quantity": 0}]),
                listed("stock.placed", store="12", lines=[{"sku": "sencha-100", "aisle": "4", "shelf": "B"}]),
            ],
            touchpoint="webshop",
        )
    )  # fmt: skip


def test_where_it_is_now(shelves: Pages, page: Page) -> None:
    page.goto(shelves.url(SQUARE, "/en/product/sencha"))
    page.get_by_text("Nobody has counted it in a store.").wait_for()
    _stocked(shelves)

    def there() -> list[str]:
        return [" ".join(each.split()) for each in page.locator(".there > li").all_inner_texts()]

    def shows(what: str) -> bool:
        page.goto(shelves.url(SQUARE, "/en/product/sencha"))
        return any(what in each for each in there())

    # Which stores there are, and whole pages, are kept for a second.
    wait_until(lambda: shows("Otaru"), what="the stores that were listed just now")
    assert there() == [
        "Uji tea house Uji 100 g 3 here open until 00:00",
        "Nara tea house Nara 100 g 1 here 250 g none here",
        "Night market Kyoto 100 g ask the shop aisle 4, shelf B open until 00:00",
        "Otaru tea house Otaru 100 g none here",
    ]
    group, _ = described(httpx.get(shelves.url(SQUARE, "/en/product/sencha"), trust_env=False).text)
    assert [each["offers"][0]["availability"].rsplit("/", 1)[1] for each in group["hasVariant"]] == [
        "InStock", "OutOfStock"
    ]  # fmt: skip
    page.get_by_label("Near").fill("630")
    page.get_by_role("button", name="Show").click()
    assert [each.split(" tea house")[0] for each in there()][:2] == ["Uji", "Nara"]  # whoever is open comes first
    assert page.locator("meta[name=robots]").get_attribute("content") == "noindex"
    assert page.context.cookies() == []
    assert complaints(page) == []
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is held is not to be had, and what was never counted is not promised.
    hold = {"hold": "0b6f9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10", "expires_in": 600,
            "lines": [{"store": "14", "sku": "sencha-100", "quantity": 2}]}  # fmt: skip
    accepted(shelves.gateway.post([listed("stock.hold", **hold)], touchpoint="webshop"))
    # Another store has one here as well, so it is asked for by its name.
    wait_until(lambda: shows("Uji 100 g 1 here"), what="what is held for somebody")
    assert there()[0].startswith("Uji tea house Uji 100 g 1 here")


def test_what_a_store_has_now(shelves: Pages, page: Page) -> None:
    _stocked(shelves)
    page.goto(shelves.url(SQUARE, "/en/shop"))
    page.get_by_text("Narrow down and sort").click()
    page.get_by_label("There now").select_option("Uji tea house")
    page.get_by_role("button", name="Show").click()
    assert names(page) == ["Sencha from Uji"]
    page.get_by_label("Search the goods").fill("darjeeling")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("Nothing we sell fits this.").wait_for()
    page.goto(shelves.url(SQUARE, "/en/shop?there=16"))
    assert names(page) == []
    page.goto(shelves.url(SQUARE, "/en/shop?there=13"))  # nobody has counted there: it is not asked
    assert len(names(page)) == 3
    assert complaints(page) == []


def test_how_far_a_store_is_from_what_somebody_typed() -> None:
    def store(number: str, **said: Any) -> StoreShown:
        data = msgspec.convert({"store": number, "name": f"Store {number}", "zone": "UTC", **said}, StoreListed)
        return StoreShown(number, data.name, data.locality, data)

    some = [
        store("1", locality="Uji", postcode="611-0021", latitude=34.891, longitude=135.808),
        store("2", locality="Nara", latitude=34.685, longitude=135.805), store("3", postcode="611-9"), store("4"),
    ]  # fmt: skip
    far = nearby.distances("uji", some)
    assert (far["1"], round(far["2"]), far["3"] == far["4"]) == (0.0, 23, True)
    far = nearby.distances("611-0021", some)
    assert sorted(far, key=lambda number: far[number]) == ["1", "2", "3", "4"]
    assert set(nearby.distances("", some).values()) == {nearby._UNKNOWN}
