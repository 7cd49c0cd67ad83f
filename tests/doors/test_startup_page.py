"""The steward's first screen: what is due is said, done by one button, and stays done; without JavaScript."""

from __future__ import annotations

import datetime as dt
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, Page

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.touchpoints import house
from support import talking
from support.casting import ALICE, BOB, CHARLIE, Counter
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, running_pages, staff_session, words
from support.shop import Shop, environment
from support.talking import named, post_of, wrote

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import participation
from comptoir.doors.storefront.community import reminding
from comptoir.square.charter import handlers
from comptoir.square.stewardship.trust import LEVELS


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Path]:
    """Have the example as the shop's own plan."""
    path = tmp_path / "startup.toml"
    shutil.copy(EXAMPLES / "startup.toml", path)
    with environment(COMPTOIR_STARTUP=str(path), COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        participation._kept.clear()
        yield path


@pytest.fixture
def pages(plan: Path, gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    house.keep_key(house.CONSOLE, gateway.keys["console"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url), running_pages(tmp_path, gateway) as running:
        yield running
    house.key_path(house.CONSOLE).unlink()


@pytest.fixture
def alice(shop: Shop, plan: Path) -> Client:
    client = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    name, value = staff_session("Alice")
    client.cookies[name] = value
    return client


def test_a_steward_begins_posts_and_switches_off(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], list[Path]]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/community"))
    page.get_by_text("The programme has not begun.").wait_for()
    begin = page.locator("form", has=page.get_by_role("button", name="Begin: Found"))
    begin.get_by_label("Why now").fill("We have a steward.")
    begin.get_by_role("button").click()
    page.get_by_text("Week 1, phase: Found").wait_for()
    photograph(page, "console-today")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    prompt = page.locator("article", has_text="How do you keep bread fresh?")
    prompt.get_by_role("button", name="Post it").click()
    page.get_by_text("prompt:bread-keeps").wait_for()
    assert page.locator("article", has_text="How do you keep bread fresh?").count() == 0
    posted = shop.rows(
        "select p.kind, p.name, p.is_seeded, t.title from community_post p join community_thread t on t.id = p.id"
    )
    assert posted == [{"kind": "question", "name": "Akiko", "is_seeded": True, "title": "How do you keep bread fresh?"}]
    page.get_by_text("All rituals").click()
    off = page.locator("details", has_text="All rituals")
    off.get_by_label("Why").fill("We are three.")
    off.get_by_role("button", name="Switch off").click()
    page.get_by_text("We are three.").wait_for()
    check = page.locator("article", has_text="Name a steward")
    check.get_by_role("button", name="Done").click()
    page.get_by_text("check:steward").wait_for()
    steps = shop.rows("select kind, item, how from programme_step order by position")
    assert [tuple(each.values()) for each in steps] == [
        ("phase", "found", None), ("done", "prompt:bread-keeps", "done"), ("switched", "rituals", "off"),
        ("done", "check:steward", "done"),
    ]  # fmt: skip
    page.get_by_role("link", name="Community health").click()
    page.get_by_text("Phase “found”: begins").wait_for()
    context.close()
    assert rebuild(keep=False).changed == []


def test_what_cannot_be_done_says_so_and_moves_nothing(alice: Client, shop: Shop, plan: Path) -> None:
    with shop.unchanged("programme_step", "community_post"):
        answer = alice.post("/community/phase", {"phase": "found", "reason": " "})
        assert (answer.status_code, "Say why." in words(answer.content.decode())) == (422, True)
        assert alice.post("/community/phase", {"phase": "nowhere", "reason": "x"}).status_code == 404
        assert alice.post("/community/switch", {"element": "nothing", "reason": "x"}).status_code == 404
        assert alice.post("/community/done", {"task": "prompt:bread-keeps"}).status_code == 302, "it is not due"
        with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
            answer = alice.post("/community/phase", {"phase": "found", "reason": "It is time."})
        assert "The gateway does not answer." in words(answer.content.decode())
        plan.write_text("[[phase]]")
        answer = alice.get("/community")
        assert (answer.status_code, "The plan cannot be read." in words(answer.content.decode())) == (409, True)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "There is no plan yet. Copy the example"),
        ("fr", "Les clients ont les 8 premières heures ; après 24 heures, chacun a une réponse."),
        ("ja", "最初の8時間はお客様に任せ、24時間以内には全員が返事を受け取ります。"),
    ],
)
def test_without_a_plan_newcomers_are_promised_an_answer(alice: Client, plan: Path, language: str, told: str) -> None:
    plan.unlink()
    assert told in words(alice.get("/community", headers={"accept-language": language}).content.decode())


def send_picture_without_words(page: Page) -> None:
    """Send a picture as members do, without words: it is refused, and kept for the next attempt."""
    page.get_by_text("Pictures", exact=True).click()
    loaf = io.BytesIO()
    Image.new("RGB", (800, 600), "tan").save(loaf, "PNG")
    page.locator("#picture1").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": loaf.getvalue()})
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Say in words what the picture shows").first.wait_for()
    assert page.locator("[name=kept1]").count() == 1


def test_staff_answer_a_newcomer_and_close_the_square_in_the_end(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], list[Path]]
) -> None:
    reminding._kept.clear()
    counter = Counter(shop)
    now = dt.datetime.now(dt.UTC)
    wren = named(counter, "Wren", ALICE)
    asked = wrote(wren, "Does rye keep longer than wheat?", at=now - dt.timedelta(minutes=2))
    assert counter.tell(asked, received_at=now).problem is None
    for number in range(3):
        posted = talking.staff_wrote(
            "From us", kind="question", title=f"From us {number}", at=now - dt.timedelta(days=1)
        )
        assert counter.tell(posted, received_at=now).problem is None
    counter.close()
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/community"))
    page.get_by_role("link", name="Answer").click()
    page.get_by_text("Customers have the first word until").wait_for()
    page.get_by_text("75 %, at most 50 % is the plan.").wait_for()
    photograph(page, "console-answer")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_label("Text").fill("A week, if you wrap it.")
    page.get_by_label("Is it better elsewhere?").fill("The mill in Arles")
    send_picture_without_words(page)
    assert shop.value("select count(*) from community_post where thread = %s", post_of(asked)) == 1
    page.locator("#alt1").fill("A loaf in a cloth")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Everybody has an answer.", exact=True).wait_for()
    row = shop.rows("select name, kind, elsewhere from community_post where thread = %s and number = 2", post_of(asked))
    assert row == [{"name": "Akiko", "kind": "answer", "elsewhere": "The mill in Arles"}]
    shown = shop.value("select pictures from community_post where thread = %s and number = 2", post_of(asked))
    assert [(each["alt"], each["width"], each["height"]) for each in shown] == [("A loaf in a cloth", 800, 600)]
    assert shop.value("select large from community_picture where digest = %s", shown[0]["digest"])[8:12] == b"WEBP"
    for title, button in (("Why now", "Begin: Found"), ("Why", "End it honestly")):
        if button == "End it honestly":
            page.get_by_text("Wind down").first.click()
        form = page.locator("form", has=page.get_by_role("button", name=button))
        form.get_by_label(title).fill("It is time.")
        form.get_by_role("button").click()
    page.get_by_label("Why; everybody reads this").fill("The year is over.")
    page.get_by_role("button", name="Close the square").click()
    page.get_by_text("The square is closed since").wait_for()
    photograph(page, "console-closed")
    reminding._kept.clear()
    page.goto(pages.url(SQUARE, f"/en/threads/{post_of(asked)}"))
    page.get_by_text("The year is over.").wait_for(timeout=20_000)
    photograph(page, "square-archive")
    assert page.get_by_role("link", name="Take part").count() == 0
    page.goto(pages.url(OFFICE, "/community"))
    page.get_by_label("Why; everybody reads this").fill("We miss it.")
    page.get_by_role("button", name="Open the square again").click()
    page.get_by_text("We miss it.").wait_for()
    context.close()


def test_it_says_until_when_the_shop_can_say_no_and_what_happens_otherwise(
    alice: Client, shop: Shop, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "find_levels", lambda _own, personas, _now: dict.fromkeys(personas, LEVELS[2]))
    now = dt.datetime.now(dt.UTC)
    counter, fields = Counter(shop), {"en": {"title": "Be kind", "text": "Talk to others as you would at a counter."}}
    wren, finch, robin = (named(counter, *each) for each in (("Wren", ALICE), ("Finch", BOB), ("Robin", CHARLIE)))

    def tell(name: str, data: dict[str, object], *, days: float) -> None:
        at = now + dt.timedelta(days=days)
        assert counter.tell(talking.said(name, data, at=at), received_at=now).problem is None

    def propose(persona: str, section: str, *, days: float) -> str:
        data = {"persona": persona, "proposal": talking.new(), "section": section, "base": 0, "reason": "So be it."}
        tell("charter.proposed", {**data, "days": 2, "veto_days": 3, "quorum": 2, **fields}, days=days)
        return str(data["proposal"])

    later, passing, over = (propose(*each, days=days) for each, days in (
        ((wren, "later"), -1), ((finch, "passing"), -1.5), ((robin, "over"), -6)
    ))  # fmt: skip
    for persona in (wren, finch):
        tell("charter.voted", {"persona": persona, "proposal": passing, "value": 1}, days=-1)
    counter.close()

    def row(proposal: str, language: str = "en") -> str:
        page = alice.get("/community", headers={"accept-language": language}).content.decode()
        found = [row for row in page.split("<tr>") if f"/charter/proposals/{proposal}" in row]
        return words(found[0].split("</tr>")[0]) if found else ""

    assert "it is adopted then, as the votes stand 2 for, 0 against · Members vote until" in row(passing)
    assert "it is not adopted: too few have voted so far 0 for, 0 against" in row(later)
    assert row(over) == "", "nobody can say no to it any more"
    page = alice.get("/community").content.decode()
    assert page.index(passing) < page.index(later), "the soonest stands first"
    assert "il est alors adopté" in row(passing, "fr")
    assert "その時点で採択されます" in row(passing, "ja")
    plan.write_text("[[phase]]")
    assert "it is adopted then" in row(passing), "whatever the plan's file says"


def test_a_stranger_does_not_see_it(shop: Shop) -> None:
    answer = Client(headers={"host": f"{host_of(OFFICE)}:8000"}).get("/community")
    assert answer.status_code == 302
