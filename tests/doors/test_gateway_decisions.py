"""Refusals that were decisions, and identities that come again: recorded once, answered always alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from support import casting
from support.casting import ALICE, Event
from support.door import Standing, changed, is_refused, nothing_moves, sale, with_data
from support.gateway import Gateway
from support.shop import Shop

#: What is derived from the log. A refused decision joins the log, and moves nothing in here.
DERIVED = (
    "customers_link",
    "customers_membership",
    "loyalty_account",
    "loyalty_programmebalance",
    "loyalty_reservation",
    "loyalty_transfer",
    "sales_return",
    "sales_sale",
)


def person(gateway: Gateway, name: str, *, points: int = 0) -> Mapping[str, str]:
    """Somebody with a card of her own and some points."""
    reference = {"kind": "card", "value": name}
    if points:
        assert gateway.post(sale(customer=reference, total=points * 100, lines=[casting.line(points * 100)])).is_success
    return reference


def refused(gateway: Gateway, shop: Shop, event: Event, status: int, name: str, field: str | None) -> None:
    """Assert that an event is refused so, that the decision is recorded once, and that nothing derived moves."""
    before = shop.value("select count(*) from events_event")
    with shop.unchanged(*DERIVED):
        answer = gateway.post(event)
        is_refused(answer, status, name, field)
        again = gateway.post(event)
        in_batch = gateway.post([event])
    assert answer.json()["outcome"]["event"]
    assert (again.status_code, again.content) == (answer.status_code, answer.content)
    assert again.headers["comptoir-repeated"] == "1"
    assert "comptoir-repeated" not in answer.headers
    told = in_batch.json()
    assert told["outcomes"] == [answer.json()["outcome"]]
    assert (told["accepted"], told["refused"], told["duplicates"], told["repeated"]) == (0, 0, 1, [0])
    assert shop.value("select count(*) from events_event") == before + 1


# -- decisions --------------------------------------------------------------------------------------------------------


def test_points_that_were_never_earned(standing: Standing) -> None:
    shop, gateway = standing
    who = person(gateway, "never")
    refused(gateway, shop, casting.redeem(10, of=who), 409, "insufficient_points", "data.points")


def test_more_points_than_there_are(standing: Standing) -> None:
    shop, gateway = standing
    who = person(gateway, "poor", points=20)
    refused(gateway, shop, casting.redeem(21, of=who), 409, "insufficient_points", "data.points")


def test_fewer_points_than_the_programme_lets_go(standing: Standing) -> None:
    shop, gateway = standing
    who = person(gateway, "few", points=20)
    refused(gateway, shop, casting.redeem(9, of=who), 422, "below_minimum", "data.points")


def test_a_reservation_of_more_than_there_is(standing: Standing) -> None:
    shop, gateway = standing
    who = person(gateway, "hopeful", points=20)
    refused(gateway, shop, casting.reserve(21, "hopeful", of=who), 409, "insufficient_points", "data.points")


def test_a_reservation_that_nobody_made(standing: Standing) -> None:
    shop, gateway = standing
    refused(gateway, shop, casting.post("nobody made it"), 404, "reservation_unknown", "data.reservation")


def test_a_reservation_of_another_touchpoint(standing: Standing) -> None:
    shop, gateway = standing
    who = person(gateway, "elsewhere", points=20)
    assert gateway.post(casting.reserve(20, "elsewhere", of=who)).is_success
    event = casting.post("elsewhere", source=casting.WEBSHOP)
    with shop.unchanged(*DERIVED):
        answer = gateway.post(event, touchpoint="webshop")
        is_refused(answer, 404, "reservation_unknown", "data.reservation")


@pytest.mark.parametrize(
    ("lines", "name", "field"),
    [
        ([(1, 2, 1000)], "return_exceeds_sale", "data.lines[0].quantity"),
        ([(1, 1, 1001)], "return_exceeds_sale", "data.lines[0].amount"),
        ([(2, 1, 10)], "line_unknown", "data.lines[0].line"),
    ],
)
def test_a_return_of_what_was_not_sold(
    standing: Standing, lines: Sequence[tuple[int, int, int]], name: str, field: str
) -> None:
    shop, gateway = standing
    sold = sale()
    assert gateway.post(sold).is_success
    back = casting.goods_back(f"back {sold['id']}", sale=sold["data"]["receipt"], lines=lines)
    refused(gateway, shop, back, 422, name, field)


def test_a_second_return_of_the_same_goods(standing: Standing) -> None:
    shop, gateway = standing
    sold = sale()
    receipt = sold["data"]["receipt"]
    assert gateway.post(sold).is_success
    assert gateway.post(casting.goods_back(f"one {receipt}", sale=receipt, lines=[(1, 1, 1000)])).is_success
    again = casting.goods_back(f"two {receipt}", sale=receipt, lines=[(1, 1, 1000)])
    refused(gateway, shop, again, 422, "return_exceeds_sale", "data.lines[0].quantity")


@pytest.mark.parametrize(
    ("make", "name", "field"),
    [
        (lambda: sale(currency="EUR"), "currency_not_accepted", "data.currency"),
        (lambda: sale(currency="usd"), "currency_not_accepted", "data.currency"),
        (lambda: sale(total=999), "total_mismatch", "data.total"),
        (lambda: sale(total=-1000), "total_mismatch", "data.total"),
        (
            lambda: with_data(casting.goods_back("m", sale="m", lines=[(1, 1, 5)]), total=6),
            "total_mismatch",
            "data.total",
        ),
        (
            lambda: with_data(casting.goods_back("c", sale="c", lines=[(1, 1, 5)]), currency="JPY"),
            "currency_not_accepted",
            "data.currency",
        ),
    ],
)
def test_money_that_does_not_add_up(standing: Standing, make: Callable[[], Event], name: str, field: str) -> None:
    shop, gateway = standing
    refused(gateway, shop, make(), 422, name, field)


def test_a_receipt_that_is_booked_already(standing: Standing) -> None:
    shop, gateway = standing
    sold = sale()
    assert gateway.post(sold).is_success
    other = sale(receipt=sold["data"]["receipt"])
    refused(gateway, shop, other, 409, "receipt_taken", "data.receipt")


def test_a_card_linked_to_itself(standing: Standing) -> None:
    shop, gateway = standing
    event = casting.link(ALICE, ALICE)
    with shop.unchanged(*DERIVED):
        is_refused(gateway.post(event, touchpoint="app"), 422, "link_to_itself", "data.identifier")


def test_an_opaque_id_that_was_never_given_out(standing: Standing) -> None:
    shop, gateway = standing
    nobody = {"kind": "customer", "value": "00000000-0000-8000-8000-000000000000"}
    with shop.unchanged(*DERIVED):
        is_refused(gateway.post(casting.redeem(10, of=nobody)), 404, "customer_unknown", "data.customer")


# -- identities -------------------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_outcome_byte_for_byte(standing: Standing) -> None:
    shop, gateway = standing
    event = sale(customer={"kind": "card", "value": "repeats"})
    first = gateway.post(event)
    assert first.is_success
    assert gateway.post(sale(customer={"kind": "card", "value": "repeats"})).json()["balance"]["available"] == 20
    with nothing_moves(shop):
        second = gateway.post(event)
        told = gateway.post([event, event]).json()
    assert second.content == first.content
    assert "comptoir-repeated" not in first.headers
    assert second.headers["comptoir-repeated"] == "1"
    assert told["outcomes"] == [first.json(), first.json()]
    assert (told["accepted"], told["duplicates"], told["repeated"]) == (0, 2, [0, 1])


def test_twins_in_one_batch_count_once(standing: Standing) -> None:
    shop, gateway = standing
    event = sale()
    before = shop.value("select count(*) from events_event")
    told = gateway.post([event, sale(), event]).json()
    assert (told["accepted"], told["refused"], told["duplicates"], told["repeated"]) == (2, 0, 1, [2])
    assert told["outcomes"][0] == told["outcomes"][2]
    assert shop.value("select count(*) from events_event") == before + 2


@pytest.mark.parametrize(
    "other",
    [
        lambda event: with_data(event, total=2000, lines=[casting.line(2000)]),
        lambda event: changed(event, time="2024-03-04T17:00:01+00:00"),
        lambda event: changed(event, type="points.void", data={"reservation": "r"}),
    ],
    ids=["other data", "another time", "another type"],
)
def test_an_id_used_again_with_other_content(standing: Standing, other: Callable[[Event], Event]) -> None:
    shop, gateway = standing
    event = sale()
    first = gateway.post(event)
    with nothing_moves(shop):
        answer = gateway.post(other(event))
        is_refused(answer, 409, "id_reused", "id")
        assert "event" not in answer.json()["outcome"]
        told = gateway.post([event, other(event)]).json()
    assert told["outcomes"][0] == first.json()
    assert told["outcomes"][1]["problem"]["type"] == "urn:comptoir:problem:id_reused"
    assert (told["accepted"], told["refused"], told["duplicates"]) == (0, 1, 1)


def test_the_same_id_of_another_source_is_another_event(standing: Standing) -> None:
    _, gateway = standing
    event = sale()
    assert gateway.post(event).json()["status"] == "accepted"
    other = gateway.post(changed(event, source=casting.OTHER_TILL))
    assert other.json()["status"] == "accepted"
    assert "comptoir-repeated" not in other.headers


def test_content_is_compared_not_bytes(standing: Standing) -> None:
    shop, gateway = standing
    event = sale()
    first = gateway.post(event)
    same: Any = {name: event[name] for name in reversed(event)}
    same["data"] = {name: event["data"][name] for name in reversed(event["data"])}
    same["time"] = "2024-03-04T12:00:00-05:00"
    same["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with nothing_moves(shop):
        second = gateway.post(same)
    assert second.content == first.content
    assert second.headers["comptoir-repeated"] == "1"


def test_of_a_key_that_stands_twice_the_last_one_counts_everywhere(standing: Standing) -> None:
    # As most readers of JSON have it (RFC 8259, section 4). What is compared, decided and kept is the same value.
    shop, gateway = standing
    event = sale()
    twice = json.dumps(event).replace('"currency": "USD"', '"currency": "EUR", "currency": "USD"').encode()
    headers = {"Authorization": f"Bearer {gateway.keys['till']}", "Content-Type": "application/cloudevents+json"}
    first = gateway.client.post("/v1/events", content=twice, headers=headers)
    assert first.json()["status"] == "accepted"
    with nothing_moves(shop):
        assert gateway.post(event).content == first.content
    assert shop.value("select data->>'currency' from events_event where id = %s", event["id"]) == "USD"


def test_an_identifier_is_never_kept_as_it_was_sent(standing: Standing) -> None:
    shop, gateway = standing
    assert gateway.post(sale(customer={"kind": "card", "value": "4929-in-the-clear"})).is_success
    assert not [row for rows in shop.contents().values() for row in rows if "in-the-clear" in row]
    assert "in-the-clear" not in gateway.log.read_text()
