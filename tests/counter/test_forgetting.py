"""Somebody is forgotten: nothing at the counter leads back, and the books stay as they were."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter as Counting
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import EVENT_TYPES, severers
from comptoir.counter.customers.forgetting import read_list
from comptoir.counter.loyalty import contracts as loyalty
from comptoir.foundation.rooms.declaration import COUNTER, HOMES, SQUARE
from support import casting, forgotten, invariants
from support.casting import ALICE, ALICE_ONLINE, BOB, CHARLIE, HEARD, NOON, Counter, identify
from support.forgotten import forget
from support.shop import Shop

WORDS = ["goodwill", "signed in", "a mistake"]


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    counter = Counter(shop)
    yield counter
    invariants.check(counter.connection)
    assert rebuild(keep=False).changed == []
    counter.close()


def names(*who: casting.Reference) -> list[str]:
    """Return what may not be found any more."""
    return [identify(each) for each in who]


def books(shop: Shop) -> dict[str, Any]:
    """Return what has to stay as it is, whoever it was."""
    return {
        "accounts": Counting(
            tuple(map(str, row.values()))
            for row in shop.rows(
                "select available, held, owed, lot_days, lot_points, last_position from loyalty_account"
            )
        ),
        "programme": shop.rows("select account, sum(points) from loyalty_programmebalance group by 1 order by 1"),
        "sales": shop.rows("select source, receipt, position, occurred_at, total_minor from sales_sale order by 1, 2"),
        "transfers": Counting(
            tuple(map(str, row.values()))
            for row in shop.rows("select position, ordinal, debit, credit, points, day, reason from loyalty_transfer")
        ),
        "events": shop.rows("select position, type, touchpoint, status, received_at from events_event order by 1"),
    }


def live_a_little(counter: Counter) -> None:
    """Alice and Bob do everything that one can do."""
    said = [
        casting.sale("1", 500, of=ALICE, id="first"),
        casting.sale("2", 300, of=ALICE_ONLINE, source=casting.WEBSHOP),
        casting.sale("3", 200, of=BOB),
        casting.sale("4", 0, of=ALICE),
        casting.sale("5", 70, of=None),
        casting.sale("6", 90, of=ALICE, currency="EUR"),
    ]
    counter.send(*said)
    counter.send(casting.link(ALICE, ALICE_ONLINE))
    counter.send(
        casting.redeem(600, of=ALICE),
        casting.redeem(10_000, of=ALICE_ONLINE),
        casting.goods_back("R1", sale="1", lines=[(1, 1, 100)]),
        casting.adjust(50, of=ALICE),
        casting.reserve(20, "basket", of=ALICE),
        casting.reserve(10, "other", of=BOB),
        casting.subscribed(of=ALICE_ONLINE),
        casting.limit(of=ALICE, points_per_day=100_000, places=["/stores/330", "/webshop"]),
        casting.cool(HEARD, of=ALICE_ONLINE),
        casting.event("answer.seen", {"customer": dict(ALICE), "predicate": "age_over_18"}, source=casting.TILL),
    )
    # Bob's card was linked by mistake, and Bob spent some of what was hers.
    counter.send(casting.link(ALICE, BOB))
    counter.send(casting.redeem(300, of=BOB))
    counter.send(casting.unlink(ALICE, BOB, at=NOON + dt.timedelta(minutes=1)))


def test_nothing_leads_back_and_the_books_stay(shop: Shop, counter: Counter) -> None:
    live_a_little(counter)
    before, events = books(shop), shop.value("select count(*) from events_event")
    assert forgotten.found_in(forgotten.dump(shop), [*names(ALICE, ALICE_ONLINE), *WORDS])
    answer = counter.tell(forget(ALICE, id="please"))
    assert answer.outcome == {
        "id": "please", "source": "/vault", "status": "accepted", "event": answer.outcome["event"],
    }  # fmt: skip
    assert forgotten.found_in(forgotten.dump(shop), [*names(ALICE, ALICE_ONLINE), *WORDS]) == []
    assert identify(BOB) in forgotten.dump(shop)
    after = books(shop)
    assert after.pop("events")[:-1] == before.pop("events")
    assert after == before
    assert shop.value("select count(*) from events_event") == events + 1
    assert shop.value("select count(*) from customers_forgotten") == 2
    assert len(read_list()) >= 2
    assert counter.balance(BOB)[0] >= 0
    # Two customers of hers are two people now, of whom nobody knows that they were one.
    assert shop.rows("select * from customers_link") == []
    assert shop.rows("select * from customers_membership") == []


def test_what_comes_later_is_refused_and_kept_without_a_name(shop: Shop, counter: Counter) -> None:
    live_a_little(counter)
    counter.tell(forget(ALICE_ONLINE))
    late = [
        casting.sale("late", 100, of=ALICE, id="late"),
        casting.redeem(1, of=ALICE_ONLINE),
        casting.link(CHARLIE, ALICE),
        casting.link(ALICE, CHARLIE),
        casting.adjust(5, of={"kind": "customer", "value": identify(ALICE)}),
        forget(ALICE),
    ]
    for each in late:
        with shop.unchanged("customers_customer", "sales_sale", "loyalty_account", "loyalty_transfer"):
            answer = counter.tell(each)
        assert answer.problem == "customer_forgotten"
        assert "customer" not in answer.outcome
        assert "balance" not in answer.outcome
    assert shop.value("select data::text from events_event where id = 'late'") == "{}"
    assert forgotten.found_in(forgotten.dump(shop), [*names(ALICE, ALICE_ONLINE), *WORDS]) == []
    again = counter.tell(late[0])
    assert (again.problem, again.is_repeated) == ("customer_forgotten", True)
    other = counter.tell(casting.sale("5", 70, of=BOB, id="late"))
    assert other.problem == "id_reused"


def test_a_repeat_of_what_was_said_before_confirms_nothing(shop: Shop, counter: Counter) -> None:
    said = [casting.sale("1", 500, of=ALICE, id="first"), casting.sale("2", 10, of=BOB, id="second")]
    counter.send(*said)
    wish = forget(ALICE, id="wish")
    first = counter.tell(wish)
    with shop.unchanged():
        for is_trusting in (False, True):
            answers = counter.send(*said, wish, is_trusting=is_trusting)
            assert [each.problem for each in answers] == ["customer_forgotten", None, None]
            assert answers[1].is_repeated
            assert answers[2].is_repeated
            assert answers[2].outcome == first.outcome
            assert "customer" not in answers[0].outcome


def test_somebody_whom_nobody_knew_can_be_forgotten_too(shop: Shop, counter: Counter) -> None:
    with shop.unchanged("customers_customer", "loyalty_account"):
        assert counter.tell(forget({"kind": "user", "value": "0198"})).problem is None
        assert counter.tell(casting.sale("1", 1, of={"kind": "user", "value": "0198"})).problem == "customer_forgotten"


def test_a_wish_in_the_middle_of_a_batch_stands_between_what_was_before_and_after(shop: Shop, counter: Counter) -> None:
    answers = counter.send(
        casting.sale("1", 500, of=ALICE),
        casting.link(ALICE, ALICE_ONLINE),
        forget(ALICE, id="w"),
        casting.sale("2", 10, of=ALICE_ONLINE),
        casting.sale("3", 10, of=BOB),
        forget(ALICE, id="w"),
    )
    assert [each.problem for each in answers] == [None, None, None, "customer_forgotten", None, None]
    assert answers[5].is_repeated
    assert forgotten.found_in(forgotten.dump(shop), names(ALICE, ALICE_ONLINE)) == []


def test_goods_come_back_and_holds_end_without_saying_whose_they_were(shop: Shop, counter: Counter) -> None:
    counter.send(casting.sale("1", 500, of=ALICE), casting.reserve(100, "basket", of=ALICE))
    counter.send(casting.reserve(50, "second", of=ALICE))
    counter.tell(forget(ALICE))
    back = counter.tell(casting.goods_back("R1", sale="1", lines=[(1, 1, 200)]))
    posted = counter.tell(casting.post("basket"))
    voided = counter.tell(casting.void("second"))
    for answer in (back, posted, voided):
        assert answer.problem is None
        assert not {"customer", "balance", "points"} & set(answer.outcome)
    assert shop.rows("select available, held, owed from loyalty_account") == [{"available": 200, "held": 0, "owed": 0}]


def test_goods_come_back_in_the_batch_of_a_sale_that_is_refused(shop: Shop, counter: Counter) -> None:
    counter.tell(forget(ALICE))
    answers = counter.send(casting.sale("1", 500, of=ALICE), casting.goods_back("R1", sale="1", lines=[(1, 1, 200)]))
    assert [each.problem for each in answers] == ["customer_forgotten", None]
    assert answers[1].outcome["waiting"]
    assert "customer" not in answers[1].outcome
    assert forgotten.found_in(forgotten.dump(shop), names(ALICE)) == []


def test_points_of_nobody_cannot_be_spent_and_expire_all_the_same(shop: Shop, counter: Counter) -> None:
    counter.tell(casting.sale("1", 500, of=ALICE))
    counter.tell(forget(ALICE))
    nobody = {"kind": "customer", "value": str(shop.value("select customer from loyalty_account"))}
    assert counter.tell(casting.redeem(1, of=nobody)).problem == "customer_unknown"


def test_the_log_says_the_rest_byte_for_byte(shop: Shop, counter: Counter) -> None:
    live_a_little(counter)
    query = "select position::text as at, data::text as data, outcome, decision::text as decision from events_event"
    before = {row["at"]: row for row in shop.rows(query)}
    counter.tell(forget(ALICE))
    fresh = {str(row["customer"]) for row in shop.rows("select customer from customers_customer")} - {identify(BOB)}
    for row in shop.rows(query):
        if row["at"] not in before:
            continue
        for column in ("data", "outcome", "decision"):
            now, then = row[column], before[row["at"]][column]
            if then is None or "evidence" in then or "reason" in then:
                assert (now is None) == (then is None)
                continue
            for each in fresh:
                now = now.replace(each, "#")
            for each in names(ALICE, ALICE_ONLINE):
                then = then.replace(each, "#")
            assert now == then
        json.loads(row["data"])


def test_every_table_with_a_customer_is_severed_by_some_package(shop: Shop) -> None:
    """Whoever adds a table has to say how it is severed from somebody who is forgotten."""
    rows = shop.rows(
        "select distinct table_name as name from information_schema.columns where table_schema = 'public'"
        " and data_type = 'uuid' and column_name in"
        " ('customer', 'person', 'member', 'low', 'high', 'author', 'persona')"
    )
    # Django's own messages have the shorter label.
    named = {"messaging": "messages"}
    homes = tuple(f"{named.get(label, label)}_" for label, home in HOMES.items() if home in (COUNTER, SQUARE))
    found = {row["name"] for row in rows if row["name"].startswith(homes)}
    assert found == {table for each in severers() for table in each.tables}


def test_every_reference_of_a_type_is_found_by_an_index() -> None:
    """What is frequent names nobody beside its customer; all other types are in the index of whom they mention."""
    frequent = {"sale.closed", "sale.returned", *loyalty.REQUESTS}
    for name, each in EVENT_TYPES.items():
        hints = msgspec.structs.fields(each.data)
        references = {field.encode_name for field in hints if "CustomerReference" in str(field.type)}
        assert references <= {"customer"} or name not in frequent, name
