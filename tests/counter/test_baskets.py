"""Baskets: operations that commute, sales that take out, claims, the end of a basket, what the log keeps."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import uuid
from typing import Any

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.baskets import jobs, quoting
from comptoir.counter.baskets.contracts import EXPIRED, BasketExpired
from comptoir.foundation.events.commands import record
from comptoir.foundation.touchpoints.clock import said_by_clock
from support import casting, forgotten
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, OTHER_TILL, TILL, WEBSHOP, Counter, Event, identify
from support.gateway import Gateway
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


# -- by the clock -------------------------------------------------------------------------------------------------


def later(**span: int) -> dt.datetime:
    return NOON + dt.timedelta(**span)


def test_a_basket_survives_a_week_and_is_gone_after_its_keeping_time(counter: Counter) -> None:
    counter.send(changed(put=[piece()]), changed(OTHER, put=[piece()], of=ALICE))

    def expire(now: dt.datetime) -> int:
        return jobs.expire(counter.connection, now=now, handlers=counter.handlers)

    assert (expire(later(days=7)), expire(later(days=30))) == (0, 0)
    assert content(counter) == {"tea": 1}
    assert expire(later(days=30, seconds=1)) == 1
    assert (content(counter), content(counter, OTHER)) == ({}, {"tea": 1})
    assert expire(later(days=30, seconds=1)) == 0
    counter.tell(changed(OTHER, put=[piece()], at=later(days=40)), received_at=later(days=40))
    assert expire(later(days=91)) == 0
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before
    assert expire(later(days=131)) == 1
    assert counter.shop.value("select count(*) from baskets_basket") == 0
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


def test_a_basket_that_was_touched_just_then_stays(counter: Counter) -> None:
    counter.send(changed(put=[piece()]))
    since = counter.shop.value("select position::text from baskets_basket")
    counter.tell(changed(put=[piece()], at=later(days=31)), received_at=later(days=31))
    ended = said_by_clock(EXPIRED, "basket/late", BasketExpired(BASKET, since), at=later(days=30), now=later(days=31))
    record(counter.connection, [ended], handlers=counter.handlers)
    assert ended.refusal is not None
    assert ended.refusal.name == "basket_moved"
    assert content(counter) == {"tea": 2}


def test_whoever_agrees_is_said_to_have_left_a_basket_once(counter: Counter) -> None:
    counter.send(
        casting.consented("marketing", "mail", of=ALICE),
        changed(put=[piece()], of=ALICE),
        changed(OTHER, put=[piece()], of=BOB),
    )

    def tell(now: dt.datetime) -> int:
        return jobs.tell_left(counter.connection, now=now, handlers=counter.handlers)

    assert (tell(later(hours=24)), tell(later(hours=25)), tell(later(hours=26))) == (0, 1, 0)
    assert counter.shop.rows("select customer::text, data from events_event where type = 'basket.left'") == [
        {"customer": identify(ALICE), "data": {"customer": {"kind": "customer", "value": identify(ALICE)}}}
    ]
    counter.tell(sold("r1", ("tea", 1), at=later(hours=30), of=ALICE), received_at=later(hours=30))
    counter.tell(changed(put=[piece("cup")], at=later(hours=31)), received_at=later(hours=31))
    assert (tell(later(hours=40)), tell(later(hours=56))) == (0, 1)
    cup = {"put": {"id": counter.shop.value("select id from events_event where data::text like '%%cup%%'")}}
    counter.tell(changed(keep=[{**cup, "quantity": 0}], at=later(hours=57)), received_at=later(hours=57))
    assert tell(later(days=9)) == 0, "there is nothing in it"
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


# -- forgetting ---------------------------------------------------------------------------------------------------


def test_with_a_purchase_goes_the_basket_that_it_came_out_of(counter: Counter) -> None:
    counter.send(changed(put=[piece("wig"), piece("tea")]), changed(of=ALICE, put=[piece("wig")]))
    counter.tell(changed(OTHER, put=[piece("cup")], of=ALICE))
    counter.tell(sold("r1", ("wig", 1), of=ALICE))
    counter.tell(forgotten.forget_sale("r1", of=ALICE, at=later(days=60)), received_at=later(days=60))
    assert content(counter) == {}
    assert content(counter, OTHER) == {"cup": 1}
    log = " ".join(counter.shop.contents("events_event")["events_event"])
    assert BASKET not in log
    assert log.count("wig") == 1, "only the sale, which is nobody's"
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


def test_baskets_of_somebody_who_is_forgotten_lead_to_nobody(counter: Counter) -> None:
    counter.send(changed(put=[piece()], of=ALICE), changed(OTHER, put=[piece()], of=BOB))
    counter.tell(forgotten.forget(ALICE))
    assert identify(ALICE) not in " ".join(itertools.chain(*counter.shop.contents().values()))
    assert counter.shop.value("select count(*) from baskets_basket where customer = %s", identify(BOB)) == 1
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


# -- a second process ---------------------------------------------------------------------------------------------


def test_a_gateway_and_another_process_lose_nothing(shop: Shop, gateway: Gateway) -> None:
    """The till's events go through a gateway's process, the app's through this one: forty pieces, and one is sold."""
    counter = Counter(shop, casting.versions(casting.PROGRAMME))
    told: list[Any] = []

    def till() -> None:
        for number in range(20):
            told.append(gateway.post(changed(put=[piece()], id=f"till-{number}")))
            told.append(gateway.post(changed(put=[piece()], id=f"till-{number}")))  # the answer was lost on the way

    thread = threading.Thread(target=till)
    thread.start()
    for number in range(20):
        assert counter.tell(changed(put=[piece()], source="/app/alice", id=f"app-{number}")).is_accepted
    assert counter.tell(sold("r1", ("tea", 1), at=later(minutes=1), of=None), received_at=later(minutes=2)).is_accepted
    thread.join()
    assert {answer.status_code for answer in told} == {200}
    assert content(counter) == {"tea": 39}
    counter.close()
    before = shop.contents(*TABLES)
    rebuild()
    assert shop.contents(*TABLES) == before
