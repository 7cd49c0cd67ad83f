"""A customer's own basket at the till: read by what they show, taken over once, and emptied by the sale.

Chromium, a real gateway, real pages. Not here: what a basket holds (``tests/counter/test_baskets.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from comptoir.foundation.rooms.commands import set_up_django
from support import promoting
from support.gateway import Gateway
from support.pages import accepted, card, customer_of, event, sale
from support.shop import Shop
from support.tilling import CUP, PLATE, SOURCE, Desk, pay, running_desk, scan, take, to_payment, wares

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.baskets import queries
from comptoir.counter.loyalty.codes import mint_code
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER

AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)


@pytest.fixture
def desk(browser: Browser, shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Desk]:
    """Have a paired till with a line."""
    with running_desk(browser, shop, gateway, tmp_path) as one:
        yield one


def put(gateway: Gateway, basket: str, *goods: tuple[str, int], of: str | None = "2613") -> None:
    """Somebody puts something into their basket on the phone."""
    pieces = [{"product": product, "quantity": quantity} for product, quantity in goods]
    data = {"basket": basket, "put": pieces} | ({"customer": card(of)} if of else {})
    accepted(gateway.post([event("basket.changed", data, source="/webshop", at=AT)], touchpoint="webshop"))


def shown(gateway: Gateway, code: str, *, source: str = SOURCE, touchpoint: str = "till") -> httpx.Response:
    """A till reads what is shown to it."""
    headers = {"Authorization": f"Bearer {gateway.keys[touchpoint]}"}
    return gateway.client.post("/v1/baskets/shown", json={"source": source, "code": code}, headers=headers)


def left(gateway: Gateway, basket: str) -> dict[str, int]:
    """Return what is in a basket, by product."""
    answer = gateway.get(f"/v1/baskets/{basket}?source={SOURCE}").json()
    return {each["product"]: each["quantity"] for each in answer["quote"]["lines"]}


def lines(page: Page) -> dict[str, str]:
    """Return what the till has in this sale, by name."""
    boxes = page.locator("#lines").get_by_role("spinbutton").all()
    return {str(each.get_attribute("aria-label")): each.input_value() for each in boxes}


def test_what_is_on_the_phone_comes_into_the_sale_once_and_the_sale_empties_it(desk: Desk) -> None:
    page, basket, second = desk.page, str(uuid.uuid4()), str(uuid.uuid4())
    put(desk.gateway, basket, ("cup-1", 1))
    put(desk.gateway, second, ("cup-1", 1), ("plate-1", 1))
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$12.50")
    take(page, desk.fresh_code())
    expect(page.locator("#theirs-said")).to_have_text("3 things from their phone")
    page.get_by_role("button", name="Take them over").click()
    expect(page.get_by_text("3 things are taken over.")).to_be_visible()
    expect(page.locator("#total")).to_have_text("$41.00")
    assert lines(page) == {"Plate": "2", "Cup": "2"}
    expect(page.get_by_role("button", name="Take them over")).to_be_hidden()
    # Shown again, there is nothing more in it; put in meanwhile, it comes alone.
    take(page, desk.fresh_code())
    expect(page.locator("#who")).to_contain_text("500 points")
    expect(page.get_by_role("button", name="Take them over")).to_be_hidden()
    put(desk.gateway, basket, ("cup-1", 1))
    take(page, desk.fresh_code())
    expect(page.locator("#theirs-said")).to_have_text("1 thing from their phone")
    page.get_by_role("button", name="Take them over").dblclick()
    expect(page.locator("#total")).to_have_text("$49.00")
    assert lines(page) == {"Plate": "2", "Cup": "3"}
    page.reload()
    expect(page.locator("#total")).to_have_text("$49.00")
    to_payment(page)
    receipt = pay(page)
    desk.wait_until(lambda: left(desk.gateway, basket) == {}, "the basket that is empty")
    assert left(desk.gateway, second) == {}
    rows = desk.shop.rows("select total_minor, customer from sales_sale where receipt = %s", receipt)
    assert [(each["total_minor"], each["customer"]) for each in rows] == [(4900, desk.alice)]
    phone = page.context.new_page()
    phone.goto(desk.pages.card_url(desk.alice))
    phone.goto(desk.pages.url(COUNTER, "/basket"))
    expect(phone.get_by_text("There is nothing in your basket yet.")).to_be_visible()
    # The next sale is nobody's, and takes out of no basket.
    page.get_by_role("button", name="Next customer").click()
    scan(page, CUP)
    expect(page.get_by_role("button", name="Take them over")).to_be_hidden()


def test_what_they_do_not_want_after_all_stays_on_the_phone(desk: Desk) -> None:
    page, basket = desk.page, str(uuid.uuid4())
    put(desk.gateway, basket, ("cup-1", 2), ("plate-1", 1))
    take(page, desk.fresh_code())
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#total")).to_have_text("$28.50")
    page.get_by_role("button", name="Take out: Plate").click()
    expect(page.locator("#total")).to_have_text("$16.00")
    to_payment(page)
    pay(page)
    desk.wait_until(lambda: left(desk.gateway, basket) == {"plate-1": 1}, "what is left on the phone")


def coupons_on_the_phone(desk: Desk, basket: str, *titles: str) -> list[str]:
    """Give Alice coupons of ten per cent, and show them in a basket; returns their codes."""
    codes = []
    for title in titles:
        promotion = promoting.new()
        accepted(desk.gateway.post([promoting.published(promotion, title=title, codes="each")], touchpoint="console"))
        codes.append(promoting.code_for(desk.shop, promotion, str(desk.alice), at=dt.datetime.now(dt.UTC)))
    data = {"basket": basket, "customer": card("2613"), "put": [{"product": "plate-1", "quantity": 2}], "show": codes}
    accepted(desk.gateway.post([event("basket.changed", data, source="/webshop", at=AT)], touchpoint="webshop"))
    return codes


def redemptions(desk: Desk) -> list[tuple[str, int]]:
    rows = desk.shop.rows("select status, discount from offers_redemption order by position")
    return [(each["status"], each["discount"]) for each in rows]


def test_their_coupons_come_along_are_held_and_redeemed_with_the_sale(desk: Desk) -> None:
    page, basket = desk.page, str(uuid.uuid4())
    coupons_on_the_phone(desk, basket, "Tenth off", "Again")
    take(page, desk.fresh_code())
    expect(page.locator("#theirs-said")).to_have_text("2 things from their phone")
    page.get_by_role("button", name="Take them over").dblclick()
    expect(page.get_by_text("2 things are taken over. 2 coupons came along.")).to_be_visible()
    rows = page.locator("#codes li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("From their phone: Tenth off")
    expect(page.locator("#total")).to_have_text("$20.25")
    assert redemptions(desk) == [], "a price takes nothing"
    # One is not wanted after all: it stays on the phone, and does not come a second time.
    page.get_by_role("button", name="Take out: From their phone: Again").click()
    expect(page.locator("#total")).to_have_text("$22.50")
    take(page, desk.fresh_code())
    expect(page.locator("#who")).to_contain_text("500 points")
    expect(page.get_by_role("button", name="Take them over")).to_be_hidden()
    to_payment(page)
    assert redemptions(desk) == [("held", 250)]
    pay(page)
    desk.wait_until(lambda: redemptions(desk) == [("redeemed", 250)], "the coupon that is used")
    desk.wait_until(lambda: left(desk.gateway, basket) == {}, "the basket that is empty")
    # Used up, it comes along no more than it can be shown: the next sale says why.
    page.get_by_role("button", name="Next customer").click()
    put(desk.gateway, basket, ("cup-1", 1))
    take(page, desk.fresh_code())
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#total")).to_have_text("$7.20")
    expect(page.locator("#codes")).to_contain_text("From their phone: This code cannot be used here and now.")


def test_without_a_line_their_coupons_stay_on_the_phone_and_that_is_said(desk: Desk) -> None:
    page, basket = desk.page, str(uuid.uuid4())
    coupons_on_the_phone(desk, basket, "Tenth off")
    take(page, desk.fresh_code())
    expect(page.locator("#theirs-said")).to_have_text("2 things from their phone")
    page.context.set_offline(True)
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#done")).to_contain_text("Without a line no coupon is taken. It stays good")
    expect(page.locator("#codes li")).to_have_count(0)
    expect(page.locator("#total")).to_have_text("$25.00")
    page.context.set_offline(False)
    expect(page.locator("#line")).to_have_text("Online")
    # The line is back: the goods are here, and the coupon is offered alone.
    expect(page.locator("#theirs-said")).to_have_text("A coupon from their phone")
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#done")).to_have_text("Their coupon came along.")
    expect(page.locator("#total")).to_have_text("$22.50")


def test_a_pass_stands_for_a_code_and_a_digest_does_not(desk: Desk) -> None:
    basket = str(uuid.uuid4())
    (code,) = coupons_on_the_phone(desk, basket, "Tenth off")
    read = desk.gateway.get(f"/v1/baskets/{basket}?source={SOURCE}").json()
    (digest,), (given,) = read["quote"]["codes"], read["passes"]
    other = given[:-1] + ("0" if given[-1] != "0" else "1")
    swapped = given[:5] + ("0" if given[5] != "0" else "1") + given[6:]

    def taken_off(shown: str) -> int:
        asked = {
            "source": SOURCE, "codes": [shown], "customer": card("2613"),
            "basket": [{"product": "cup-1", "quantity": 1, "amount": 800}],
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {desk.gateway.keys['till']}"}
        return int(desk.gateway.client.post("/v1/baskets/price", json=asked, headers=headers).json()["discount"])

    assert [taken_off(each) for each in (code, given, digest, other, swapped)] == [80, 80, 0, 0, 0]
    # Both are the same coupon: shown by its code and by its pass, it is given once.
    held = {
        "basket": [{"product": "cup-1", "quantity": 1, "amount": 800}], "codes": [given, code], "reservation": "r-1",
        "expires_in": 60, "customer": card("2613"),
    }  # fmt: skip
    (outcome,) = accepted(desk.gateway.post([event("coupon.reserve", held, source=SOURCE)]))
    assert outcome["basket"]["discount"] == 80
    assert redemptions(desk) == [("held", 80)]
    log = desk.shop.value("select string_agg(data::text, ' ') from events_event")
    assert digest in log
    assert given not in log


def test_the_line_goes_between_and_the_sale_takes_it_out_later_and_once(desk: Desk) -> None:
    page, basket = desk.page, str(uuid.uuid4())
    put(desk.gateway, basket, ("cup-1", 2))
    take(page, desk.fresh_code())
    expect(page.locator("#theirs-said")).to_have_text("2 things from their phone")
    page.context.set_offline(True)
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#total")).to_have_text("$16.00")
    assert lines(page) == {"Cup": "2"}
    to_payment(page)
    pay(page)
    expect(page.locator("#line")).to_have_text("Offline: 1 sale waits")
    assert left(desk.gateway, basket) == {"cup-1": 2}
    page.context.set_offline(False)
    desk.wait_until(lambda: left(desk.gateway, basket) == {}, "the basket that is empty")
    put(desk.gateway, basket, ("cup-1", 1))
    assert left(desk.gateway, basket) == {"cup-1": 1}, "what they put in afterwards is theirs"
    assert desk.shop.value("select count(*) from sales_sale where source = %s", SOURCE) == 1


def test_a_strangers_basket_comes_by_its_number_and_not_beside_another_ones(desk: Desk) -> None:
    page, basket = desk.page, str(uuid.uuid4())
    put(desk.gateway, basket, ("plate-1", 1), of=None)
    now = dt.datetime.now(dt.UTC)
    with entered(COUNTER):
        assert queries.show_at_till(basket, "48210937", ends_at=now + dt.timedelta(minutes=15), now=now)
    scan(page, "48210937")
    page.get_by_role("button", name="Take them over").click()
    expect(page.locator("#total")).to_have_text("$12.50")
    put(desk.gateway, str(uuid.uuid4()), ("cup-1", 1))
    take(page, desk.fresh_code())
    expect(page.get_by_role("alert")).to_have_text("One sale takes over one basket. Close this one first.")
    expect(page.get_by_role("button", name="Take them over")).to_be_hidden()
    to_payment(page)
    pay(page)
    desk.wait_until(lambda: left(desk.gateway, basket) == {}, "the basket that is empty")
    scan(page, "48210938")
    expect(page.get_by_role("alert")).to_contain_text("Nothing is known under “48210938”.")


def test_the_number_of_a_card_says_nothing_of_what_is_in_its_basket(desk: Desk) -> None:
    put(desk.gateway, str(uuid.uuid4()), ("cup-1", 1))
    take(desk.page, "2613")
    expect(desk.page.locator("#who")).to_contain_text("500 points")
    expect(desk.page.get_by_role("button", name="Take them over")).to_be_hidden()


def test_a_basket_is_read_by_what_is_shown_and_by_nothing_else(shop: Shop, gateway: Gateway) -> None:
    accepted(gateway.post(wares(at=AT), touchpoint="webshop"))
    accepted(gateway.post([sale("2613", 500, receipt="1"), sale("2614", 500, receipt="2")]))
    basket, now = str(uuid.uuid4()), dt.datetime.now(dt.UTC)
    put(gateway, basket, ("cup-1", 2))
    alice, bob = customer_of(gateway, "2613"), customer_of(gateway, "2614")
    code = mint_code(alice, at=now).value
    read = shown(gateway, code).json()
    assert (read["basket"], read["customer"], read["quote"]["total"]) == (basket, str(alice), 1600)
    older = mint_code(alice, at=now - dt.timedelta(seconds=800)).value
    assert shown(gateway, older).status_code == httpx.codes.OK, "as long as a basket's own number"
    problems: dict[str, Any] = {
        "code_expired": shown(gateway, mint_code(alice, at=now - dt.timedelta(seconds=901)).value),
        "code_invalid": shown(gateway, code[:-2] + ("AA" if code[-2:] != "AA" else "BB")),
        "basket_without_goods": shown(gateway, mint_code(bob, at=now).value),
        "basket_unknown": shown(gateway, "00000000"),
        "field_invalid": shown(gateway, "2613"),
        "source_not_declared": shown(gateway, code, source="/webshop"),
        "need_not_declared": shown(gateway, code, touchpoint="newsletter"),
    }
    for name, answer in problems.items():
        assert answer.json()["type"].endswith(f":{name}"), (name, answer.text)
