"""What a phone shows and a printer prints is read by a scanner: squares and bars, as they stand on the pages.

The scanner is zxing-cpp, which shares nothing with what draws. It sees what the browser paints, cut off at the edge of
the drawing: what has to stay empty around a code is part of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import promoting, scanning
from support.gateway import Gateway
from support.pages import Pages, accepted, customer_of, sale
from support.shop import Shop

set_up_django()  # before what draws for templates

# ruff: noqa: E402
from comptoir.config.presentation import bar_code, square_code
from comptoir.counter.loyalty.codes import Codes
from comptoir.counter.offers.codes import CODE_CHARACTERS, CouponCodes
from comptoir.foundation.rooms.declaration import COUNTER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Ordinary screens, those of phones, and a printer of 288 dots an inch.
RATIOS = (1, 1.5, 2, 2.625, 3)
#: For codes that are other ones in every run; the same forty are read on all screens.
WHOLE = (1, 2, 3)
#: A point of a style sheet on paper (CSS Values 4, 6.2), and the narrowest bar of GS1-128 (GS1 General Specifications,
#: 5.12.3, symbol specification table 5).
POINT_MM, BAR_MM = 25.4 / 96, 0.25
QUIET_SQUARE, QUIET_BARS = 4, 10
CODES = [CouponCodes(b"k" * 32).code(str(uuid.UUID(int=number))) for number in range(40)]


@pytest.fixture
def nora(gateway: Gateway) -> uuid.UUID:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    return customer_of(gateway, "1")


@pytest.fixture
def coupon(gateway: Gateway, shop: Shop, nora: uuid.UUID) -> str:
    """Nora has a coupon; this is its code."""
    promotion = promoting.new()
    accepted(gateway.post([promoting.published(promotion, codes="each")], touchpoint="console"))
    return promoting.code_for(shop, promotion, str(nora))


def as_shown(
    browser: Browser, pages: Pages, nora: uuid.UUID, path: str, *, ratios: Sequence[float] = RATIOS, **options: Any
) -> Iterator[Page]:
    """Have a page of Nora's as it is on every screen, one after the other. Without scripts it stays as it is."""
    for ratio in ratios:
        context = browser.new_context(device_scale_factor=ratio, java_script_enabled=False, **options)
        page = context.new_page()
        page.goto(pages.card_url(nora))
        page.goto(pages.url(COUNTER, path))
        yield page
        context.close()


def test_a_coupon_is_read_from_every_screen(browser: Browser, pages: Pages, nora: uuid.UUID, coupon: str) -> None:
    for width, scheme in ((320, "dark"), (390, "light"), (1280, "dark")):
        viewport = {"width": width, "height": 844}
        for page in as_shown(browser, pages, nora, "/coupons", ratios=WHOLE, viewport=viewport, color_scheme=scheme):
            square, bars = page.locator(".square svg"), page.locator(".bars svg")
            (seen,) = scanning.read(scanning.picture(square))
            assert (seen.kind, seen.text.replace("-", "")) == ("QR Code", coupon)
            (seen,) = scanning.read(scanning.picture(bars))
            assert seen == scanning.Seen("Code 128", f"(99){coupon}", "GS1")
            assert CouponCodes.of_shop().digest(seen.text) == CouponCodes.of_shop().digest(coupon)
            for drawn in (square, bars):
                box = drawn.bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
            assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_coupon_is_read_by_a_camera_that_is_not_held_straight(
    browser: Browser, pages: Pages, nora: uuid.UUID, coupon: str
) -> None:
    viewport = {"width": 390, "height": 844}
    for page in as_shown(browser, pages, nora, "/coupons", ratios=(3,), viewport=viewport):
        for part in (".square svg", ".bars svg"):
            for degrees in (-4, 3, 90, 180):
                (seen,) = scanning.read(scanning.held(scanning.picture(page.locator(part)), degrees))
                assert coupon in seen.text.replace("-", "")


def test_what_is_printed_is_read_and_as_large_as_gs1_demands(
    browser: Browser, pages: Pages, nora: uuid.UUID, coupon: str
) -> None:
    # A4 without its margins.
    for page in as_shown(browser, pages, nora, "/coupons", viewport={"width": 718, "height": 1046}):
        page.emulate_media(media="print")
        square, bars = page.locator(".square svg"), page.locator(".bars svg")
        for drawn in (square, bars):
            (seen,) = scanning.read(scanning.picture(drawn))
            assert coupon in seen.text.replace("-", "")
        box = bars.bounding_box()
        assert box is not None
        assert box["width"] / scanning.modules(bars) * POINT_MM >= BAR_MM


def test_the_code_of_the_card_is_read_and_is_what_a_till_takes(browser: Browser, pages: Pages, nora: uuid.UUID) -> None:
    for page in as_shown(browser, pages, nora, "/card", viewport={"width": 320, "height": 844}):
        (seen,) = scanning.read(scanning.picture(page.locator(".square svg")))
        code = Codes.of_shop().open(seen.text)
        assert code is not None
        assert code.customer == str(nora)


def test_whatever_its_code_a_coupon_is_read_with_nothing_but_ink_around_it(page: Page) -> None:
    # Pairs of digits take half the room, so the last ones are as wide as bars come, and as narrow.
    for code in (*CODES, "Z" * CODE_CHARACTERS, "0" * CODE_CHARACTERS):
        for draw, quiet, size in ((square_code, QUIET_SQUARE, 116), (bar_code, QUIET_BARS, 308)):
            page.set_content(
                f"<body style='background:#000;margin:50px'><div style='width:{size}px;height:{min(size, 116)}px'>"
                f"{draw(code, 'Drawn')}"
            )
            drawn = page.locator("svg")
            seen = scanning.picture(drawn)
            (found,) = scanning.read(seen)
            assert found.text == (code if draw is square_code else f"(99){code}")
            left, right = scanning.beside(seen)
            module = seen.width / scanning.modules(drawn)
            assert min(left, right) >= quiet * module


def test_what_is_stretched_by_half_a_point_a_bar_is_not_always_read(page: Page) -> None:
    """Why the style sheet says how wide bars are: at the width of the panel on a desk most are lost."""
    lost = 0
    for code in CODES:
        page.set_content(f"<div style='width:476px;height:56px'>{bar_code(code, 'Bars')}")
        lost += scanning.read(scanning.picture(page.locator("svg"))) == []
    assert lost > len(CODES) // 3
