"""A kiosk and a customer's telephone with the running house between them: a real browser, real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import ROOMS
from support.processes import free_port
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from django.utils import timezone

from comptoir.vault.devices import commands

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def house(shop: Shop, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path) as house:
        yield house
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


@pytest.fixture
def kiosk(house: House) -> Iterator[httpx.Client]:
    host = f"safe.localhost:{house.port}"
    with httpx.Client(base_url=f"http://127.0.0.1:{house.port}", headers={"host": host}) as kiosk:
        yield kiosk


def with_passkeys(page: Page) -> None:
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


def test_a_code_is_typed_a_device_reads_and_one_tap_ends_it(
    shop: Shop, house: House, kiosk: httpx.Client, page: Page
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    with_passkeys(page)
    page.set_viewport_size({"width": 390, "height": 844})
    host = f"safe.localhost:{house.port}"
    number, key = commands.register(
        name="Kiosk by the door", store="/stores/7", scopes=["points:read"], is_shared=True, now=timezone.now()
    )
    codes = kiosk.post("/devices/oauth/code", auth=(number, key), data={"scope": "points:read"}).json()
    assert codes["verification_uri"] == f"http://{host}/devices/code/"

    page.goto(f"http://{host}/sign-in/")
    page.get_by_role("link", name="Make a passkey").click()
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("link", name="Type a device's code").click()
    page.get_by_label("The code on the device").fill(codes["user_code"])
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Kiosk by the door").wait_for()
    page.get_by_role("button", name="Let it read").click()
    page.get_by_text("Kiosk by the door may go on now.").wait_for()

    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": codes["device_code"]}
    tokens = kiosk.post("/devices/oauth/token", auth=(number, key), data=form).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert kiosk.get("/devices/read/points", headers=bearer).json() == {"available": 0}
    page.reload()
    page.get_by_role("button", name="End it").click()
    page.get_by_text("The device reads nothing any more.").wait_for()
    assert kiosk.get("/devices/read/points", headers=bearer).status_code == 401
    assert complaints == []
