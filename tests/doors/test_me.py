"""The customer's own pages: terms, consents, objections, and who somebody is here. They need no script."""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, accepted, complaints, customer_of, event, sale, words
from support.processes import wait_until
from support.relay import noted, receiving, registered, relaying, webhook
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config import presentation
from comptoir.counter.assembly import handlers_for
from comptoir.counter.customers import purposes, queries, records
from comptoir.counter.customers.contracts import CHANNELS
from comptoir.counter.customers.jobs import end_consents
from comptoir.counter.customers.policy import load_policy
from comptoir.counter.loyalty.store import find_programmes
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.touchpoints import house

if TYPE_CHECKING:
    import httpx
    from playwright.sync_api import Browser, Page

MY = {"host": f"{host_of(COUNTER)}:8000"}
CHOSEN = ("customers_choice", "customers_permission", "customers_link", "community_persona", "loyalty_account")


@pytest.fixture
def nora(gateway: Gateway) -> Iterator[uuid.UUID]:
    """Nora has bought once; the customers' pages have their key."""
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield customer_of(gateway, "1")
    house.key_path(house.STOREFRONT).unlink(missing_ok=True)


def opened(customer: uuid.UUID, language: str = "en", **headers: str) -> Client:
    """Open a card with a fresh browser."""
    client = Client(headers={**MY, "accept-language": language, **headers})
    assert client.get(f"/card/{links.card_token(customer)}").status_code == 302
    return client


def said(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def day(moment: dt.datetime) -> str:
    return words(str(presentation.day(moment)))


def position(answer: httpx.Response) -> str:
    """Return where the one event of an accepted batch stands."""
    (outcome,) = accepted(answer)
    return str(outcome["event"])


def send(client: Client, path: str, status: int = 200, **form: str) -> str:
    return said(client.post(path, {"request": str(uuid.uuid4()), **form}, follow=True), status)


# -- terms --------------------------------------------------------------------------------------------------------


def test_terms_that_the_shop_accepts_are_agreed_and_both_have_the_record(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(nora)
    assert "Nothing is agreed." in said(client.get("/terms"))
    page = send(client, "/terms/proffer", term="SD-BASE-DP")
    assert "agreed Service and nothing else, and a copy of everything" in page
    record = client.get("/terms/record").content.decode()
    assert record == shop.value("select record from customers_choice where matter = 'terms'")
    agreement = records.verify(record)
    assert isinstance(agreement, records.Agreement)
    assert agreement.term == "SD-BASE-DP"
    assert str(nora) not in str(agreement)
    assert shop.rows("select type from events_event where touchpoint = 'storefront' order by position") == [
        {"type": "terms.proffered"},
        {"type": "terms.agreed"},
    ]
    assert "The shop has signed exactly this." in send(client, "/terms/check", record=record)
    changed = record[:40] + ("A" if record[40] != "A" else "B") + record[41:]
    assert "This is not what the shop has signed" in send(client, "/terms/check", 422, record=changed)
    assert "Nothing is agreed." in send(client, "/terms/end")


def test_other_terms_are_answered_with_one_alternative_which_can_be_agreed_to(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(nora)
    page = send(client, "/terms/proffer", term="PDC-AI")
    assert "The shop does not accept PDC-AI. It offers instead: Service and nothing else, and a copy" in page
    assert shop.value("select count(*) from customers_choice where matter = 'terms'") == 0
    page = send(client, "/terms/proffer", term="SD-BASE-DP")
    assert "It offers instead" not in page
    assert shop.value("select value from customers_choice where matter = 'terms'") == "SD-BASE-DP"


def test_the_same_form_twice_is_one_proffer(nora: uuid.UUID, shop: Shop) -> None:
    client, form = opened(nora), {"request": str(uuid.uuid4()), "term": "SD-BASE"}
    assert client.post("/terms/proffer", form).status_code == 302
    with shop.unchanged("events_event", *CHOSEN):
        assert client.post("/terms/proffer", form).status_code == 302


def test_the_policy_is_data(tmp_path: Path, nora: uuid.UUID, shop: Shop) -> None:
    path = tmp_path / "terms.toml"
    with environment(COMPTOIR_TERMS=str(path)):
        path.write_text('accepts = ["SD-BASE"]\n[x]\n')
        with shop.unchanged("events_event", *CHOSEN):
            assert "This cannot be done just now." in send(opened(nora), "/terms/proffer", 422, term="SD-BASE")
        path.write_text('accepts = []\nalternative = "SD-BASE"\n')
        with pytest.raises(Exception, match="accepted, too"):
            load_policy()
        example = (EXAMPLES / "terms.toml").read_text()
        path.write_text(example)
        assert load_policy().answer("PDC-AI") == "SD-BASE-DP"
        path.write_text('accepts = ["SD-BASE-DP"]\nalternative = "SD-BASE-DP"\n')
        assert load_policy().answer("PDC-INTENT") == "SD-BASE-DP"


# -- consents and objections --------------------------------------------------------------------------------------


def test_a_consent_has_a_receipt_of_which_the_shop_keeps_the_hash(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(nora)
    page = send(client, "/consents", purpose="marketing", channel="mail", give="1")
    until = day(dt.datetime.now(dt.UTC) + dt.timedelta(days=730))
    assert f"allowed by e-mail you have agreed, until {until} Receipt" in page
    text = client.get("/consents/marketing/mail/receipt").content.decode()
    receipt = records.verify(text)
    assert isinstance(receipt, records.Receipt)
    assert (receipt.purpose, receipt.channel, receipt.pii_controller) == ("marketing", "mail", "The demo shop")
    assert (receipt.duration, receipt.inactivity) == ("P730D", "P365D")
    kept = shop.value("select record from customers_choice where matter = 'consent:marketing:mail'")
    assert kept == records.hash_of(text)
    assert text not in str(shop.contents("events_event", "customers_choice"))
    assert client.get("/consents/marketing/app/receipt").status_code == 404
    page = send(client, "/consents", purpose="marketing", channel="mail")
    assert "not allowed by e-mail you have withdrawn it" in page
    assert client.get("/consents/marketing/mail/receipt").status_code == 404
    with shop.unchanged("events_event", *CHOSEN):
        send(client, "/consents", 404, purpose="marketing", channel="pigeon", give="1")
        send(client, "/consents", 404, purpose="points", channel="mail", give="1")


def test_a_consent_can_be_renewed_before_it_is_over_and_says_when_it_was(
    nora: uuid.UUID, shop: Shop, gateway: Gateway, tmp_path: Path
) -> None:
    client = opened(nora)
    (tmp_path / "terms.toml").write_text("[consents.marketing]\ndays = 30\n")
    with environment(COMPTOIR_TERMS=str(tmp_path / "terms.toml")):
        page = send(client, "/consents", purpose="marketing", channel="mail", give="1")
        assert "Something that you have agreed to is over soon." in page
        first = client.get("/consents/marketing/mail/receipt").content
    assert "Renew" in page
    page = send(client, "/consents", purpose="marketing", channel="mail", give="1")
    assert "is over soon" not in page
    assert "Renew" not in page
    assert client.get("/consents/marketing/mail/receipt").content != first
    with shop.connect() as connection:
        now = dt.datetime.now(dt.UTC) + dt.timedelta(days=730)
        programmes = find_programmes(connection)
        assert programmes is not None
        assert end_consents(connection, now=now, handlers=handlers_for(programmes)) == 1
    ended = day(now)
    assert f"not allowed by e-mail your consent has ended on {ended}" in said(client.get("/terms"))
    assert "your consent is over" in said(client.get("/remembered"))


def test_an_objection_by_hand_holds_until_it_is_withdrawn(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(nora)
    send(client, "/consents", purpose="marketing", channel="mail", give="1")
    assert "not allowed by e-mail you have objected" in send(client, "/objection", make="1")
    assert "allowed by e-mail you have agreed" in send(client, "/objection")


def test_a_browser_that_asks_for_privacy_objects_once_and_for_every_channel(
    nora: uuid.UUID, gateway: Gateway, shop: Shop
) -> None:
    stranger = Client(headers={**MY, "sec-gpc": "1"})
    with shop.unchanged("events_event", *CHOSEN):
        stranger.get("/")
        Client(headers={"host": f"{host_of(SQUARE)}:8000", "sec-gpc": "1"}).get("/")
    client = opened(nora, **{"sec-gpc": "1"})
    for path in ("/card", "/terms", "/who"):
        client.get(path)
    assert shop.value("select count(*) from events_event where type = 'objection.made'") == 1
    assert shop.value("select customers_permits(%s, 'analysis', 'store')", nora) is False
    assert "Your browser said so for you" in said(client.get("/terms"))
    # What somebody withdraws by hand is not made again by the next page.
    send(client, "/objection")
    client.get("/card")
    assert shop.value("select customers_permits(%s, 'analysis', 'store')", nora) is True
    answer = Client(headers=MY).get("/.well-known/gpc.json").json()
    assert answer["gpc"] is True


def test_an_objection_by_the_browser_stops_everything_within_a_second(
    nora: uuid.UUID, gateway: Gateway, shop: Shop
) -> None:
    """What the relay tells, what lists hold, and what every purpose on every channel is answered."""
    client = opened(nora)
    for purpose in purposes.CHOSEN:
        for channel in ("mail", "message", "app", "store", "partner"):
            send(client, "/consents", purpose=purpose, channel=channel, give="1")
    accepted(gateway.post([sale("2", 40, receipt="2")]))
    other = customer_of(gateway, "2")
    other_client = opened(other)
    send(other_client, "/consents", purpose="marketing", channel="mail", give="1")
    with (
        receiving() as receiver,
        relaying(webhook(receiver.url, purpose="marketing", channel="mail", types=("sale.*",))),
    ):
        registered(shop, "crm")
        allowed_sale = position(gateway.post([sale("1", 40, receipt="3")]))
        wait_until(lambda: allowed_sale in receiver.ids, what="the sale while it was allowed")
        started = time.monotonic()
        assert opened(nora, **{"sec-gpc": "1"}).get("/card").status_code == 200
        allowed = shop.rows(
            "select purpose, channel from unnest(%s::text[]) purpose, unnest(%s::text[]) channel"
            " where customers_permits(%s, purpose, channel)", list(purposes.CHOSEN), list(CHANNELS), nora,
        )  # fmt: skip
        with entered(COUNTER):
            lists = {
                (purpose, channel): set(
                    queries.permitted(purpose=purpose, channel=channel).values_list("pk", flat=True)
                )
                for purpose in purposes.CHOSEN
                for channel in CHANNELS
            }
            left_out = queries.held_back(purpose="marketing", channel="mail")
        seconds = time.monotonic() - started
        accepted(gateway.post([sale("1", 40, receipt="4")]))
        somebody_elses = position(gateway.post([sale("2", 40, receipt="5")]))
        wait_until(lambda: somebody_elses in receiver.ids, what="the sale of somebody else")
        noted(shop)
    assert allowed == []
    assert all(nora not in listed for listed in lists.values())
    assert lists["marketing", "mail"] == {other}
    assert left_out == 1
    assert seconds < 1
    # What was committed while another database of the server was written in is told from a little before on.
    assert receiver.ids[receiver.ids.index(allowed_sale) :] == [allowed_sale, somebody_elses]
    assert shop.value("select held_back from events_relay where destination = 'crm'") == 1


def test_a_gateway_that_is_away_costs_no_page(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(nora, **{"sec-gpc": "1"})
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), shop.unchanged("events_event", *CHOSEN):
        assert client.get("/terms").status_code == 200
        assert "does not answer just now" in send(client, "/objection", 503, make="1")


# -- who I am here ------------------------------------------------------------------------------------------------


def linked(gateway: Gateway, at: dt.datetime | None = None) -> None:
    data = {"identifier": {"kind": "web_account", "value": "u-7"}, "customer": {"kind": "card", "value": "1"}}
    said = event("identifier.linked", {**data, "evidence": "a code on the card"}, source="/webshop", at=at)
    accepted(gateway.post([said], touchpoint="webshop"))


def test_who_i_am_says_what_is_known_and_a_link_is_undone(nora: uuid.UUID, gateway: Gateway, shop: Shop) -> None:
    client = opened(nora)
    page = said(client.get("/who"))
    assert "recognised The shop knows you again" in page
    assert "Nothing is linked." in page
    linked(gateway)
    page = client.get("/who").content.decode()
    kinds = ("Loyalty card", "Account in the web shop")
    assert any(f"{one} – {other}" in words(page) for one, other in (kinds, kinds[::-1]))
    form = dict(re.findall(r'name="(low|high)" value="([^"]+)"', page))
    stranger = opened(uuid.uuid4())
    with shop.unchanged("events_event", *CHOSEN):
        send(stranger, "/who/links/undo", 404, **form)
    assert "Nothing is linked." in send(client, "/who/links/undo", **form)
    assert shop.value("select count(*) from customers_membership") == 0


def test_a_link_older_than_thirty_days_is_for_the_shop_to_undo(nora: uuid.UUID, gateway: Gateway, shop: Shop) -> None:
    linked(gateway, dt.datetime.now(dt.UTC) - dt.timedelta(days=31))
    client = opened(nora)
    assert "older than 30 days: please ask the shop" in said(client.get("/who"))
    low, high = sorted(str(row["customer"]) for row in shop.rows("select customer from customers_membership"))
    with shop.unchanged(*CHOSEN):
        assert "The shop can still undo it" in send(client, "/who/links/undo", 409, low=low, high=high)


def test_public_names_are_chosen_and_given_up(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(nora)
    assert "Nightingale" in send(client, "/who/names", name="Nightingale")
    with shop.unchanged(*CHOSEN):
        page = send(client, "/who/names", 422, name="Store Staff")
        assert "This name would be taken for somebody of the shop." in page
        assert "Somebody has this name already" in send(client, "/who/names", 409, name="NIGHTINGALE")
    persona = shop.value("select id::text from community_persona")
    stranger = opened(uuid.uuid4())
    with shop.unchanged("community_persona"):
        send(stranger, "/who/names/give-up", 404, persona=persona)
    assert "You have none." in send(client, "/who/names/give-up", persona=persona)


def test_somebody_who_was_never_seen_is_told_that_nothing_is_kept(nora: uuid.UUID, shop: Shop) -> None:
    client = opened(uuid.uuid4())
    with shop.unchanged("events_event", *CHOSEN):
        assert "You are unknown here." in said(client.get("/who"))
        assert "Nothing is kept about you yet." in said(client.get("/terms"))
    assert Client(headers=MY).get("/terms").status_code in {302, 403}


@pytest.mark.parametrize("path", ["/terms", "/who"])
@pytest.mark.parametrize(("language", "word"), [("ja", "公開名|利用条件"), ("fr", "Noms publics|Conditions")])
def test_these_pages_speak_three_languages(nora: uuid.UUID, path: str, language: str, word: str) -> None:
    page = said(opened(nora, language).get(path))
    assert re.search(word, page)


@pytest.mark.parametrize("width", [390, 1280])
def test_these_pages_work_without_a_script_and_fit_a_telephone(
    pages: Pages, nora: uuid.UUID, browser: Browser, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=False)
    page: Page = context.new_page()
    heard = complaints(page)
    page.goto(pages.card_url(nora))
    for path in ("/terms", "/who"):
        page.goto(pages.url(COUNTER, path))
        box = page.locator("body").bounding_box()
        assert box is not None
        assert box["width"] <= width
    page.fill("#name", "Nightingale")
    page.click("text=Choose this name")
    assert page.locator("strong", has_text="Nightingale").count() == 1
    assert heard == []
    context.close()
