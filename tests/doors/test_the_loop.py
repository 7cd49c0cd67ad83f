"""The loop that the shop lives from, closed by a member of staff who clicks, in a whole house with a real mail server.

From a chart to a segment, to a text, to a campaign, to a letter, to a coupon at a till, to what all of it changed. Only
the month that has to pass in between is put into the database. Not here: each page by itself (``test_*_page*.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from comptoir.config.replaying import promoted
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE
from support.campaigning import is_alarmed
from support.gateway import written
from support.pages import complaints, event, sale
from support.processes import wait_until
from support.shop import Shop
from support.whole_house import World, run, whole_house

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.config.promoting import let_read

pytestmark = [pytest.mark.exclusive, pytest.mark.screenshots]
#: How many people come twice, of whom some have bought coffee; the others come once. A tenth of those with coffee is
#: held out by chance: more than the fifty of whom something can be said, whatever chance does.
COFFEE, TEA, ONCE = 840, 20, 30
DAY: Final = dt.timedelta(days=1)
#: What closing the loop may cost a member of staff at most: what is clicked, what is typed in, pages that are loaded.
CLICKS_MAX, FIELDS_MAX, PAGES_MAX = 21, 14, 20


class Akiko:
    """A member of staff who clicks, types into fields and chooses, and counts it."""

    def __init__(self, page: Page) -> None:
        """Sit down in front of a page."""
        self.page, self.clicks, self.fields, self.loads = page, 0, 0, 0
        page.on("load", lambda _page: self._loaded())

    def _loaded(self) -> None:
        self.loads += 1

    def click(self, what: Locator) -> None:
        """Click on something that is there once, and wait for what comes."""
        self.clicks += 1
        what.click()
        self.page.wait_for_load_state()

    def press(self, name: str) -> None:
        """Press a button."""
        self.click(self.page.get_by_role("button", name=name, exact=True))

    def follow(self, name: str | re.Pattern[str]) -> None:
        """Follow a link."""
        self.click(self.page.get_by_role("main").get_by_role("link", name=name, exact=isinstance(name, str)))

    def go_to(self, name: str) -> None:
        """Open a part of the console by its menu."""
        self.click(self.page.get_by_role("navigation", name="Console").get_by_role("link", name=name, exact=True))

    def fill(self, label: str, value: str) -> None:
        """Type into a field."""
        self.fields += 1
        self.page.get_by_label(label, exact=True).fill(value)

    def choose(self, label: str, title: str | re.Pattern[str]) -> None:
        """Choose from a list, by what one reads there."""
        self.fields += 1
        field = self.page.get_by_label(label, exact=True)
        options = field.locator("option").all_inner_texts()
        (chosen,) = [each for each in options if (each == title if isinstance(title, str) else title.search(each))]
        field.select_option(label=chosen)


def people(world: World) -> dict[str, str]:
    """Have customers who have bought something and ask for offers by mail; returns their cards, each with its till."""
    now = dt.datetime.now(dt.UTC)
    cards = {f"{2_000 + number}": "/stores/324/tills/1" for number in range(COFFEE + TEA + ONCE)}
    said = []
    for number, card in enumerate(cards):
        category = "COFFEE" if number < COFFEE else "TEA"
        times = 1 if number >= COFFEE + TEA else 2
        said += [
            sale(card, 8 + number % 5, receipt=f"{card}-{time}", category=category, at=now - (20 + time) * DAY)
            for time in range(times)
        ]
    tell(world, said)
    # The browser has the loop of this thread.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(be_read, world, cards).result()
    wait_until(lambda: int(world.shop.value("select count(*) from audiences_figures")) >= len(cards), what="figures")
    return cards


def be_read(world: World, cards: Mapping[str, str]) -> None:
    try:
        let_read(f"http://127.0.0.1:{world.house.gateway_port}", promoted.readers(cards))
    finally:
        connections.close_all()


def tell(world: World, said: Sequence[Mapping[str, Any]], *, touchpoint: str = "till") -> list[dict[str, Any]]:
    outcomes = []
    for start in range(0, len(said), 200):
        answer = world.gateway(
            "/v1/events", written(said[start : start + 200]), touchpoint=touchpoint, kind="cloudevents-batch+json"
        )
        outcomes += answer.json()["outcomes"]
    assert {each["status"] for each in outcomes} == {"accepted"}, [e for e in outcomes if e["status"] != "accepted"][:3]
    return outcomes


def come_in(world: World, page: Page) -> None:
    """Let Akiko be taken on by the operator, and come into the office by her link."""
    page.goto(run("staff", "add", "akiko@shop.example", "--name", "Akiko").strip().splitlines()[-1])
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_load_state()
    page.goto(url_of(OFFICE, "/"))
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("navigation", name="Console").wait_for()


def test_a_member_of_staff_closes_the_loop_by_clicking(  # noqa: PLR0915 - one story, which ends where it began
    shop_on_own_server: Shop, tmp_path: Path, browser: Browser, photograph: Callable[[Page, str], list[Path]]
) -> None:
    with whole_house(shop_on_own_server, tmp_path) as world:
        cards = people(world)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
        context.set_default_timeout(30_000)
        page = context.new_page()
        heard = complaints(page)
        come_in(world, page)
        akiko = Akiko(page)

        def picture(name: str) -> None:
            page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
            photograph(page, name)
            page.set_viewport_size({"width": 1280, "height": 800})

        # What the coupon gives.
        akiko.go_to("Promotions")
        akiko.follow("Write a promotion")
        akiko.fill("English", "Three dollars off coffee")
        akiko.click(page.get_by_text("A sum off", exact=True))
        akiko.fill("Sum off, in USD", "3")
        akiko.press("Publish it")
        expect(page.get_by_role("heading", level=1)).to_have_text("Three dollars off coffee")

        # A look at a chart, and a crowd in it gets a name.
        akiko.go_to("Segments")
        expect(page.get_by_role("img", name="How often they came").first).to_be_attached()
        expect(page.get_by_role("row", name=re.compile(f"^2 times {COFFEE + TEA}$"))).to_be_visible()
        picture("console-segments")
        akiko.follow("2 times")
        expect(page.locator("#counted")).to_have_text(f"{COFFEE + TEA} people now")
        akiko.choose("Fact", "Has bought a product or from a category")
        assert page.get_by_label("Number", exact=True).is_hidden(), "nobody is asked what does not matter"
        akiko.fill("Product, category, kind of event or segment", "COFFEE")
        akiko.press("Add")
        expect(page.locator("#counted")).to_have_text(f"{COFFEE} people now")
        expect(page.locator(".conditions li")).to_have_count(2)
        listed = page.get_by_role("region", name="Some of them").get_by_role("row")
        assert listed.count() > 10, "a look at who is in it"
        assert re.fullmatch(r"[0-9a-f]{8}…", listed.nth(1).get_by_role("link").inner_text()), "by opaque numbers"
        akiko.fill("Name", "Coffee, twice")
        picture("console-builder")
        akiko.press("Keep it")
        expect(page.get_by_role("heading", level=1)).to_have_text("Coffee, twice")
        assert world.shop.value("select count(*) from audiences_member where is_in") == COFFEE

        # A text, seen as it arrives, and sent to oneself.
        akiko.follow("Write to them")
        akiko.follow("Write a text first")
        akiko.fill("Name", "coffee-again")
        akiko.fields += 1
        page.get_by_role("group", name="English").get_by_label("Subject").fill("Three dollars off coffee")
        akiko.press("Keep it")
        expect(page.get_by_role("article").first).to_contain_text("Hello Alice Martin")
        expect(page.get_by_role("article").first).to_contain_text("TEST-TEST-TEST")
        akiko.press("Send a test")
        expect(page.get_by_role("status")).to_contain_text("within a minute")
        wait_until(lambda: len(world.mailbox.letters) == 1, what="the test", seconds_max=90)
        to, test = world.mailbox.letters[0]
        assert to == ["akiko@shop.example"]
        assert "TEST-TEST-TEST" in str(test.get_content())

        # The campaign, held out as it comes; whom it would reach, and which effect could be seen.
        akiko.follow("Write a campaign with it")
        akiko.fill("Name", "Coffee again")
        akiko.choose("Coupon of", "Three dollars off coffee")
        akiko.fill("English", "you asked for offers by mail")
        akiko.click(page.get_by_text("When it leaves", exact=True))
        akiko.choose("From this hour", "0")
        akiko.choose("Until this hour", "24")
        akiko.click(page.get_by_text("How its effect is measured", exact=True))
        assert page.get_by_label("Held out by chance, of a hundred").input_value() == "10", "a holdout, unless one says"
        akiko.fill("Kept of what is paid, of a hundred", "30")
        akiko.fill("What a message costs (USD)", "0.05")
        akiko.press("Go on: whom would it reach?")
        expect(page.get_by_role("row", name=f"In the segment {COFFEE}")).to_be_visible()
        expect(page.get_by_text("would be found in four of five cases")).to_be_visible()
        picture("console-campaign-draft")
        assert world.shop.value("select count(*) from messages_decision") == 0
        akiko.press("Launch")
        expect(page.get_by_role("status")).to_contain_text("within a minute")
        # The worker freezes it, since it gives the coupons.
        wait_until(
            lambda: world.shop.value("select count(*) from campaigns_targetlist") == 1, what="list", seconds_max=90
        )
        akiko.follow("Look again")
        expect(page.get_by_role("heading", name="The frozen list")).to_be_visible()
        rows = world.shop.rows("select verdict, count(*) from messages_decision group by 1")
        decided = {row["verdict"]: row["count"] for row in rows}
        assert decided["held_out"] > COFFEE * 0.05
        assert decided["send"] + decided["held_out"] == COFFEE

        # The letters arrive: each once, with a reason and a way to stop them.
        wait_until(lambda: len(world.mailbox.letters) == 1 + decided["send"], what="the letters", seconds_max=120)
        reached = {to[0]: letter for to, letter in world.mailbox.letters[1:]}
        assert len(reached) == decided["send"]
        letter = next(iter(reached.values()))
        said = str(letter.get_content())
        assert "you asked for offers by mail" in said
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        found = re.search(r"at the till: (\S+)", said)
        assert found, said

        # The coupon at a till, and gone at all others with the same commit.
        data = {"basket": [{"product": "1082185", "quantity": 1, "amount": 1_230}], "codes": [found[1]]}
        (redeemed,) = tell(world, [event("coupon.redeem", data, source="/stores/324/tills/1")])
        again = world.tell(event("coupon.redeem", data, source="/webshop"), touchpoint="webshop")
        assert redeemed["status"] == "accepted"
        assert again["type"].endswith(":coupon_unusable"), again
        page.reload()
        expect(page.get_by_role("row", name=f"handed over {decided['send']}")).to_be_visible()
        expect(page.get_by_role("row", name="Redeemed 1")).to_be_visible()
        akiko.follow("At which tills they were redeemed")
        expect(page.get_by_role("row", name="/stores/324/tills/1 1")).to_be_visible()

        # A month passes; whoever was written to has bought for nine dollars more.
        a_month_passes(world, cards)
        akiko.go_to("Campaigns")
        akiko.follow("Coffee again")
        verdict = page.get_by_role("region", name="Did it pay?").get_by_role("status")
        if is_alarmed(world.shop, {"holdout": 0.1, "a": 0.9}):
            expect(verdict).to_contain_text("Do not read the effects")
        else:
            expect(verdict).to_contain_text("The message paid: after its cost of")
            expect(page.get_by_role("img", name="The effect of each text, with its interval").first).to_be_attached()
        picture("console-campaign-effect")
        assert heard == []
        cost, most = (akiko.clicks, akiko.fields, akiko.loads), (CLICKS_MAX, FIELDS_MAX, PAGES_MAX)
        assert all(one <= other for one, other in zip(cost, most, strict=True)), cost
        context.close()


def a_month_passes(world: World, cards: dict[str, str]) -> None:
    """Let the decisions be a month old, and everybody buy again."""
    now = dt.datetime.now(dt.UTC)
    world.shop.rows("update messages_decision set decided_at = decided_at - interval '29 days' returning id")
    world.shop.rows("update campaigns_targetlist set frozen_at = frozen_at - interval '29 days' returning campaign")
    rows = world.shop.rows("select customer::text, verdict from messages_decision")
    drawn = {row["customer"]: row["verdict"] for row in rows}
    persons = {
        row["customer"]: row["person"]
        for row in world.shop.rows("select customer::text, person::text from customers_membership")
    }
    said = []
    for number, card in enumerate(cards):
        customer = world.customer_of("card", card) if number < COFFEE else ""
        more = 9 if drawn.get(persons.get(customer, customer)) == "send" else 0
        said.append(sale(card, 10 + more + number % 7, receipt=f"{card}-after", at=now - 5 * DAY))
    tell(world, said)
