"""How the web till looks and is worked: on a phone and at a desk, in three languages, with fingers and a keyboard.

Chromium, a real gateway, real pages. With ``COMPTOIR_TEST_IMAGES`` every state is photographed there.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, card, event
from support.shop import Shop
from support.tilling import AT, CUP, PLATE, SOURCE, Desk, look, running_desk

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.declaration import COUNTER

#: Something that waits to be told and that the counter refuses.
_WAITING: Final = """
(source) => new Promise((done, failed) => {
  const request = indexedDB.open("comptoir-till");
  request.onsuccess = () => {
    const transaction = request.result.transaction(["queue"], "readwrite");
    transaction.objectStore("queue").add({
      specversion: "1.0", id: crypto.randomUUID(), source, type: "points.post", time: new Date().toISOString(),
      datacontenttype: "application/json", data: { reservation: "of nobody", receipt: "A1B2-000007" },
    });
    transaction.oncomplete = () => { request.result.close(); done(true); };
    transaction.onabort = () => failed(transaction.error);
  };
})
"""


@pytest.fixture
def desk(browser: Browser, shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Desk]:
    """Have a house with a till, and something on Alice's phone."""
    with running_desk(browser, shop, gateway, tmp_path) as one:
        data = {"basket": str(uuid.uuid4()), "customer": card("2613"), "put": [{"product": "cup-1", "quantity": 3}]}
        accepted(gateway.post([event("basket.changed", data, source="/webshop", at=AT)], touchpoint="webshop"))
        yield one


def has_focus(page: Page, name: str) -> None:
    expect(page.locator(f"#{name}")).to_be_focused()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_every_state_fits_a_finger_a_keyboard_and_the_screen(  # noqa: PLR0915 - one story
    desk: Desk, browser: Browser, language: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale=language)
    with contextlib.closing(context):
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(desk.pages.url(COUNTER, "/till/"))
        expect(page.locator("#pairing")).to_be_visible()
        look(page, "pairing")
        page.locator("#source").fill(SOURCE)
        page.locator("#key").fill(desk.gateway.keys["till"])
        page.keyboard.press("Enter")
        has_focus(page, "product")
        # By keyboard alone: a scanner types into the field that has the focus.
        for number in (CUP, PLATE):
            page.keyboard.type(number)
            page.keyboard.press("Enter")
        expect(page.locator("#lines tbody tr")).to_have_count(2)
        page.locator("#card").fill(desk.fresh_code())
        page.keyboard.press("Enter")
        expect(page.locator("#theirs")).to_be_visible()
        look(page, "selling")
        page.locator("#take-over").press("Enter")
        expect(page.locator("#done")).to_be_visible()
        page.locator("#to-pay").press("Enter")
        has_focus(page, "given")
        page.keyboard.type("100")
        expect(page.locator("#change")).not_to_be_empty()
        look(page, "paying")
        page.keyboard.press("Enter")
        expect(page.locator("#slip table")).to_be_visible()
        has_focus(page, "receipt")
        look(page, "receipt")
        page.locator("#next").press("Enter")
        has_focus(page, "product")
        assert page.evaluate(_WAITING, SOURCE)
        page.locator("#drop").click()
        expect(page.locator("#refused li")).to_have_count(1)
        page.locator("#card").fill("2613")
        page.keyboard.press("Enter")
        expect(page.locator("#aside")).to_be_visible()
        page.locator("#aside summary").press("Enter")
        page.locator("#lease-points").fill("100")
        page.locator("#lease-code").fill(desk.fresh_code())
        page.keyboard.press("Enter")
        expect(page.locator("#leases li")).to_have_count(1)
        look(page, "refused")
        context.set_offline(True)
        page.locator("#product").fill(CUP)
        page.keyboard.press("Enter")
        expect(page.locator("#list-price")).to_be_visible()
        page.locator("#code").fill("7K2M-9QXT-4D0V-HBN3-EW8R")
        page.keyboard.press("Enter")
        expect(page.locator("#trouble")).to_be_visible()
        look(page, "offline")
