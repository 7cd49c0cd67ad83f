"""The web till of the small world: what staff do at it, in a browser, and what its camera sees.

Not here: what has to come of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Error, Page, Route, expect

from comptoir.foundation.rooms.declaration import COUNTER
from support.gateway import Gateway
from support.pages import Pages, accepted, complaints, customer_of, event, running_pages, sale
from support.processes import wait_until
from support.shop import Shop

AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
SOURCE: Final = "/stores/330/tills/web-1"
CUP: Final = "4006381333931"
PLATE: Final = "96385074"
WARES: Final = (("cup", "Cup", CUP, 800), ("plate", "Plate", PLATE, 1250))
_WIDTH, _HEIGHT = 640, 480
_FINGER: Final = 44
_SMALL: Final = """
(least) => [...document.querySelectorAll("button, input, select, summary, a")]
  .filter((each) => each.checkVisibility())
  .map((each) => [each.id || each.textContent, each.getBoundingClientRect()])
  .filter(([, box]) => box.width < least || box.height < least)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)
"""
# Five seconds are little on a machine that does much else.
expect.set_options(timeout=20_000)
#: What the till keeps in its browser, store by store.
_KEPT: Final = """() => new Promise((done) => {
  const request = indexedDB.open("comptoir-till");
  request.onsuccess = async () => {
    const found = {};
    for (const name of request.result.objectStoreNames) {
      found[name] = await new Promise((one) => {
        const all = request.result.transaction([name]).objectStore(name).getAll();
        all.onsuccess = () => one(all.result);
      });
    }
    request.result.close();
    done(found);
  };
})"""
_BY_ITSELF: Final = (
    "ERR_INTERNET_DISCONNECTED", "ERR_FAILED", *(f"status of {status}" for status in (401, 403, 404, 409, 413, 429)),
)  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """A paired till in a browser, and the house behind it. Alice, with the card 2613, has 500 points."""

    page: Page
    shop: Shop
    gateway: Gateway
    pages: Pages

    @property
    def alice(self) -> uuid.UUID:
        """Return Alice."""
        return customer_of(self.gateway, "2613")

    def fresh_code(self) -> str:
        """Return a whole code that Alice's page would show now."""
        from comptoir.counter.loyalty import queries
        from comptoir.foundation.rooms.current import entered

        with entered(COUNTER):
            return queries.fresh_code(self.alice, now=dt.datetime.now(dt.UTC)).value

    def wait_until(self, condition: Any, what: str) -> None:
        """Wait until something is so, and let the browser go on meanwhile."""
        wait_until(lambda: self.page.evaluate("true") and condition(), what=what, seconds_max=60)


@contextlib.contextmanager
def running_desk(browser: Browser, shop: Shop, gateway: Gateway, folder: Path, *, width: int = 1280) -> Iterator[Desk]:
    """Have a paired till with a line; what its page complains about fails the test."""
    accepted(gateway.post(wares(at=AT), touchpoint="webshop"))
    accepted(gateway.post([sale("2613", 500, receipt="before", at=AT)]))
    with running_pages(folder, gateway) as pages, contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.set_default_timeout(60_000)
        heard = complaints(page)
        pair(page, pages.url(COUNTER, "/till/"), gateway.keys["till"])
        # Whoever loses the line before that has nothing to sell.
        wait_until(lambda: len(kept(page)["articles"]) == len(WARES), what="the articles that are kept", seconds_max=60)
        yield Desk(page, shop, gateway, pages)
        # A browser writes down by itself that there was no line, and that what was asked for is not there.
        assert [each for each in heard if not any(by_itself in each for by_itself in _BY_ITSELF)] == []


def kept(page: Page) -> dict[str, list[Any]]:
    """Return what the till keeps in its browser, store by store."""
    found: dict[str, list[Any]] = page.evaluate(_KEPT)
    return found


def wares(*, at: Any) -> list[dict[str, Any]]:
    """The web shop lists a cup for 8 dollars and a plate for 12.50."""
    return [
        event(
            "product.listed",
            {
                "product": product, "name": {"en": name},
                "variants": [{"sku": f"{product}-1", "gtin": gtin, "prices": [{"currency": "USD", "amount": price}]}],
            },
            source="/webshop", at=at,
        )
        for product, name, gtin, price in WARES
    ]  # fmt: skip


def pair(page: Page, url: str, key: str, *, source: str = SOURCE) -> None:
    """Tell the till which one it is."""
    page.goto(url)
    page.get_by_label("Where it stands").fill(source)
    page.get_by_label("Its key").fill(key)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_label("Scan, or type a number or a name")).to_be_visible()


@contextlib.contextmanager
def paired_by_keyboard(desk: Desk, browser: Browser, *, language: str, width: int) -> Iterator[Page]:
    """Have a till in a language, on a screen of a width, that was told by the keyboard alone which one it is."""
    with contextlib.closing(browser.new_context(viewport={"width": width, "height": 844}, locale=language)) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(desk.pages.url(COUNTER, "/till/"))
        page.locator("#source").fill(SOURCE)
        page.locator("#key").fill(desk.gateway.keys["till"])
        page.keyboard.press("Enter")
        yield page


def holding(page: Page, pattern: str) -> list[Route]:
    """Have no request of a pattern go on before it is told to; returns those that wait."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(pattern, hold)
    return held


def scan(page: Page, number: str) -> None:
    """Scan something with a scanner that types."""
    page.get_by_label("Scan, or type a number or a name").fill(number)
    page.keyboard.press("Enter")


def to_payment(page: Page) -> None:
    """Go on to the payment, and wait until the till has put the focus where most people go on."""
    page.get_by_role("button", name="To the payment").click()
    expect(page.get_by_label("Cash given")).to_be_visible()
    expect(page.get_by_label("Cash given")).to_be_focused()


def pay(page: Page, given: str = "100") -> str:
    """Take cash; returns the receipt's number."""
    page.get_by_label("Cash given").fill(given)
    page.get_by_role("button", name="Paid in cash").click()
    heading = page.get_by_role("heading", name=re.compile("^Receipt "))
    expect(heading).to_be_visible()
    return heading.inner_text().removeprefix("Receipt ")


def sell(page: Page, *numbers: str, total: str, given: str = "100") -> str:
    """Sell something for cash; returns the receipt's number."""
    for number in numbers:
        # As quick as a scanner: nobody waits until the price of the one before is there.
        scan(page, number)
    expect(page.locator("#total")).to_have_text(total)
    to_payment(page)
    receipt = pay(page, given)
    page.get_by_role("button", name="Next customer").click()
    return receipt


def take(page: Page, who: str) -> None:
    """Take a customer's card or code."""
    page.get_by_label("Card number or code").fill(who)
    page.get_by_role("button", name="Take", exact=True).click()


def look(page: Page, name: str) -> None:
    """Look at a state: nothing lies over the edge, and everything can be hit with a finger."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    language = page.evaluate("document.documentElement.lang")
    if folder := os.environ.get("COMPTOIR_TEST_IMAGES"):
        page.screenshot(path=f"{folder}/till-{name}-{language}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, language, width)
    assert page.evaluate(_SMALL, _FINGER) == [], (name, language, width)


# -- a camera -----------------------------------------------------------------------------------------------------


def film(path: Path, number: str) -> Path:
    """Write what a camera sees that is held before the bars of a number (Y4M, as Chromium's fake camera plays it)."""
    bars = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.EAN13)
    drawn = Image.fromarray(np.asarray(zxingcpp.write_barcode_to_image(bars, scale=4)))
    seen = Image.new("L", (_WIDTH, _HEIGHT), 225)
    seen.paste(drawn, ((_WIDTH - drawn.width) // 2, (_HEIGHT - drawn.height) // 2))
    grey = bytes([128]) * (_WIDTH * _HEIGHT // 4)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{_WIDTH} H{_HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for _ in range(10):
            file.write(b"FRAME\n" + seen.tobytes() + grey + grey)
    return path


#: Chromium on a desk reads no bars by itself: what reads them in a phone is played by a reader outside the browser.
READER: Final = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["ean_13", "ean_8", "qr_code"]; }
  async detect(video) {
    const canvas = Object.assign(document.createElement("canvas"),
      { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const found = await window.readPicture(canvas.toDataURL("image/png").split(",")[1]);
    return found.map((rawValue) => ({ rawValue }));
  }
};
"""


def read_picture(content: bytes) -> Sequence[str]:
    """Return what is written in bars in a picture (PNG)."""
    picture = Image.open(io.BytesIO(content)).convert("L")
    return [each.text for each in zxingcpp.read_barcodes(picture, try_invert=False)]


def let_hear(route: Route) -> None:
    """Let the counter hear what the page says, and keep its answer from the page."""
    headers = {name: route.request.headers[name] for name in ("authorization", "content-type")}
    address = httpx.URL(route.request.url)
    httpx.post(
        address.copy_with(host="127.0.0.1"), content=route.request.post_data or "",
        headers={**headers, "Host": f"{address.host}:{address.port}"},
    )  # fmt: skip


def settle(answer: Callable[[], None]) -> None:
    """Answer a request of the page, unless the test has let it go on by itself meanwhile."""
    try:
        answer()
    except Error as error:
        if "already handled" not in str(error):
            raise


def refuse(page: Page, kind: str, status: int, *, is_heard: bool) -> list[str]:
    """Answer what is said of a kind with a status that decides nothing, the first time after it was heard.

    Returns the ids of what was said, as they come.
    """
    ids: list[str] = []

    def refused(route: Route) -> None:
        said = route.request.post_data or ""
        if f'"{kind}"' not in said:
            return route.continue_()
        ids.extend(each["id"] for each in json.loads(said) if each["type"] == kind)
        if is_heard and len(ids) == 1:
            let_hear(route)
        problem = {"type": "urn:comptoir:problem:too_many_attempts", "title": "Wait", "detail": "Wait 3 seconds."}
        if status == 200:
            said_of = [{"status": "refused", "problem": problem}]
            return settle(lambda: route.fulfill(json={"outcomes": said_of}))
        return settle(lambda: route.fulfill(status=status, json=problem))

    page.route("**/till/ask/events", refused)
    return ids
