"""The office: the live map, the ledger, adjustments by way of the gateway, and the keys of the touchpoints."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, complaints, customer_of, sale, staff_session, tell, words
from support.processes import wait_until
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import gateway as own_gateway
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT
from comptoir.foundation.touchpoints import store
from comptoir.foundation.touchpoints.freshness import Recorder, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

#: A well-formed id that nobody has; fixed, since all workers have to collect the same tests.
NOBODY = "0192f4c0-0000-7000-8000-000000000000"
HOST = {"host": f"{host_of(OFFICE)}:8000"}


@pytest.fixture
def alice(shop: Shop) -> Iterator[Client]:
    """Alice of the staff, in the office; the map is the demo shop's, and no gateway runs yet."""
    client = Client(headers=HOST)
    name, value = staff_session("Alice")
    client.cookies[name] = value
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"), COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        own_gateway.key_path().unlink(missing_ok=True)
        yield client
        own_gateway.key_path().unlink(missing_ok=True)


@pytest.fixture
def at_work(alice: Client, gateway: Gateway) -> Iterator[Client]:
    """Alice with a gateway that answers; she has the console's key."""
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        own_gateway.keep_key(gateway.keys["console"])
        yield alice


def said(answer: Any, status: int = 200) -> str:
    """Return what an answer says, which has this status."""
    assert answer.status_code == status
    return words(answer.content.decode())


# -- who comes in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/ledger", "/keys", f"/ledger/{NOBODY}", "/ledger?q=abcd"])
def test_a_stranger_is_sent_to_the_vault(shop: Shop, path: str) -> None:
    answer = Client(headers=HOST).get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(origin_of(VAULT) + "/continue/office/")


@pytest.mark.parametrize("path", ["/map/stream", f"/ledger/{NOBODY}/stream"])
def test_a_stranger_hears_no_stream(shop: Shop, path: str) -> None:
    answer = Client(headers={**HOST, "accept": "text/event-stream"}).get(path)
    assert answer.status_code == 401


def test_leaving_ends_the_visit(alice: Client) -> None:
    assert "You have left the office" in said(alice.post("/leave", follow=True))
    assert alice.get("/").status_code == 302


# -- the map ------------------------------------------------------------------------------------------------------


def test_an_empty_map_says_what_to_do(alice: Client) -> None:
    page = said(alice.get("/"))
    assert "Nothing has arrived yet. Issue a key for a touchpoint" in page
    assert "Declared, and quiet at present" in page
    with environment(COMPTOIR_MAP="/nowhere/touchpoints.toml"):
        assert "The map declares no touchpoint yet." in said(alice.get("/"))


def test_the_map_shows_links_and_refusals(at_work: Client, gateway: Gateway) -> None:
    tell(gateway)
    _settle(gateway)
    page = said(at_work.get("/"))
    assert re.search(r"Tills sends sale\.closed (as promised|late)", page)  # late with us, on a busy machine
    assert re.search(r"till insufficient_points 3", page)
    assert "<svg" in at_work.get("/").content.decode()


def test_the_map_says_how_each_link_keeps_its_promise(alice: Client) -> None:
    recorder, at = Recorder(), dt.datetime.now(dt.UTC).timestamp()
    for touchpoint, seconds in (("till", 0.02), ("webshop", 1.5)):
        recorder.record(touchpoint, "sale.closed", Stage.OURS, delay_seconds=seconds, at=at, count=40)
        recorder.record(touchpoint, "sale.closed", Stage.SENDER, delay_seconds=0.1, at=at, count=40)
    with database.connect(COUNTER.role) as connection:
        store.flush(connection, recorder.take())
    page = said(alice.get("/"))
    assert "Tills sends sale.closed as promised" in page
    assert re.search(r"sends sale\.closed late", page)
    assert "as history" not in page


@pytest.mark.parametrize(
    ("language", "words_of_it"),
    [
        ("en", "2 told later, as history"),
        ("ja", "後日届いた過去の記録 2件"),
        ("fr", "2 après coup (historique)"),
    ],
)
def test_a_history_is_told_as_one_and_makes_nobody_late(
    at_work: Client, gateway: Gateway, shop: Shop, language: str, words_of_it: str
) -> None:
    long_ago = dt.datetime(2017, 3, 4, 12, tzinfo=dt.UTC)
    accepted(gateway.post([sale("1", 40, receipt=str(each), at=long_ago) for each in range(2)]))
    counted = "select sum(n) from touchpoints_freshness, unnest(counts) as n where stage = 2"
    wait_until(lambda: shop.value(counted) == 2, what="the gateway's counts")
    headers = {**HOST, "accept-language": language}
    page = said(at_work.get("/", headers=headers))
    assert words_of_it in page
    # Beside it, one that has just happened: only that one has a way to us that takes time.
    accepted(gateway.post([sale("1", 40, receipt="now")]))
    wait_until(lambda: shop.value(counted) == 3, what="the gateway's counts")
    page = said(at_work.get("/", headers=headers))
    assert re.search(r"(ms|\bs) " + re.escape(words_of_it), page)
    assert not re.search(r"\d (d|j|日|h|min)\b", page.split(words_of_it)[0].rsplit("sale.closed", 1)[1])
    assert shop.value("select count(*) from touchpoints_breach") == 0


def _settle(gateway: Gateway) -> None:
    """Wait until the gateway has written its counts down: about a second after the events."""

    def counted() -> bool:
        with database.connect(OFFICE.role) as connection:
            row = connection.execute("select sum(count) from touchpoints_refusal where reason = 'insufficient_points'")
            return row.fetchone() == (3,)

    wait_until(counted, what="the gateway's counts")


# -- the ledger ---------------------------------------------------------------------------------------------------


def test_an_empty_ledger_says_what_to_do(alice: Client) -> None:
    assert "No points have been issued yet." in said(alice.get("/ledger"))


def test_a_customer_is_found_by_the_beginning_of_the_number(at_work: Client, gateway: Gateway) -> None:
    accepted(gateway.post([sale(str(each), 10, receipt=str(each)) for each in range(30)]))
    customer = customer_of(gateway, "7")
    for beginning in (str(customer), customer.hex, str(customer)[:20].upper()):
        assert at_work.get("/ledger", {"q": beginning}).headers["Location"] == f"/ledger/{customer}"
    assert "Nobody's number begins like this." in said(at_work.get("/ledger", {"q": "0000"}))
    for nonsense in ("abc", "zzzz", "' or 1=1 --", "é" * 40):
        assert "Nobody's number begins like this." in said(at_work.get("/ledger", {"q": nonsense}))


def test_a_customer_is_found_by_a_card_that_nobody_keeps(at_work: Client, gateway: Gateway, shop: Shop) -> None:
    accepted(gateway.post([sale("4711-secret", 10, receipt="1")]))
    customer = customer_of(gateway, "4711-secret")
    answer = at_work.post("/ledger/resolve", {"kind": "card", "value": "4711-secret"})
    assert answer.headers["Location"] == f"/ledger/{customer}"
    unknown = at_work.post("/ledger/resolve", {"kind": "card", "value": "never seen"})
    assert "Nobody has been seen under this yet." in said(unknown, 404)
    assert "never seen" not in unknown.content.decode()
    everything = str(shop.contents())
    assert "4711-secret" not in everything
    assert "never seen" not in everything
    assert "4711-secret" not in gateway.log.read_text()


def test_every_entry_says_why(at_work: Client, gateway: Gateway) -> None:
    customer = tell(gateway, cards=1, months=2)
    page = said(at_work.get(f"/ledger/{customer}"))
    balance = gateway.get(f"/v1/customers/{customer}/balance").json()["balance"]
    assert f"Available {balance['available']} Held 25" in page
    for reason in (
        "a code on the card",
        "web_account",
        "Sorry for the wait on Saturday",
        "adjusted → available : 100",
        "available → held : 25",
        "available → redeemed : 30",
        "available → issued : 5",
        "by the rule “A point for every dollar”, good until",
    ):
        assert reason in page, reason
    assert at_work.get(f"/ledger/{uuid.uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("language", "told"),
    [("ja", "ルール「1ドルにつき1ポイント」により 40 ポイント"), ("fr", "40 par la règle « Un point par dollar »")],
)
def test_a_rule_is_told_in_the_language_of_the_staff(
    at_work: Client, gateway: Gateway, language: str, told: str
) -> None:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    page = at_work.get(f"/ledger/{customer_of(gateway, '1')}", headers={**HOST, "accept-language": language})
    assert told in said(page)


def test_the_programmes_totals_are_the_ledgers(at_work: Client, gateway: Gateway, shop: Shop) -> None:
    tell(gateway)
    page = said(at_work.get("/ledger"))
    liability = shop.value("select sum(available + held) from loyalty_account")
    redeemed = shop.value("select sum(points) from loyalty_transfer where credit = 12")
    assert f"Liability {liability:,} can still be spent" in page
    assert f"Redeemed {redeemed:,}" in page
    assert "Adjusted by hand +100" in page


# -- adjusting ----------------------------------------------------------------------------------------------------


def test_an_adjustment_goes_through_the_gateway_once(at_work: Client, gateway: Gateway, shop: Shop) -> None:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    customer = customer_of(gateway, "1")
    form = {"points": "+15", "reason": "Wrong price on the shelf", "request": str(uuid.uuid4())}
    for _ in range(2):
        page = said(at_work.post(f"/ledger/{customer}/adjust", form))
        assert "The adjustment is posted: +15 points. Available now: 55." in page
        assert "Wrong price on the shelf" in page
    assert shop.value("select count(*) from events_event where type = 'points.adjust'") == 1
    assert shop.value("select touchpoint from events_event where type = 'points.adjust'") == "console"


def test_a_refused_adjustment_changes_nothing_and_says_so(at_work: Client, gateway: Gateway, shop: Shop) -> None:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    customer = customer_of(gateway, "1")
    with shop.unchanged("loyalty_account", "loyalty_transfer"):
        for points, reason, expected in (
            ("-41", "too much", "There are not enough points to spend."),
            ("0", "nothing", "A whole number other than zero."),
            ("ten", "a word", "A whole number other than zero."),
            ("5", "  ", "Say why, in at most 200 characters."),
            ("9" * 30, "far too many", "A whole number other than zero."),
        ):
            form = {"points": points, "reason": reason, "request": str(uuid.uuid4())}
            assert expected in said(at_work.post(f"/ledger/{customer}/adjust", form), 422), points


def test_without_a_gateway_nothing_happens_and_the_page_says_so(at_work: Client, gateway: Gateway, shop: Shop) -> None:
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    customer = customer_of(gateway, "1")
    form = {"points": "5", "reason": "later", "request": str(uuid.uuid4())}
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), shop.unchanged("loyalty_account"):
        page = said(at_work.post(f"/ledger/{customer}/adjust", form), 422)
        assert "The gateway does not answer. Nothing was changed." in page
        answer = at_work.post("/ledger/resolve", {"kind": "card", "value": "1"})
        assert "The gateway does not answer." in said(answer, 503)


def test_a_console_without_a_key_makes_one_and_a_revoked_one_stays_revoked(
    at_work: Client, gateway: Gateway, shop: Shop
) -> None:
    own_gateway.key_path().unlink()
    before = shop.value("select count(*) from touchpoints_key")
    answer = at_work.post("/ledger/resolve", {"kind": "card", "value": "1"})
    assert "Nobody has been seen under this yet." in said(answer, 404)
    assert shop.value("select count(*) from touchpoints_key") == before + 1
    own_gateway.keep_key("ctp_console_revoked")
    page = said(at_work.post("/ledger/resolve", {"kind": "card", "value": "1"}), 409)
    assert "The gateway does not know the console's key." in page
    assert shop.value("select count(*) from touchpoints_key") == before + 1


# -- keys ---------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_ends_when_it_is_revoked(at_work: Client, gateway: Gateway, shop: Shop) -> None:
    page = at_work.post("/keys/issue", {"touchpoint": "app"}).content.decode()
    found = re.search(r'<code class="secret"[^>]*>(ctp_app_[\w-]+)</code>', page)
    assert found is not None
    key = found[1]
    assert key not in at_work.get("/keys").content.decode()
    assert key not in str(shop.contents())
    row = shop.rows("select id from touchpoints_key where touchpoint = 'app' order by created_at desc limit 1")[0]
    assert at_work.post("/keys/revoke", {"key": str(row["id"])}).status_code == 302
    assert "revoked" in said(at_work.get("/keys"))
    assert shop.value("select revoked_at is not null from touchpoints_key where id = %s", row["id"])


def test_only_touchpoints_of_the_map_get_keys(alice: Client, shop: Shop) -> None:
    with shop.unchanged("touchpoints_key"):
        page = said(alice.post("/keys/issue", {"touchpoint": "stranger"}), 422)
        assert "The map has no touchpoint stranger." in page
        assert alice.post("/keys/revoke", {"key": "no key"}).status_code == 404


def test_the_consoles_own_key_is_kept_and_not_shown(alice: Client) -> None:
    page = alice.post("/keys/issue", {"touchpoint": "console"}).content.decode()
    assert "The console has its new key." in page
    assert own_gateway.key_path().read_text() not in page
    assert own_gateway.key_path().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("path", ["/", "/ledger", "/keys"])
@pytest.mark.parametrize(("language", "word"), [("ja", "オフィス"), ("fr", "Bureau")])
def test_the_office_speaks_three_languages(alice: Client, path: str, language: str, word: str) -> None:
    page = alice.get(path, headers={**HOST, "accept-language": language}).content.decode()
    assert f'<html lang="{language}">' in page
    assert word in page


# -- in a browser -------------------------------------------------------------------------------------------------


def test_the_map_and_a_persons_points_move_while_one_looks(pages: Pages, page: Page) -> None:
    gateway = pages.gateway
    accepted(gateway.post([sale("1000", 20, receipt="first")]))
    customer = customer_of(gateway, "1000")
    heard = complaints(page)
    pages.sign_in(page)
    page.goto(pages.url(OFFICE))
    page.wait_for_selector('html[data-live="stream"]')
    accepted(gateway.post([sale("1000", 30, receipt="second")]))
    page.get_by_role("row", name=re.compile(r"Tills sends sale\.closed")).wait_for()
    page.goto(pages.url(OFFICE, f"/ledger/{customer}"))
    page.wait_for_selector('html[data-live="stream"]')
    accepted(gateway.post([sale("1000", 5, receipt="third")]))
    page.locator("#wallet b").get_by_text("55", exact=True).wait_for()
    assert heard == []


def test_the_office_is_used_with_the_keyboard_and_without_a_script(browser: Browser, pages: Pages) -> None:
    own_gateway.keep_key(pages.gateway.keys["console"])
    customer = tell(pages.gateway, cards=1, months=2)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    pages.sign_in(page)
    page.goto(pages.url(OFFICE, "/ledger"))
    page.get_by_label("The number, or its first four digits or more").focus()
    page.keyboard.type(str(customer)[:12])
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(str(customer)))
    page.get_by_role("textbox", name="Points").focus()
    page.keyboard.type("7")
    page.keyboard.press("Tab")
    page.keyboard.type("For carrying the bags")
    page.keyboard.press("Enter")
    assert page.get_by_role("status").first.inner_text().startswith("The adjustment is posted: +7 points.")
    context.close()


def test_no_page_of_the_office_is_wider_than_a_telephone(browser: Browser, pages: Pages) -> None:
    customer = tell(pages.gateway)
    for language in ("en", "ja", "fr"):
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale=language)
        page = context.new_page()
        heard = complaints(page)
        pages.sign_in(page)
        for path in ("/", "/ledger", f"/ledger/{customer}", "/keys"):
            page.goto(pages.url(OFFICE, path))
            assert page.evaluate("document.documentElement.scrollWidth") == 390, (language, path)
        assert heard == []
        context.close()


def test_what_is_held_back_from_other_systems_is_shown(alice: Client, shop: Shop) -> None:
    with shop.connect() as connection:
        connection.execute(
            "insert into events_relay (destination, transaction, outbox, failure, held_back)"
            " values ('newsletter', 0, 0, '', 1234)"
        )
    assert "Other systems that are told" in said(alice.get("/"))
    assert "newsletter never 1,234" in said(alice.get("/"))
