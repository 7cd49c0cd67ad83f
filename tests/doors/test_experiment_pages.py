"""Experiments in the console and on the square: registered, begun, shown by the seed, stopped; without JavaScript."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from support import casting, talking
from support.casting import ALICE, BOB, Counter
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, running_pages, staff_client, words
from support.shop import Shop, environment
from support.talking import named, post_of, wrote

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import participation
from comptoir.doors.storefront.community import reminding
from comptoir.square.programme.experiments import assign

SEED = "6f1c0a52d3b94e7788a1"
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path) -> Iterator[None]:
    with environment(COMPTOIR_STARTUP=str(EXAMPLES / "startup.toml"), COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        participation._kept.clear()
        reminding._kept.clear()
        yield


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    house.keep_key(house.CONSOLE, gateway.keys["console"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url), running_pages(tmp_path, gateway) as running:
        yield running
    house.key_path(house.CONSOLE).unlink()


def client() -> Client:
    return staff_client("Alice")


def ran(shop: Shop, *, weeks: int = 40) -> None:
    """Let an experiment with a reminder run for some weeks before now: whoever is asked kindly answers more."""
    counter = Counter(shop)
    now = dt.datetime.now(dt.UTC)
    begun = now - weeks * 7 * DAY
    who = [named(counter, "Wren", ALICE), named(counter, "Finch", BOB)]

    def tell(event: casting.Event) -> None:
        heard = dt.datetime.fromisoformat(event["time"]) + dt.timedelta(seconds=1)
        answer = counter.tell(event, received_at=heard)
        assert answer.problem is None, answer.problem

    data = {
        **talking.STAFF, "experiment": "be-kind", "hypothesis": "Whoever is asked to be kind answers more often.",
        "element": "reminder", "unit": "thread", "kind": "question", "language": "en", "text_a": "",
        "text_b": "Be kind: everybody was new here once.", "seed": SEED, "outcome": "answered", "cap": 1,
        "smallest": 0.2, "expected": 0.4, "weeks_max": 52,
    }  # fmt: skip
    tell(talking.said("experiment.registered", data, source=talking.CONSOLE, at=begun))
    started = {**talking.STAFF, "experiment": "be-kind", "units": 180, "weeks": 90}
    tell(talking.said("experiment.started", started, source=talking.CONSOLE, at=begun))
    for number in range(weeks * 4):
        at = begun + number * 1.75 * DAY + dt.timedelta(minutes=1)
        if at > now - DAY:
            break
        asked = wrote(who[number % 2], f"Question {number}?", at=at)
        tell(asked)
        if number % 5 < (4 if assign(SEED, post_of(asked)) == "b" else 1):
            tell(wrote(who[(number + 1) % 2], "Yes", kind="reply", thread=post_of(asked), at=at + DAY / 2))
    counter.close()


def test_a_steward_registers_begins_posts_and_stops(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], list[Path]]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/community"))
    page.get_by_role("link", name="Experiments").click()
    page.get_by_text("Nothing was tried out yet.").wait_for()
    page.get_by_role("link", name="Register an experiment").click()
    page.get_by_label("Name").fill("asked-or-told")
    page.get_by_label("Hypothesis").fill("A prompt that asks brings more answers than one that tells.")
    for arm, title in (("A", "What do you bake on Sundays?"), ("B", "Sundays are for baking")):
        box = page.get_by_role("group", name=arm, exact=True)
        box.get_by_label("Title").fill(title)
        box.get_by_label("Text").fill("We bake rye.")
    page.get_by_label("Smallest difference").fill("11")
    photograph(page, "console-experiment-form")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Register").click()
    page.get_by_text("data.smallest").wait_for()
    assert page.get_by_label("Name").input_value() == "asked-or-told", "nothing that was typed is lost"
    page.get_by_label("Smallest difference").fill("1,5")
    page.get_by_role("button", name="Register").click()
    page.get_by_text("It has not begun.").wait_for()
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Days that an answer").fill("5")
    page.get_by_role("button", name="Register").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("Cannot tell yet.").wait_for()
    row = shop.rows(
        "select seed, days, smallest, planned_units, started_at is not null as began from programme_experiment"
    )
    assert (row[0]["days"], row[0]["smallest"], row[0]["began"]) == (5, 1.5, True)
    assert row[0]["planned_units"] > 5
    page.goto(pages.url(OFFICE, "/community"))
    begin = page.locator("form", has=page.get_by_role("button", name="Begin: Found"))
    begin.get_by_label("Why now").fill("We have a steward.")
    begin.get_by_role("button").click()
    due = page.locator("article", has_text="Experiment")
    due.get_by_role("button", name="Post it").click()
    page.get_by_text("trial:asked-or-told").wait_for()
    assert shop.value("select count(*) from community_post where is_seeded") == 1
    page.get_by_text("All experiments").click()
    off = page.locator("details", has_text="All experiments")
    off.get_by_label("Why").fill("We are three.")
    off.get_by_role("button", name="Switch off").click()
    page.get_by_text("We are three.").wait_for()
    assert shop.value("select reason from programme_experiment") == "We are three."
    context.close()
    assert rebuild(keep=False).changed == []


def test_what_runs_is_shown_by_the_seed_and_drawn(
    pages: Pages, page: Page, shop: Shop, photograph: Callable[[Page, str], list[Path]]
) -> None:
    ran(shop)
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/community/experiments/be-kind"))
    page.get_by_text("B is better.").wait_for()
    page.locator("figure.chart svg").first.wait_for(state="attached")
    photograph(page, "console-experiment")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(pages.url(OFFICE, "/community/experiments"))
    photograph(page, "console-experiments")
    threads = [str(row["id"]) for row in shop.rows("select id from community_thread order by opened_at desc limit 8")]
    told = []
    for thread in threads:
        page.goto(pages.url(SQUARE, f"/en/threads/{thread}"))
        told.append(page.get_by_text("Be kind: everybody was new here once.").count())
    assert told == [int(assign(SEED, thread) == "b") for thread in threads]
    assert 0 < sum(told) < len(told)


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "B is better."), ("fr", "B est meilleur."), ("ja", "Bのほうがよい。")],
)
def test_a_verdict_is_said_in_words(shop: Shop, language: str, told: str) -> None:
    ran(shop)
    one = client()
    for address in ("/community/experiments", "/community/experiments/be-kind"):
        answer = one.get(address, headers={"accept-language": language})
        assert told in words(answer.content.decode())
        assert len(answer.content) < 60_000


def test_what_cannot_be_done_says_so_and_moves_nothing(shop: Shop) -> None:
    one = client()
    assert one.get("/community/experiments/nothing").status_code == 404
    assert one.post("/community/experiments/nothing/stop", {"reason": "x"}).status_code == 404
    ran(shop, weeks=2)
    with shop.unchanged("programme_experiment"):
        assert one.post("/community/experiments/be-kind/stop", {"reason": " "}).status_code == 422
        assert one.get("/community/experiments/be-kind/change").status_code == 302
        with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
            answer = one.post("/community/experiments/be-kind/stop", {"reason": "Enough."})
        assert "The gateway does not answer." in words(answer.content.decode())
    answer = one.post("/community/experiments/new", {"experiment": "x", "cap": "many"})
    assert "That is not a number." in words(answer.content.decode())


def test_a_stranger_does_not_see_it(shop: Shop) -> None:
    assert Client(headers={"host": f"{host_of(OFFICE)}:8000"}).get("/community/experiments").status_code == 302
