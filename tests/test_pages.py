"""Every page of every room is fit for everybody: by axe-core, by keyboard, on a phone and on a desk, and light.

On an ordinary day of a shop, not under attack: that is ``test_crawl.py``, whose crawl this is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import looking
from support.crawling import Seen, places, reader
from support.lively import Lively, lively_shop
from support.shop import Shop

set_up_django()  # before the modules that hold models

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.exclusive


@pytest.fixture
def lively(shop: Shop, tmp_path: Path) -> Iterator[Lively]:
    with lively_shop(shop, tmp_path) as one:
        yield one


def fit(page: Page, name: str) -> Sequence[str]:
    """Look at a page as it is on a phone and on a desk."""
    found = [*looking.light(page, name)]
    for width, height in ((390, 844), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        found += [
            f"at {width}: {what}"
            for check in (looking.fit_for_everybody, looking.usable_by_keyboard, looking.fits_a_phone)
            for what in check(page, name)
        ]
    return [*found, *looking.tabbed_through(page)]


def test_every_page_is_fit_for_everybody(lively: Lively, browser: Browser) -> None:
    seen, port = Seen(), lively.pages.port
    options = {"bypass_csp": True, "reduced_motion": "reduce"}
    stranger, member, staff = (
        reader(name, browser, port, seen, checks=[fit], **options) for name in ("a stranger", "a member", "staff")
    )
    once = dict.fromkeys(places().values(), 1)
    lively.is_member(member.context)
    lively.is_staff(staff.context)
    for one, rooms in (
        (stranger, ("square", "vault")),
        (member, ("square", "counter", "vault")),
        (staff, ("office", "vault")),
    ):
        one.crawl([one.url(room) for room in rooms], most=once)
    staff.crawl([staff.url("office", f"/ledger/{lively.customer}")])
    assert seen.findings == []
    assert seen.pages > 60


def test_what_is_not_fit_is_found(page: Page) -> None:
    page.set_content(
        "<!doctype html><html><title>x</title><main><p style='color:#aaa;width:900px'>Hardly to be read</p>"
        "<input><a href='/x' style='outline:none'>a</a><button tabindex='-1'>b</button><img src='/x.png'></main>"
    )
    found = "\n".join(fit(page, "somebody"))
    grave = ("color-contrast", "label", "image-alt", "html-has-lang")
    for what in (*grave, "nobody sees the focus", "cannot be reached", "900"):
        assert what in found, found
