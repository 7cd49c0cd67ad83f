"""From a segment to a campaign to its report by clicking only, and a journey: on a phone and for everybody.

With the office's own segments: nothing is put in their place here.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from support import looking
from support.campaigning import crowd, is_alarmed, templates, version
from support.pages import Pages, complaints
from support.shop import Shop
from support.travelling import bought

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.campaigns import segmenting
from comptoir.office.campaigns.contracts import Window
from comptoir.office.segments import commands as segments

DAY = dt.timedelta(days=1)


@pytest.fixture
def people(shop: Shop) -> Sequence[uuid.UUID]:
    """Have people who have spent something, as the figures say, and a segment of those who have spent most."""
    people = crowd(shop, 400)
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into audiences_figures (customer, person, allows_store, allows_web, purchases, spend, points,"
            " asked, answered, trust) select c, c, true, true, 3, 100 * n, 0, 0, 0, 0"
            " from unnest(%s::uuid[]) with ordinality as crowd(c, n)",
            (people,),
        )
    with shop.connect("comptoir_office") as connection:
        segments.define(
            connection, name="Good customers", expression="spend_ever() > 100", by="Akiko", at=dt.datetime.now(dt.UTC)
        )
    with entered(OFFICE):
        templates("coffee", "coffee-short")
    return people


def fit(page: Page) -> None:
    """Make sure that a page is fit for everybody, on a phone and on a desk."""
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        found = [what for check in (looking.fit_for_everybody, looking.usable_by_keyboard, looking.fits_a_phone)
                 for what in check(page, "staff")]  # fmt: skip
        assert found == [], f"{page.url} at {width}"


def test_a_campaign_by_clicking_only(
    pages: Pages,
    browser: Browser,
    shop: Shop,
    people: Sequence[uuid.UUID],
) -> None:
    now = dt.datetime.now(dt.UTC)
    for number, each in enumerate(people[::4]):
        bought(shop, each, now - 10 * DAY, minor=1_000 + 17 * number)
    context = browser.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True)
    page = context.new_page()
    heard = complaints(page)
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/"))
    page.get_by_role("link", name="Campaigns").click()
    fit(page)
    page.get_by_role("link", name="Write a campaign").click()
    fit(page)
    page.get_by_label("Name").fill("Coffee in May")
    page.get_by_label("Whom it is for").select_option(label="Good customers")
    page.get_by_label("Text A").select_option("coffee")
    page.get_by_label("Text B, to compare").select_option("coffee-short")
    page.get_by_label("English").fill("you are a good customer")
    page.get_by_text("How its effect is measured").click()
    page.get_by_label("Held out by chance, of a hundred").fill("30")
    page.get_by_label("Kept of what is paid, of a hundred").fill("30")
    page.get_by_label("What a message costs").fill("0.05")
    page.get_by_role("button", name="Go on: whom would it reach?").click()
    page.get_by_role("row", name=re.compile("In the segment 300")).wait_for()
    page.get_by_text("would be found in four of five cases").wait_for()
    fit(page)
    page.get_by_role("button", name="Launch").click()
    page.get_by_text("waits to leave").first.wait_for()
    assert shop.value("select count(*) from messages_decision") == 300
    # A month passes: the decisions are a month old, and who was written to has bought more than who was not.
    shop.rows("update messages_decision set decided_at = decided_at - interval '29 days' returning id")
    shop.rows("update campaigns_targetlist set frozen_at = frozen_at - interval '29 days' returning campaign")
    drawn = shop.rows("select customer, verdict from messages_decision where reason in ('', 'campaign')")
    for number, row in enumerate(drawn):
        more = 900 if row["verdict"] == "send" else 0
        bought(shop, row["customer"], now - 5 * DAY, minor=1_000 + more + 13 * (number % 40))
    campaign = shop.value("select campaign from campaigns_targetlist")
    page.goto(pages.url(OFFICE, f"/campaigns/{campaign}"))
    report = page.get_by_role("region", name="Did it pay?")
    effects = page.get_by_role("img", name="The effect of each text, with its interval")
    if is_alarmed(shop, {"holdout": 0.3, "a": 0.35, "b": 0.35}):
        expect(report.get_by_role("status")).to_contain_text("Do not read the effects")
    else:
        assert effects.count(), report.inner_text()
    fit(page)
    page.get_by_text("Stop it").click()
    page.get_by_label("Why", exact=True).fill("Enough.")
    page.get_by_role("button", name="Stop at once").click()
    page.get_by_text("Akiko: Enough.").wait_for()
    for path in ("/campaigns/caps", "/campaigns/year", "/journeys", "/journeys/new"):
        page.goto(pages.url(OFFICE, path))
        fit(page)
    assert heard == []
    context.close()


def becomes(shop: Shop, first: int, last: int, *kinds: str) -> None:
    """Let this become of the messages with these numbers, as the vault writes it down."""
    with shop.connect("comptoir_vault") as connection:
        connection.execute(
            "with sent as (select id, row_number() over (order by id) as number from messages_decision"
            " where verdict = 'send'), chosen as (select id from sent where number between %s and %s),"
            " taken as (delete from messages_waiting where decision in (select id from chosen))"
            " insert into messages_outcome (decision, kind, at, reason)"
            " select id, kind, now(), '' from chosen, unnest(%s::text[]) kind on conflict do nothing",
            (first, last, [*kinds]),
        )


def launched(now: dt.datetime) -> uuid.UUID:
    """Launch a campaign to the only segment there is, and freeze its list."""
    with entered(OFFICE):
        (segment,) = segmenting.named_segments()
        asked = version(segment=str(segment.id), window=Window(9, 20, (0, 1, 2, 3, 4, 5, 6), "Asia/Tokyo"))
        campaign = campaigns.write(asked, campaign=None, after=0, by="Akiko", at=now)
        campaigns.launch(campaign, 1, by="Akiko", at=now)
        campaigns.freeze(campaign, 1, now=now, segments=segmenting.SEGMENTS)
    return campaign


@pytest.mark.parametrize(
    ("width", "language", "words"),
    [
        (1280, "en", ("Handed over", "On their way", "Wait to leave", "Did not leave, or nobody can say")),
        (390, "ja", ("引き渡し済み", "送信途中", "送信待ち", "送られなかった、または不明")),
    ],
)
def test_a_campaign_is_watched_while_it_is_sent_and_stopped_from_where_one_looks(
    pages: Pages, browser: Browser, shop: Shop, people: Sequence[uuid.UUID],
    width: int, language: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    campaign = launched(dt.datetime.now(dt.UTC))
    total = shop.value("select count(*) from messages_decision where verdict = 'send'")
    context = browser.new_context(viewport={"width": width, "height": 844}, locale=language, bypass_csp=True)
    page = context.new_page()
    heard = complaints(page)
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, f"/campaigns/{campaign}"))
    live, state = page.locator("[data-looked]"), page.locator("#state")

    def says(*numbers: int) -> None:
        for word, number in zip(words, numbers, strict=True):
            expect(live.locator("div", has=page.get_by_text(word, exact=True)).locator("dd")).to_have_text(f"{number}")
        ended = numbers[0] + numbers[3]
        expect(live.locator("progress")).to_have_attribute("value", f"{ended}")
        expect(live.locator("progress")).to_have_attribute("max", f"{sum(numbers)}")
        # The table below says the same, at the same moment.
        listed = page.locator("#outcomes td").all_inner_texts()
        assert sorted(map(int, listed)) == sorted(number for number in numbers if number)

    says(0, 0, total, 0)
    expect(live).to_contain_text("Asia/Tokyo")
    being_sent = state.inner_text()
    stop = page.locator("details", has=page.locator(".danger"))
    seen = stop.locator("summary").bounding_box()
    assert seen is not None
    assert seen["y"] + seen["height"] < 844, "one need not scroll for it"
    stop.locator("summary").click()
    why = stop.locator("input[name=reason]")
    why.fill("Wrong pr")
    place = why.bounding_box()
    becomes(shop, 1, 7, "attempted", "accepted")
    becomes(shop, 8, 9, "attempted")
    becomes(shop, 10, 14, "suppressed")
    says(7, 2, total - 14, 5)
    assert why.bounding_box() == place, "it moved from under the finger"
    assert why.input_value() == "Wrong pr"
    assert why.evaluate("each => each === document.activeElement")
    # Nothing waits any more, but some are in a sender's hand: it is not sent yet.
    becomes(shop, 15, total, "attempted", "accepted")
    says(total - 7, 2, 0, 5)
    expect(state).to_have_text(being_sent)
    page.reload()
    expect(live.locator("[data-ended]")).to_have_count(0)
    fit(page)
    becomes(shop, 8, 9, "accepted")
    live.locator("[data-ended]").wait_for()
    says(total - 5, 0, 0, 5)
    expect(state).not_to_have_text(being_sent)
    assert heard == []
    context.close()


@pytest.mark.screenshots
def test_a_journey_by_clicking_only_and_without_a_script(
    pages: Pages,
    browser: Browser,
    shop: Shop,
    people: Sequence[uuid.UUID],
    photograph: Callable[[Page, str], list[Path]],
) -> None:
    now = dt.datetime.now(dt.UTC)
    for number, each in enumerate(people[:120]):
        bought(shop, each, now - (20 + 2 * number) * DAY, store="S7")
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/campaigns"))
    page.get_by_role("link", name="Journeys").click()
    page.get_by_role("link", name="Write a journey").click()
    page.get_by_label("Name").fill("Welcome to store 7")
    page.get_by_label("Somebody buys at a store for the first time").check()
    page.get_by_label("Store (empty: any)").fill("S7")
    first, second = (page.get_by_role("group", name=f"Step {number}", exact=True) for number in (1, 2))
    first.get_by_label("What happens").select_option(label="Wait")
    first.get_by_label("Hours to wait").fill("24")
    second.get_by_label("What happens").select_option(label="Send a message")
    second.get_by_label("Text").select_option("coffee")
    page.get_by_label("English").fill("you came to store 7 for the first time")
    page.get_by_role("button", name="Go on: what would it have done?").click()
    page.get_by_text(re.compile(r"It would have reached \d+ people")).wait_for()
    photograph(page, "console-journey")
    page.get_by_role("button", name="Switch it on").click()
    page.get_by_text("Kill it").click()
    page.get_by_label("Why", exact=True).last.fill("Wrong text.")
    page.get_by_role("button", name="End it at once, for good").click()
    page.get_by_text("Akiko: Wrong text.").wait_for()
    context.close()
