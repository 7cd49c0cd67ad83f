"""Customers sign in as a browser sees it: with Chromium's own passkeys, from room to room, in three languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.declaration import ROOMS
from comptoir.foundation.touchpoints.house import VAULT, keep_key
from support.gateway import EXAMPLES, Gateway
from support.passkeys import telephone, watched
from support.processes import free_port
from support.shop import Shop, environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def house(gateway: Gateway, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    keep_key(VAULT, gateway.keys[VAULT])
    told = {"COMPTOIR_GATEWAY_URL": gateway.url, "COMPTOIR_MAP": str(EXAMPLES / "touchpoints.toml")}
    with environment(COMPTOIR_PORT=str(port), **told), House(ROOMS, port=port, log_folder=tmp_path) as house:
        yield house
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


def test_a_passkey_is_made_shown_again_and_signed_out_everywhere(shop: Shop, house: House, page: Page) -> None:
    complaints = watched(page)
    telephone(page)
    page.goto(f"http://safe.localhost:{house.port}/sign-in/?next=/continue/counter/")
    page.get_by_role("link", name="Make a passkey").click()
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("button", name="Go to my points").click()
    page.wait_for_url(f"http://my.localhost:{house.port}/card")
    domains = {cookie["name"]: cookie["domain"] for cookie in page.context.cookies()}
    assert (domains["comptoir-vault"], domains["comptoir-counter"]) == ("safe.localhost", "my.localhost")
    assert shop.rows("SELECT kind, name, email FROM credentials_user") == [
        {"kind": "customer", "name": "", "email": None}
    ]

    page.goto(f"http://safe.localhost:{house.port}/")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"http://my.localhost:{house.port}/card")
    page.wait_for_url(f"http://my.localhost:{house.port}/")
    page.goto(f"http://safe.localhost:{house.port}/sign-in/")
    page.get_by_role("button", name="Use my passkey").click()
    page.get_by_role("heading", name="You are recognised", exact=True).wait_for()
    assert shop.value("SELECT count(*) FROM credentials_user") == 1

    page.get_by_role("link", name="Where you are signed in").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/sign-in/")
    assert shop.value("SELECT count(*) FROM rooms_standing") == 0
    assert [text for text in complaints if "Content Security Policy" in text or "Trusted" in text] == []


def test_a_passkey_that_is_not_shown_is_said_so(house: House, page: Page) -> None:
    device = telephone(page)
    device.send("WebAuthn.setUserVerified", {"authenticatorId": device.identifier, "isUserVerified": False})
    page.goto(f"http://safe.localhost:{house.port}/sign-in/")
    notice = page.get_by_role("alert").filter(has_text="No passkey was shown.")
    assert not notice.is_visible()
    page.get_by_role("button", name="Use my passkey").click()
    notice.wait_for()


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_the_sign_in_fits_on_every_screen_in_three_languages(
    house: House, browser: Browser, photograph: Callable[[Page, str], list[Path]], language: str
) -> None:
    context = browser.new_context(locale=language)
    page = context.new_page()
    page.goto(f"http://safe.localhost:{house.port}/sign-in/")
    assert page.evaluate("document.documentElement.lang") == language
    assert page.get_by_role("heading", level=2).count() == 2
    for name, path in (("sign-in", "/sign-in/"), ("make-passkey", "/passkey/make/")):
        page.goto(f"http://safe.localhost:{house.port}{path}")
        photograph(page, f"{name}-{language}")
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def code_in_mail(shop: Shop) -> str:
    """Return the code in the latest letter; without a mail server letters lie in the shop's folder."""
    latest = max((shop.folder / "mail").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", latest.read_text())
    assert found is not None
    return found[0]


def test_unknown_recognised_known_and_back_with_the_points_where_they_were(
    shop: Shop, house: House, page: Page, photograph: Callable[[Page, str], list[Path]]
) -> None:
    complaints = watched(page)
    telephone(page)
    vault = f"http://safe.localhost:{house.port}"
    page.goto(f"{vault}/passkey/make/")
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("heading", name="You are recognised").wait_for()
    photograph(page, "vault-recognised")
    page.get_by_role("button", name="Go to my points").click()
    page.wait_for_url(f"http://my.localhost:{house.port}/card")
    number = shop.value("SELECT id FROM credentials_user")

    page.goto(f"{vault}/address/")
    page.get_by_label("E-mail address").fill("alice@home.example")
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(code_in_mail(shop))
    page.get_by_role("button", name="Keep the address").click()
    page.get_by_role("heading", name="You are known").wait_for()

    # What is signed is shown, and a code for just that comes out.
    page.get_by_role("link", name="Spend with my passkey").click()
    page.get_by_label("Points").fill("1200")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Spend 1,200 points").wait_for()
    photograph(page, "vault-sign-spending")
    page.get_by_role("button", name="Sign with my passkey").click()
    page.get_by_role("heading", name="Show this at the till").wait_for()

    page.goto(f"{vault}/step-back/")
    page.get_by_role("button", name="Destroy my contact data").click()
    page.get_by_role("heading", name="You are recognised").wait_for()
    assert shop.value("SELECT count(*) FROM contacts_piece") == 0
    page.goto(f"{vault}/step-back/")
    page.get_by_role("button", name="Be unknown").click()
    page.get_by_role("heading", name="You are unknown").wait_for()
    page.goto(f"http://my.localhost:{house.port}/card")
    page.wait_for_url(f"http://my.localhost:{house.port}/")

    page.goto(f"{vault}/sign-in/")
    page.get_by_role("button", name="Use my passkey").click()
    page.get_by_role("heading", name="You are recognised").wait_for()
    assert shop.value("SELECT id FROM credentials_user") == number, "the same bearer, and so the same points"
    assert [text for text in complaints if "Content Security Policy" in text or "Trusted" in text] == []
