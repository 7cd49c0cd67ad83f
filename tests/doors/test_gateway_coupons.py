"""Coupons at the door: a code that is redeemed at a till is known at once at the web shop; guesses are counted."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from comptoir.counter.assembly import handlers_for
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.offers.codes import CouponCodes, code_of
from comptoir.counter.offers.commands import issue
from comptoir.doors.gateway import limits
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from support.door import Standing
from support.gateway import Gateway
from support.pages import event, sale
from support.shop import Shop

TILL = "/stores/324/tills/1"
LINE = {"product": "1029743", "category": "COFFEE", "quantity": 2, "amount": 1198}


def published(gateway: Gateway, **definition: Any) -> str:
    promotion = str(uuid.uuid4())
    said = {"titles": {"en": "Coffee week"}, "benefit": {"kind": "Percentage", "percent": 10}, **definition}
    answer = gateway.post(
        event("promotion.published", {"staff": "camille", "promotion": promotion, "definition": said},
              source="/console"),
        touchpoint="console",
    )  # fmt: skip
    assert answer.status_code == httpx.codes.OK, answer.text
    return promotion


def given(shop: Shop, promotion: str, *customers: str) -> list[str]:
    with shop.connect() as connection:
        programmes = find_programmes(connection)
        assert programmes is not None
        coupons = issue(
            connection, handlers=handlers_for(programmes), promotion_id=promotion, customer_ids=customers,
            campaign_id=None, at=SYSTEM_CLOCK.now(),
        )  # fmt: skip
    return [code_of(coupons[each]) for each in customers]


def customer_of(gateway: Gateway, number: str) -> str:
    answer = gateway.post(sale(number, 100, receipt=number))
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json()["customer"])


def ask(gateway: Gateway, asked: dict[str, Any], *, touchpoint: str = "webshop") -> httpx.Response:
    return gateway.client.post(
        "/v1/baskets/price", json=asked, headers={"Authorization": f"Bearer {gateway.keys[touchpoint]}"}
    )


def redeem(code: str, *, source: str = TILL, **data: Any) -> Any:
    return event("coupon.redeem", {"basket": [LINE], "codes": [code], **data}, source=source)


def test_what_a_till_redeems_is_known_at_once_at_the_web_shop(standing: Standing) -> None:
    shop, gateway = standing
    promotion = published(gateway, codes="each", items={"categories": ["COFFEE"]})
    alice = customer_of(gateway, "coupons-1")
    (code,) = given(shop, promotion, alice)
    (coupon,) = gateway.get(f"/v1/customers/{alice}/coupons", touchpoint="webshop").json()["coupons"]
    assert (coupon["state"], coupon["uses_left"], coupon["titles"]) == ("usable", 1, {"en": "Coffee week"})
    assert code.replace("-", "") not in str(coupon).replace("-", "")
    asked = {"source": "/webshop", "basket": [LINE], "codes": [code]}
    priced = ask(gateway, asked).json()
    assert (priced["before"], priced["discount"], priced["total"]) == (1198, 120, 1078)
    because = priced["deductions"][0]["because"]
    assert because["fr"] == "Coffee week: 10\N{NO-BREAK SPACE}% de moins, sur les articles concernés"
    answer = gateway.post(redeem(code.lower()))
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.json()["basket"]["total"] == 1078
    (coupon,) = gateway.get(f"/v1/customers/{alice}/coupons", touchpoint="webshop").json()["coupons"]
    assert (coupon["state"], coupon["uses_left"], coupon["source"]) == ("used", 0, TILL)
    priced = ask(gateway, asked).json()
    assert (priced["total"], priced["not_applied"][0]["reason"]) == (1198, "unusable")
    answer = gateway.post(redeem(code, source="/webshop"), touchpoint="webshop")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:comptoir:problem:coupon_unusable")


def test_what_is_used_up_is_told_with_the_price_and_with_what_is_held(standing: Standing) -> None:
    _, gateway = standing
    promotion = published(gateway, items={"products": ["used-up"]}, budget={"redemptions_max": 1})
    goods = {"product": "used-up", "quantity": 1, "amount": 1000}
    data = {"basket": [goods], "codes": []}
    taken = gateway.post(event("coupon.redeem", data, source=TILL)).json()
    assert (taken["basket"]["total"], "not_applied" in taken["basket"]) == (900, False)
    asked = ask(gateway, {"source": "/webshop", "basket": [goods]}).json()
    held = gateway.post(
        event("coupon.reserve", {**data, "reservation": "used-up", "expires_in": 60}, source=TILL)
    ).json()
    for priced in (asked, held["basket"]):
        assert priced["total"] == 1000
        (told,) = priced["not_applied"]
        assert (told["code"], told["reason"], told["promotion"]) == (0, "used_up", promotion)
        assert told["because"]["en"] == "All of it has been given away."
    other = {"source": "/webshop", "basket": [{"product": "something else", "quantity": 1, "amount": 1000}]}
    assert "not_applied" not in ask(gateway, other).json()


def test_the_log_has_no_code(standing: Standing) -> None:
    shop, gateway = standing
    promotion = published(gateway, codes="each", honey=1)
    bob = customer_of(gateway, "coupons-2")
    (code,) = given(shop, promotion, bob)
    gateway.post(redeem(code))
    planted = CouponCodes.of_shop().honey(promotion, 0)
    assert gateway.post(redeem(planted)).json()["type"] == "urn:comptoir:problem:coupon_unusable"
    everything = str(shop.contents())
    assert code.replace("-", "") not in everything
    assert code not in everything
    assert planted not in everything
    assert shop.value("select count(*) from offers_alert where promotion = %s", promotion) == 1


def test_whoever_guesses_codes_has_to_wait(gateway: Gateway) -> None:
    guesses = [redeem(f"{number:020d}") for number in range(int(limits.ATTEMPTS_MAX) + 1)]
    answers = gateway.post(guesses[:-1], touchpoint="till").json()["outcomes"]
    assert {each["problem"]["type"] for each in answers} == {"urn:comptoir:problem:coupon_unusable"}
    answer = gateway.post(guesses[-1])
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:comptoir:problem:too_many_attempts")
    asked = {"source": TILL, "basket": [LINE], "codes": ["0" * 20]}
    assert ask(gateway, asked, touchpoint="till").status_code == 429
    assert ask(gateway, {**asked, "codes": []}, touchpoint="till").status_code == 200
    assert gateway.post(sale("coupons-3", 100, receipt="coupons-3")).status_code == 200


def test_a_price_that_cannot_be_told_says_why(standing: Standing) -> None:
    _, gateway = standing
    for asked, name in (
        ({"source": "/elsewhere", "basket": [LINE]}, "source_not_declared"),
        ({"source": "/webshop", "basket": []}, "field_invalid"),
        ({"source": "/webshop", "basket": [{**LINE, "amount": -1}]}, "field_invalid"),
        ({"source": "/webshop", "basket": [LINE] * 1001}, "field_invalid"),
        ({"source": "/webshop", "basket": [{**LINE, "quantity": 0}]}, "field_invalid"),
        ({"source": "/webshop", "basket": [LINE], "secret": 1}, "undeclared_field"),
    ):
        assert ask(gateway, asked).json()["type"] == f"urn:comptoir:problem:{name}", asked
    assert ask(gateway, {"source": "/app/alice", "basket": [LINE]}, touchpoint="app").status_code == 403
