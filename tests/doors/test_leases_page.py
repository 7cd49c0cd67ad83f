"""The console's page of what tills have set aside: what waits is settled in two steps, once, and by somebody."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from django.test import Client

from comptoir.config.replaying.phone import SHOWN
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, card, customer_of, event, sale, staff_session, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import OFFICE
from support.buying import speaking

TILL: Final = "/stores/330/tills/web-1"
NAME: Final = "till-one"
PAGE: Final = f"/leases/till/{NAME}"


@pytest.fixture
def office(shop: Shop, gateway: Gateway) -> Iterator[Client]:
    """Have Alice of the staff in the office; a customer has 500 points."""
    accepted(gateway.post([sale("2613", 500, receipt="before")]))
    with speaking(gateway):
        client = Client(headers={"host": f"{host_of(OFFICE)}:8000", "accept-language": "en"})
        name, value = staff_session("Alice")
        client.cookies[name] = value
        yield client


def leased(gateway: Gateway, points: int = 200) -> None:
    data = {"customer": card("2613"), "points": points, "lease": NAME, "expires_in": 172_800, "proof": SHOWN}
    accepted(gateway.post([event("points.lease", data, source=TILL)]))


def spent(gateway: Gateway, number: int, points: int, *, at: dt.datetime | None = None) -> None:
    data = {"lease": NAME, "points": points, "sequence": number}
    accepted(gateway.post([event("points.lease_spend", data, source=TILL, at=at)]))


def run_out() -> None:
    """Let the lease's time be over since an hour."""
    with psycopg.connect(database.owner_conninfo()) as owner:
        owner.execute("update loyalty_lease set expires_at = now() - interval '1 hour'")


def said(client: Client, path: str, form: dict[str, str] | None = None, *, status: int = 200) -> str:
    answer = client.get(path, form or {})
    assert answer.status_code == status, answer.content.decode()[:500]
    return words(answer.content.decode())


def seen(client: Client, **form: str) -> tuple[str, dict[str, str]]:
    """See what settling would do; returns the words, and the form that does it."""
    page = client.get(PAGE, form).content.decode()
    second = page[page.find('method="post" class="panel stack"') :]
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', second))
    return words(page), {name: value for name, value in hidden.items() if name != "csrfmiddlewaretoken"}


def account(shop: Shop, gateway: Gateway) -> tuple[int, int]:
    (row,) = shop.rows(
        "select available, held from loyalty_account where customer = %s", customer_of(gateway, "2613")
    )  # fmt: skip
    return row["available"], row["held"]


def noted(shop: Shop) -> list[dict[str, Any]]:
    rows = shop.rows(
        "select content::json as said from events_audit where content like '%%points.reconcile_lease%%'"
        " order by number"
    )  # fmt: skip
    return [row["said"] for row in rows]


def test_nothing_is_set_aside_and_nothing_waits(office: Client) -> None:
    text = said(office, "/leases")
    assert "Nothing waits to be settled." in text
    assert "No till has points set aside." in text
    assert "held at tills" not in text
    assert office.get("/leases/till/nothing").status_code == 404


def test_what_can_still_be_spent_is_shown_and_not_settled(office: Client, gateway: Gateway, shop: Shop) -> None:
    leased(gateway)
    text = said(office, "/leases")
    assert "200 points are held at tills." in text
    assert TILL in text
    assert "It can be settled here once its time is over." in said(office, PAGE)
    form = {"reason": "lost", "known": "no"}
    with shop.unchanged("loyalty_account", "loyalty_transfer", "loyalty_lease"):
        assert "Settle it so" not in said(office, PAGE, form)
        answer = office.post(PAGE, form)
        assert answer.status_code == 409, words(answer.content.decode())
        assert "can be spent from until" in words(answer.content.decode())


def test_a_lost_tills_lease_is_settled_in_two_steps_and_once(office: Client, gateway: Gateway, shop: Shop) -> None:
    leased(gateway)
    spent(gateway, 1, 50)
    run_out()
    assert "If it comes back, it settles them by itself" in said(office, "/leases")
    with shop.unchanged():
        text, form = seen(office, reason="stolen", known="no")
        assert "150 points are free at once." in text
    assert noted(shop) == []
    for _ in range(2):
        answer = office.post(PAGE, form)
        assert answer.status_code == 302, words(answer.content.decode())
        assert "What was left is the customer’s again." in said(office, answer.headers["location"])
    assert account(shop, gateway) == (450, 0)
    assert shop.value("select count(*) from events_event where type = 'points.lease_reconcile'") == 1
    entries = noted(shop)
    assert {each["actor"] for each in entries} == {"staff:alice"}
    assert entries[0]["detail"] == {
        "by": "Alice", "lease": NAME, "touchpoint": "till", "reason": "stolen", "spends": "unknown",
    }  # fmt: skip
    assert "given up as lost" in said(office, "/leases")
    # The till turns up nevertheless: what it tells is refused, and the customer keeps their points.
    late = {"lease": NAME, "points": 20, "sequence": 2}
    (outcome,) = gateway.post([event("points.lease_spend", late, source=TILL)]).json()["outcomes"]
    assert outcome["problem"]["type"].endswith(":lease_lost")
    assert account(shop, gateway) == (450, 0)


def test_what_the_tills_receipts_have_is_waited_for(office: Client, gateway: Gateway, shop: Shop) -> None:
    leased(gateway)
    before = dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)
    spent(gateway, 1, 50)
    run_out()
    text, form = seen(office, reason="broken", known="yes", spends="2")
    assert "1 more that was spent is waited for." in text
    assert office.post(PAGE, form).status_code == 302
    assert account(shop, gateway) == (300, 150)
    assert "1 is missing" in said(office, "/leases")
    spent(gateway, 2, 30, at=before)
    assert account(shop, gateway) == (420, 0)
    assert noted(shop)[0]["detail"]["spends"] == "2"


WRONG: Final = (
    ({"reason": "", "known": "no"}, "Say what has become of the till."),
    ({"reason": "eaten", "known": "no"}, "Say what has become of the till."),
    ({"reason": "lost", "known": ""}, "Say whether it is known what was spent."),
    ({"reason": "lost", "known": "yes", "spends": ""}, "Write how often points were spent out of it."),
    ({"reason": "lost", "known": "yes", "spends": "-1"}, "Write how often points were spent out of it."),
    ({"reason": "lost", "known": "yes", "spends": "1001"}, "Write how often points were spent out of it."),
    ({"reason": "lost", "known": "yes", "spends": "0"}, "Number 1 has arrived, so there were at least as many."),
)


def test_what_is_missing_in_the_form_is_said_and_nothing_is_moved(office: Client, gateway: Gateway, shop: Shop) -> None:
    leased(gateway)
    spent(gateway, 1, 50)
    run_out()
    with shop.unchanged():
        for form, sentence in WRONG:
            assert sentence in said(office, PAGE, form, status=422)
            answer = office.post(PAGE, form)
            assert answer.status_code == 422
            assert sentence in words(answer.content.decode())


def test_nobody_settles_who_is_not_staff(office: Client, gateway: Gateway, shop: Shop) -> None:
    leased(gateway)
    run_out()
    stranger = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    with shop.unchanged():
        for path in ("/leases", PAGE):
            assert stranger.get(path).status_code in {302, 403}
        assert stranger.post(PAGE, {"reason": "lost", "known": "no"}).status_code in {302, 403}


@pytest.mark.parametrize(
    ("language", "heading"), [("fr", "Points mis de côté aux caisses"), ("ja", "レジ端末に取り置き中のポイント")]
)
def test_it_is_said_in_every_language(office: Client, gateway: Gateway, language: str, heading: str) -> None:
    leased(gateway)
    run_out()
    office.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    assert heading in said(office, "/leases")
    text, _ = seen(office, reason="lost", known="no")
    assert "200" in text
    assert "Settle it so" not in text
