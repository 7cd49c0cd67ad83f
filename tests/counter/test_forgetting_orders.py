"""A purchase that is forgotten takes its order along: it goes on as nobody's, and money still goes back by its number.

Alice has ordered on the phone, out of a basket; the vault has placed, booked and paid it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.orders.codes import number_of, pickup_codes
from support import casting, invariants
from support.casting import ALICE, BOB, CONSOLE, NOON, VAULT, Event, Reference, identify
from support.following import Followed
from support.forgotten import forget_sale
from support.shop import Shop

ORDER: Final = str(uuid.UUID("0195a0b2-7a1c-7000-8000-000000000009"))
NUMBER: Final = number_of(ORDER)
BASKET: Final = "0c8f2f2e-6a54-4d0b-9c1d-0b7f5d7f3a19"
LINES: Final = [casting.line(300, product="wig"), casting.line(200, product="comb")]
LATER: Final = NOON + dt.timedelta(days=60)
#: What a rebuild of the log derives, as far as orders, figures and baskets go.
TABLES: Final = ("orders_order", "audiences_act", "audiences_line", "baskets_basket", "sales_sale", "sales_return")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Followed]:
    made = Followed(shop)
    yield made
    invariants.check(made.connection)
    assert rebuild(keep=False).changed == []
    made.close()


def ordered(*, handed_over: bool = True) -> list[Event]:
    wanted = {"basket": BASKET, "customer": ALICE, "put": [{"product": "wig", "quantity": 1}]}
    return [
        casting.event("basket.changed", wanted, source=casting.TILL),
        *casting.ordered(ORDER, lines=LINES, basket=BASKET),
        casting.event("order.pack", {"order": ORDER}, source=CONSOLE),
        *([given()] if handed_over else []),
    ]


def given() -> Event:
    return casting.event("order.hand_over", {"code": pickup_codes().code(ORDER)}, source=CONSOLE)


def forgotten(points: str, *, of: Reference = ALICE, at: dt.datetime = LATER) -> Event:
    return forget_sale(NUMBER, of=of, source=VAULT, points=points, at=at)


def tell(counter: Followed, *said: Event) -> None:
    for each in said:
        answer = counter.tell(each)
        assert answer.is_accepted, answer.outcome
    counter.bring(counter.fresh())


def steps(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows(
        "select type, customer::text, data, outcome from events_event where type like 'order.%' order by position"
    )


def test_nobody_is_named_by_the_order_or_any_of_its_steps(shop: Shop, counter: Followed) -> None:
    tell(counter, *ordered())
    again = counter.tell(casting.event("order.cancel", {"order": ORDER, "because": "by_staff"}, source=CONSOLE))
    assert again.problem == "order_over"
    before = steps(shop)
    assert [each["customer"] for each in before] == [identify(ALICE)] * 5
    assert shop.value("select count(*) from audiences_act where type like 'order.%%'") == 4
    place = shop.value("select position from orders_order")
    assert counter.tell(forgotten("kept"), received_at=LATER).is_accepted
    counter.bring(counter.fresh())
    after = steps(shop)
    assert [each["customer"] for each in after] == [None] * 5
    assert identify(ALICE) not in str(after)
    assert BASKET not in str(after)
    # What the steps said of the order is said as before: goods still come back of it, and money goes back by it.
    for was, became in zip(before, after, strict=True):
        left = {name: value for name, value in was["data"].items() if name not in {"customer", "basket"}}
        assert became["data"] == left
    assert shop.rows("select customer, basket, receipt, state from orders_order") == [
        {"customer": None, "basket": None, "receipt": NUMBER, "state": "handed_over"}
    ]
    assert shop.value("select position from orders_order") == place
    assert shop.value("select count(*) from audiences_act where type like 'order.%%'") == 0
    made = shop.contents(*TABLES)
    rebuild()
    assert shop.contents(*TABLES) == made
    whole = casting.goods_back(
        "back", sale=NUMBER, sale_source=VAULT, source=CONSOLE, lines=[(1, 1, 300), (2, 1, 200)], at=LATER
    )
    assert counter.tell(whole, received_at=LATER).is_accepted
    assert shop.rows("select customer, state from orders_order") == [{"customer": None, "state": "returned"}]


def test_an_order_that_is_still_to_be_handed_over_goes_on_as_nobodys(shop: Shop, counter: Followed) -> None:
    tell(counter, *ordered(handed_over=False))
    assert counter.tell(forgotten("given_up", at=NOON)).is_accepted
    tell(counter, given())
    assert shop.rows("select customer, state from orders_order") == [{"customer": None, "state": "handed_over"}]
    assert {each["customer"] for each in steps(shop)} == {None}


@pytest.mark.parametrize("of", [ALICE, BOB])
def test_what_is_refused_changes_neither_the_order_nor_its_basket(shop: Shop, counter: Followed, of: Reference) -> None:
    tell(counter, *ordered())
    more = {"basket": BASKET, "customer": ALICE, "put": [{"product": "brush", "quantity": 1}]}
    tell(counter, casting.event("basket.changed", more, source=casting.TILL))
    with shop.unchanged("orders_order", "baskets_basket", "audiences_act"):
        refused = counter.tell(forgotten("kept", of=of, at=NOON))
        counter.bring(counter.fresh())
    assert refused.problem == ("sale_still_returnable" if of == ALICE else "piece_unknown")
    assert {each["customer"] for each in steps(shop)} == {identify(ALICE)}


def test_a_tills_own_sale_under_an_orders_number_leaves_the_order_alone(shop: Shop, counter: Followed) -> None:
    tell(counter, *ordered(), casting.sale(NUMBER, 70))
    with shop.unchanged("orders_order", "baskets_basket"):
        assert counter.tell(forget_sale(NUMBER, of=ALICE, at=NOON)).is_accepted
    assert {each["customer"] for each in steps(shop)} == {identify(ALICE)}
    assert shop.value("select data->>'receipt' from events_event where type = 'order.paid'") == NUMBER
