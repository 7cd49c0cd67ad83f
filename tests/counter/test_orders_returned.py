"""An order of which every piece came back is returned: wherever they came back, and in whichever order that is heard.

An order of three pieces, of which the vault has booked the sale; tills and the returns desk take pieces back.
"""

from __future__ import annotations

import datetime as dt
import importlib
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
import psycopg
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.orders import rules
from comptoir.counter.orders.codes import number_of
from comptoir.counter.orders.contracts import CANCEL, HAND_OVER, OrderHandOver, OrderLine, OrderPlaced
from comptoir.counter.sales.rules import Return, Returned
from comptoir.foundation.kernel import database
from support.gateway import Gateway
from support.pages import accepted, event
from support.shop import Shop

AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
HOUR: Final = dt.timedelta(hours=1)
ORDER: Final = str(uuid.UUID("0195a0b2-7a1c-7000-8000-000000000001"))
NUMBER: Final = number_of(ORDER)
LINES: Final = [{"product": "tea-1", "quantity": 2, "amount": 2500}, {"product": "cup-1", "quantity": 1, "amount": 800}]
ELSEWHERE: Final = "/stores/330/tills/1"
STATEMENTS: Final = database.load_statements("comptoir.config", "checking.sql")

# -- the rules ------------------------------------------------------------------------------------------------------


def order_in(state: str, **moments: dt.datetime) -> rules.Order:
    data = OrderPlaced(
        order=ORDER, number=NUMBER, currency="USD", total=3300, by="pickup", store="324",
        lines=[OrderLine(each["product"], each["quantity"], each["amount"]) for each in LINES],  # type: ignore[arg-type]
    )  # fmt: skip
    order = rules.placed(data, customer=None, position="b", at=AT, pickup="p")
    return msgspec.structs.replace(order, state=state, moments={**order.moments, **moments})


def back(*lines: tuple[int, int], at: dt.datetime = AT) -> Return:
    returned = tuple(Returned(line, quantity, 0) for line, quantity in lines)
    return Return("/t", "r", "c", "/vault", NUMBER, at, None, "USD", 0, returned, "applied")


def test_all_of_it_is_back_with_its_last_piece_and_when_that_came() -> None:
    lines = order_in("paid").lines
    assert rules.all_back(lines, []) is None
    assert rules.all_back(lines, [back((1, 2))]) is None
    assert rules.all_back(lines, [back((1, 1), (2, 1)), back((1, 1), at=AT + HOUR)]) == AT + HOUR
    # Whichever is heard last: the moment is when the last piece came, and a part of a price is no piece.
    found = [back((1, 1), (2, 1), at=AT + HOUR), back((1, 1)), back((1, 0), at=AT + 9 * HOUR)]
    assert rules.all_back(lines, found) == AT + HOUR
    # What the order does not have is none of it.
    assert rules.all_back(lines, [back((1, 2), (2, 1), (3, 1))]) is None


@pytest.mark.parametrize(
    ("state", "after"),
    [("handed_over", "returned"), ("placed", "placed"), ("paid", "paid"), ("packed", "packed")],
)
def test_only_what_was_handed_over_is_returned(state: str, after: str) -> None:
    order = rules.brought_back(order_in(state, **{state: AT}), position="c", at=AT + HOUR)
    assert (order.state, order.position, order.moments["returned"]) == (after, "c", AT + HOUR)
    assert rules.brought_back(order, position="d", at=AT + 2 * HOUR) is order, "once is enough"
    # Whoever hears later that it was handed over knows that it is returned.
    if state != "handed_over":
        said = OrderHandOver(order=ORDER)
        later = rules.stepped(order, HAND_OVER, said, position="d", at=AT + 2 * HOUR, source="/t")
        assert (later.state, later.moments["handed_over"]) == ("returned", AT + 2 * HOUR)


def test_a_cancelled_order_stays_cancelled() -> None:
    order = order_in("cancelled", cancelled=AT)
    assert rules.brought_back(order, position="c", at=AT) is order


@pytest.mark.parametrize("kind", [HAND_OVER, CANCEL])
def test_a_returned_order_takes_no_further_step(kind: str) -> None:
    order = order_in("returned", handed_over=AT, returned=AT + HOUR)
    assert order.was_handed_over
    problem = rules.judge(order, kind, OrderHandOver(order=ORDER))
    assert problem is not None
    assert (problem.name, problem.extra["state"]) == ("order_over", "returned")


# -- in the shop ----------------------------------------------------------------------------------------------------


def placed() -> dict[str, Any]:
    data = {
        "order": ORDER, "number": NUMBER, "currency": "USD", "total": 3300, "lines": LINES, "by": "pickup",
        "store": "324",
    }  # fmt: skip
    return event("order.placed", data, source="/vault", at=AT)


def booked() -> list[dict[str, Any]]:
    sale = {"receipt": NUMBER, "currency": "USD", "total": 3300, "lines": LINES, "store": "324"}
    paid = {"order": ORDER, "receipt": NUMBER, "legs": [{"means": "provider", "amount": 3300}]}
    return [event("sale.closed", sale, source="/vault", at=AT), event("order.paid", paid, source="/vault", at=AT)]


def given() -> dict[str, Any]:
    return event("order.hand_over", {"order": ORDER}, source="/console", at=AT + HOUR)


def returned(
    receipt: str, *pieces: tuple[int, int], source: str, at: dt.datetime, sale: str = "/vault"
) -> dict[str, Any]:
    prices = {1: 1250, 2: 800}
    lines = [{"line": line, "quantity": count, "amount": count * prices[line]} for line, count in pieces]
    data = {
        "receipt": receipt, "sale": {"receipt": NUMBER, "source": sale}, "currency": "USD", "lines": lines,
        "total": sum(each["amount"] for each in lines),
    }  # fmt: skip
    return event("sale.returned", data, source=source, at=at)


def at_the_desk(*, at: dt.datetime = AT + 2 * HOUR) -> dict[str, Any]:
    return returned("D1", (1, 1), (2, 1), source="/console", at=at)


def at_a_till(*, at: dt.datetime = AT + 3 * HOUR) -> dict[str, Any]:
    return returned("T1", (1, 1), source=ELSEWHERE, at=at)


#: Who says what.
BY: Final = {"/vault": "vault", "/console": "console", ELSEWHERE: "till"}


def say(gateway: Gateway, *said: dict[str, Any]) -> None:
    for each in said:
        accepted(gateway.post([each], touchpoint=BY[each["source"]]))


def stands(shop: Shop) -> tuple[str, dict[str, dt.datetime]]:
    row = shop.rows("select state, moments from orders_order")[0]
    return row["state"], {name: dt.datetime.fromisoformat(at) for name, at in row["moments"].items()}


def is_whole(shop: Shop) -> bool:
    """Tell whether a rebuild derives the same, and the doctor finds nothing."""
    return rebuild(keep=False).changed == [] and shop.value(STATEMENTS["returned_orders_came_back"]) == 0


def test_in_two_halves_at_two_places_and_nothing_that_is_refused_counts(shop: Shop, gateway: Gateway) -> None:
    say(gateway, placed())
    accepted(gateway.post(booked(), touchpoint="vault"))
    say(gateway, given(), at_the_desk())
    assert stands(shop)[0] == "handed_over", "one piece is still out there"
    too_much = returned("T0", (1, 2), source=ELSEWHERE, at=AT + 3 * HOUR)
    with shop.unchanged("orders_order", "sales_return"):
        answer = gateway.post([too_much]).json()["outcomes"][0]
    assert answer["problem"]["type"].endswith("return_exceeds_sale")
    assert is_whole(shop)
    say(gateway, at_a_till())
    state, moments = stands(shop)
    assert (state, moments["handed_over"], moments["returned"]) == ("returned", AT + HOUR, AT + 3 * HOUR)
    assert is_whole(shop)
    # It is over, and nothing more comes back of it.
    with shop.unchanged("orders_order", "sales_return"):
        for late in (returned("T2", (1, 1), source=ELSEWHERE, at=AT + 4 * HOUR), {**given(), "id": "again"}):
            assert "problem" in gateway.post([late], touchpoint=BY[late["source"]]).json()["outcomes"][0]


IN_ANY_ORDER: Final[dict[str, Sequence[Any]]] = {
    "handed over last": (placed, booked, at_the_desk, at_a_till, given),
    "handed over in between": (placed, booked, at_a_till, given, at_the_desk),
    "a return waits for its sale": (placed, at_a_till, booked, given, at_the_desk),
    "both wait": (at_a_till, at_the_desk, placed, booked, given),
}


@pytest.mark.parametrize("name", IN_ANY_ORDER)
def test_in_whichever_order_it_is_heard(shop: Shop, gateway: Gateway, name: str) -> None:
    for each in IN_ANY_ORDER[name]:
        said = each()
        if isinstance(said, list):
            accepted(gateway.post(said, touchpoint="vault"))
        else:
            say(gateway, said)
    state, moments = stands(shop)
    assert (state, moments["handed_over"], moments["returned"]) == ("returned", AT + HOUR, AT + 3 * HOUR)
    assert is_whole(shop)


def test_both_halves_in_the_same_moment(shop: Shop, gateway: Gateway) -> None:
    say(gateway, placed())
    accepted(gateway.post(booked(), touchpoint="vault"))
    say(gateway, given())
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda said: say(gateway, said), [at_the_desk(), at_a_till()]))
    assert stands(shop)[0] == "returned"
    assert is_whole(shop)


def test_what_a_till_sold_under_an_orders_number_is_not_the_order(shop: Shop, gateway: Gateway) -> None:
    say(gateway, placed())
    accepted(gateway.post(booked(), touchpoint="vault"))
    sale = {"receipt": NUMBER, "currency": "USD", "total": 3300, "lines": LINES, "store": "330"}
    say(gateway, given(), event("sale.closed", sale, source=ELSEWHERE, at=AT))
    say(gateway, returned("T1", (1, 2), (2, 1), source=ELSEWHERE, at=AT + 2 * HOUR, sale=ELSEWHERE))
    assert stands(shop)[0] == "handed_over"
    assert is_whole(shop)


@pytest.mark.parametrize("came_before", [False, True])
def test_an_order_that_is_cancelled_is_not_returned_when_its_sale_is_undone(
    shop: Shop, gateway: Gateway, *, came_before: bool
) -> None:
    say(gateway, placed())
    accepted(gateway.post(booked(), touchpoint="vault"))
    off = event("order.cancel", {"order": ORDER, "because": "by_staff"}, source="/console", at=AT)
    whole = [at_the_desk(), at_a_till()]
    say(gateway, *([*whole, off] if came_before else [off, *whole]))
    assert stands(shop)[0] == "cancelled"
    assert is_whole(shop)


def test_orders_that_came_back_before_there_was_the_state_get_it(shop: Shop, gateway: Gateway) -> None:
    say(gateway, placed())
    accepted(gateway.post(booked(), touchpoint="vault"))
    say(gateway, given(), at_the_desk(), at_a_till())
    fill = importlib.import_module("comptoir.counter.orders.migrations.0004_returned").FILL
    select = "select state, position, (moments->>'returned')::timestamptz from orders_order"
    with psycopg.connect(database.owner_conninfo()) as owner:
        before = owner.execute(select).fetchall()
        owner.execute("update orders_order set state = 'handed_over', moments = moments - 'returned'")
        assert owner.execute(STATEMENTS["returned_orders_came_back"]).fetchone() == (1,)
        for _ in range(2):
            owner.execute(fill)
            assert owner.execute(select).fetchall() == before
        owner.execute("update orders_order set state = 'handed_over', moments = moments - 'returned'")
        owner.execute("update sales_return set lines = jsonb_set(lines, array['0', 'quantity'], '0')")
        owner.execute(fill)
        assert owner.execute("select state from orders_order").fetchone() == ("handed_over",)
        owner.rollback()
