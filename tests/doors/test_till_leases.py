"""Points that were set aside at the web till: kept up while there is a line, and given back when the day is over.

Chromium, a real gateway, real pages. Time passes by what the till has written down. Not here: what a lease may be
(``tests/counter/test_leases.py``), spending without a line (``test_till_offline.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Request, expect

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.shop import Shop
from support.tilling import CUP, Desk, pay, running_desk, scan, take, to_payment

set_up_django()  # before the modules that hold models

HOUR = 3_600_000
#: Write into what the till keeps of its leases, such as that one was asked for long ago.
_REWRITE = """
([field, by]) => new Promise((done, failed) => {
  const request = indexedDB.open("comptoir-till");
  request.onerror = () => failed(request.error);
  request.onsuccess = () => {
    const transaction = request.result.transaction(["leases"], "readwrite");
    const store = transaction.objectStore("leases");
    store.getAll().onsuccess = (event) => {
      for (const each of event.target.result) store.put({ ...each, [field]: each[field] + by });
    };
    transaction.oncomplete = () => { request.result.close(); done(true); };
    transaction.onabort = () => failed(transaction.error);
  };
})
"""


@pytest.fixture
def desk(browser: Browser, shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Desk]:
    """Have a paired till with a line, and 200 of Alice's points set aside at it."""
    with running_desk(browser, shop, gateway, tmp_path) as one:
        set_aside(one, "200")
        yield one


def set_aside(desk: Desk, points: str, *, until: str = "Until the end of tomorrow") -> None:
    page = desk.page
    take(page, "2613")
    expect(page.locator("#who")).to_contain_text("points")
    page.get_by_text("Set points aside for when the line is gone").click()
    page.locator("#lease-points").fill(points)
    page.locator("#lease-code").fill(desk.fresh_code())
    page.locator("#lease-days").select_option(until)
    page.get_by_role("button", name="Set aside").click()
    expect(page.locator("#leases li")).to_contain_text(f"{points} points, until")


def lease(desk: Desk) -> dict[str, Any]:
    (row,) = desk.shop.rows("select points, spent, spends, status, expires_at from loyalty_lease")
    return row


def rewrite(desk: Desk, field: str, by: int) -> None:
    """Let the till have written down something else of its leases: a moment that lies so many milliseconds off."""
    assert desk.page.evaluate(_REWRITE, [field, by])


def renewals(desk: Desk) -> int:
    return int(desk.shop.value("select count(*) from events_event where type = 'points.lease_renew'"))


class Tries:
    """How often the till has tried its line, and what came of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.answered = self.failed = 0
        desk.page.on("requestfinished", lambda request: self._count(request, is_answered=True))
        desk.page.on("requestfailed", lambda request: self._count(request, is_answered=False))

    def _count(self, request: Request, *, is_answered: bool) -> None:
        if request.url.endswith("/till/ask/price"):
            self.answered += is_answered
            self.failed += not is_answered

    def wait(self, count: int, *, is_answered: bool) -> None:
        """Wait until the till has tried so many times more."""
        until = count + (self.answered if is_answered else self.failed)
        self._desk.wait_until(
            lambda: (self.answered if is_answered else self.failed) >= until, "the till that tries its line"
        )


def test_a_lease_is_kept_up_while_there_is_a_line_and_never_without(desk: Desk) -> None:
    page, before, tries = desk.page, lease(desk)["expires_at"], Tries(desk)
    page.context.set_offline(True)
    rewrite(desk, "askedAt", -7 * HOUR)
    tries.wait(2, is_answered=False)
    expect(page.locator("#line")).to_contain_text("Offline")
    assert renewals(desk) == 0
    page.context.set_offline(False)
    desk.wait_until(lambda: lease(desk)["expires_at"] > before, "the lease that ends later")
    assert renewals(desk) == 1
    tries.wait(2, is_answered=True)
    assert renewals(desk) == 1, "it was renewed just now"
    assert lease(desk)["status"] == "open"
    expect(page.locator("#refused")).to_be_hidden()


def test_a_lease_goes_back_by_its_button_and_the_points_are_free_again(desk: Desk) -> None:
    page = desk.page
    page.locator("#leases li").get_by_role("button", name="Give back").click()
    expect(page.locator("#done")).to_have_text("Given back.")
    expect(page.locator("#leases")).to_be_hidden()
    desk.wait_until(lambda: lease(desk)["status"] == "closed", "the lease that is back")
    assert desk.shop.value("select available from loyalty_account where customer = %s", desk.alice) == 500


def test_without_a_line_all_goes_back_later_after_what_was_spent_of_it(desk: Desk) -> None:
    page = desk.page
    page.context.set_offline(True)
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    page.locator("#points-number").fill("150")
    page.locator("#points-worth").fill("1.50")
    page.get_by_role("button", name="Use points").click()
    expect(page.locator("#total")).to_have_text("$6.50")
    # What the sale at hand is paid with stays.
    expect(page.locator("#leases li").get_by_role("button", name="Give back")).to_be_disabled()
    pay(page)
    page.get_by_role("button", name="The day is over: give all of them back").click()
    expect(page.locator("#done")).to_have_text("They go back as soon as there is a line.")
    assert lease(desk)["spends"] is None
    page.context.set_offline(False)
    desk.wait_until(lambda: lease(desk)["status"] == "closed", "the lease that is back")
    assert (lease(desk)["spent"], lease(desk)["spends"]) == (150, 1)
    # 500, of which 150 are spent; and 8 for the sale.
    assert desk.shop.value("select available from loyalty_account where customer = %s", desk.alice) == 358


def test_it_goes_back_by_itself_when_its_day_is_over(desk: Desk) -> None:
    rewrite(desk, "lastDay", -72 * HOUR)
    desk.wait_until(lambda: lease(desk)["status"] == "closed", "the lease whose day is over")
    expect(desk.page.locator("#leases")).to_be_hidden()


def test_one_that_was_asked_for_later_than_now_is_not_spent_from_until_it_is_renewed(desk: Desk) -> None:
    page, tries = desk.page, Tries(desk)
    page.context.set_offline(True)
    rewrite(desk, "askedAt", 5 * HOUR)
    rewrite(desk, "stopsAt", 5 * HOUR)
    tries.wait(2, is_answered=False)
    scan(page, CUP)
    expect(page.locator("#total")).to_have_text("$8.00")
    to_payment(page)
    expect(page.locator("#points-state")).to_have_text("This till's clock has gone back. Points wait for the line.")
    page.get_by_role("button", name="Back to the goods").click()
    page.context.set_offline(False)
    desk.wait_until(lambda: renewals(desk) == 1, "the lease that is renewed")
    expect(page.locator("#line")).to_have_text("Online")
    page.context.set_offline(True)
    to_payment(page)
    expect(page.locator("#points-state")).to_have_text("200 points are set aside here.")
    assert lease(desk)["expires_at"] > dt.datetime.now(dt.UTC) + dt.timedelta(hours=47)
