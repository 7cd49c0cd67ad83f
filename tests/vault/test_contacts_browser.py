"""Your contact data in a real browser, without JavaScript, on a telephone and on a desk."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import ROOMS
from support.processes import free_port
from support.shop import Shop, environment
from support.visitors import vault_session

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

set_up_django()  # a session is written by Django's models

ALICE = uuid.UUID(int=0xA11CE)


@pytest.fixture
def house(shop: Shop, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path) as house:
        yield house
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


@pytest.mark.parametrize(("language", "width"), [("en", 390), ("fr", 1280), ("ja", 390)])
def test_contact_data_are_given_and_taken_back_without_javascript(
    house: House, browser: Browser, language: str, width: int, photograph: Callable[[Page, str], list[Path]]
) -> None:
    name, value = vault_session(ALICE)
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900}, locale=language)
    address = f"http://safe.localhost:{house.port}"
    context.add_cookies([{"name": name, "value": value, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/contact/")
    photograph(page, f"vault-contact-none-{language}")
    page.goto(f"{address}/contact/name/")
    page.locator("input[name=name]").fill("Alice Martin")
    page.locator("form.panel button").click()
    page.wait_for_url("**/contact/")
    page.goto(f"{address}/contact/addresses/new/")
    page.locator("#line1").fill("12 rue des Lilas")
    page.locator("#postcode").fill("21000")
    page.locator("#city").fill("Dijon")
    photograph(page, f"vault-contact-address-{language}")
    page.locator("form.panel button").click()  # no country was chosen
    assert page.locator("#country").get_attribute("aria-invalid") == "true"
    assert page.locator("#line1").input_value() == "12 rue des Lilas"
    page.locator("#country").select_option("FR")
    page.locator("form.panel button").click()
    page.wait_for_url("**/contact/")
    page.goto(f"{address}/contact/birthday/")
    page.locator("#month").select_option("2")
    page.locator("#day").select_option("29")
    photograph(page, f"vault-contact-birthday-{language}")
    page.locator("input[name=agreed]").check()
    page.locator("form.panel button").click()
    page.wait_for_url("**/contact/")
    assert page.get_by_text("Alice Martin").is_visible()
    for each in (390, 1280):
        page.set_viewport_size({"width": each, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= each
    photograph(page, f"vault-contact-{language}")
    page.goto(f"{address}/contact/everything/remove/")
    photograph(page, f"vault-contact-step-back-{language}")
    page.locator("button.danger").click()
    page.wait_for_url("**/contact/")
    assert not page.get_by_text("Alice Martin").is_visible()
    context.close()


@pytest.mark.parametrize(("language", "says"), [("en", "The vault is closed"), ("ja", "金庫室は閉まっています")])
def test_a_closed_vault_says_so_in_words(
    shop: Shop,
    browser: Browser,
    tmp_path: Path,
    language: str,
    says: str,
    photograph: Callable[[Page, str], list[Path]],
) -> None:
    from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
    from comptoir.vault.contacts import keeping

    port, keys = free_port(), tmp_path / "keys"
    with environment(COMPTOIR_PORT=str(port), COMPTOIR_VAULT_KEYS=str(keys)):
        keeping.prepare(at=SYSTEM_CLOCK.now())
        (keys / "contacts-1.key").unlink()
        with House(ROOMS, port=port, log_folder=tmp_path):
            page = browser.new_context(viewport={"width": 390, "height": 844}, locale=language).new_page()
            answer = page.goto(f"http://safe.localhost:{port}/sign-in/")
            assert answer is not None
            assert answer.status == 503
            assert page.get_by_role("heading", name=says).is_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            photograph(page, f"vault-closed-{language}")
            page.context.close()
    assert "The key file contacts-1.key is missing." in (tmp_path / "pages.log").read_text()
