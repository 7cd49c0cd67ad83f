"""My page: one menu, what is remembered, and nobody sees what is another's."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, complaints, customer_of, event, sale, tell, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.audiences import following
from comptoir.doors.storefront import links, remembered
from comptoir.foundation.rooms.addresses import host_of, url_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.web import views_of
from comptoir.foundation.touchpoints import house
from comptoir.office.segments import jobs as segments
from comptoir.office.segments.commands import define

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MY = {"host": f"{host_of(COUNTER)}:8000"}
OWN = (
    "/card", "/basket", "/for-you", "/orders", "/wishes", "/window", "/coupons", "/spending", "/who", "/remembered",
    "/terms",
)  # fmt: skip
#: What a browser without a card may open: the entrance, links that carry their own proof, and what is everybody's.
OPEN = {"/", "/health", "/card/<str:token>", "/terms/key", "/.well-known/gpc.json", "/manifest.webmanifest"}


@pytest.fixture
def nora(gateway: Gateway) -> Iterator[uuid.UUID]:
    """Nora has bought twice in store 324, and brought something back."""
    at = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
    first = sale("1", 40, receipt="1", at=at)
    accepted(gateway.post([first, sale("1", 20, receipt="2", at=at + dt.timedelta(days=3))]))
    back = {
        "receipt": "b1",
        "sale": {"receipt": "1", "source": first["source"]},
        "currency": "USD",
        "total": 500,
        "lines": [{"line": 1, "quantity": 1, "amount": 500}],
    }
    accepted(gateway.post([event("sale.returned", back, source=first["source"], at=at + dt.timedelta(days=4))]))
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield customer_of(gateway, "1")
    house.key_path(house.STOREFRONT).unlink(missing_ok=True)


def opened(customer: uuid.UUID, language: str = "en") -> Client:
    client = Client(headers={**MY, "accept-language": language})
    assert client.get(f"/card/{links.card_token(customer)}").status_code == 302
    return client


def said(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def send(client: Client, path: str, **form: Any) -> str:
    return said(client.post(path, {"request": str(uuid.uuid4()), **form}, follow=True))


def seen_in_person(number: str, at: dt.datetime) -> dict[str, Any]:
    """Return that a member of staff has seen that the holder of a card is old enough."""
    until = (at + dt.timedelta(days=300)).isoformat()
    data = {
        "customer": {"kind": "card", "value": number},
        "predicate": "age_over_18",
        "valid_until": until,
        "by": str(uuid.uuid4()),
    }
    return event("answer.seen", data, source="/stores/324/tills/1", at=at)


def test_every_page_has_the_same_menu_and_says_where_one_is(nora: uuid.UUID) -> None:
    client = opened(nora)
    for path in OWN:
        page = client.get(path).content.decode()
        menu = page.partition('<nav class="mine"')[2].partition("</nav>")[0]
        assert re.findall(r'href="([^"]+)"', menu) == [*OWN, url_of(VAULT, "/")]
        assert re.findall(r'href="([^"]+)" aria-current="page"', menu) == [path]
        assert page.count("<h1") == 1
    assert '<nav class="mine"' not in Client(headers=MY).get("/").content.decode(), "a stranger has no pages"


def test_what_is_remembered_is_counted_by_touchpoint_with_its_days(nora: uuid.UUID, gateway: Gateway) -> None:
    client = opened(nora)
    page = said(client.get("/remembered"))
    assert "Purchases 2 March 2, 2026 – March 5, 2026" in page
    assert "Returns 1 March 6, 2026" in page
    assert "3 entries March 2, 2026 – March 6, 2026" in page
    assert "Loyalty card" in page
    assert "You have decided nothing yet." in page
    assert "Wherever points are taken" in page
    now = dt.datetime.now(dt.UTC)
    accepted(gateway.post([seen_in_person("1", now)]))
    send(client, "/who/names", name="Nightingale")
    send(client, "/consents", purpose="marketing", channel="mail", give="1")
    send(client, "/spending", may="nowhere", per_day="50", at_once="")
    page = said(client.get("/remembered"))
    assert "Over 18 seen in person, " in page
    assert "Public names Nightingale" in page
    assert re.search("Telling you of offers ?, by e-mail ?: you have agreed", page)
    assert "Points are locked." in page
    assert "At most 50 points a day" in page


def test_a_linked_account_is_counted_with_the_person_and_can_be_undone(nora: uuid.UUID, gateway: Gateway) -> None:
    data = {"identifier": {"kind": "web_account", "value": "u-7"}, "customer": {"kind": "card", "value": "1"}}
    said_so = event("identifier.linked", {**data, "evidence": "a code on the card"}, source="/webshop")
    accepted(gateway.post([said_so], touchpoint="webshop"))
    client = opened(nora)
    page = client.get("/remembered").content.decode()
    assert "Account in the web shop" in words(page)
    assert "Then a card was linked by mistake." in words(page)
    assert 'href="/who#links"' in page


def test_of_more_events_than_are_counted_the_latest_are(nora: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "EVENTS_COUNTED", 2)
    page = said(opened(nora).get("/remembered"))
    assert "Counted are the latest 2." in page
    assert "Purchases 1 March 5, 2026" in page
    assert "3 entries" in page, "points are counted whole"
    with entered(COUNTER):
        held = remembered.remembered_of(nora, now=dt.datetime.now(dt.UTC))
    assert held is not None
    assert (held.is_cut, sum(tally.number for place in held.places for tally in place.tallies)) == (True, 2)


def test_of_somebody_never_seen_nothing_is_remembered_and_the_page_says_what_to_do(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(uuid.uuid4())
    with shop.unchanged("events_event", "customers_customer"):
        assert "Nothing is remembered of you. Show your card with your next purchase" in said(client.get("/remembered"))


def _own_routes() -> list[str]:
    """Return what is a customer's; a basket and a friend's page may be a stranger's as well (their own tests)."""
    return [path for path, _view in views_of(COUNTER) if path not in OPEN and not path.startswith(("/basket", "/w/"))]


def test_a_stranger_is_led_to_the_entrance_from_every_page_of_a_customer(nora: uuid.UUID, shop: Shop) -> None:
    with shop.unchanged("events_event", "customers_choice", "community_persona"):
        for path in _own_routes():
            asked = (
                path.replace("<slug:purpose>/<slug:channel>", "marketing/mail")
                .replace("<uuid:order>", str(uuid.uuid4()))
                .replace("<uuid:wish_list>", str(uuid.uuid4()))
            )
            links = {"/letters/stop/<str:token>", "/messages/why/<str:token>"}
            if (
                path.startswith(("/till/", "/^goods/"))
                or path in {"/card/leave", "/language", "/arrive/", "/letters/worker.js", "/gift-card"} | links
            ):
                continue  # open to everybody, and about nobody
            for answer in (Client(headers=MY).get(asked), Client(headers=MY).post(asked, {"term": "SD-BASE"})):
                assert answer.status_code in {302, 401, 403, 405}, (asked, answer.status_code)
                assert "Nora" not in answer.content.decode()


def test_nobody_sees_what_is_another_customers(nora: uuid.UUID, gateway: Gateway, shop: Shop) -> None:
    accepted(gateway.post([seen_in_person("1", dt.datetime.now(dt.UTC)), sale("2", 7, receipt="other")]))
    mine = opened(nora)
    send(mine, "/who/names", name="Nightingale")
    send(mine, "/consents", purpose="marketing", channel="mail", give="1")
    send(mine, "/terms/proffer", term="SD-BASE-DP")
    marks = ("Nightingale", "Over 18", "March 2, 2026", str(nora), str(nora)[:8], "agreed Service")
    shown = "".join(words(mine.get(path).content.decode()) for path in OWN)
    assert all(mark in shown for mark in marks[:3]), "the marks are really on Nora's pages"
    for other in (opened(customer_of(gateway, "2")), opened(uuid.uuid4())):
        with shop.unchanged("events_event", "customers_choice", "community_persona"):
            for path in _own_routes():
                asked = path.replace("<slug:purpose>/<slug:channel>", "marketing/mail")
                if path in {"/card/stream", "/card/leave"}:
                    continue  # a stream of its own events without an end; and what ends the visit
                for query in ("", f"?customer={nora}", f"?before={nora}"):
                    text = words(other.get(asked + query).content.decode())
                    assert [mark for mark in marks if mark in text] == [], asked


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_my_page_is_walked_by_keyboard_without_a_script_on_every_screen(
    pages: Pages, nora: uuid.UUID, gateway: Gateway, browser: Browser, language: str,
    photograph: Callable[[Page, str], list[Path]],
) -> None:  # fmt: skip
    me = tell(gateway, cards=4, months=3)
    accepted(gateway.post([seen_in_person("1000", dt.datetime.now(dt.UTC))]))
    context = browser.new_context(java_script_enabled=False, locale=language)
    page: Page = context.new_page()
    heard = complaints(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(pages.card_url(me))
    for path in OWN:
        # From the top of the page: the skip link, the sign of the shop, and the menu.
        page.keyboard.press("Tab")
        for _each in range(12):
            page.keyboard.press("Tab")
            if page.locator(f'nav.mine a[href="{path}"]:focus').count():
                break
        # The first of them leads to where one is already.
        with page.expect_navigation(url=pages.url(COUNTER, path)):
            page.keyboard.press("Enter")
        assert page.locator('nav.mine a[aria-current="page"]').get_attribute("href") == path
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            box = page.locator("body").bounding_box()
            assert box is not None
            assert box["width"] <= width
        photograph(page, f"my-{path[1:]}-{language}")
        page.set_viewport_size({"width": 390, "height": 844})
    assert heard == []
    context.close()


def _followed(shop: Shop) -> None:
    """Do what the worker does with everything that was said: figures, then who is in which segment."""
    now = dt.datetime.now(dt.UTC)
    positions = [row["position"] for row in shop.rows("select position::text from events_event")]
    with shop.connect("comptoir_counter") as counter, counter.transaction():
        touched = following.bring(counter, positions, time_zone="UTC", now=now)
    with shop.connect("comptoir_office") as office:
        segments.refresh(office, now=now)
        segments.follow(office, touched, now=now)


def test_everybody_sees_their_groups_with_what_they_rest_on_and_can_leave_them(
    nora: uuid.UUID, gateway: Gateway, shop: Shop
) -> None:
    accepted(gateway.post([sale("2", 7, receipt="other")]))
    with shop.connect("comptoir_office") as office:
        for name, expression in (
            ("Twice here", "purchases() >= 2 AND NOT bought('no such thing', 60)"), ("Large", "spend() > 1000"),
        ):  # fmt: skip
            define(office, name=name, expression=expression, by="Ada", at=dt.datetime.now(dt.UTC))
    _followed(shop)
    mine = opened(nora)
    page = said(mine.get("/groups"))
    assert "Twice here" in page
    assert "Large" not in page
    assert "Purchases · at least 2" in page
    assert "It rests on: what you bought." in page
    assert "Do not count what I buy" in page
    assert "Do not count what I do on the web" not in page
    assert "Which groups I am in" in said(mine.get("/messages"))
    assert "You are in no group." in said(opened(customer_of(gateway, "2")).get("/groups"))
    assert "Vous en faites partie" in said(opened(nora, "fr").get("/groups"))
    assert "グループ" in said(opened(nora, "ja").get("/groups"))
    # The button, as it stands on the page.
    form = dict(re.findall(r'name="(purpose|channel|give)" value="([^"]*)"', mine.get("/groups").content.decode()))
    assert form == {"purpose": "analysis", "channel": "store", "give": "0"}
    send(mine, "/consents", **form)
    _followed(shop)
    assert "You are in no group." in said(mine.get("/groups"))


def test_a_group_that_cannot_be_read_is_said_as_such(nora: uuid.UUID, shop: Shop) -> None:
    with shop.connect("comptoir_office") as office:
        define(office, name="Later", expression="purchases() >= 2", by="Ada", at=dt.datetime.now(dt.UTC))
    _followed(shop)
    with shop.connect("comptoir_office") as office:
        office.execute("update audiences_segment set expression = 'dreamt()'")
    page = said(opened(nora).get("/groups"))
    assert "Later" in page
    assert "cannot be read any more" in page
