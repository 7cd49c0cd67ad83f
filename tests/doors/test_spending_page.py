"""The customer's side of spending: the code that changes while one looks, and the page of limits."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import qrcode
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, complaints, customer_of, event, running_pages, sale, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.counter.loyalty.codes import Codes
from comptoir.doors.storefront.links import card_token
from comptoir.doors.storefront.spending import name_of, places_of
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.reading import load_map

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MY = {"host": f"{host_of(COUNTER)}:8000"}
MAP = EXAMPLES / "touchpoints.toml"


@pytest.fixture
def counter(gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that the storefront may speak to, and a card with points from two stores."""
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1000", 30, receipt="2", store="412")]))
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(MAP)):
        yield gateway
    house.key_path(house.STOREFRONT).unlink()


def opened(customer: uuid.UUID, language: str = "en") -> Client:
    client = Client(headers={**MY, "accept-language": language})
    assert client.get(f"/card/{card_token(customer)}", follow=True).status_code == 200
    return client


def spend(gateway: Gateway, code: str | None, points: int = 10, *, store: str = "324") -> str:
    """Spend with a card and what was shown; returns the refusal's name, or nothing."""
    data: dict[str, Any] = {"customer": {"kind": "card", "value": "1000"}, "points": points}
    if code is not None:
        data["proof"] = {"kind": "code", "value": code}
    answer = gateway.post(event("points.redeem", data, source=f"/stores/{store}/tills/1"))
    return "" if answer.is_success else str(answer.json()["type"]).rsplit(":", 1)[1]


def typed(page: str) -> str:
    """Return the code that a page shows for typing."""
    found = re.search(r'<code translate="no">([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>', page)
    assert found, page
    return found[1]


# -- the code -----------------------------------------------------------------------------------------------------


def test_what_the_card_shows_is_spent_with_once(counter: Gateway) -> None:
    client = opened(customer_of(counter, "1000"))
    page = client.get("/card").content.decode()
    assert spend(counter, None) == "proof_missing"
    assert spend(counter, typed(page)) == ""
    assert spend(counter, typed(page), store="412") == "code_used_elsewhere"
    assert spend(counter, typed(client.get("/card/code").content.decode())) == "", "another one at once"


def test_the_square_code_is_the_same_code_and_says_nothing_of_the_customer(
    counter: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    add = qrcode.QRCode.add_data

    def noted(drawing: qrcode.QRCode, text: str) -> None:
        drawn.append(text)
        add(drawing, text)

    monkeypatch.setattr(qrcode.QRCode, "add_data", noted)
    customer = customer_of(counter, "1000")
    page = opened(customer).get("/card").content.decode()
    whole = drawn[-1]
    assert len(whole) < 90
    assert customer.hex not in whole.lower()
    code = Codes.of_shop().open(whole)
    assert code is not None
    assert code.customer == str(customer)
    assert typed(page).replace("-", "") == Codes.of_shop().text(code)
    earned = counter.post(casting.sale("by code", 500, of={"kind": "code", "value": whole}, at=dt.datetime.now(dt.UTC)))
    assert earned.json()["customer"] == str(customer)
    assert spend(counter, whole) == ""
    assert spend(counter, typed(page)) == "code_used"


def test_nobody_gets_a_code_without_a_card(shop: Shop) -> None:
    stranger = Client(headers=MY)
    assert stranger.get("/card/code").status_code == 403
    assert stranger.get("/spending").status_code == 403
    assert stranger.post("/spending", {"may": "anywhere"}).status_code == 403


# -- limits -------------------------------------------------------------------------------------------------------


def test_a_lock_holds_at_once_and_waits_before_it_is_gone(counter: Gateway) -> None:
    client = opened(customer_of(counter, "1000"))
    answer = client.post("/spending", {"may": "nowhere"}, follow=True)
    assert "Saved. It holds everywhere from now on." in words(answer.content.decode())
    assert spend(counter, typed(client.get("/card").content.decode())) == "spending_locked"
    page = words(client.post("/spending", {"may": "anywhere", "per_day": "70"}, follow=True).content.decode())
    assert "Saved. What is stricter holds everywhere from now on. The rest waits." in page
    assert "Wherever points are taken. At most 70 points a day. The code on my card is enough for any amount." in page
    assert spend(counter, typed(client.get("/card").content.decode())) == "spending_locked"
    page = words(client.post("/spending/call-off", follow=True).content.decode())
    assert "Called off. All stays as it is." in page
    assert "Call it off" not in page
    assert spend(counter, typed(client.get("/card").content.decode())) == "spending_locked"


def test_other_places_than_before_are_no_place_until_they_hold_and_that_can_be_called_off(
    counter: Gateway, shop: Shop
) -> None:
    client = opened(customer_of(counter, "1000"))
    client.post("/spending", {"may": "places", "place": ["/stores/412"]})
    page = words(client.post("/spending", {"may": "places", "place": ["/stores/324"]}, follow=True).content.decode())
    assert "Only at: Store 324." in page
    for store in ("324", "412"):
        assert spend(counter, typed(client.get("/card").content.decode()), store=store) == "place_not_allowed"
    client.post("/spending/call-off")
    assert shop.value("select locked from loyalty_standing") is True
    assert spend(counter, typed(client.get("/card").content.decode())) == "spending_locked"


def test_nothing_that_waits_is_called_off_and_no_stranger_calls_it_off(counter: Gateway, shop: Shop) -> None:
    client = opened(customer_of(counter, "1000"))
    client.post("/spending", {"may": "nowhere"})
    with shop.unchanged("loyalty_standing", "events_event"):
        assert client.post("/spending/call-off").status_code == 302
        assert client.get("/spending/call-off").status_code == 405
        assert Client(headers=MY).post("/spending/call-off").status_code == 403


def test_places_are_those_where_one_has_bought(counter: Gateway) -> None:
    client = opened(customer_of(counter, "1000"))
    page = client.get("/spending").content.decode()
    assert re.findall(r'name="place" value="([^"]+)"', page) == [
        "/vault", "/webshop", "/stores/324", "/stores/412",
    ]  # fmt: skip
    assert "The checkout" in page
    assert "Web shop" in page
    assert "Store 324" in page
    client.post("/spending", {"may": "places", "place": ["/stores/412"], "per_day": "25"})
    page = client.get("/spending").content.decode()
    assert re.findall(r'name="place" value="([^"]+)" checked', page) == ["/stores/412"]
    assert 'value="places" checked' in page
    assert 'name="per_day" value="25"' in page
    code = typed(client.get("/card").content.decode())
    assert spend(counter, code) == "place_not_allowed"
    assert spend(counter, code, 26, store="412") == "daily_limit_reached"
    assert spend(counter, code, 25, store="412") == ""


def test_it_is_said_for_every_card_of_the_person(counter: Gateway, shop: Shop) -> None:
    link = {"identifier": {"kind": "card", "value": "1000"}, "customer": {"kind": "account", "value": "u"},
            "evidence": "signed in"}  # fmt: skip
    accepted(counter.post([event("identifier.linked", link, source="/webshop")], touchpoint="webshop"))
    opened(customer_of(counter, "1000")).post("/spending", {"may": "nowhere"})
    assert shop.value("select count(*) from loyalty_standing where locked") == 2


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "Choose one of the three."),
        ({"may": "somewhere"}, "Choose one of the three."),
        ({"may": "places"}, "Tick at least one place, or lock your points."),
        ({"may": "anywhere", "per_day": "many"}, "Write a whole number, or leave it empty."),
        ({"may": "anywhere", "at_once": "-1"}, "Write a whole number, or leave it empty."),
        ({"may": "places", "place": ["*"]}, "A field does not have the declared form."),
        ({"may": "places", "place": ["/stores/" + "9" * 80]}, "A field does not have the declared form."),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(
    counter: Gateway, shop: Shop, form: dict[str, Any], told: str
) -> None:
    client = opened(customer_of(counter, "1000"))
    with shop.unchanged("loyalty_standing", "events_event"):
        answer = client.post("/spending", form)
    assert answer.status_code == 422
    assert f"Nothing was changed. {'' if 'declared form' in told else 'Look at what is marked below.'}".strip() in (
        said := words(answer.content.decode())
    )
    assert told in said
    for value in form.get("place", ()):
        assert f'value="{value}" checked' in answer.content.decode(), "what was ticked stays so"


def test_without_a_gateway_nothing_is_said_to_be_saved(counter: Gateway, shop: Shop) -> None:
    client = opened(customer_of(counter, "1000"))
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        answer = client.post("/spending", {"may": "nowhere"})
    assert answer.status_code == 422
    assert "Nothing was changed. The shop's counter does not answer just now." in words(answer.content.decode())
    assert shop.value("select count(*) from loyalty_standing") == 0


def test_a_card_that_nobody_has_used_cannot_be_limited(counter: Gateway) -> None:
    answer = opened(uuid.uuid4()).post("/spending", {"may": "nowhere"})
    assert "Use the card once before you limit it" in words(answer.content.decode())


def test_what_the_house_has_stopped_is_said(counter: Gateway) -> None:
    customer = customer_of(counter, "1000")
    now = dt.datetime.now(dt.UTC)
    whose = {"kind": "customer", "value": str(customer)}
    said = [casting.cool(now + dt.timedelta(days=2), of=whose, at=now), casting.freeze(of=whose, at=now)]
    accepted(counter.post(said, touchpoint="vault"))
    page = words(opened(customer).get("/spending").content.decode())
    assert "Spending waits after a change." in page
    assert "Spending is stopped." in page


def test_places_have_names_that_people_know() -> None:
    declared = load_map(MAP, types=EVENT_TYPES, products=PRODUCTS)
    sources = ["/stores/7/tills/1", "/stores/7/tills/2", "/app/1", "/elsewhere"]
    assert places_of(sources, declared) == {
        "/stores/7": "Store 7", "/webshop": "Web shop", "/vault": "The checkout",
    }  # fmt: skip
    assert [name_of(place, declared) for place in ("/stores/9", "/webshop", "/vault", "/gone/1")] == [
        "Store 9", "Web shop", "The checkout", "/gone/1",
    ]  # fmt: skip


# -- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(counter: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, counter) as running:
        yield running


def test_the_code_changes_while_one_looks_and_when_it_was_used(pages: Pages, page: Page) -> None:
    heard = complaints(page)
    page.clock.install()
    page.goto(pages.card_url(customer_of(pages.gateway, "1000")))
    page.wait_for_selector('html[data-live="stream"]')
    shown = page.locator(".typed code")
    first = shown.inner_text()
    page.clock.fast_forward(31_000)
    page.wait_for_function("before => document.querySelector('.typed code').textContent !== before", arg=first)
    second = shown.inner_text()
    assert spend(pages.gateway, second) == ""
    page.wait_for_function("before => document.querySelector('.typed code').textContent !== before", arg=second)
    assert page.locator(".over").is_hidden()
    assert heard == []
    page.route("**/card/code", lambda route: route.abort())
    page.clock.fast_forward(31_000)
    page.clock.fast_forward(31_000)
    page.locator(".over").wait_for()


def test_limits_are_set_without_a_script_and_with_the_keyboard(browser: Browser, pages: Pages) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(pages.card_url(customer_of(pages.gateway, "1000")))
    assert page.get_by_role("link", name="New code").is_visible()
    page.get_by_role("link", name="Where and how much may be spent").click()
    page.get_by_label("Only at the places that I tick").focus()
    page.keyboard.press("Space")
    page.get_by_label("Store 324").focus()
    page.keyboard.press("Space")
    page.get_by_label("At most so many points a day").fill("40")
    page.keyboard.press("Enter")
    page.get_by_text("It holds everywhere from now on.").wait_for()
    assert page.get_by_label("Store 324").is_checked()
    assert page.get_by_label("At most so many points a day").input_value() == "40"
    context.close()


def test_the_pages_fit_a_telephone_in_every_language(
    browser: Browser, pages: Pages, photograph: Callable[[Page, str], list[Path]]
) -> None:
    customer = customer_of(pages.gateway, "1000")
    for language in ("en", "ja", "fr"):
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale=language)
        page = context.new_page()
        heard = complaints(page)
        page.goto(pages.card_url(customer))
        photograph(page, f"code-{language}")
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(pages.url(COUNTER, "/spending"))
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        photograph(page, f"spending-{language}")
        assert heard == []
        context.close()


@pytest.mark.parametrize("language", ["en", "ja", "fr"])
def test_what_waits_is_called_off_without_a_script(
    browser: Browser, pages: Pages, photograph: Callable[[Page, str], list[Path]], language: str
) -> None:
    customer = customer_of(pages.gateway, "1000")
    client = opened(customer)
    for form in ({"may": "places", "place": ["/stores/324"], "per_day": "40"}, {"may": "anywhere", "per_day": "90"}):
        assert client.post("/spending", form).status_code == 302
    context = browser.new_context(java_script_enabled=False, locale=language)
    page = context.new_page()
    page.goto(pages.card_url(customer))
    page.goto(page.url.replace("/card", "/spending"))
    photograph(page, f"spending-waits-{language}")
    waits = page.locator("section[aria-labelledby=waits]")
    assert waits.get_by_role("listitem").count() == 3
    assert str(waits.get_by_role("link").get_attribute("href")).endswith("/limits/")
    waits.get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.locator("section[aria-labelledby=waits]").wait_for(state="detached")
    assert page.locator(".notice[role=status]").count() == 1
    context.close()
