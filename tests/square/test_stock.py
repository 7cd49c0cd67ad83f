"""Stock: counts and movements commute, holds are decided once and never overlap, and all of it comes out of the log."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.config.rebuilding import rebuild
from comptoir.counter.sales import stocking
from comptoir.foundation.events.commands import record
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT
from comptoir.square.stock import commands, jobs, queries, rules
from comptoir.square.stock.contracts import Article, HoldLine
from comptoir.square.stock.rules import HeldHere
from support import casting, clients
from support.casting import HEARD, NOON, TILL, WEBSHOP, Answer, Counter
from support.gateway import Gateway, running_gateway, written
from support.shop import Shop

set_up_django()

TEA = Article("330", "tea")
RICE = Article("330", "rice")


def at(minutes: float) -> dt.datetime:
    """Return a moment so many minutes after a noon a day before."""
    return NOON + dt.timedelta(days=-1, minutes=minutes)


def counted(minutes: float, store: str = "330", **quantities: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    return casting.event("stock.counted", {"store": store, "lines": lines}, source=WEBSHOP, at=at(minutes))


def moved(minutes: float, because: str = "delivered", store: str = "330", **quantities: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    data = {"store": store, "because": because, "lines": lines}
    return casting.event("stock.moved", data, source=WEBSHOP, at=at(minutes))


def sold(
    minutes: float, receipt: str = "", store: str | None = "330", hold: str | None = None, **quantities: int
) -> Any:
    lines = [casting.line(100 * quantity, quantity=quantity, product=sku) for sku, quantity in quantities.items()]
    said = casting.sale(receipt or str(uuid.uuid4())[:8], lines=lines, of=None, source=WEBSHOP, at=at(minutes))
    said["data"] |= {name: value for name, value in (("store", store), ("hold", hold)) if value is not None}
    return said


def back(
    minutes: float, sale: str, *lines: tuple[int, int], source: str = TILL, store: str | None = None
) -> dict[str, Any]:
    gone = [(number, quantity, 100 * quantity) for number, quantity in lines]
    said = casting.goods_back(
        str(uuid.uuid4())[:8], sale=sale, lines=gone, source=source, sale_source=WEBSHOP, at=at(minutes)
    )  # fmt: skip
    said["data"] |= {} if store is None else {"store": store}
    return said


def held(*, hold: str | None = None, seconds: int = 600, store: str = "330", **quantities: int) -> dict[str, Any]:
    lines = [{"store": store, "sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    data = {"hold": hold or str(uuid.uuid4()), "lines": lines, "expires_in": seconds}
    return casting.event("stock.hold", data, source=WEBSHOP, at=NOON)


def released(hold: str) -> dict[str, Any]:
    return casting.event("stock.release", {"hold": hold}, source=WEBSHOP, at=NOON)


def prolonged(hold: str, seconds: int) -> dict[str, Any]:
    return casting.event("stock.prolong", {"hold": hold, "expires_in": seconds}, source=WEBSHOP, at=NOON)


def positions(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute("select position::text from events_event order by position")]


def follow(connection: Connection, some: Sequence[str] | None = None) -> None:
    with connection.transaction():
        stocking.bring(connection, positions(connection) if some is None else some, now=HEARD)


def figures(connection: Connection) -> dict[Article, tuple[int, int]]:
    """Return what is on hand of each article, and what of it is held."""
    rows = connection.execute("select store, sku, counted + moved, held from stock_article")
    return {Article(row[0], row[1]): (row[2], row[3]) for row in rows}


def refusal(answer: Answer) -> tuple[str, str | None, int | None]:
    problem = answer.outcome["problem"]
    return str(answer.problem), problem.get("field"), problem.get("available")


def test_on_hand_is_the_last_count_and_what_moved_since(counter: Counter) -> None:
    counter.send(counted(0, tea=10, rice=5), sold(5, tea=3), sold(-5, tea=2), moved(6, rice=4, tea=-1))
    follow(counter.connection)
    assert figures(counter.connection) == {TEA: (6, 0), RICE: (9, 0)}
    # A later count has seen all of it; an earlier one, and a sale from before, change nothing.
    counter.send(counted(10, tea=7), counted(3, rice=100), sold(9, tea=4), sold(11, rice=1))
    follow(counter.connection)
    assert figures(counter.connection) == {TEA: (7, 0), RICE: (103, 0)}


def test_what_was_sold_after_a_count_that_is_told_late_is_known(counter: Counter) -> None:
    counter.send(sold(5, "early", tea=3), sold(-1, tea=1), sold(6, store="12", tea=2))
    follow(counter.connection)
    counter.send(back(7, "early", (1, 1)))
    follow(counter.connection)
    assert figures(counter.connection) == {}
    counter.tell(counted(0, tea=10))
    follow(counter.connection, positions(counter.connection)[-1:])
    assert figures(counter.connection) == {TEA: (8, 0)}
    assert counter.shop.value("select is_followed from stock_article")


def test_goods_come_back_to_where_they_are_brought_also_before_their_sale(counter: Counter) -> None:
    counter.send(counted(0, tea=10), counted(0, "12", tea=1), back(8, "s1", (1, 1), store="12"))
    follow(counter.connection)
    assert figures(counter.connection) == {TEA: (10, 0), Article("12", "tea"): (1, 0)}
    counter.send(sold(5, "s1", tea=3), sold(5, "s2", rice=1), back(9, "s2", (1, 1)))
    follow(counter.connection, positions(counter.connection)[-3:])
    follow(counter.connection)
    assert figures(counter.connection) == {TEA: (7, 0), Article("12", "tea"): (2, 0)}


def test_a_hold_has_all_of_its_lines_or_none(counter: Counter) -> None:
    counter.tell(counted(0, tea=3, rice=1))
    with counter.shop.unchanged("stock_article", "stock_hold", "stock_heldline"):
        answer = counter.tell(held(tea=2, rice=2))
        assert refusal(answer) == ("out_of_stock", "data.lines[1].quantity", 1)
        assert refusal(counter.tell(held(tea=1, sake=1))) == ("stock_unknown", "data.lines[1].sku", None)
    assert counter.tell(held(tea=2, rice=1)).is_accepted
    assert figures(counter.connection) == {TEA: (3, 2), RICE: (1, 1)}
    assert refusal(counter.tell(held(tea=2))) == ("out_of_stock", "data.lines[0].quantity", 1)
    # The same article in two lines is one article; two holds of one batch are two.
    twice = held(tea=1)
    twice["data"]["lines"] *= 2
    assert refusal(counter.tell(twice)) == ("out_of_stock", "data.lines[1].quantity", 1)
    answers = counter.send(held(tea=1), held(tea=1))
    assert [each.is_accepted for each in answers] == [True, False]


def test_holds_are_released_prolonged_and_over(counter: Counter) -> None:
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    counter.send(counted(0, tea=3), held(hold=one, tea=2, seconds=60), held(hold=other, tea=1, seconds=600))
    assert refusal(counter.tell(held(hold=one, tea=1)))[:2] == ("hold_taken", "data.hold")
    assert counter.tell(prolonged(one, 120)).is_accepted
    assert counter.tell(prolonged(one, 30)).is_accepted  # never shorter
    assert jobs.release_overdue(counter.connection, now=HEARD + dt.timedelta(seconds=119)) == 0
    assert jobs.release_overdue(counter.connection, now=HEARD + dt.timedelta(seconds=120)) == 1
    assert figures(counter.connection) == {TEA: (3, 1)}
    assert counter.tell(released(other)).is_accepted
    assert figures(counter.connection) == {TEA: (3, 0)}
    for said in (released(one), released(other), prolonged(one, 60)):
        assert refusal(counter.tell(said))[:2] == ("hold_over", "data.hold")
    assert refusal(counter.tell(released(str(uuid.uuid4()))))[:2] == ("hold_unknown", "data.hold")
    rows = counter.shop.rows("select ended from stock_hold order by ended")
    assert [row["ended"] for row in rows] == ["expired", "released"]


def test_what_was_prolonged_meanwhile_is_not_released_by_the_clock(counter: Counter) -> None:
    hold = str(uuid.uuid4())
    counter.send(counted(0, tea=1), held(hold=hold, tea=1, seconds=60))
    found = casting.event("stock.release", {"hold": hold}, source=WEBSHOP)
    late = counter.read(found)[0]
    late.source, late.id, late.received_at = "/comptoir/clock", "hold/late", HEARD + dt.timedelta(seconds=61)
    counter.tell(prolonged(hold, 300))
    record(counter.connection, [late], handlers=counter.handlers)
    assert late.refusal is not None
    assert (late.refusal.name, figures(counter.connection)) == ("hold_over", {TEA: (1, 1)})
    assert jobs.release_overdue(counter.connection, now=HEARD + dt.timedelta(seconds=300)) == 1


def test_a_sale_ends_its_hold_and_nothing_is_counted_twice(counter: Counter) -> None:
    hold = str(uuid.uuid4())
    counter.send(counted(0, tea=3, rice=2), held(hold=hold, tea=2, rice=1, seconds=60))
    counter.tell(sold(5, hold=hold, tea=2))
    # Until it is followed, what was sold stays held: nobody else gets it meanwhile, and the clock does not free it.
    assert figures(counter.connection) == {TEA: (3, 2), RICE: (2, 1)}
    assert jobs.release_overdue(counter.connection, now=HEARD + dt.timedelta(days=1)) == 0
    assert refusal(counter.tell(held(tea=2)))[2] == 1
    assert refusal(counter.tell(released(hold)))[0] == "hold_over"
    follow(counter.connection)
    follow(counter.connection)
    assert figures(counter.connection) == {TEA: (1, 0), RICE: (2, 0)}
    # A sale that names a hold which is over, or none, is a sale.
    assert counter.tell(sold(6, hold=hold, tea=1)).is_accepted
    assert counter.tell(sold(6, hold=str(uuid.uuid4()), rice=1)).is_accepted
    follow(counter.connection)
    assert figures(counter.connection) == {TEA: (0, 0), RICE: (1, 0)}


def test_a_till_that_has_it_in_hand_wins_and_the_holds_are_told(counter: Counter) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    counter.send(counted(0, tea=3), held(hold=first, tea=1), held(hold=second, tea=2))
    assert counter.tell(sold(5, tea=1)).is_accepted
    follow(counter.connection)
    follow(counter.connection)
    told = counter.shop.rows("select data::text from events_event where type = 'stock.short'")
    assert [json.loads(row["data"]) for row in told] == [
        {"store": "330", "sku": "tea", "missing": 1, "holds": [second]}
    ]
    assert queries.short_holds(counter.connection, [first, second]) == {second}
    # More goes: the other one hears too, and nobody twice.
    counter.tell(counted(10, tea=0))
    follow(counter.connection)
    told = counter.shop.rows("select data::text from events_event where type = 'stock.short' order by position")
    assert [json.loads(row["data"])["holds"] for row in told] == [[second], [first]]
    assert json.loads(told[1]["data"])["missing"] == 3


def test_a_place_is_where_it_was_said_last(counter: Counter) -> None:
    def placed(minutes: float, **spot: str) -> dict[str, Any]:
        return casting.event(
            "stock.placed", {"store": "330", "lines": [{"sku": "tea", **spot}]}, source=WEBSHOP, at=at(minutes)
        )

    counter.send(placed(5, aisle="3", shelf="B"), placed(4, aisle="1"))
    assert counter.shop.rows("select aisle, shelf from stock_place") == [{"aisle": "3", "shelf": "B"}]
    counter.tell(placed(6))
    assert counter.shop.rows("select aisle, shelf from stock_place") == [{"aisle": None, "shelf": None}]


@pytest.mark.parametrize("room", [COUNTER, VAULT])
def test_the_house_holds_in_a_transaction_of_its_own(counter: Counter, room: Any) -> None:
    counter.tell(counted(0, tea=3))
    hold = str(uuid.uuid4())
    until = HEARD + dt.timedelta(minutes=10)
    with contextlib.closing(database.connect(room.role)) as own:
        with contextlib.suppress(ZeroDivisionError), own.transaction():
            commands.hold(own, hold_id=hold, lines=[HoldLine(*TEA, 2)], until=until, now=HEARD)
            assert queries.available(own, ["tea"], "330")[TEA].available == 1
            raise ZeroDivisionError
        assert queries.available(own, ["tea", "rice"])[TEA].available == 3
        with own.transaction():
            commands.hold(own, hold_id=hold, lines=[HoldLine(*TEA, 2)], until=until, now=HEARD)
        with pytest.raises(Problem, match="1 can be held") as refused, own.transaction():
            commands.hold(own, hold_id=str(uuid.uuid4()), lines=[HoldLine(*TEA, 2)], until=until, now=HEARD)
        assert (refused.value.name, refused.value.extra["available"]) == ("out_of_stock", 1)
        later = until + dt.timedelta(minutes=30)
        commands.prolong(own, hold_id=hold, until=later, now=HEARD)
        assert counter.shop.value("select until from stock_hold") == later
        commands.release(own, hold_id=hold, now=HEARD)
        assert queries.available(own, ["tea"])[TEA].available == 3
        with pytest.raises(Problem) as over:
            commands.release(own, hold_id=hold, now=HEARD + dt.timedelta(seconds=1))
        assert over.value.name == "hold_over"
    assert counter.shop.value("select ended from stock_hold") == "released"


def test_holds_and_movements_are_not_for_the_square(shop: Shop) -> None:
    for room, may in ((SQUARE, False), (OFFICE, True), (VAULT, True)):
        for table in ("stock_hold", "stock_heldline", "stock_movement"):
            asked = f"select has_table_privilege('{room.role}', '{table}', 'SELECT') as may"
            assert shop.value(asked) is may


# -- whatever the order -------------------------------------------------------------------------------------------

_SKUS = st.sampled_from(["tea", "rice"])
_STORES = st.sampled_from(["330", "12"])
_FEW = st.integers(0, 4)


@st.composite
def facts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw counts, sales, returns and deliveries; every moment is another one."""
    minutes = iter(draw(st.permutations(range(24))))
    said = [
        counted(next(minutes), draw(_STORES), **{draw(_SKUS): draw(_FEW)}) for _ in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    receipts = [f"s{number}" for number in range(draw(st.integers(1, 5)))]
    said += [sold(next(minutes), receipt, draw(_STORES), tea=draw(_FEW), rice=2) for receipt in receipts]
    said += [
        back(next(minutes), draw(st.sampled_from(receipts)), (2, 1), store=draw(_STORES))
        for _ in range(draw(st.integers(0, 3)))
    ]
    said += [
        moved(next(minutes), "lost", draw(_STORES), **{draw(_SKUS): draw(st.integers(-3, 3))})
        for _ in range(draw(st.integers(0, 3)))
    ]
    return said


def expected(said: Sequence[dict[str, Any]]) -> dict[Article, int]:
    """Return what is on hand after all of this, by the definition."""
    last: dict[Article, tuple[str, int]] = {}
    for each in said:
        if each["type"] == "stock.counted":
            for line in each["data"]["lines"]:
                article = Article(each["data"]["store"], line["sku"])
                last[article] = max(last.get(article, ("", 0)), (each["time"], line["quantity"]))
    found: defaultdict[Article, int] = defaultdict(int, {article: quantity for article, (_, quantity) in last.items()})
    for each in said:
        data = each["data"]
        if each["type"] == "sale.closed":
            went = [(line["product"], -line["quantity"]) for line in data["lines"]]
        elif each["type"] == "stock.moved":
            went = [(line["sku"], line["quantity"]) for line in data["lines"]]
        elif each["type"] == "sale.returned":
            went = [("rice", 1)]
        else:
            went = []
        for sku, quantity in went:
            article = Article(data["store"], sku)
            if article in last and each["time"] > last[article][0]:
                found[article] += quantity
    return dict(found)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=facts(), seed=st.integers(0, 2**32))
def test_facts_lead_to_the_same_stock_in_any_order_and_however_often(
    shop: Shop, said: list[dict[str, Any]], seed: int
) -> None:
    chance = random.Random(seed)
    run = uuid.uuid4().hex[:6]
    stores = {"330": f"{run}-1", "12": f"{run}-2"}
    returned: defaultdict[str, int] = defaultdict(int)
    mine = []
    for drawn in chance.sample(said, len(said)):
        each = json.loads(json.dumps(drawn))
        each["id"] = f"{run}-{each['id']}"
        content = each["data"]
        content["store"] = stores[content["store"]]
        if "receipt" in content:
            content["receipt"] = f"{run}-{content['receipt']}"
        if "sale" in content:
            returned[content["sale"]["receipt"]] += 1
            if returned[content["sale"]["receipt"]] > 2:
                continue
            content["sale"]["receipt"] = f"{run}-{content['sale']['receipt']}"
        mine.append(each)
    with contextlib.closing(Counter(shop)) as counter:
        told = [*mine, *chance.choices(mine, k=chance.randrange(4))]
        while told:
            some, told = told[:3], told[3:]
            counter.send(*some)
            everything = positions(counter.connection)
            if chance.random() < 0.5:
                follow(counter.connection, chance.choices(everything, k=5))
        everything = positions(counter.connection)
        follow(counter.connection, everything)
        here = {
            article: on_hand for article, (on_hand, _) in figures(counter.connection).items() if run in article.store
        }
        assert here == expected(mine)
        before = _tables(counter)
        rebuild()
        assert _tables(counter) == before


def _tables(counter: Counter) -> dict[str, list[Any]]:
    return {
        name: counter.connection.execute(f"select t::text from stock_{name} t order by 1").fetchall()
        for name in ("article", "place", "hold", "heldline", "movement")
    }


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_holds_come_out_of_the_log_as_they_were_decided(shop: Shop, data: st.DataObject) -> None:
    names = [str(uuid.uuid4()) for _ in range(3)]
    name = st.sampled_from(names)
    store = uuid.uuid4().hex[:8]
    words = st.one_of(
        st.builds(lambda n: counted(n, store, tea=n % 5, rice=2), st.integers(0, 50)),
        st.builds(lambda h, t, r: held(hold=h, store=store, tea=t, rice=r), name, st.integers(1, 2), st.integers(1, 2)),
        st.builds(released, name),
        st.builds(prolonged, name, st.integers(1, 2000)),
        st.builds(lambda h, n: sold(n, store=store, hold=h, tea=1), name, st.integers(0, 50)),
    )
    batches = data.draw(st.lists(st.lists(words, min_size=1, max_size=4), min_size=1, max_size=8))
    with contextlib.closing(Counter(shop)) as counter:
        for number, batch in enumerate(batches):
            counter.send(*batch)
            if data.draw(st.booleans()):
                follow(counter.connection)
            if data.draw(st.booleans()):
                jobs.release_overdue(counter.connection, now=HEARD + dt.timedelta(seconds=300 * number))
            sums = counter.connection.execute(
                "select a.held, coalesce(sum(l.quantity), 0) from stock_article a left join stock_heldline l"
                " on l.store = a.store and l.sku = a.sku group by a.store, a.sku, a.held"
            ).fetchall()
            assert all(kept == summed for kept, summed in sums)
        follow(counter.connection)
        before = _tables(counter)
        rebuild()
        assert _tables(counter) == before


@pytest.mark.parametrize(
    ("said", "name", "field"),
    [
        ({"type": "stock.counted", "lines": [{"sku": "a", "quantity": 1}, {"sku": "a", "quantity": 2}]},
         "stock_invalid", "data.lines[1].sku"),
        ({"type": "stock.placed", "lines": [{"sku": "a", "aisle": "1"}, {"sku": "b", "shelf": "x\u202ey"}]},
         "text_unfit", "data.lines[1].shelf"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_stock_is_refused(counter: Counter, said: dict[str, Any], name: str, field: str) -> None:
    said = casting.event(said["type"], {"store": "330", "lines": said["lines"]}, source=WEBSHOP, at=at(0))
    with counter.shop.unchanged("stock_article", "stock_place"):
        assert refusal(counter.tell(said))[:2] == (name, field)


def test_who_came_first_is_covered_first() -> None:
    holds = [
        HeldHere(name, str(number), quantity, is_short=False)
        for number, (name, quantity) in enumerate([("a", 2), ("b", 3), ("c", 1)])
    ]
    assert [each.hold for each in rules.uncovered(3, holds)] == ["b"]
    assert [each.hold for each in rules.uncovered(6, holds)] == []
    assert [each.hold for each in rules.uncovered(0, holds)] == ["c", "b", "a"]


# -- races --------------------------------------------------------------------------------------------------------


@pytest.fixture
def gateways(shop: Shop, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Have two gateways in front of one shop."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_gateway(tmp_path))
        yield [first, stack.enter_context(running_gateway(tmp_path, keys=first.keys))]


def test_twenty_processes_want_the_last_piece_and_one_gets_it(shop: Shop, gateways: list[Gateway]) -> None:
    assert gateways[0].post(counted(0, tea=1, rice=20), touchpoint="webshop").status_code == 200
    told = clients.race(
        [
            {"how": "http", "port": int(gateways[number % 2].url.rsplit(":", 1)[1]), "key": gateways[0].keys["webshop"],
             "body": json.loads(written(held(tea=1, rice=1) if number % 3 else held(rice=1, tea=1)))}
            for number in range(20)
        ]
    )  # fmt: skip
    assert sorted(told) == ["accepted", *["out_of_stock"] * 19]
    with shop.connect() as connection:
        assert figures(connection) == {TEA: (1, 1), RICE: (20, 1)}


def test_web_and_vault_want_the_last_pieces_at_once(shop: Shop, gateways: list[Gateway]) -> None:
    """Holds of one transaction of the vault's and of gateways, counts and followers: nobody waits in a circle."""
    assert gateways[0].post(counted(0, tea=7, rice=7), touchpoint="webshop").status_code == 200
    told: list[str] = []
    barrier = threading.Barrier(12)

    def in_the_vault(number: int) -> None:
        with contextlib.closing(database.connect(VAULT.role)) as own:
            barrier.wait()
            lines = [HoldLine(*TEA, 1), HoldLine(*RICE, 1)]
            try:
                with own.transaction():
                    commands.hold(
                        own, hold_id=str(uuid.uuid4()), lines=lines[:: 1 if number % 2 else -1],
                        until=HEARD + dt.timedelta(minutes=10), now=HEARD,
                    )  # fmt: skip
                told.append("accepted")
            except Problem as problem:
                told.append(problem.name)

    def at_the_web(number: int) -> None:
        barrier.wait()
        answer = gateways[number % 2].post(held(tea=1, rice=1), touchpoint="webshop")
        told.append("accepted" if answer.status_code == 200 else answer.json()["type"].rsplit(":", 1)[1])

    def following(_: int) -> None:
        with shop.connect() as connection:
            barrier.wait()
            for _ in range(5):
                follow(connection)

    threads = [
        threading.Thread(target=target, args=(number,))
        for number, target in enumerate([in_the_vault] * 5 + [at_the_web] * 5 + [following] * 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["accepted"] * 7 + ["out_of_stock"] * 3
    with shop.connect() as connection:
        assert figures(connection) == {TEA: (7, 7), RICE: (7, 7)}
