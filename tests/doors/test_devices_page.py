"""A browser shows what is new: the button, the worker, the vault and the way back, in Chromium; and without a script.

Nora has bought once and has a card. Chromium without the net gets no subscription, so that one call is played by a
device of the test's push service; what its service was sent is given to the real worker.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER
from support.gateway import Gateway
from support.newsworthy import BOB, Turning, answered, named, tell
from support.pages import Pages, accepted, complaints, customer_of, event, running_pages, sale
from support.processes import wait_until
from support.push_service import Device, PushService, data, running_push_service
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config.worker import Jobs
from comptoir.counter.letters import composing
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import webpush
from support import talking

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: What the page weighs with everything that it loads: no page of the counter is to be heavier for this one.
WEIGHT_BYTES_MAX = 80_000
pytestmark = pytest.mark.exclusive


@pytest.fixture
def service() -> Iterator[PushService]:
    with running_push_service() as one, environment(COMPTOIR_PUSH_SERVICES=one.origin):
        yield one


@pytest.fixture
def pages(shop: Shop, gateway: Gateway, service: PushService, tmp_path: Path) -> Iterator[Pages]:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    for touchpoint in (house.STOREFRONT, house.VAULT):
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    with running_pages(tmp_path, gateway) as running, environment(COMPTOIR_GATEWAY_URL=gateway.url):
        yield running
    for touchpoint in (house.STOREFRONT, house.VAULT):
        house.key_path(touchpoint).unlink(missing_ok=True)


def card_of(pages: Pages) -> str:
    return pages.card_url(customer_of(pages.gateway, "1"))


def plays(page: Page, device: Device) -> None:
    """Let the browser's push service be the test's: what ``subscribe()`` is asked stays in ``window.asked``."""
    page.add_init_script(
        "PushManager.prototype.subscribe = async function (asked) {"
        "  localStorage.setItem('asked', JSON.stringify([asked.userVisibleOnly, [...asked.applicationServerKey]]));"
        f"  return {{toJSON: () => ({device.subscription()})}};"
        "};"
    )


class Worker:
    """The worker's job, at moments of the test's own. It has looked once, long ago."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._clock = Turning(dt.datetime.now(dt.UTC))
        self._jobs = Jobs(clock=self._clock)
        self.at(self._clock.at - dt.timedelta(days=10))

    def at(self, moment: dt.datetime) -> None:
        self._clock.at = moment
        with self._shop.connect() as connection:
            self._jobs.send_notifications(connection)


def wren_is_answered(gateway: Gateway) -> None:
    """Let Nora, as Wren, ask something, and Finch, who is no newcomer, answer."""
    wren = str(uuid.uuid4())
    said = {"customer": {"kind": "card", "value": "1"}, "persona": wren, "name": "Wren"}
    accepted(gateway.post([event("persona.choose", said, source="/storefront")], touchpoint="storefront"))
    finch = named(gateway, BOB, "Finch")
    now = dt.datetime.now(dt.UTC)
    tell(gateway, talking.wrote(finch, "Which flour?", at=now))
    thread = tell(gateway, talking.wrote(wren, "How long?", at=now))
    answered(gateway, finch, thread)


def worker_is_given(page: Page, pages: Pages, text: str) -> None:
    """Give the registered worker a message, as the browser does once it has opened it."""
    protocol = page.context.new_cdp_session(page)
    found: list[str] = []
    protocol.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda said: found.extend(each["registrationId"] for each in said["registrations"]),
    )
    protocol.send("ServiceWorker.enable")
    while not found:
        page.wait_for_timeout(20)
    origin = pages.url(COUNTER, "").rstrip("/")
    protocol.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": found[0], "data": text})


SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/letters/");
  const shown = await registration.getNotifications();
  return shown.map((each) => [each.title, each.body, each.tag, each.lang, each.data]);
}"""


def test_a_browser_is_added_shows_what_is_new_and_is_ended(
    shop: Shop, pages: Pages, service: PushService, page: Page, monkeypatch: pytest.MonkeyPatch,
    photograph: Callable[[Page, str], list[Path]],
) -> None:  # fmt: skip
    monkeypatch.setattr(composing, "_SETTLED", dt.timedelta(0))
    worker = Worker(shop)
    device = service.device("/nora")
    plays(page, device)
    page.context.grant_permissions(["notifications"], origin=pages.url(COUNTER, "").rstrip("/"))
    heard = complaints(page)
    sent: list[tuple[str, str]] = []
    page.on("request", lambda asked: sent.append((asked.url, asked.post_data or "")))
    page.goto(card_of(pages))
    weights: list[int] = []
    page.on("requestfinished", lambda asked: weights.append(asked.sizes()["responseBodySize"]))
    page.goto(pages.url(COUNTER, "/letters"), wait_until="networkidle")
    assert 0 < sum(weights) < WEIGHT_BYTES_MAX
    photograph(page, "devices-none")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_label("At once").last.check()
    with page.expect_navigation(url="**/letters?kept=1#devices"):
        page.get_by_role("button", name="Show notifications on this device").click()
    page.get_by_text("This device shows what is new.").wait_for()
    assert page.get_by_text("this device", exact=True).is_visible()
    assert not page.get_by_role("button", name="Show notifications on this device").is_visible()
    photograph(page, "devices-one")
    # The vault is told where the browser is reached, and nobody else.
    told = {url for url, body in sent if "nora" in body}
    assert {url.partition("//")[2].partition(":")[0] for url in told} == {"safe.localhost"}
    asked = json.loads(page.evaluate("localStorage.getItem('asked')"))
    assert asked == [True, list(data(webpush.public_key()))]
    with shop.connect() as connection:
        assert connection.execute("select value from customers_choice where matter like 'notifications:%'").fetchall()

    wren_is_answered(pages.gateway)
    worker.at(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    assert len(service.messages) == 1, shop.rows("select * from letters_round")
    (shown,) = service.shown(device)
    worker_is_given(page, pages, json.dumps(shown))
    # A browser's own wait takes the promise of an answer for the answer.
    wait_until(lambda: bool(page.evaluate(SHOWN)), what="the notification")
    (notification,) = page.evaluate(SHOWN)
    assert notification[1:4] == ["Wren: 1 new thing", "news", "en"]
    assert notification[4].endswith("/en/news")

    # Ended on this device, it is ended at the browser, at the counter and in the vault.
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_text("No device of yours gets any.").wait_for()
    assert page.evaluate("localStorage.getItem('comptoir-device')") is None
    assert page.get_by_role("button", name="Show notifications on this device").is_visible()
    assert shop.value("select value from customers_choice where matter like 'notifications:%'").startswith("never")
    assert heard == []


def test_a_browser_that_will_not_or_cannot_says_so(pages: Pages, browser: Browser) -> None:
    origin = pages.url(COUNTER, "").rstrip("/")
    for missing, words in (
        ("", "Your browser lets this page show none."),
        ("delete window.PushManager;", "This browser cannot show notifications."),
    ):
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        if missing:
            page.add_init_script(missing)
        else:
            page.add_init_script("Object.defineProperty(Notification, 'permission', {get: () => 'denied'});")
        page.goto(card_of(pages))
        page.goto(f"{origin}/letters")
        page.get_by_text(words).wait_for()
        assert not page.get_by_role("button", name="Show notifications on this device").is_visible()
        context.close()


def test_a_refusal_is_said_in_words_and_changes_nothing(
    shop: Shop, pages: Pages, service: PushService, page: Page
) -> None:
    plays(page, Device("https://push.elsewhere.example/1"))
    page.context.grant_permissions(["notifications"], origin=pages.url(COUNTER, "").rstrip("/"))
    page.goto(card_of(pages))
    page.goto(pages.url(COUNTER, "/letters"))
    with shop.unchanged("contacts_subscription", "customers_choice"):
        page.get_by_role("button", name="Show notifications on this device").click()
        page.get_by_text("The shop does not send to this browser's push service.").wait_for()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "your browser has to run a script"), ("ja", "スクリプトを動かす"), ("fr", "doit exécuter un script")],
)
def test_without_a_script_the_list_works_and_the_page_says_what_does_not(
    shop: Shop, pages: Pages, browser: Browser, language: str, word: str, width: int
) -> None:
    said = {
        "customer": {"kind": "card", "value": "1"}, "subscription": str(uuid.uuid4()), "rhythm": "daily",
        "device": "phone", "language": "en",
    }  # fmt: skip
    accepted(pages.gateway.post([event("notifications.chosen", said, source="/storefront")], touchpoint="storefront"))
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 844}, locale=language)
    page = context.new_page()
    heard = complaints(page)
    page.goto(card_of(pages))
    page.goto(pages.url(COUNTER, "/letters"))
    assert page.get_by_text(word).is_visible()
    assert not page.locator("form[data-subscribe]").is_visible()
    assert page.locator("[data-when]:visible").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row = page.locator("[data-number]")
    row.locator("select").select_option("weekly")
    row.get_by_role("button").first.click()
    assert page.locator("[data-number] select").input_value() == "weekly"
    page.locator("[data-number]").get_by_role("button").last.focus()
    page.keyboard.press("Enter")
    page.locator("[data-number]").wait_for(state="detached")
    assert page.locator("[data-number]").count() == 0
    assert heard == []
    context.close()


def test_the_worker_has_the_rooms_policy_and_the_vault_shows_nothing_to_a_stranger(pages: Pages) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{pages.port}") as client:
        answer = client.get("/letters/worker.js", headers={"Host": f"my.localhost:{pages.port}"})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/javascript")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "worker-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not answer.cookies
        vault = {"Host": f"safe.localhost:{pages.port}"}
        assert client.get("/notifications/", headers=vault).status_code == 405
        assert client.post("/notifications/", headers=vault).status_code == 403
