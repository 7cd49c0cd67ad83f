"""What the web till does with a line, in Chromium: coupons, points with a fresh code, the camera.

A real gateway and real pages. Not here: what is decided (``tests/counter``), what a till does without a line
(``test_till_offline.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from comptoir.foundation.rooms.commands import set_up_django
from conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from support import promoting, tilling
from support.gateway import Gateway
from support.pages import accepted, card, customer_of, event
from support.processes import wait_until
from support.shop import Shop
from support.tilling import CUP, PLATE, Desk, holding, pay, running_desk, scan, take, to_payment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.declaration import COUNTER

AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)


@pytest.fixture
def desk(browser: Browser, shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Desk]:
    """Have a paired till with a line."""
    with running_desk(browser, shop, gateway, tmp_path) as one:
        yield one


def coupon(desk: Desk, number: str = "2613") -> str:
    """Give a customer a coupon of ten per cent; returns its code."""
    promotion = promoting.new()
    accepted(desk.gateway.post([promoting.published(promotion, codes="each")], touchpoint="console"))
    return promoting.code_for(desk.shop, promotion, str(customer_of(desk.gateway, number)), at=dt.datetime.now(dt.UTC))


def redemptions(desk: Desk) -> list[tuple[str, int]]:
    """Return what was taken by coupons: what became of it, and how much, the first one first."""
    rows = desk.shop.rows("select status, discount from offers_redemption order by position")
    return [(each["status"], each["discount"]) for each in rows]


def account(desk: Desk, number: str = "2613") -> tuple[int, int]:
    """Return the points that a customer has free, and held."""
    row = desk.shop.rows(
        "select available, held from loyalty_account where customer = %s", customer_of(desk.gateway, number)
    )[0]
    return row["available"], row["held"]


def test_an_answer_that_comes_after_the_next_customer_shows_no_old_slip(desk: Desk) -> None:
    page = desk.page
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    held = holding(page, "**/till/ask/events")
    first = pay(page)
    desk.wait_until(lambda: len(held) == 1, "what was sold is told")
    page.get_by_role("button", name="Next customer").click()
    expect(page.locator("#receipt")).to_be_hidden()
    with page.expect_response("**/till/ask/events"):
        held[0].continue_()
    page.unroute("**/till/ask/events")
    expect(page.locator("#line")).to_have_text("Online")
    expect(page.locator("#receipt")).to_be_hidden()
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$12.50")
    to_payment(page)
    assert pay(page) != first
    expect(page.locator("#slip")).not_to_contain_text("Cup")


def test_the_next_customer_pays_while_the_answer_is_still_on_its_way(desk: Desk) -> None:
    page = desk.page
    held = holding(page, "**/till/ask/events")
    receipts = []
    for product, total in ((CUP, "$8.00"), (PLATE, "$12.50")):
        scan(page, product)
        expect(page.locator("#total")).to_have_text(total)
        to_payment(page)
        receipts.append(pay(page))
        desk.wait_until(lambda: len(held) == 1, "what was sold is told")
        page.get_by_role("button", name="Next customer").click()
    held[0].continue_()
    page.unroute("**/till/ask/events")
    told = "select count(*) from sales_sale where receipt = any(%s)"
    desk.wait_until(lambda: desk.shop.value(told, receipts) == 2, "both sales")


def test_the_slip_says_what_each_line_has_earned_once_the_counter_has_said_so(desk: Desk) -> None:
    page = desk.page
    take(page, "2613")
    scan(page, CUP)
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$20.50")
    to_payment(page)
    held = holding(page, "**/till/ask/events")
    pay(page)
    expect(page.locator("#slip")).not_to_contain_text("Points earned")
    desk.wait_until(lambda: len(held) == 1, "what was sold is told")
    held[0].continue_()
    page.unroute("**/till/ask/events")
    # 8.00 and 12.50, a point for every whole dollar of both.
    expect(page.locator("#slip > p").last).to_have_text("Points earned: 20")
    rows = page.locator(".till-slip tr").all_inner_texts()
    assert [re.sub(r"\s+", " ", row) for row in rows[:3]] == [
        "1 × Cup Points earned: 8 $8.00", "1 × Plate Points earned: 12 $12.50", "Total $20.50",
    ]  # fmt: skip


def test_a_coupon_is_held_given_back_held_again_and_posted_with_the_sale(desk: Desk) -> None:
    page = desk.page
    code = coupon(desk)
    scan(page, CUP)
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$20.50")
    page.get_by_label("Code of a coupon").fill(code)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#off")).to_contain_text("Coffee week")
    expect(page.locator("#total")).to_have_text("$18.45")
    assert redemptions(desk) == [], "a price takes nothing"
    to_payment(page)
    assert redemptions(desk) == [("held", 205)]
    page.get_by_role("button", name="Back to the goods").click()
    wait_until(lambda: page.evaluate("1") and redemptions(desk) == [("released", 205)], what="the coupon that is back")
    expect(page.locator("#total")).to_have_text("$18.45")
    # The same coupon is held anew, for other goods.
    page.get_by_role("button", name="Take out: Plate").click()
    expect(page.locator("#total")).to_have_text("$7.20")
    to_payment(page)
    assert redemptions(desk) == [("released", 205), ("held", 80)]
    receipt = pay(page)
    wait_until(lambda: page.evaluate("1") and redemptions(desk)[1][0] == "redeemed", what="the coupon that is used")
    expect(page.locator("#slip")).to_contain_text("Promotions and coupons−$0.80")
    (sold,) = desk.shop.rows("select total_minor from sales_sale where receipt = %s", receipt)
    assert sold["total_minor"] == 720
    # Used up, it is refused by name at the next sale, which is sold in full.
    page.get_by_role("button", name="Next customer").click()
    scan(page, CUP)
    scan(page, code)
    expect(page.locator("#codes")).to_contain_text("This code cannot be used here and now.")
    expect(page.locator("#total")).to_have_text("$8.00")


def test_a_promotion_that_is_used_up_is_said_to_be_at_the_till_and_on_the_customers_basket(desk: Desk) -> None:
    page = desk.page
    mine = {"basket": str(uuid.uuid4()), "customer": card("2613"), "put": [{"product": "plate-1"}]}
    accepted(desk.gateway.post([event("basket.changed", mine, source="/webshop", at=AT)], touchpoint="webshop"))
    for title, goods, budget in (
        ("First come", "cup-1", {"redemptions_max": 1}),
        ("Once", "plate-1", {"per_customer_max": 1}),
    ):
        said = promoting.published(
            promoting.new(), title=title, budget=budget, items={"products": [goods]}, at=dt.datetime.now(dt.UTC)
        )
        accepted(desk.gateway.post([said], touchpoint="console"))
    take(page, "2613")
    for number, total in ((CUP, "$7.20"), (PLATE, "$18.45")):
        scan(page, number)
        expect(page.locator("#total")).to_have_text(total)
    to_payment(page)
    pay(page)
    page.get_by_role("button", name="Next customer").click()
    wait_until(lambda: page.evaluate("1") and len(redemptions(desk)) == 2, what="what was given")
    take(page, "2613")
    scan(page, CUP)
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$20.50")
    told = page.locator("#off li")
    expect(told).to_have_count(2)
    expect(page.locator("#off")).to_contain_text("First come: All of it has been given away.")
    expect(page.locator("#off")).to_contain_text(
        "Once: One customer can have it only so often, and this one has had it."
    )
    phone = page.context.new_page()
    phone.goto(desk.pages.card_url(customer_of(desk.gateway, "2613")))
    phone.goto(desk.pages.url(COUNTER, "/basket"))
    expect(phone.get_by_text("One customer can have it only so often, and this one has had it.")).to_be_visible()
    expect(phone.get_by_text("All of it has been given away.")).to_be_hidden()


def test_points_are_held_with_a_fresh_code_given_back_and_spent_once(desk: Desk) -> None:
    page = desk.page
    take(page, "2613")
    expect(page.locator("#who")).to_contain_text("500 points")
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$12.50")
    to_payment(page)
    code = desk.fresh_code()
    use_points(page, "200", "2", code)
    expect(page.locator("#total")).to_have_text("$10.50")
    assert account(desk) == (300, 200)
    page.get_by_role("button", name="Back to the goods").click()
    wait_until(lambda: page.evaluate("1") and account(desk) == (500, 0), what="the points that are back")
    to_payment(page)
    use_points(page, "200", "2", code)
    expect(page.get_by_role("alert")).to_contain_text("Refused: ")
    assert account(desk) == (500, 0), "the same code lets nobody spend twice"
    use_points(page, "600", "6", desk.fresh_code())
    expect(page.get_by_role("alert")).to_contain_text("Refused: ")
    use_points(page, "200", "2", desk.fresh_code())
    expect(page.locator("#total")).to_have_text("$10.50")
    receipt = pay(page)
    expect(page.locator("#slip")).to_contain_text("Points (200)−$2.00")
    # A point for every dollar of the sale, whatever it was paid with.
    wait_until(lambda: page.evaluate("1") and account(desk) == (312, 0), what="the points that are spent")
    (sold,) = desk.shop.rows("select total_minor, customer from sales_sale where receipt = %s", receipt)
    assert (sold["total_minor"], sold["customer"]) == (1250, customer_of(desk.gateway, "2613"))


def test_whoever_shows_a_code_to_spend_is_the_customer_of_the_sale(desk: Desk) -> None:
    page = desk.page
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    use_points(page, "100", "1", desk.fresh_code())
    expect(page.locator("#total")).to_have_text("$7.00")
    receipt = pay(page)
    wait_until(lambda: page.evaluate("1") and account(desk) == (408, 0), what="the points of the sale")
    assert desk.shop.value("select customer from sales_sale where receipt = %s", receipt) == customer_of(
        desk.gateway, "2613"
    )
    told = desk.shop.value(
        "select data::text from events_event where type = 'sale.closed' order by position desc limit 1"
    )
    assert [each["paid_with_points"] for each in json.loads(told)["lines"]] == [100], "they go back as points"


def use_points(page: Page, points: str, worth: str, code: str) -> None:
    page.locator("#points-number").fill(points)
    page.locator("#points-worth").fill(worth)
    page.locator("#points-code").fill(code)
    page.get_by_role("button", name="Use points").click()


def test_the_camera_reads_bars_into_the_sale(desk: Desk, browser: Browser, tmp_path: Path) -> None:
    seen = tilling.film(tmp_path / "cup.y4m", CUP)
    arguments = [
        *CHROMIUM_ARGUMENTS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}",
    ]  # fmt: skip
    own = browser.browser_type.launch(executable_path=str(CHROMIUM), args=arguments)
    try:
        page = own.new_page(viewport={"width": 390, "height": 844})
        page.expose_function("readPicture", lambda told: tilling.read_picture(base64.b64decode(told)))
        page.add_init_script(tilling.READER)
        tilling.pair(page, desk.pages.url(COUNTER, "/till/"), desk.gateway.keys["till"])
        for pieces in ("1", "2"):
            page.locator("#scan").get_by_role("button", name="Scan it with the camera").click()
            expect(page.get_by_role("spinbutton", name="Cup")).to_have_value(pieces)
        expect(page.locator("#total")).to_have_text("$16.00")
        expect(page.locator("#scan video")).to_be_hidden()
    finally:
        own.close()
