"""Gift cards at the web till: sold under a new code or a blank's, taken as money, and neither without a line.

Chromium, a real gateway, real pages; an answer is lost after the counter has decided. Not here: the ledger's rules
(``tests/counter/test_giftcards.py``), the console's pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from comptoir.counter.giftcards.codes import GiftCardCodes, is_well_typed
from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, event
from support.shop import Shop
from support.tilling import (
    CUP,
    PLATE,
    SOURCE,
    Desk,
    holding,
    kept,
    let_hear,
    look,
    paired_by_keyboard,
    pay,
    refuse,
    running_desk,
    scan,
    settle,
    to_payment,
)  # fmt: skip

set_up_django()  # before the modules that hold models


CODE: Final = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b")


@pytest.fixture
def desk(browser: Browser, shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Desk]:
    """Have a paired till with a line."""
    with running_desk(browser, shop, gateway, tmp_path) as one:
        yield one


def issued(desk: Desk, amount: int) -> str:
    """Let the shop give somebody a card; returns its code."""
    code = GiftCardCodes.of_shop().new()
    data = {"code": code, "currency": "USD", "amount": amount, "origin": "given"}
    accepted(desk.gateway.post([event("gift_card.issue", data, source="/console")], touchpoint="console"))
    return code


def sell_card(page: Page, amount: str, blank: str = "") -> None:
    panel = page.locator("#sell-card-panel")
    if not panel.evaluate("(each) => each.open"):
        panel.locator("summary").click()
    page.get_by_label("What it is worth").fill(amount)
    page.get_by_label("Code of a blank").fill(blank)
    page.get_by_role("button", name="Add the gift card").click()


def use_card(page: Page, code: str) -> None:
    page.get_by_label("Code of a gift card").fill(code)
    page.get_by_role("button", name="Use the card").click()


def cards(desk: Desk) -> list[tuple[int, int, int, bool]]:
    """Return of each card what it was issued with, what is available and held, and whether it is stopped."""
    rows = desk.shop.rows("select amount, available, held, stopped_at from giftcards_card order by issued_at, id")
    return [(each["amount"], each["available"], each["held"], each["stopped_at"] is not None) for each in rows]


def sold(desk: Desk) -> list[int]:
    rows = desk.shop.rows("select total_minor from sales_sale where source = %s order by occurred_at", SOURCE)
    return [each["total_minor"] for each in rows]


def said(page: Page) -> Any:
    return expect(page.locator(".notice:visible"))


def following(page: Page) -> None:
    page.get_by_role("button", name="Next customer").click()


def test_a_card_is_sold_with_goods_its_code_is_shown_once_and_it_pays_until_nothing_is_left(desk: Desk) -> None:
    page = desk.page
    scan(page, CUP)
    sell_card(page, "20")
    expect(page.locator("#total")).to_have_text("$28.00")
    to_payment(page)
    assert cards(desk) == [], "nobody has paid it"
    receipt = pay(page)
    slip = page.locator("#slip")
    expect(slip).to_contain_text("Total$28.00")
    expect(slip).to_contain_text("Change given$72.00")
    found = CODE.search(slip.inner_text())
    assert found is not None
    code = found[0]
    desk.wait_until(lambda: sold(desk) == [800], "the sale, without the card")
    assert cards(desk) == [(2000, 2000, 0, False)]
    assert desk.shop.value("select receipt from giftcards_card") == receipt
    assert "gift" not in page.evaluate("JSON.stringify(localStorage)")
    # The page was closed before somebody had read it: it stands there again, until the next customer's turn.
    page.reload()
    expect(slip).to_contain_text(code)
    expect(page.get_by_role("heading", name=f"Receipt {receipt}")).to_be_visible()
    following(page)
    expect(page.locator("#receipt")).to_be_hidden()
    everything = str(kept(page))
    assert code not in everything
    assert code.replace("-", "") not in everything
    assert code not in page.content()
    page.reload()
    expect(page.get_by_label("Scan, or type a number or a name")).to_be_focused()
    expect(page.locator("#receipt")).to_be_hidden()


@pytest.mark.parametrize("status", [200, 401, 413, 429])
def test_who_is_not_listened_to_asks_for_the_same_card_again(desk: Desk, status: int) -> None:
    page = desk.page
    sell_card(page, "20")
    to_payment(page)
    ids = refuse(page, "gift_card.issue", status, is_heard=True)
    for times in (1, 2):
        page.get_by_label("Cash given").fill("20")
        page.get_by_role("button", name="Paid in cash").click()
        desk.wait_until(lambda times=times: len(ids) == times, "what is asked")
        said(page).to_have_text(re.compile("Wait 3 seconds"))
    expect(page.locator("#receipt")).to_be_hidden()
    page.unroute("**/till/ask/events")
    pay(page, "20")
    assert len(set(ids)) == 1
    assert cards(desk) == [(2000, 2000, 0, False)]
    code = CODE.search(page.locator("#slip").inner_text())
    assert code is not None
    following(page)
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    use_card(page, code[0])
    expect(page.locator("#total")).to_have_text("$0.00")


def test_a_sale_is_closed_once_in_whichever_window(desk: Desk) -> None:
    page, code = desk.page, issued(desk, 500)
    words = (
        "Refused: This till is open in another window too, and its sale was changed there. Here is how it stands now."
    )
    scan(page, CUP)
    sell_card(page, "20")
    expect(page.locator("#total")).to_have_text("$28.00")
    to_payment(page)
    use_card(page, code)
    expect(page.locator("#total")).to_have_text("$23.00")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#total")).to_have_text("$23.00")
    pay(page)
    # What the other window still shows is over: neither paid, nor held, nor given up can it be once more.
    for button in ("Paid in cash", "Back to the goods"):
        other.get_by_label("Cash given").fill("50")
        other.get_by_role("button", name=button).click()
        said(other).to_have_text(words)
        expect(other.locator("#total")).to_have_text("$0.00")
        other.close()
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.locator("#total")).to_have_text("$0.00")
        if button == "Paid in cash":
            following(page)
            scan(page, CUP)
            sell_card(page, "20")
            expect(page.locator("#total")).to_have_text("$28.00")
            to_payment(page)
            other.reload()
            expect(other.locator("#total")).to_have_text("$28.00")
            pay(page)
    other.close()
    desk.wait_until(lambda: sold(desk) == [800, 800], "the sales")
    expect(page.locator("#line")).to_have_text("Online")
    assert cards(desk) == [(500, 0, 0, False), (2000, 2000, 0, False), (2000, 2000, 0, False)]


def in_two_windows(desk: Desk) -> tuple[Page, Page]:
    """Scan a cup, and look at the sale in a second window too."""
    page = desk.page
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#total")).to_have_text("$8.00")
    expect(other.locator("#line")).to_have_text("Online")  # it has asked for its price too, and changed nothing
    return page, other


def test_two_windows_that_change_a_sale_show_the_same_one_in_the_end(desk: Desk) -> None:
    page, other = in_two_windows(desk)
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$20.50")
    scan(other, CUP)
    said(other).to_have_text(re.compile("is open in another window too"))
    expect(other.locator("#total")).to_have_text("$20.50")
    scan(other, CUP)
    expect(other.locator("#total")).to_have_text("$28.50")
    page.get_by_role("button", name="Drop this sale").click()
    said(page).to_have_text(re.compile("is open in another window too"))
    expect(page.locator("#total")).to_have_text("$28.50")


def test_a_price_that_comes_late_to_one_window_hinders_no_other(desk: Desk) -> None:
    page, other = in_two_windows(desk)
    held = holding(page, "**/till/ask/price")
    scan(page, PLATE)
    desk.wait_until(lambda: len(held) == 1, "what the sale costs is asked")
    scan(other, CUP)
    said(other).to_have_text(re.compile("is open in another window too"))
    with page.expect_response("**/till/ask/price"):
        held[0].continue_()
    expect(page.locator("#off")).to_be_hidden()
    scan(other, CUP)
    expect(other.locator("#total")).to_have_text("$28.50")


def test_a_card_that_is_scanned_among_the_goods_is_no_coupon(desk: Desk) -> None:
    page, code = desk.page, issued(desk, 500)
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    scan(page, code)
    said(page).to_have_text("This code is no coupon that can be used. A gift card is taken at the payment.")
    expect(page.locator("#codes")).to_be_hidden()
    expect(page.locator("#total")).to_have_text("$8.00")
    assert code not in str(kept(page))


def test_a_card_pays_in_part_and_in_whole_until_nothing_is_left_and_once_in_a_sale(desk: Desk) -> None:
    page, code = desk.page, issued(desk, 2000)
    slip = page.locator("#slip")
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$12.50")
    to_payment(page)
    use_card(page, code.lower())
    expect(page.locator("#total")).to_have_text("$0.00")
    expect(page.locator("#gift-paid")).to_contain_text("$7.50 left on it")
    assert cards(desk) == [(2000, 750, 1250, False)]
    expect(page.get_by_label("Code of a gift card")).to_be_disabled()
    page.get_by_role("button", name="All is paid: close the sale").click()
    expect(slip).to_contain_text("−$12.50")
    desk.wait_until(lambda: cards(desk) == [(2000, 750, 0, False)], "what was spent")
    following(page)
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$12.50")
    to_payment(page)
    use_card(page, code)
    expect(page.locator("#total")).to_have_text("$5.00")
    use_card(page, code.replace("-", " "))
    said(page).to_have_text("This gift card is in this sale already.")
    page.reload()
    expect(page.locator("#total")).to_have_text("$5.00")
    use_card(page, code)
    said(page).to_have_text("Nothing is left on this gift card.")
    assert cards(desk) == [(2000, 0, 750, False)]
    pay(page, "5")
    desk.wait_until(lambda: sold(desk) == [1250, 1250], "the sales, with what was paid by card")
    desk.wait_until(lambda: cards(desk) == [(2000, 0, 0, False)], "the card that is used up")
    spent = desk.shop.rows("select amount, status, receipt from giftcards_draw order by position")
    assert [(each["amount"], each["status"]) for each in spent] == [(1250, "spent"), (750, "spent")]
    assert all(each["receipt"] for each in spent)


def test_a_blank_becomes_a_card_once_alone_and_what_is_wrong_with_a_code_is_said(desk: Desk) -> None:
    page, blank = desk.page, GiftCardCodes.of_shop().new()
    sell_card(page, "nothing")
    said(page).to_have_text("Write how much the card is worth.")
    swapped = next(
        text for place in range(19)
        if (text := blank[:place] + blank[place + 1] + blank[place] + blank[place + 2 :]) != blank
    )  # fmt: skip
    sell_card(page, "15", swapped)
    said(page).to_have_text("There is a slip in the code: a character is wrong or missing.")
    sell_card(page, "15", blank)
    sell_card(page, "15", blank)
    said(page).to_have_text("This gift card is in this sale already.")
    expect(page.locator("#total")).to_have_text("$15.00")
    to_payment(page)
    expect(page.locator("#gift-state")).to_have_text("A gift card pays for goods, and nothing of them is left to pay.")
    expect(page.get_by_label("Code of a gift card")).to_be_disabled()
    pay(page, "15")
    assert CODE.search(page.locator("#slip").inner_text()) is None, "a blank has its code on it"
    assert cards(desk) == [(1500, 1500, 0, False)]
    assert sold(desk) == [], "a card is no sale"
    following(page)
    # The same blank again; a code that looks right and is none of ours.
    for code, words in (
        (blank, "A gift card was issued under this code before."),
        (GiftCardCodes(b"x" * 32).new(), "This gift card cannot be used here and now."),
    ):
        sell_card(page, "15", code)
        to_payment(page)
        page.get_by_label("Cash given").fill("15")
        page.get_by_role("button", name="Paid in cash").click()
        said(page).to_have_text(words)
        expect(page.locator("#receipt")).to_be_hidden()
        page.get_by_role("button", name="Back to the goods").click()
        expect(page.get_by_role("button", name="To the payment")).to_be_visible()
        page.get_by_role("button", name="Drop this sale").click()
        expect(page.locator("#total")).to_have_text("$0.00")
    assert len(cards(desk)) == 1
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    use_card(page, GiftCardCodes(b"x" * 32).new())
    said(page).to_have_text("This gift card cannot be used here and now.")
    # A card in another currency is as good as none here.
    assert desk.shop.rows("update giftcards_card set currency = 'EUR' where amount = 1500 returning id")
    use_card(page, blank)
    said(page).to_have_text("This gift card cannot be used here and now.")
    expect(page.locator("#total")).to_have_text("$8.00")


def test_the_page_tells_a_slip_as_the_house_does(desk: Desk) -> None:
    codes = [GiftCardCodes.of_shop().new() for _ in range(60)]
    codes += [code[:7] + ("2" if code[7] != "2" else "3") + code[8:] for code in codes]
    codes += ["", "ABC", "o" * 20, codes[0].lower(), "-".join(re.findall("....", codes[1])), codes[2] + "0", "é" * 20]
    told = desk.page.evaluate(
        "async (codes) => { const { isWellTyped } = await import(new URL('till-giftcards.js', "
        "document.querySelector('script[type=module]').src)); return codes.map(isWellTyped); }",
        codes,
    )
    assert told == [is_well_typed(each) for each in codes]


def test_what_a_card_pays_is_held_free_again_and_stays_spent_when_the_line_goes(desk: Desk) -> None:
    page, code = desk.page, issued(desk, 1000)
    scan(page, PLATE)
    expect(page.locator("#total")).to_have_text("$12.50")
    to_payment(page)
    use_card(page, code)
    expect(page.locator("#total")).to_have_text("$2.50")
    page.get_by_role("button", name="Back to the goods").click()
    desk.wait_until(lambda: cards(desk) == [(1000, 1000, 0, False)], "what is free again")
    expect(page.locator("#total")).to_have_text("$12.50")
    to_payment(page)
    use_card(page, code)
    expect(page.locator("#total")).to_have_text("$2.50")
    page.context.set_offline(True)
    pay(page, "2.50")
    expect(page.locator("#line")).to_have_text("Offline: 1 sale waits")
    page.context.set_offline(False)
    desk.wait_until(lambda: cards(desk) == [(1000, 0, 0, False)], "what is spent")
    desk.wait_until(lambda: sold(desk) == [1250], "the sale")


def test_without_a_line_no_card_is_sold_or_taken_and_the_till_sells_on(desk: Desk) -> None:
    page, code = desk.page, issued(desk, 1000)
    words = "Gift cards need the line: without one none is sold or taken."
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    with page.expect_response("**/till/ask/price"):  # or its answer would say that there is a line
        sell_card(page, "20")
    expect(page.locator("#total")).to_have_text("$28.00")
    page.context.set_offline(True)
    expect(page.locator("#line")).to_have_text(re.compile("^Offline"))
    sell_card(page, "30")
    said(page).to_have_text(words)
    page.get_by_role("button", name="To the payment").click()
    said(page).to_have_text(words)
    page.get_by_role("button", name="Take out: Gift card").click()
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    expect(page.locator("#gift-state")).to_have_text(words)
    expect(page.get_by_label("Code of a gift card")).to_be_disabled()
    pay(page)
    following(page)
    page.context.set_offline(False)
    desk.wait_until(lambda: sold(desk) == [800], "the sale")
    # The line goes while a card is asked for: it is not taken, and what may be held is free again.
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    lose(page, "gift_card.reserve")
    use_card(page, code)
    said(page).to_have_text(words)
    expect(page.locator("#total")).to_have_text("$8.00")
    assert cards(desk) == [(1000, 200, 800, False)]
    back(page)
    desk.wait_until(lambda: cards(desk) == [(1000, 1000, 0, False)], "what is free again")
    expect(page.locator("#refused")).to_be_hidden()


def lose(page: Page, kind: str) -> None:
    """Lose the answer to something that the till says, after the counter has decided; then the line is gone."""

    def lost(route: Route) -> None:
        if f'"{kind}"' not in (route.request.post_data or ""):
            return route.continue_()
        page.context.set_offline(True)
        let_hear(route)
        return settle(route.abort)

    page.route("**/till/ask/events", lost)


def back(page: Page) -> None:
    page.unroute("**/till/ask/events")
    page.context.set_offline(False)


@pytest.mark.parametrize("goes_on", [True, False])
def test_an_answer_is_lost_while_a_card_is_issued_and_there_is_one_card_or_none(desk: Desk, *, goes_on: bool) -> None:
    page = desk.page
    sell_card(page, "20")
    to_payment(page)
    lose(page, "gift_card.issue")
    page.get_by_label("Cash given").fill("20")
    page.get_by_role("button", name="Paid in cash").click()
    said(page).to_have_text(re.compile("^The line went while the gift card was issued"))
    expect(page.locator("#receipt")).to_be_hidden()
    assert cards(desk) == [(2000, 2000, 0, False)]
    if goes_on:
        back(page)
        page.reload()
        expect(page.locator("#line")).to_have_text("Online")
        pay(page, "20")
        assert CODE.search(page.locator("#slip").inner_text())
        assert cards(desk) == [(2000, 2000, 0, False)]
        return
    page.get_by_role("button", name="Back to the goods").click()
    page.get_by_role("button", name="Drop this sale").click()
    expect(page.locator("#total")).to_have_text("$0.00")
    back(page)
    desk.wait_until(lambda: cards(desk) == [(2000, 0, 0, True)], "the card that is stopped")
    expect(page.locator("#refused")).to_be_hidden()


def test_a_code_is_made_for_whoever_may_issue_cards(desk: Desk) -> None:
    def ask(touchpoint: str, source: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {desk.gateway.keys[touchpoint]}"}
        return desk.gateway.client.post("/v1/gift-cards/blank", json={"source": source}, headers=headers)

    told = [ask("till", SOURCE).json() for _ in range(3)]
    assert len({each["code"] for each in told}) == 3
    assert all(GiftCardCodes.of_shop().is_ours(each["code"]) for each in told)
    assert cards(desk) == [], "a code is no card"
    assert ask("webshop", "/webshop").json()["type"].endswith(":type_not_declared")
    assert ask("till", "/webshop").json()["type"].endswith(":source_not_declared")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_gift_cards_fit_a_finger_a_keyboard_and_the_screen(
    desk: Desk, browser: Browser, language: str, width: int
) -> None:
    code = issued(desk, 1000)
    with paired_by_keyboard(desk, browser, language=language, width=width) as page:
        expect(page.locator("#product")).to_be_focused()
        page.locator("#sell-card-panel summary").press("Enter")
        page.locator("#card-amount").fill("20")
        look(page, "card-selling")
        page.keyboard.press("Enter")
        expect(page.locator("#lines tbody tr")).to_have_count(1)
        page.locator("#product").fill(PLATE)
        page.keyboard.press("Enter")
        expect(page.locator("#lines tbody tr")).to_have_count(2)
        page.locator("#to-pay").press("Enter")
        expect(page.locator("#given")).to_be_focused()
        page.locator("#gift-code").fill(code)
        page.keyboard.press("Enter")
        expect(page.locator("#gift-paid li")).to_have_count(1)
        look(page, "card-paying")
        page.locator("#given").fill("30")
        page.keyboard.press("Enter")
        expect(page.locator("#receipt")).to_be_focused()
        assert CODE.search(page.locator("#slip").inner_text())
        look(page, "card-receipt")
