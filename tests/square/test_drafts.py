"""Nothing that a person typed is lost: refused, expired, sent twice, the gateway killed, the browser killed."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.touchpoints import house
from conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from support import talking
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages, sale, take_part
from support.processes import wait_until
from support.shop import Shop

TITLE = "How long does rye bread keep?"
TEXT = "Mine is hard after two days, and I have tried 冷凍 too."


@pytest.fixture
def counter(gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that the square and the storefront may speak to, and two cards."""
    accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1001", 30, receipt="2")]))
    accepted(gateway.post([talking.opened("bread", at=dt.datetime.now(dt.UTC))], touchpoint="console"))
    with listening_to(gateway, house.STOREFRONT, house.SQUARE):
        yield gateway


@pytest.fixture
def pages(counter: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, counter) as running:
        yield running


def write(pages: Pages, page: Page, *, text: str = TEXT) -> None:
    page.goto(pages.url(SQUARE, "/en/write"))
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Text").fill(text)


def typed(page: Page) -> tuple[str, str]:
    return page.get_by_label("Title").input_value(), page.get_by_label("Text").input_value()


def kept_drafts(page: Page) -> list[str]:
    return list(page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('comptoir-draft.'))"))


def wait_for_draft(page: Page, *texts: str) -> None:
    page.wait_for_function(
        "(least) => Number(document.querySelector('form[data-draft]').dataset.kept || 0) >= least",
        arg=sum(map(len, texts or (TITLE, TEXT))),
    )


def number_of(page: Page) -> str:
    return page.locator("input[name=post]").input_value()


def same_form(pages: Pages, page: Page, number: str, *, text: str = TEXT) -> None:
    """Have the form before one that was sent already, as a browser's history has it."""
    write(pages, page, text=text)
    page.locator("input[name=post]").evaluate("(field, number) => { field.value = number; }", number)


def without_scripts(browser: Browser) -> Page:
    return browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()


def session_ends(context: BrowserContext) -> None:
    context.clear_cookies(name="comptoir-square")


def test_a_text_waits_while_its_writer_signs_in_again_and_is_published_once(
    pages: Pages, browser: Browser, shop: Shop
) -> None:
    page = without_scripts(browser)
    take_part(pages, page)
    write(pages, page)
    session_ends(page.context)
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("It is kept for an hour in this browser").wait_for()
    assert TEXT in page.get_by_label("What you wrote").input_value()
    take_part(pages, page, is_new=False)
    page.get_by_text("What you wrote before you were away is kept.").wait_for()
    page.get_by_role("link", name="Go on with it").click()
    assert typed(page) == (TITLE, TEXT)
    number = number_of(page)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name=TITLE).wait_for()
    assert page.get_by_text("What you wrote before you were away").count() == 0
    # The same form, out of the browser's history, does nothing more.
    same_form(pages, page, number)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name=TITLE).wait_for()
    assert shop.value("select count(*) from community_post") == 1
    # A reply waits too; and for nobody else than its writer.
    page.get_by_label("Text").fill("I mean rye.")
    session_ends(page.context)
    page.get_by_role("button", name="Send").click()
    page.get_by_text("It is kept for an hour in this browser").wait_for()
    page.context.clear_cookies(name="comptoir-counter")
    take_part(pages, page, card="1001", name="Finch")
    assert page.get_by_text("What you wrote before you were away").count() == 0


def test_what_is_refused_or_heard_by_nobody_comes_back_as_it_was_typed(
    pages: Pages, browser: Browser, shop: Shop
) -> None:
    page = without_scripts(browser)
    take_part(pages, page)
    write(pages, page, text="A word that turns\u202e around.")
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("characters in it that cannot be seen").wait_for()
    assert typed(page) == (TITLE, "A word that turns\u202e around.")
    page.get_by_label("Text").fill(TEXT)
    os.killpg(pages.gateway.process.pid, signal.SIGSTOP)
    page.get_by_role("button", name="Publish").click(no_wait_after=True)
    os.killpg(pages.gateway.process.pid, signal.SIGKILL)
    page.get_by_text("The shop's counter does not answer just now.").wait_for()
    assert typed(page) == (TITLE, TEXT)
    assert shop.value("select count(*) from community_post") == 0


def test_what_was_published_unheard_and_written_on_is_not_taken_for_the_same(
    pages: Pages, browser: Browser, shop: Shop
) -> None:
    page = without_scripts(browser)
    take_part(pages, page)
    write(pages, page)
    number = number_of(page)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name=TITLE).wait_for()
    same_form(pages, page, number, text=f"{TEXT} And in the cellar?")
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("This was published already").wait_for()
    assert typed(page) == (TITLE, f"{TEXT} And in the cellar?")
    assert shop.value("select count(*) from community_post") == 1


def test_a_form_without_its_secret_shows_what_was_written(pages: Pages, browser: Browser) -> None:
    page = without_scripts(browser)
    take_part(pages, page)
    write(pages, page)
    page.context.clear_cookies(name="comptoir-form")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name="Please send it again").wait_for()
    assert page.locator("textarea").last.input_value() == TEXT


def test_a_draft_is_kept_restored_discarded_and_gone_once_it_is_published(pages: Pages, browser: Browser) -> None:
    page = browser.new_context().new_page()
    take_part(pages, page)
    write(pages, page)
    wait_for_draft(page)
    page.goto(pages.url(SQUARE, "/en/write"))
    page.get_by_text("What you typed before is back.").wait_for()
    assert typed(page) == (TITLE, TEXT)
    # Nobody reads it without this member's pages.
    lies = page.evaluate("Object.entries(localStorage).flat().join(' ')")
    assert "comptoir-draft." in lies
    assert "rye" not in lies
    page.get_by_role("button", name="Discard it").click()
    assert typed(page) == ("", "")
    assert kept_drafts(page) == []
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Text").fill(TEXT)
    wait_for_draft(page)
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name=TITLE).wait_for()
    page.wait_for_function("() => !Object.keys(localStorage).some((name) => name.startsWith('comptoir-draft.'))")
    page.goto(pages.url(SQUARE, "/en/write"))
    page.wait_for_selector("form[data-watched]")
    assert typed(page) == ("", "")


def test_a_draft_survives_a_killed_gateway_and_is_published_once(pages: Pages, browser: Browser, shop: Shop) -> None:
    page = browser.new_context().new_page()
    take_part(pages, page)
    write(pages, page)
    wait_for_draft(page)
    number = number_of(page)
    # It was taken, and nobody heard of it: as if the connection had been cut behind the commit.
    persona = shop.value("select id::text from community_persona")
    said = {"persona": persona, "post": number, "kind": "question", "title": TITLE, "text": TEXT, "language": "en"}
    published = talking.said("post.published", said, at=dt.datetime.now(dt.UTC)) | {"id": number}
    accepted(pages.gateway.post([published], touchpoint="square"))
    page.goto(pages.url(SQUARE, "/en/write"))
    page.get_by_text("What you typed before is back.").wait_for()
    assert number_of(page) == number
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("heading", name=TITLE).wait_for()
    assert shop.value("select count(*) from community_post") == 1
    # One that nobody takes is still there afterwards, in the form and in the browser.
    page.get_by_label("Text").fill("I mean rye.")
    wait_for_draft(page, "I mean rye.")
    os.killpg(pages.gateway.process.pid, signal.SIGKILL)
    page.get_by_role("button", name="Send").click()
    page.get_by_text("The shop's counter does not answer just now.").wait_for()
    assert page.get_by_label("Text").input_value() == "I mean rye."
    page.wait_for_selector("form[data-watched]")
    assert len(kept_drafts(page)) == 1


def test_leaving_throws_drafts_away_and_another_name_sees_none(pages: Pages, browser: Browser) -> None:
    page = browser.new_context().new_page()
    take_part(pages, page)
    write(pages, page)
    wait_for_draft(page)
    session_ends(page.context)
    page.context.clear_cookies(name="comptoir-counter")
    take_part(pages, page, card="1001", name="Finch")
    page.goto(pages.url(SQUARE, "/en/write"))
    page.wait_for_selector("form[data-watched]")
    assert typed(page) == ("", "")
    page.get_by_role("button", name="Leave").click()
    page.get_by_text("Reading needs no account").wait_for()
    assert kept_drafts(page) == []


def test_a_draft_survives_a_killed_browser(pages: Pages, browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "profile"

    def started() -> BrowserContext:
        return browser.browser_type.launch_persistent_context(
            str(folder), executable_path=str(CHROMIUM), args=list(CHROMIUM_ARGUMENTS)
        )

    context = started()
    page = context.new_page()
    take_part(pages, page)
    write(pages, page)
    wait_for_draft(page)
    cookies = context.cookies()
    wait_until(lambda: _is_written(folder), what="the draft on the disk")
    for process in _processes_of(folder):
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: not _processes_of(folder), what="the browser's end")
    (folder / "SingletonLock").unlink(missing_ok=True)
    context = started()
    # Session cookies are gone with a crash as they are with an evening; the member is here again.
    context.add_cookies(json.loads(json.dumps(cookies)))
    page = context.new_page()
    page.goto(pages.url(SQUARE, "/en/write"))
    page.get_by_text("What you typed before is back.").wait_for()
    assert typed(page) == (TITLE, TEXT)
    context.close()


def _is_written(folder: Path) -> bool:
    return any(b"comptoir-draft." in path.read_bytes() for path in folder.glob("Default/Local Storage/leveldb/*.log"))


def _processes_of(folder: Path) -> list[int]:
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            try:
                command = (each / "cmdline").read_bytes()
            except OSError:
                continue
            if f"--user-data-dir={folder}".encode() in command:
                found.append(int(each.name))
    return found
