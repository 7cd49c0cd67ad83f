"""Signing in with a well-kept provider in a process of its own, as a browser sees it: there and back.

The provider stands on another site than the vault, so the vault's cookie is not sent when the browser returns.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.declaration import ROOMS
from support.openid import SECRET, declare
from support.processes import accepts, free_port, wait_until
from support.shop import Shop, environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_COMPTOIR = (sys.executable, "-c", "from comptoir.config.command import main; main()")


def comptoir(*words: str, status: int = 0) -> str:
    done = subprocess.run([*_COMPTOIR, *words], capture_output=True, text=True, check=False)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout.strip()


@pytest.fixture
def provider() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--user", "camille-at-the-provider"]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(command, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: accepts(port), what="the identity provider")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def house(shop: Shop, provider: str, tmp_path: Path) -> Iterator[House]:
    where = declare(tmp_path, issuer=provider, title="Keycloak")
    port = free_port()
    with (
        environment(COMPTOIR_PORT=str(port), COMPTOIR_OPENID=str(where)),
        House(ROOMS, port=port, log_folder=tmp_path) as house,
    ):
        yield house
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


@pytest.mark.parametrize("has_scripts", [True, False])
def test_there_and_back_again(house: House, shop: Shop, browser: Browser, *, has_scripts: bool) -> None:
    checked = comptoir("staff", "provider", "check")
    assert "the issuer is equal" in checked
    assert f"http://safe.localhost:{house.port}/sign-in/with/shop/back/" in checked
    comptoir("staff", "add", "camille@shop.example", "--name", "Camille")
    context = browser.new_context(java_script_enabled=has_scripts)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

    def come_in() -> None:
        page.goto(f"http://safe.localhost:{house.port}/sign-in/?next=/sign-ins/")
        page.get_by_role("link", name="Sign in with Keycloak").click()
        page.get_by_role("button", name="camille-at-the-provider").click()

    come_in()
    page.get_by_text("openid_not_linked").wait_for()
    comptoir(
        "staff", "provider", "link", "camille@shop.example", "--provider", "shop", "--subject",
        "camille-at-the-provider",
    )  # fmt: skip
    come_in()
    page.wait_for_url("**/sign-ins/")
    assert page.get_by_role("heading", name="Where you are signed in").is_visible()
    # What the other site sent with it is no longer in the address.
    assert "code=" not in page.url
    assert SECRET not in page.content()
    comptoir("staff", "provider", "unlink", "camille@shop.example")
    page.reload()
    page.wait_for_url(re.compile("/sign-in/"))
    assert [text for text in complaints if "Content Security Policy" in text] == []
    context.close()


def test_a_no_that_does_not_say_what_it_answers_signs_nobody_in(house: House, shop: Shop, page: Page) -> None:
    page.goto(f"http://safe.localhost:{house.port}/sign-in/with/shop/")
    page.get_by_role("button", name="Deny").click()
    # This provider leaves the state out when it says no.
    page.get_by_text("openid_state_unknown").wait_for()


@pytest.mark.parametrize("language", ["en", "ja", "fr"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_entrance_has_room_for_the_provider(
    house: House, browser: Browser, tmp_path: Path, width: int, language: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=language)
    page = context.new_page()
    page.goto(f"http://safe.localhost:{house.port}/sign-in/?next=/continue/office/")
    button = page.locator("a[href^='/sign-in/with/shop/']")
    box = button.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    folder = Path(os.environ.get("OPENID_PICTURES", tmp_path))
    page.screenshot(path=folder / f"openid-{language}-{width}.png", full_page=True)
    context.close()
