"""The pictures of the docs, made of real pages of a real shop: ``make screenshots``. Looked at by people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE
from support.lively import lively_shop
from support.pages import Pages, accepted, event, sale, tell
from support.processes import wait_until
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.touchpoints import store
from comptoir.foundation.touchpoints.freshness import Recorder, Stage
from comptoir.office.attribution import commands as attribution
from comptoir.square.shortlinks import commands as shortlinks
from comptoir.square.shortlinks.rules import ShortLink

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.screenshots
#: How many events a minute the links of the pictures' shop bring, on average, and how fast.
_HOUR = (
    ("till", "sale.closed", 240, 0.012),
    ("till", "sale.returned", 9, 0.014),
    ("till", "points.redeem", 31, 0.011),
    ("webshop", "sale.closed", 58, 0.009),
    ("webshop", "points.reserve", 17, 0.009),
    ("webshop", "points.post", 15, 0.008),
    ("app", "identifier.linked", 4, 0.02),
    ("newsletter", "newsletter.subscribed", 2, 0.02),
)


def an_hour_before(now: dt.datetime) -> None:
    """Write down the counts of an hour with an ordinary shop's ups and downs, as a gateway would have."""
    recorder = Recorder()
    for minute in range(60):
        at = (now - dt.timedelta(minutes=minute + 1)).timestamp()
        for number, (touchpoint, kind, usual, seconds) in enumerate(_HOUR):
            wave = 1 + ((minute * 7 + number * 5) % 11 - 5) / 20 - minute / 150
            for share, factor in ((0.6, 1.0), (0.35, 2.0), (0.05, 6.0)):
                count = round(usual * wave * share)
                recorder.record(touchpoint, kind, Stage.OURS, delay_seconds=seconds * factor, at=at, count=count)
                recorder.record(touchpoint, kind, Stage.SENDER, delay_seconds=0.05 * factor, at=at, count=count)
        for touchpoint, seconds in (("till", 0.03), ("webshop", 0.05), ("app", 0.12)):
            recorder.record(touchpoint, "points.balance", Stage.VISIBLE, delay_seconds=seconds, at=at, count=80)
    with database.connect(COUNTER.role) as connection:
        store.flush(connection, recorder.take())


def test_pictures_of_the_console_and_the_card(
    pages: Pages, page: Page, photograph: Callable[[Page, str], list[Path]]
) -> None:
    gateway = pages.gateway
    customer = tell(gateway, cards=60, months=8)
    an_hour_before(dt.datetime.now(dt.UTC))
    with database.connect(OFFICE.role) as connection:
        wait_until(
            lambda: bool(connection.execute("select 1 from touchpoints_refusal limit 1").fetchone()), what="counts"
        )
    taken: list[Path] = []
    pages.sign_in(page, "Akiko")
    for name, path in (
        ("console-map", "/"),
        ("console-ledger", "/ledger"),
        ("console-customer", f"/ledger/{customer}"),
        ("console-keys", "/keys"),
    ):
        page.goto(pages.url(OFFICE, path))
        if path in {"/", f"/ledger/{customer}"}:
            page.wait_for_selector('html[data-live="stream"]')
        taken += photograph(page, name)
    page.goto(pages.card_url(customer))
    page.wait_for_selector('html[data-live="stream"]')
    accepted(gateway.post([sale("1000", 84, receipt="now", category="PRODUCE")]))
    page.locator(".history li .moved").get_by_text("+168", exact=True).first.wait_for()
    taken += photograph(page, "card")
    assert len(taken) == 10
    assert all(path.stat().st_size > 10_000 for path in taken)


def test_pictures_of_the_square_and_of_who_looks_after_it(
    shop: Shop, tmp_path: Path, browser: Browser, photograph: Callable[[Page, str], list[Path]]
) -> None:
    taken: list[Path] = []
    with lively_shop(shop, tmp_path) as lively:
        thread = shop.value(
            "select id from community_thread where language = 'en' and accepted is not null order by posts desc limit 1"
        )
        topic = shop.value(
            "select topic from community_thread where topic is not null group by 1 order by count(*) desc, 1 limit 1"
        )
        member = lively.is_member(browser.new_context(locale="en"))
        for name, path in (
            ("square-front", "/en/"),
            ("square-topic", f"/en/topics/{topic}"),
            ("square-thread", f"/en/threads/{thread}"),
            ("square-ideas", "/en/ideas"),
        ):
            member.goto(lively.pages.url(SQUARE, path))
            taken += photograph(member, name)
        staff = lively.is_staff(browser.new_context(locale="en"))
        case = shop.value("select post from stewardship_notice limit 1")
        begin_programme(staff, lively.pages)
        for name, path in (
            ("console-moderation", "/moderation"),
            ("console-case", f"/moderation/{case}"),
            ("console-health", "/community/health"),
            ("console-startup", "/community"),
        ):
            staff.goto(lively.pages.url(OFFICE, path))
            taken += photograph(staff, name)
        for page in (member, staff):
            page.context.close()
    assert len(taken) == 16
    assert all(path.stat().st_size > 10_000 for path in taken)


def begin_programme(staff: Page, pages: Pages) -> None:
    """Let the start-up programme begin with its first phase."""
    staff.goto(pages.url(OFFICE, "/community"))
    form = staff.locator('form[action$="/community/phase"]').first
    form.locator("[name=reason]").fill("We begin on Monday.")
    form.locator("button").first.click()
    staff.wait_for_load_state()


def test_pictures_of_posts_elsewhere(pages: Pages, page: Page, photograph: Callable[[Page, str], list[Path]]) -> None:
    now = dt.datetime.now(dt.UTC)
    posts = [
        ("instagram", "@oakstreet.tea", "Tea in autumn"), ("instagram", "@bread", "A crust that lasts"),
        ("tiktok", "@oakstreet.tea", "Tea in autumn"), ("tiktok", "@bread", "Flour on everything"),
        ("youtube", "@oakstreet", "How we bake on a Sunday"), ("line", "oakstreet", "Closed on Monday"),
    ]  # fmt: skip
    sold = []
    with entered(OFFICE):
        for number, (network, username, post) in enumerate(posts):
            code = shortlinks.make(ShortLink(network, username, post, "/product/1082185"), by="Akiko", at=now)
            with entered(SQUARE):
                for _ in range(212 - 31 * number):
                    shortlinks.follow(code, agent="Mozilla/5.0", at=now)
            for place in range(37 - 7 * number if number < 5 else 0):
                at = now - dt.timedelta(hours=11 * place + number)
                amount = 900 + 370 * (place % 9)
                data = {
                    "receipt": f"{number}-{place}", "currency": "USD", "total": amount, "short_link": code,
                    "lines": [{"product": "1082185", "quantity": 1, "amount": amount}],
                }  # fmt: skip
                sold.append(event("sale.closed", data, source="/webshop", at=at))
        attribution.begin(network="instagram", username="@bread", pairs=13, today=now.date(), by="Akiko", at=now)
    accepted(pages.gateway.post(sold, touchpoint="webshop"))
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/campaigns/posts"))
    assert page.get_by_text("5 accounts sold").count() == 1
    taken = photograph(page, "console-posts")
    page.screenshot(path=taken[0].with_suffix(".whole.png"), full_page=True)
    assert all(path.stat().st_size > 10_000 for path in taken)
