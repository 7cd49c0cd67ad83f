"""Signing in as a browser sees it: through the doors, with a passkey, and without JavaScript."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.declaration import ROOMS
from support.processes import free_port
from support.shop import Shop, environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_COMPTOIR = (sys.executable, "-c", "from comptoir.config.command import main; main()")


def comptoir(*words: str) -> str:
    """Run the command in a process of its own: Django and Playwright do not share a thread."""
    done = subprocess.run([*_COMPTOIR, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def house(shop: Shop, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path) as house:
        yield house
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


def link() -> str:
    return comptoir("staff", "add", "camille@shop.example", "--name", "Camille")


def watched(page: Page) -> list[str]:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return complaints


def test_from_the_link_into_the_office_with_a_passkey_for_the_next_time(house: House, page: Page) -> None:
    complaints = watched(page)
    device: Any = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    page.goto(link())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/factors/recovery-codes/")
    page.goto(f"http://safe.localhost:{house.port}/")
    page.get_by_role("button", name="Open the console").click()
    page.wait_for_url(f"http://office.localhost:{house.port}/**")
    names = {cookie["name"]: cookie["domain"] for cookie in page.context.cookies()}
    assert names["comptoir-office"] == "office.localhost"
    assert names["comptoir-vault"] == "safe.localhost"

    page.goto(f"http://safe.localhost:{house.port}/")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"http://safe.localhost:{house.port}/sign-in/?next=/continue/office/")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Open the console").click()
    page.wait_for_url(f"http://office.localhost:{house.port}/**")
    assert [text for text in complaints if "Content Security Policy" in text or "TrustedHTML" in text] == []


@pytest.mark.parametrize("width", [390, 1280])
def test_everything_but_a_passkey_works_without_javascript(house: House, browser: Browser, width: int) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(link())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Add an authenticator app").click()
    picture = page.get_by_role("img", name="QR code of the secret below")
    box = picture.bounding_box()
    assert box is not None
    assert 120 <= box["width"] <= width
    page.goto(f"http://safe.localhost:{house.port}/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Open the console").click()
    page.wait_for_url(f"http://office.localhost:{house.port}/**")
    context.close()


def test_a_page_of_another_origin_cannot_use_the_vaults_pages(house: House, page: Page) -> None:
    """A script that slipped into the square can't frame the vault, read it, or send it a form."""
    page.goto(link())
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"http://localhost:{house.port}/")
    reached = page.evaluate(
        """async (address) => {
            try { await fetch(address, {credentials: 'include'}); return 'reached' } catch (error) { return error.name }
        }""",
        f"http://safe.localhost:{house.port}/",
    )
    assert reached == "TypeError"
    page.evaluate(
        """(address) => {
            const frame = document.createElement('iframe'); frame.src = address; document.body.append(frame)
        }""",
        f"http://safe.localhost:{house.port}/",
    )
    assert all("safe.localhost" not in frame.url or frame == page.main_frame for frame in page.frames)
