"""Baskets: operations that commute, sales that take out, claims, the end of a basket, what the log keeps."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from typing import Any

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.baskets import quoting
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, OTHER_TILL, TILL, WEBSHOP, Counter, Event, identify
from support.shop import Shop

TABLES = ("baskets_basket", "customers_customer")
BASKET = "0c8f2f2e-6a54-4d0b-9c1d-0b7f5d7f3a10"
OTHER = "1c8f2f2e-6a54-4d0b-9c1d-0b7f5d7f3a11"
MINUTE = dt.timedelta(minutes=1)


def changed(
    basket: str = BASKET, *, put: list[dict[str, Any]] | None = None, keep: list[dict[str, Any]] | None = None,
    of: Any = None, source: str = TILL, at: dt.datetime = NOON, id: str | None = None, **more: Any,  # noqa: A002
) -> Event:  # fmt: skip
    data = {"basket": basket, "customer": of, "put": put, "keep": keep, **more}
    return casting.event("basket.changed", data, source=source, at=at, id=id)


def piece(product: str = "tea", quantity: int = 1) -> dict[str, Any]:
    return {"product": product, "quantity": quantity}


def sold(receipt: str, *lines: tuple[str, int], basket: str = BASKET, at: dt.datetime = NOON, **named: Any) -> Event:
    goods = [casting.line(100 * quantity, quantity=quantity, product=product) for product, quantity in lines]
    event = casting.sale(receipt, lines=goods, at=at, **named)
    event["data"]["basket"] = basket
    return event


@pytest.fixture
def counter(shop: Shop) -> Any:
    one = Counter(shop, casting.versions(casting.PROGRAMME))
    yield one
    one.close()


def content(counter: Counter, basket: str = BASKET) -> dict[str, int]:
    with counter.shop.connect() as connection:
        found = quoting.find(connection, basket)
    return {} if found is None else {line.product: line.quantity for line in found.content.lines}


def test_a_sale_takes_out_what_was_sold_and_leaves_the_rest(counter: Counter) -> None:
    counter.send(
        changed(put=[piece("tea", 3), piece("bread")], of=ALICE),
        changed(put=[piece("cup")], source=WEBSHOP, at=NOON + MINUTE),
        sold("r1", ("tea", 2), ("cup", 1), at=NOON + 2 * MINUTE),
    )
    assert content(counter) == {"tea": 1, "bread": 1}
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


def test_a_repeat_changes_nothing(counter: Counter) -> None:
    said = changed(put=[piece("tea", 2)], id="one")
    counter.send(said)
    counter.send(said, said)
    assert content(counter) == {"tea": 2}


def test_what_is_refused_changes_nothing(counter: Counter) -> None:
    counter.send(changed(put=[piece()], of=ALICE), changed(OTHER, put=[piece()], of=BOB))
    with counter.shop.unchanged("baskets_basket"):
        told = [
            counter.tell(changed()).problem,
            counter.tell(changed(put=[piece()], of=BOB)).problem,
            counter.tell(changed("00000000-0000-0000-0000-000000000000", put=[piece()])).problem,
            counter.tell(
                changed(put=[{"product": "tea", "quantity": 1, "seen": {"currency": "EUR", "amount": 3}}])
            ).problem,
        ]
    assert told == ["basket_unchanged", "basket_taken", "field_invalid", "currency_not_accepted"]


def test_linked_customers_have_one_basket_and_parted_ones_their_own(counter: Counter) -> None:
    counter.send(changed(put=[piece("tea", 2)], of=ALICE), changed(OTHER, put=[piece("cup")], of=ALICE_ONLINE))
    counter.send(casting.link(ALICE_ONLINE, ALICE))
    assert content(counter) == content(counter, OTHER) == {"tea": 2, "cup": 1}
    counter.send(casting.unlink(ALICE_ONLINE, ALICE, at=NOON + MINUTE))
    assert (content(counter), content(counter, OTHER)) == ({"tea": 2}, {"cup": 1})


def test_two_at_once_lose_nothing(shop: Shop) -> None:
    """A race by further connections: phone and till put in, take out and claim at the same moment."""
    programmes = casting.versions(casting.PROGRAMME)
    barrier = threading.Barrier(4)
    problems: list[str] = []

    def channel(number: int) -> None:
        own = Counter(shop, programmes)
        barrier.wait()
        for each in range(10):
            source = (TILL, OTHER_TILL, WEBSHOP, "/app/alice")[number]
            answer = own.tell(
                changed(put=[piece("tea")], source=source, id=f"{number}-{each}", of=ALICE if each == number else None)
            )
            problems.extend([answer.problem] if answer.problem else [])
        own.close()

    threads = [threading.Thread(target=channel, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    counter = Counter(shop, programmes)
    assert problems == []
    assert content(counter) == {"tea": 40}
    assert shop.value("select customer::text from baskets_basket") == identify(ALICE)
    before = shop.contents(*TABLES)
    counter.close()
    rebuild()
    assert shop.contents(*TABLES) == before


def test_only_unguessable_ids_are_baskets(counter: Counter) -> None:
    assert content(counter, str(uuid.uuid4())) == {}
