"""A promotion from the office to the till: written, given, seen on its customer's page, redeemed, watched, ended."""

from __future__ import annotations

import datetime as dt
import re
import uuid
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, customer_of, event, sale, staff_session, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import gateway as own_gateway
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE

OFFICE_HOST = {"host": f"{host_of(OFFICE)}:8000"}
MY_HOST = {"host": f"{host_of(COUNTER)}:8000"}
TILL = "/stores/324/tills/1"
FORM = {
    "en": "Coffee week", "fr": "La semaine du café", "ja": "コーヒー週間", "kind": "Percentage", "percent": "20",
    "categories": "COFFEE", "codes": "each", "uses_max": "1", "audience": "anyone", "stacking": "together",
    "priority": "50", "redemptions_max": "100",
}  # fmt: skip
_CODE = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}")


@pytest.fixture
def staff(shop: Shop, gateway: Gateway) -> Iterator[Client]:
    client = Client(headers=OFFICE_HOST)
    name, value = staff_session("Alice")
    client.cookies[name] = value
    own_gateway.keep_key(gateway.keys["console"])
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"), COMPTOIR_GATEWAY_URL=gateway.url):
        yield client
    own_gateway.key_path().unlink(missing_ok=True)


def published(staff: Client, **form: Any) -> str:
    answer = staff.post("/promotions/new", {"identity": str(uuid.uuid4()), **FORM, **form})
    assert answer.status_code == 302, words(answer.content.decode())
    return str(answer["location"])


def opened(customer: uuid.UUID, language: str = "en") -> Client:
    client = Client(headers={**MY_HOST, "accept-language": language})
    assert client.get(f"/card/{links.card_token(customer)}").status_code == 302
    return client


def shown(client: Client, path: str, status: int = 200, **form: Any) -> str:
    answer = client.post(path, form) if form else client.get(path)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def test_a_coupon_from_the_office_is_redeemed_at_a_till_and_known_at_once(staff: Client, gateway: Gateway) -> None:
    address = published(staff)
    accepted(gateway.post([sale("1", 40, receipt="1")]))
    nora = customer_of(gateway, "1")
    for _ in range(2):  # pressed twice, it is one coupon
        assert "They see its code on their own page" in shown(staff, f"{address}/give", customer=str(nora))
    mine = opened(nora)
    page = shown(mine, "/coupons")
    assert "Coffee week" in page
    assert "20% off, on the goods that it is for" in page
    (code,) = set(_CODE.findall(page))
    assert code in shown(opened(nora, "ja"), "/coupons")
    assert "コーヒー週間" in shown(opened(nora, "ja"), "/coupons")
    assert "<svg" in mine.get("/coupons?part=list").content.decode()
    assert "La semaine du café" in shown(opened(nora, "fr"), "/coupons")
    basket = [{"product": "1029743", "category": "COFFEE", "quantity": 2, "amount": 1198}]
    (outcome,) = accepted(gateway.post([event("coupon.redeem", {"basket": basket, "codes": [code]}, source=TILL)]))
    assert (outcome["basket"]["discount"], outcome["customer"]) == (240, str(nora))
    page = shown(mine, "/coupons")
    assert code not in page
    assert f"at {TILL}" in page
    coupon = gateway.get(f"/v1/customers/{nora}/coupons", touchpoint="webshop").json()["coupons"][0]
    assert coupon["state"] == "used"
    watched = shown(staff, address)
    assert "1 / 100" in watched
    assert TILL in watched
    assert "$2.40" in shown(staff, f"{address}?part=figures")
    assert code not in watched
    assert "Coffee week" in shown(staff, "/promotions")


def test_what_is_wrong_with_a_promotion_is_said_beside_the_field(staff: Client) -> None:
    for form, said in (
        ({"en": ""}, "At least in English."),
        ({"percent": "ten"}, "A whole number."),
        ({"kind": "Amount", "amount": "a lot"}, "An amount, such as 5.00."),
        ({"starts": "tomorrow"}, "A day, such as 2026-12-24."),
        ({"percent": "200"}, "Nothing was published."),
        ({"kind": "Bundle", "take": "3", "pay": "3"}, "Fewer are paid than are taken."),
        ({"codes": "shared", "code": ""}, "A code that everybody uses"),
        ({"starts": "2026-12-24", "ends": "2026-12-01"}, "It ends before it begins."),
        ({"kind": "Wish"}, "Nothing was published."),
    ):
        page = shown(staff, "/promotions/new", 422, **{"identity": str(uuid.uuid4()), **FORM, **form})
        assert said in page, form
    assert shown(staff, "/promotions").count("Coffee week") == 0


def test_days_begin_at_midnight_of_the_programme_like_days_of_the_week_and_hours(staff: Client, shop: Shop) -> None:
    """The programme's clock is New York's; the pages' is UTC, as nothing else is set."""
    address = published(staff, starts="2031-03-08", ends="2031-03-09", weekdays=["5", "6"])
    said = shop.value("select definition->'conditions' from offers_promotion")
    begins, ends = (dt.datetime.fromisoformat(said[name]) for name in ("starts_at", "ends_at"))
    new_york = zoneinfo.ZoneInfo("America/New_York")
    assert begins == dt.datetime(2031, 3, 8, tzinfo=new_york)
    assert ends == dt.datetime(2031, 3, 10, tzinfo=new_york)
    assert ends - begins == dt.timedelta(hours=47), "summer time begins on the ninth"
    page = shown(staff, address)
    assert "March 8, 2031" in page
    assert "March 10, 2031" in page


def test_a_form_that_is_sent_twice_publishes_once_and_a_code_is_one_promotions(staff: Client, shop: Shop) -> None:
    form = {**FORM, "codes": "shared", "code": "SPRING-24", "identity": str(uuid.uuid4())}
    first = staff.post("/promotions/new", form)
    assert first["location"] == staff.post("/promotions/new", form)["location"]
    assert shop.value("select count(*) from offers_promotion") == 1
    page = shown(staff, "/promotions/new", 422, **{**form, "identity": str(uuid.uuid4())})
    assert "The code is that of another promotion; end that first." in page
    address = first["location"]
    assert staff.post(f"{address}/end")["location"] == address
    assert "over" in shown(staff, address)
    published(staff, codes="shared", code="SPRING-24")


def test_a_honey_code_that_is_shown_is_told_in_the_office(staff: Client, gateway: Gateway) -> None:
    address = published(staff)
    codes = _CODE.findall(shown(staff, address))
    assert len(codes) == 3
    assert "Honey codes were shown" not in shown(staff, "/promotions")
    basket = [{"product": "1", "quantity": 1, "amount": 100}]
    refused = gateway.post([event("coupon.redeem", {"basket": basket, "codes": [codes[1]]}, source=TILL)]).json()
    assert refused["outcomes"][0]["problem"]["type"] == "urn:comptoir:problem:coupon_unusable"
    page = shown(staff, "/promotions")
    assert "Honey codes were shown" in page
    assert TILL in page


def test_nobody_else_sees_a_code(staff: Client, gateway: Gateway) -> None:
    address = published(staff)
    accepted(gateway.post([sale("1", 40, receipt="1"), sale("2", 40, receipt="2")]))
    nora, otto = customer_of(gateway, "1"), customer_of(gateway, "2")
    shown(staff, f"{address}/give", customer=str(nora))
    assert _CODE.search(shown(opened(nora), "/coupons"))
    assert "You have no coupon that can be used now." in shown(opened(otto), "/coupons")
    assert Client(headers=MY_HOST).get("/coupons").status_code == 403
    assert shown(staff, f"{address}/give", 422, customer="nora").count("That is no customer’s number.") == 1
    unknown = shown(staff, f"{address}/give", 404, customer=str(uuid.uuid4()))
    assert "Nobody was seen under this number." in unknown
