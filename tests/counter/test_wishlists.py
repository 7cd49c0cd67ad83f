"""Wish lists: what owners change and friends claim, races for one wish, orders, rebuilding, and being forgotten."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.config.replaying import wished
from comptoir.config.replaying.recordings import Event as Written
from comptoir.counter.wishlists import store
from comptoir.counter.wishlists.codes import digest_of, friend_of, secret_of
from comptoir.counter.wishlists.rules import Claim, WishList
from support import casting, forgotten
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, STOREFRONT, Counter, Event, identify
from support.forgotten import forget
from support.shop import Shop

TABLES = ("wishlists_wishlist", "wishlists_claim")
LIST = "6d3c1b2a-8a51-4b0e-9f0a-2f6b7c8d9e10"
WISH = "7e4d2c3b-9b62-4c1f-8a1b-3a7c8d9e0f11"
SHARE = "8f5e3d4c-0c73-4d20-9b2c-4b8d9e0f1a12"
ORDER = "0f6b9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10"
FRIEND = friend_of("one browser", LIST)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


def said(kind: str, *, at: dt.datetime = NOON, **data: Any) -> Event:
    return casting.event(kind, data, source=STOREFRONT, at=at)


def changed(*, of: Any = ALICE, at: dt.datetime = NOON, wish_list: str = LIST, **data: Any) -> Event:
    return said("wish_list.changed", at=at, wish_list=wish_list, customer=of, **data)


def wish(number: str = WISH, product: str = "teapot", quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"wish": number, "product": product, "quantity": quantity, **more}


def claim(number: str | None = None, *, at: dt.datetime = NOON + MINUTE, **data: Any) -> Event:
    who = {} if "customer" in data else {"friend": FRIEND}
    given = {"wish_list": LIST, "share": SHARE, "wish": WISH, "claim": number or str(uuid.uuid4()), **who, **data}
    return said("wish.claim", at=at, **given)


def order_of(basket: str, number: str = ORDER) -> dict[str, Any]:
    return {
        "order": number, "number": "K7QM-2XHR-9DTW", "currency": "USD", "total": 500, "by": "delivery",
        "basket": basket, "lines": [{"product": "teapot", "quantity": 1, "amount": 500}],
    }  # fmt: skip


def vault(kind: str, data: dict[str, Any], *, at: dt.datetime = NOON + 2 * MINUTE) -> Event:
    return casting.event(kind, data, source=casting.VAULT, at=at)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    one.send(casting.sale("a", 500, of=ALICE), casting.sale("b", 500, of=BOB))
    yield one
    one.close()


@pytest.fixture
def shared(counter: Counter) -> Counter:
    """Alice shares a list with one teapot on it until the day after tomorrow."""
    begun = changed(
        title="For the kitchen", opens_at=(NOON + 2 * DAY).isoformat(), put=[wish(note="blue")], share=SHARE
    )
    assert counter.tell(begun).problem is None
    return counter


def lists(counter: Counter) -> list[WishList]:
    with counter.shop.connect() as connection:
        return store.find_lists(connection, [LIST])


def claims(counter: Counter) -> list[Claim]:
    with counter.shop.connect() as connection:
        return store.find_claims(connection, [LIST])


def rebuilt(counter: Counter) -> None:
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


def test_an_owner_begins_fills_shares_and_ends_a_list(shared: Counter) -> None:
    other = str(uuid.uuid4())
    shared.send(
        changed(put=[wish(other, "cup", 4)], at=NOON + MINUTE),
        changed(title="Kitchen", put=[wish(quantity=2)], at=NOON + 2 * MINUTE),
        changed(off=[other], to_address=True, at=NOON + 3 * MINUTE),
    )
    (one,) = lists(shared)
    assert (one.title, one.to_address, one.link) == ("Kitchen", True, digest_of(SHARE))
    assert [(each.product, each.quantity, each.note) for each in one.wishes] == [("teapot", 2, "")]
    assert len(secret_of(SHARE)) == 20
    with shared.shop.connect() as connection:
        assert store.find_shared(connection, digest_of(SHARE)) == one
    again = str(uuid.uuid4())
    shared.send(changed(share=again, at=NOON + 4 * MINUTE))
    with shared.shop.connect() as connection:
        assert store.find_shared(connection, digest_of(SHARE)) is None
        assert store.find_shared(connection, digest_of(again)) is not None
    shared.send(changed(end=True, at=NOON + 5 * MINUTE))
    assert (lists(shared)[0].link, lists(shared)[0].ended_at) == (None, NOON + 5 * MINUTE)
    rebuilt(shared)


def test_a_date_that_is_moved_forward_opens_nothing_sooner(shared: Counter) -> None:
    shared.send(changed(opens_at=(NOON + DAY).isoformat(), at=NOON + MINUTE))
    (one,) = lists(shared)
    assert (one.opens_at, one.secret_until) == (NOON + DAY, NOON + 2 * DAY)
    assert not one.is_open(NOON + DAY)
    assert one.is_open(NOON + 2 * DAY)
    rebuilt(shared)


def test_what_is_refused_changes_nothing(shared: Counter) -> None:
    other = str(uuid.uuid4())
    many = [wish(str(uuid.uuid4())) for _ in range(20)]
    for _ in range(4):
        assert shared.tell(changed(put=[{**each, "wish": str(uuid.uuid4())} for each in many])).problem is None
    asked = [
        changed(),
        changed(of=BOB, title="Mine"),
        changed(wish_list=other, put=[wish()]),
        changed(opens_at=NOON.isoformat()),
        changed(opens_at=(NOON + 1200 * DAY).isoformat()),
        changed(put=many),
        claim(share=other),
        claim(wish=other),
        claim(customer=ALICE),
        claim(quantity=2),
        said("wish.release", claim=other, friend=FRIEND),
    ]
    with shared.shop.unchanged(*TABLES):
        told = [shared.tell(each).problem for each in asked]
    assert told == [
        "wish_list_unchanged", "wish_list_unknown", "wish_list_unknown", "wish_list_date", "wish_list_date",
        "wish_list_full", "wish_list_unknown", "wish_unknown", "wish_own", "wish_taken", "claim_unknown",
    ]  # fmt: skip
    shared.send(changed(end=True, at=NOON + MINUTE))
    assert shared.tell(changed(title="Again", at=NOON + 2 * MINUTE)).problem == "wish_list_over"


def test_only_whoever_claimed_lets_go(shared: Counter) -> None:
    mine, theirs = str(uuid.uuid4()), str(uuid.uuid4())
    shared.send(changed(put=[wish(quantity=2)]), claim(mine, customer=BOB), claim(theirs))
    assert shared.tell(claim()).problem == "wish_taken"
    with shared.shop.unchanged(*TABLES):
        assert shared.tell(said("wish.release", claim=mine, friend=FRIEND)).problem == "claim_unknown"
        assert shared.tell(said("wish.release", claim=theirs, customer=BOB)).problem == "claim_unknown"
    assert shared.tell(said("wish.release", claim=theirs, friend=FRIEND)).problem is None
    assert shared.tell(said("wish.release", claim=mine, customer=BOB)).problem is None
    assert claims(shared) == []
    rebuilt(shared)


def test_a_claim_is_bought_by_its_order_and_freed_when_that_is_cancelled(shared: Counter) -> None:
    number = str(uuid.uuid4())
    shared.send(claim(number, customer=BOB), vault("order.placed", order_of(number)))
    assert [(each.state, each.order) for each in claims(shared)] == [("ordered", ORDER)]
    assert shared.tell(said("wish.release", claim=number, customer=BOB)).problem == "claim_ordered"
    paid = {"order": ORDER, "receipt": "K7QM-2XHR-9DTW", "legs": [{"means": "provider", "amount": 500}]}
    shared.send(vault("order.paid", paid))
    assert [each.state for each in claims(shared)] == ["bought"]
    rebuilt(shared)
    shared.send(vault("order.cancel", {"order": ORDER, "because": "withdrawn"}))
    assert claims(shared) == []
    assert shared.tell(claim()).problem is None
    rebuilt(shared)


def test_what_an_owner_does_is_answered_the_same_whether_anything_is_claimed(shop: Shop, shared: Counter) -> None:
    """Every row of hers is the same, and a wish that is claimed is lowered and taken off like any other."""
    alice = identify(ALICE)

    def hers() -> list[Any]:
        events = "select id, outcome, data::text from events_event where customer = %s order by position"
        return [shop.contents("wishlists_wishlist", "customers_customer"), shop.rows(events, alice)]

    before = hers()
    shared.send(claim(customer=BOB))
    assert hers() == before
    assert shared.tell(changed(put=[wish(quantity=1, note="red")], at=NOON + 3 * MINUTE)).problem is None
    assert shared.tell(changed(off=[WISH], at=NOON + 4 * MINUTE)).problem is None
    assert [each.product for each in claims(shared)] == ["teapot"]
    told = shop.value(
        "select count(*) from events_event where customer = %s and type in ('wish.claim', 'wish.release')", alice
    )
    assert told == 0
    assert shop.value(
        "select count(*) from events_event where type = 'wish.claim' and data::text like %s", f"%{alice}%"
    ) == 0  # fmt: skip
    rebuilt(shared)


def test_linked_owners_are_one_person_and_claim_nothing_of_their_own(shared: Counter) -> None:
    shared.send(casting.link(ALICE_ONLINE, ALICE))
    assert shared.tell(claim(customer=ALICE_ONLINE)).problem == "wish_own"


def test_many_friends_at_once_claim_no_more_than_there_is(shop: Shop, shared: Counter) -> None:
    """A race by further connections: twelve friends claim a wish of which there are three."""
    shared.send(changed(put=[wish(quantity=3)]))
    barrier = threading.Barrier(12)
    problems: list[str | None] = []

    def friend(number: int) -> None:
        own = Counter(shop)
        barrier.wait()
        problems.append(own.tell(claim(friend=friend_of(str(number), LIST))).problem)
        own.close()

    threads = [threading.Thread(target=friend, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (problems.count(None), problems.count("wish_taken")) == (3, 9)
    assert sum(each.quantity for each in claims(shared)) == 3
    rebuilt(shared)


def test_who_is_forgotten_leaves_no_words_no_link_and_no_claim(shop: Shop, shared: Counter) -> None:
    shared.send(claim(customer=BOB), changed(to_address=True, at=NOON + MINUTE))
    needles = [identify(ALICE), "For the kitchen", "blue"]
    assert forgotten.found_in(forgotten.dump(shop), needles) == needles
    assert shared.tell(forget(ALICE)).problem is None
    text = forgotten.dump(shop)
    assert [line for line in text.splitlines() if forgotten.found_in(line, needles)] == []
    (one,) = lists(shared)
    assert (one.title, one.link, one.share, one.to_address) == ("", None, None, False)
    assert [(each.product, each.note) for each in one.wishes] == [("teapot", "")]
    assert shared.tell(claim()).problem == "wish_list_unknown"
    rebuilt(shared)
    assert shared.tell(forget(BOB)).problem is None
    assert forgotten.found_in(forgotten.dump(shop), [identify(BOB)]) == []
    assert len(claims(shared)) == 1, "what is given stays given"
    rebuilt(shared)


def test_a_friend_is_another_one_on_another_list() -> None:
    assert friend_of("one", LIST) != friend_of("one", WISH)
    assert msgspec.json.encode(friend_of("one", LIST)) != msgspec.json.encode(friend_of("two", LIST))


def test_the_demos_list_is_one_that_the_counter_takes(counter: Counter) -> None:
    prices = {"prices": [{"currency": "USD", "amount": 100}]}
    goods = [
        Written(
            id=sku, source="/webshop", type="product.listed", time=NOON, data={"product": sku, "variants": [prices]}
        )
        for sku in ("tea", "cup", "bread", "pot", "pan")
    ]
    said_ = list(wished.events("alice", goods, ["tea"], at=NOON))
    for each in said_:
        told = casting.event(each.type, each.data, source=each.source, at=each.time, id=each.id)
        assert counter.tell(told).problem is None
    with counter.shop.connect() as connection:
        (one,) = store.find_of_customers(connection, [identify(ALICE)], limit=9)
        held = store.find_claims(connection, [one.id])
    assert [(each.product, each.quantity) for each in one.wishes] == [("cup", 1), ("bread", 2), ("pot", 3)]
    assert [(each.product, each.quantity, each.state) for each in held] == [("pot", 1, "claimed")]
    assert list(wished.events("alice", goods, ["tea", "cup", "bread", "pot", "pan"], at=NOON)) == []
