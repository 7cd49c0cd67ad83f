"""Orders at the web till: read by their pick-up code, paid there where they are not paid yet, and handed over once.

Chromium, a real gateway, real pages; the line is cut by the browser, and an answer is lost after the counter has
decided. Not here: what becomes of an order (``tests/counter/test_orders.py``), the console's own page.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, event
from support.shop import Shop
from support.tilling import (
    CUP,
    SOURCE,
    Desk,
    look,
    paired_by_keyboard,
    pay,
    refuse,
    running_desk,
    scan,
    settle,
    to_payment,
)

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.orders.codes import number_of, pickup_code_of

STORE: Final = "330"
WAIT: Final = {"type": "urn:comptoir:problem:too_many_attempts", "title": "Wait"}
#: Two cups, and a plate with its tax on top of it.
LINES: Final = [
    {"product": "cup-1", "quantity": 2, "amount": 1600},
    {"product": "plate-1", "quantity": 1, "amount": 1250, "tax": 100, "tax_on_top": True},
]


@pytest.fixture
def desk(browser: Browser, shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Desk]:
    """Have a paired till with a line."""
    with running_desk(browser, shop, gateway, tmp_path) as one:
        yield one


def ordered(desk: Desk, *, store: str = STORE, is_paid: bool = False) -> str:
    """Let an order wait at a store, paid or to be paid there; returns its pick-up code."""
    order = str(uuid.uuid4())
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=4)).isoformat()
    placed: dict[str, Any] = {
        "order": order, "number": number_of(uuid.UUID(order)), "currency": "USD", "total": 2950, "by": "pickup",
        "store": store, "lines": LINES, **({} if is_paid else {"pay_until": until}),
    }  # fmt: skip
    said = [event("order.placed", placed, source="/vault")]
    if is_paid:
        paid = {"order": order, "receipt": placed["number"], "legs": [{"means": "provider", "amount": 2950}]}
        said.append(event("order.paid", paid, source="/vault"))
    accepted(desk.gateway.post(said, touchpoint="vault"))
    return pickup_code_of(order)


def look_up(page: Page, code: str) -> None:
    page.get_by_label("Pick-up code").fill(code)
    page.get_by_role("button", name="Look", exact=True).click()


def orders(desk: Desk) -> list[tuple[str, dict[str, Any] | None]]:
    """Return the state of each order, and what was taken for it, the first one first."""
    rows = desk.shop.rows("select state, taken from orders_order order by placed_at, id")
    return [(each["state"], each["taken"]) for each in rows]


def handed_over(desk: Desk) -> int:
    return int(desk.shop.value("select count(*) from events_event where type = 'order.hand_over'") or 0)


def said(page: Page) -> Any:
    return expect(page.locator(".notice:visible"))


def test_a_paid_order_is_seen_and_handed_over_once_and_where_it_waits(desk: Desk) -> None:
    page, elsewhere, here = desk.page, ordered(desk, store="412", is_paid=True), ordered(desk, is_paid=True)
    look_up(page, "0000-0000-0000-0000-0000")
    said(page).to_have_text(re.compile("^Refused: "))
    look_up(page, elsewhere)
    said(page).to_have_text("Refused: It waits at 412.")
    expect(page.locator("#order")).to_be_hidden()
    look_up(page, here)
    expect(page.locator("#order-lines li")).to_have_text(["2 × Cup$16.00", "1 × Plate$13.50"])
    expect(page.locator("#order-total")).to_have_text("Paid: $29.50. Nothing is to be taken.")
    expect(page.get_by_label("Given for the order")).to_be_hidden()
    assert handed_over(desk) == 0, "whoever looks hands nothing over"
    page.get_by_role("button", name="Hand over", exact=True).dblclick()
    said(page).to_have_text("Handed over.")
    assert sorted(orders(desk)) == [("handed_over", None), ("paid", None)]
    assert handed_over(desk) == 1
    look_up(page, here)
    said(page).to_have_text(re.compile("^Refused: It is handed over since"))


def test_an_order_is_paid_in_cash_where_it_is_handed_over(desk: Desk) -> None:
    page, code = desk.page, ordered(desk)
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    look_up(page, code.lower().replace("-", " "))
    expect(page.locator("#order-total")).to_have_text("To take: $29.50")
    expect(page.get_by_role("button", name="Hand over", exact=True)).to_be_hidden()
    given = page.get_by_label("Given for the order")
    expect(given).to_be_focused()
    given.fill("20")
    expect(page.locator("#order-change")).to_have_text("$9.50 is missing.")
    page.get_by_role("button", name="Paid in cash: hand over").click()
    said(page).to_have_text("$9.50 is missing.")
    assert orders(desk) == [("placed", None)]
    given.fill("50")
    expect(page.locator("#order-change")).to_have_text("Change: $20.50")
    page.get_by_role("button", name="Paid in cash: hand over").dblclick()
    said(page).to_have_text("Handed over.")
    expect(page.locator("#slip")).to_contain_text("Total$29.50")
    expect(page.locator("#slip")).to_contain_text("Change given$20.50")
    expect(page.get_by_role("heading", name=re.compile("^Order "))).to_be_visible()
    assert orders(desk) == [("handed_over", {"means": "cash", "amount": 2950})]
    assert handed_over(desk) == 1
    look_up(page, code)
    said(page).to_have_text(re.compile("^Refused: It is handed over since"))
    # The sale that was at hand is what it was, and no order is part of it.
    page.get_by_role("button", name="Next customer").click()
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    pay(page)
    desk.wait_until(lambda: desk.shop.value("select count(*) from sales_sale where source = %s", SOURCE), "the sale")
    assert desk.shop.value("select total_minor from sales_sale where source = %s", SOURCE) == 800


def test_an_order_is_paid_by_card_with_the_terminals_reference_and_scanned_as_goods_are(desk: Desk) -> None:
    page, code = desk.page, ordered(desk)
    scan(page, code)
    expect(page.locator("#order-total")).to_have_text("To take: $29.50")
    expect(page.locator("#codes li")).to_have_count(0)
    reference = page.get_by_label("The terminal’s number of the payment")
    for wrong in ("4111111111111111", "a b"):
        reference.fill(wrong)
        page.get_by_role("button", name="Paid by card: hand over").click()
        said(page).to_have_text(re.compile("^Type in the number that the terminal printed"))
    reference.fill("T-0042")
    page.get_by_role("button", name="Paid by card: hand over").click()
    said(page).to_have_text("Handed over.")
    expect(page.locator("#slip")).to_contain_text("Card, T-0042$29.50")
    assert orders(desk) == [("handed_over", {"means": "card", "amount": 2950, "reference": "T-0042"})]


def test_without_a_line_nothing_is_handed_over_and_the_till_sells_on(desk: Desk) -> None:
    page, code = desk.page, ordered(desk)
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    page.context.set_offline(True)
    look_up(page, code)
    said(page).to_have_text("This needs the line. Try again when it is back.")
    expect(page.locator("#order")).to_be_hidden()
    to_payment(page)
    pay(page)
    expect(page.locator("#line")).to_have_text("Offline: 1 sale waits")
    assert orders(desk) == [("placed", None)]
    page.context.set_offline(False)
    desk.wait_until(lambda: desk.shop.value("select count(*) from sales_sale where source = %s", SOURCE), "the sale")
    look_up(page, code)
    expect(page.locator("#order-total")).to_have_text("To take: $29.50")


def lose(page: Page, *, is_heard: bool) -> None:
    """Lose what the till says of an order, or its answer after the counter has decided; then the line is gone."""

    def lost(route: Route) -> None:
        if "order.hand_over" not in (route.request.post_data or ""):
            return route.continue_()
        page.context.set_offline(True)
        if is_heard:
            headers = {"Authorization": route.request.headers["authorization"],
                       "Content-Type": route.request.headers["content-type"]}  # fmt: skip
            address = httpx.URL(route.request.url)
            httpx.post(address.copy_with(host="127.0.0.1"), content=route.request.post_data or "",
                       headers={**headers, "Host": f"{address.host}:{address.port}"})  # fmt: skip
        return settle(route.abort)

    page.route("**/till/ask/events", lost)


def take_cash(page: Page, code: str) -> None:
    look_up(page, code)
    page.get_by_label("Given for the order").fill("29.50")
    page.get_by_role("button", name="Paid in cash: hand over").click()
    said(page).to_have_text("The line is gone. Keep the goods here until the counter has answered.")
    expect(page.get_by_role("button", name="The money went back: stop asking")).to_be_visible()


def back(page: Page) -> None:
    page.unroute("**/till/ask/events")
    page.context.set_offline(False)


def test_an_answer_that_is_lost_is_asked_for_again_and_the_order_is_paid_once(desk: Desk) -> None:
    page = desk.page
    for is_heard in (True, False):
        code = ordered(desk)
        lose(page, is_heard=is_heard)
        take_cash(page, code)
        if is_heard:
            # The sale goes on meanwhile; another order waits its turn.
            look = page.get_by_label("Scan, or type a number or a name")
            look.fill(CUP)
            page.keyboard.press("Enter")
            expect(page.locator("#total")).to_have_text("$8.00")
        back(page)
        said(page).to_have_text("Handed over.")
        expect(page.locator("#slip")).to_contain_text("Total$29.50")
    assert orders(desk) == [("handed_over", {"means": "cash", "amount": 2950})] * 2
    assert handed_over(desk) == 2


def test_the_page_is_reloaded_while_an_answer_is_waited_for(desk: Desk) -> None:
    page = desk.page
    code = ordered(desk)
    lose(page, is_heard=False)
    take_cash(page, code)
    page.context.set_offline(False)
    page.reload()
    expect(page.locator("#order-lines li")).to_have_count(2)
    back(page)
    said(page).to_have_text("Handed over.")
    assert orders(desk) == [("handed_over", {"means": "cash", "amount": 2950})]
    assert handed_over(desk) == 1


@pytest.mark.parametrize("status", [200, 401, 403, 413, 429])
@pytest.mark.parametrize("is_heard", [True, False])
def test_who_is_not_listened_to_goes_on_asking_for_the_same(desk: Desk, status: int, *, is_heard: bool) -> None:
    page, code = desk.page, ordered(desk)
    ids = refuse(page, "order.hand_over", status, is_heard=is_heard)
    look_up(page, code)
    page.get_by_label("Given for the order").fill("29.50")
    page.get_by_role("button", name="Paid in cash: hand over").click()
    said(page).to_have_text(re.compile("Wait 3 seconds"))
    desk.wait_until(lambda: len(ids) > 1, "what is asked once more")
    page.reload()
    expect(page.get_by_role("button", name="The money went back: stop asking")).to_be_visible()
    page.unroute("**/till/ask/events")
    said(page).to_have_text("Handed over.")
    assert len(set(ids)) == 1
    assert orders(desk) == [("handed_over", {"means": "cash", "amount": 2950})]
    assert handed_over(desk) == 1


@pytest.mark.parametrize("status", [401, 413, 429])
def test_money_that_went_back_is_looked_after_until_the_counter_has_told(desk: Desk, status: int) -> None:
    page, code = desk.page, ordered(desk)
    lose(page, is_heard=True)
    take_cash(page, code)
    asked: list[str] = []

    def refused(route: Route) -> None:
        asked.append(route.request.post_data or "")
        settle(lambda: route.fulfill(status=status, json=WAIT))

    page.route("**/till/ask/order", refused)
    page.get_by_role("button", name="The money went back: stop asking").click()
    back(page)
    desk.wait_until(lambda: len(asked) > 1, "what is asked once more")
    page.unroute("**/till/ask/order")
    said(page).to_have_text(re.compile("was handed over after all"))


@pytest.mark.parametrize("is_heard", [True, False])
def test_money_that_went_back_meanwhile_is_no_payment_and_said_if_it_was_booked(desk: Desk, *, is_heard: bool) -> None:
    page, code = desk.page, ordered(desk)
    lose(page, is_heard=is_heard)
    take_cash(page, code)
    page.get_by_role("button", name="The money went back: stop asking").click()
    expect(page.locator("#order")).to_be_hidden()
    back(page)
    if is_heard:
        said(page).to_have_text(re.compile("was handed over after all"))
    else:
        expect(page.locator("#line")).to_have_text("Online")
        look_up(page, code)
        expect(page.locator("#order-total")).to_have_text("To take: $29.50")
    assert [state for state, _ in orders(desk)] == ["handed_over" if is_heard else "placed"]
    assert handed_over(desk) == int(is_heard)


def test_an_order_is_read_by_its_code_and_by_nothing_else(desk: Desk) -> None:
    def read(code: str, *, touchpoint: str = "till", **said: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {desk.gateway.keys[touchpoint]}"}
        content = {"source": SOURCE, "code": code, **said}
        return desk.gateway.client.post("/v1/orders/shown", json=content, headers=headers)

    code = ordered(desk)
    told = read(code).json()
    assert (told["state"], told["due"], told["total"], told["store"]) == ("placed", 2950, 2950, STORE)
    assert told["pay_until"]
    assert [(each["name"]["en"], each["quantity"], each["amount"]) for each in told["lines"]] == [
        ("Cup", 2, 1600), ("Plate", 1, 1350),
    ]  # fmt: skip
    paid = read(ordered(desk, is_paid=True)).json()
    assert (paid["state"], paid["due"], "pay_until" in paid) == ("paid", 0, False)
    number = desk.shop.value("select number from orders_order where id = %s", told["order"])
    problems = {
        "order_unknown": read(number),
        "order_elsewhere": read(code, store="412"),
        "source_not_declared": read(code, source="/webshop"),
        "need_not_declared": read(code, touchpoint="webshop"),
        "undeclared_field": read(code, order=told["order"]),
    }
    for name, answer in problems.items():
        assert answer.json()["type"].endswith(f":{name}"), (name, answer.text)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_an_order_fits_a_finger_a_keyboard_and_the_screen(
    desk: Desk, browser: Browser, language: str, width: int
) -> None:
    with paired_by_keyboard(desk, browser, language=language, width=width) as page:
        page.locator("#pickup-code").fill(ordered(desk, is_paid=True))
        page.keyboard.press("Enter")
        expect(page.locator("#order-paid")).to_be_focused()
        look(page, "order-paid")
        page.locator("#order-back").press("Enter")
        expect(page.locator("#pickup-code")).to_be_focused()
        page.keyboard.type(ordered(desk))
        page.keyboard.press("Enter")
        expect(page.locator("#order-given")).to_be_focused()
        page.keyboard.type("30")
        expect(page.locator("#order-change")).not_to_be_empty()
        look(page, "order")
        lose(page, is_heard=False)
        page.keyboard.press("Enter")
        expect(page.locator("#order-waits")).to_be_visible()
        look(page, "order-waits")
        back(page)
        expect(page.locator("#receipt")).to_be_focused()
        look(page, "order-slip")
