"""The page on which somebody proves an age, in a browser with and without a script; the wallet is played over HTTP."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support import scanning
from support.attesting import Authority, new_key
from support.gateway import Gateway
from support.pages import Pages, complaints, running_pages
from support.visitors import vault_session
from support.wallet import Wallet

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.current import entered
from comptoir.vault.credentials.models import Kind, User

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, gateway) as running:
        yield running


@pytest.fixture
def wallet(pages: Pages) -> Iterator[Wallet]:
    """Have a wallet whose issuer the shop trusts."""
    authority = Authority(dt.datetime.now(dt.UTC).replace(microsecond=0))
    folder = shop_folder.folder() / "trust"
    folder.mkdir(exist_ok=True)
    for kind in ("mdoc", "sd_jwt_vc"):
        (folder / f"{kind}.toml").write_text(authority.trusted_for(kind))
    yield Wallet(authority, lambda *asked: over_http(pages, *asked), new_key())
    for path in folder.glob("*.toml"):
        path.unlink()


def over_http(pages: Pages, method: str, address: str, form: Mapping[str, str] | None) -> tuple[int, str, bytes]:
    parts = urlsplit(address)
    assert parts.netloc == f"safe.localhost:{pages.port}"
    answer = httpx.request(
        method, f"http://127.0.0.1:{pages.port}{parts.path}", data=form, headers={"Host": parts.netloc}, timeout=30
    )
    return answer.status_code, answer.headers["content-type"], answer.content


def vault(pages: Pages, path: str = "/prove/") -> str:
    return f"http://safe.localhost:{pages.port}{path}"


def fits(page: Page, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_an_age_is_proven_and_shown_at_the_till_by_a_code(
    pages: Pages, wallet: Wallet, browser: Browser, width: int, language: str, tmp_path: Path
) -> None:
    """Without a script: a link opens the wallet, and the page asks again by itself."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900}, locale=language)
    page = context.new_page()
    heard = complaints(page)
    page.goto(vault(pages))
    assert fits(page, width)
    page.screenshot(path=tmp_path / "prove.png", full_page=True)
    page.locator("button[value=this]").first.click()
    link = page.locator("a[href^='av:']").get_attribute("href")
    assert link is not None
    page.screenshot(path=tmp_path / "waiting.png", full_page=True)
    asked = wallet.read(link)
    status, said = wallet.send(asked, wallet.answer(asked, wallet.shown(asked)))
    assert status == 200
    # In a window of its own: the one that waits may be asking again just now.
    page = context.new_page()
    page.goto(said["redirect_uri"])
    assert "18" in page.locator("h1").inner_text()
    page.screenshot(path=tmp_path / "proven.png", full_page=True)
    page.locator("form[action$='/code/'] button").click()
    code = page.locator(".secret").inner_text()
    assert fits(page, width)
    page.screenshot(path=tmp_path / "code.png", full_page=True)
    key = {"Authorization": f"Bearer {pages.gateway.keys['till']}"}
    shown = {"code": code, "predicate": "age_over_18"}
    till = pages.gateway.client.post("/v1/answers/check", json=shown, headers=key)
    assert (till.status_code, till.json()["proven"]) == (200, True)
    again = pages.gateway.client.post("/v1/answers/check", json=shown, headers=key)
    assert again.status_code == 409
    assert heard == []
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(("language", "menu"), [("en", "My pages"), ("fr", "Mes pages"), ("ja", "マイページ")])
def test_whoever_is_signed_in_has_the_menu_of_my_page(
    pages: Pages, wallet: Wallet, browser: Browser, width: int, language: str, menu: str, tmp_path: Path
) -> None:
    """And the page's other languages; a stranger has no menu, since nothing of it would open."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900}, locale=language)
    page = context.new_page()
    heard = complaints(page)
    page.goto(vault(pages))
    assert page.locator("nav.mine").count() == 0
    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=dt.datetime.now(dt.UTC))
    cookie, value = vault_session(user.pk)
    context.add_cookies([{"name": cookie, "value": value, "url": vault(pages, "/")}])
    page.goto(vault(pages))
    assert page.locator("nav.mine").get_attribute("aria-label") == menu
    assert page.locator("nav.mine [aria-current=page]").get_attribute("href") == "/"
    assert fits(page, width)
    page.screenshot(path=tmp_path / "prove-signed-in.png", full_page=True)
    page.locator("button[value=this]").first.click()
    assert page.locator("nav.mine [aria-current=page]").count() == 1
    assert fits(page, width)
    page.screenshot(path=tmp_path / "waiting-signed-in.png", full_page=True)
    page.locator("nav.mine a").first.click()
    assert page.url == vault(pages, "/")
    assert heard == []
    context.close()


def test_with_another_device_the_page_goes_on_by_itself(
    pages: Pages, wallet: Wallet, page: Page, tmp_path: Path
) -> None:
    heard = complaints(page)
    page.goto(vault(pages))
    page.locator("section:has(#wallet) button[value=other]").click()
    drawn = page.locator(".scan svg")
    page.screenshot(path=tmp_path / "scan.png", full_page=True)
    picture = scanning.picture(drawn)
    assert picture.width >= 200
    (seen,) = scanning.read(picture)
    # What stays empty around a square, in modules (ISO/IEC 18004, 5.3.8).
    assert min(scanning.beside(picture)) >= 4 * picture.width // scanning.modules(drawn)
    asked = wallet.read(seen.text)
    query = next(each for each in asked["dcql_query"]["credentials"] if each["format"] == "dc+sd-jwt")
    assert wallet.send(asked, wallet.answer(asked, wallet.shown(asked, "sd_jwt_vc"), query=query["id"])) == (200, {})
    page.wait_for_url(vault(pages), timeout=20_000)
    assert "You are over 18" in page.locator("h1").inner_text()
    assert [text for text in heard if "Content Security Policy" in text] == []


def test_a_flood_of_bogus_answers_costs_nothing_and_an_honest_one_gets_through(
    pages: Pages, wallet: Wallet, page: Page
) -> None:
    """T26: two hundred at once, of every cheap kind; none is verified, and nobody else waits for them."""
    page.goto(vault(pages))
    page.locator("button[value=this]").first.click()
    asked = wallet.read(str(page.locator("a[href^='av:']").get_attribute("href")))
    path = urlsplit(asked["response_uri"]).path
    host = {"Host": f"safe.localhost:{pages.port}"}
    big, form = "x=" + "x" * (1 << 20), "application/x-www-form-urlencoded"
    kinds: list[tuple[str, str, str, int]] = [
        ("/prove/answer/guessed/", "vp_token=x", form, 404),
        (path, big, form, 413),
        (path, "{}", "application/json", 400),
        (path, "state=a&state=b", form, 400),
    ]

    def bogus(number: int) -> tuple[int, int]:
        address, body, kind, expected = kinds[number % len(kinds)]
        answer = httpx.post(
            f"http://127.0.0.1:{pages.port}{address}", content=body, timeout=60,
            headers={**host, "Content-Type": kind},
        )  # fmt: skip
        return answer.status_code, expected

    with concurrent.futures.ThreadPoolExecutor(50) as crowd:
        flood = [crowd.submit(bogus, number) for number in range(200)]
        status, said = wallet.send(asked, wallet.answer(asked, wallet.shown(asked)))
        got = [each.result() for each in flood]
    assert status == 200
    # Those that come after the honest answer hear that the request was answered.
    assert [pair for pair in got if pair[0] not in {pair[1], 409}] == []
    # The wallet opens a window of its own; the one that waits goes on by itself, whenever it has heard.
    returned = page.context.new_page()
    returned.goto(said["redirect_uri"])
    assert "You are over 18" in returned.locator("h1").inner_text()
