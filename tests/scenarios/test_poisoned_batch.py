"""``poisoned-batch``: one failing member spoils the rest, https://github.com/mautic/mautic/issues/7226 for mails.

Of a thousand events one is wrong, in every way in which one can be: 999 are applied, one is refused by name.
"""

from __future__ import annotations

from typing import Any

from support import casting
from support.gateway import Gateway
from support.shop import Shop

GOOD = casting.sale("x", 10)
WRONG: dict[str, tuple[Any, str]] = {
    "not an object": (17, "envelope_invalid"),
    "no id": ({name: value for name, value in GOOD.items() if name != "id"}, "envelope_invalid"),
    "unknown type": (GOOD | {"id": "w1", "type": "sale.dreamt"}, "unknown_type"),
    "undeclared field": (GOOD | {"id": "w2", "data": GOOD["data"] | {"birth_date": "1970-01-01"}}, "undeclared_field"),
    "zero byte": (GOOD | {"id": "w3", "data": GOOD["data"] | {"receipt": "a\0b"}}, "field_invalid"),
    "wrong currency": (GOOD | {"id": "w4", "data": GOOD["data"] | {"currency": "EUR"}}, "currency_not_accepted"),
    "wrong total": (GOOD | {"id": "w5", "data": GOOD["data"] | {"total": 11}}, "total_mismatch"),
    "no points": (casting.redeem(10), "insufficient_points"),
}


def test_one_is_refused_by_name_and_the_others_are_applied(shop: Shop, gateway: Gateway) -> None:
    for turn, (wrong, name) in enumerate(WRONG.values()):
        batch = [
            casting.sale(f"{turn}/{number}", 100, of={"kind": "card", "value": f"{number % 50}"}, id=f"{turn}/{number}")
            for number in range(250)
        ]
        batch.insert(100, wrong)
        answer = gateway.post(batch)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["accepted"], told["refused"], told["duplicates"]) == (250, 1, 0), name
        assert told["outcomes"][100]["problem"]["type"] == f"urn:comptoir:problem:{name}"
        assert all(each["status"] == "accepted" for place, each in enumerate(told["outcomes"]) if place != 100)
    assert shop.value("select sum(available) from loyalty_account") == 250 * len(WRONG)


def test_a_body_that_is_no_batch_is_refused_whole(shop: Shop, gateway: Gateway) -> None:
    headers = {
        "Authorization": f"Bearer {gateway.keys['till']}",
        "Content-Type": "application/cloudevents-batch+json",
    }
    with shop.unchanged("events_event", "events_identity", "customers_customer", "loyalty_account"):
        for body in (b"[", b"{}", b'[{"id": 1},]', b"\xff", b"", b"[]]"):
            answer = gateway.client.post("/v1/events", content=body, headers=headers)
            assert answer.status_code == 400
            assert answer.json()["type"] == "urn:comptoir:problem:malformed_json"
