"""Figures are what the log says, in whatever order and portions they were followed; the forgotten have none."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.audiences import following, rebuilding
from comptoir.foundation.events import store
from comptoir.foundation.kernel.connection import Connection
from comptoir.office.segments import commands, jobs
from support.casting import (
    ALICE,
    ALICE_ONLINE,
    BOB,
    BOB_ONLINE,
    CHARLIE,
    HEARD,
    NOON,
    Counter,
    Event,
    goods_back,
    identify,
    line,
    link,
    objected,
    redeem,
    sale,
    subscribed,
    undo,
    unlink,
)
from support.following import Followed
from support.forgotten import dump, forget, forget_sale
from support.processes import end, wait_until
from support.shop import Shop

TABLES = ("audiences_line", "audiences_act", "audiences_figures")
DAY = dt.timedelta(days=1)
CAST = (ALICE, ALICE_ONLINE, BOB, BOB_ONLINE, CHARLIE)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Followed]:
    made = Followed(shop)
    yield made
    made.close()


def history(chance: random.Random) -> list[Event]:
    """Return sales, returns, links, objections and acts of a few people, in an order that chance has made."""
    said: list[Event] = []
    for number in range(12):
        at = NOON - chance.randrange(60) * DAY
        lines = [
            line(
                chance.randrange(1, 500),
                quantity=chance.randrange(1, 4),
                category=chance.choice(("TEA", "BREAD", None)),
            )
            for _ in range(chance.randrange(1, 4))
        ]
        said.append(sale(f"s{number}", of=chance.choice((*CAST, None)), lines=lines, at=at))
        if chance.random() < 0.5:
            first = lines[0]
            quantity = chance.randrange(1, first["quantity"] + 1)
            amount = first["amount"] * quantity // first["quantity"]
            said.append(goods_back(f"r{number}", sale=f"s{number}", lines=[(1, quantity, amount)], at=at + DAY / 2))
    said += [subscribed(of=each, at=NOON - chance.randrange(9) * DAY) for each in CAST[:3]]
    said += [redeem(5, of=ALICE), objected(of=BOB, at=NOON - DAY)]
    said += [link(ALICE, ALICE_ONLINE, at=NOON - 3 * DAY), link(BOB, BOB_ONLINE, at=NOON - 3 * DAY)]
    said += [unlink(BOB, BOB_ONLINE, at=NOON - chance.choice((2, 4)) * DAY)]
    if chance.random() < 0.5:
        said.append(undo(ALICE, ALICE_ONLINE, at=NOON - DAY))
    chance.shuffle(said)
    return said


def test_points_that_one_card_spends_are_gone_from_the_figures_of_the_other_one(counter: Followed) -> None:
    counter.send(
        sale("s1", of=ALICE, lines=[line(9_000)], at=NOON - DAY), link(ALICE, ALICE_ONLINE, at=NOON - DAY),
        redeem(1, of=ALICE_ONLINE),
    )  # fmt: skip
    counter.bring(counter.fresh())
    counter.send(redeem(30, of=ALICE_ONLINE))
    counter.bring(counter.fresh())
    has = "select sum(points) from audiences_figures"
    assert counter.shop.value(has) == counter.shop.value("select sum(available) from loyalty_account") > 0


@pytest.mark.parametrize("seed", range(8))
def test_what_is_followed_is_what_the_log_says(counter: Followed, seed: int) -> None:
    chance = random.Random(seed)
    waiting: list[str] = []
    for each in history(chance):
        counter.tell(each)
        waiting += counter.fresh()
        if chance.random() < 0.4:
            chance.shuffle(waiting)
            cut = chance.randrange(len(waiting) + 1)
            counter.bring(waiting[:cut])
            waiting = waiting[cut // 2 :]  # some come twice
    counter.bring(waiting)
    followed = counter.shop.contents(*TABLES)
    assert followed["audiences_line"]
    assert followed["audiences_figures"]
    rebuild()
    assert counter.shop.contents(*TABLES) == followed
    with counter.shop.unchanged(*TABLES):
        counter.bring([row["position"] for row in counter.shop.rows("select position::text from events_event")])


def test_a_line_of_which_a_part_came_back_counts_for_the_rest(counter: Followed) -> None:
    counter.say(sale("1", lines=[line(900, quantity=3), line(100)]), goods_back("2", sale="1", lines=[(1, 1, 300)]))
    counter.bring(counter.fresh())
    rows = counter.shop.rows("select number, quantity, amount, opens from audiences_line order by number")
    assert [tuple(row.values()) for row in rows] == [(1, 2, 600, 1), (2, 1, 100, 0)]
    counter.say(goods_back("3", sale="1", lines=[(1, 2, 600)]))
    counter.bring(counter.fresh())
    rows = counter.shop.rows("select number, quantity, amount, opens from audiences_line order by number")
    assert [tuple(row.values()) for row in rows] == [(2, 1, 100, 1)]


def test_days_are_the_shops(counter: Followed) -> None:
    at = dt.datetime(2024, 3, 1, 4, 59, tzinfo=dt.UTC)  # in New York it is February still
    counter.say(sale("1", 100, at=at), sale("2", 100, at=at + dt.timedelta(minutes=1)))
    counter.bring(counter.fresh())
    figures = counter.shop.rows("select since, first_day, last_day from audiences_figures")
    assert figures == [
        {"since": dt.date(2024, 2, 29), "first_day": dt.date(2024, 2, 29), "last_day": dt.date(2024, 3, 1)}
    ]


def test_who_is_forgotten_has_no_rows_whoever_comes_first(counter: Followed) -> None:
    counter.say(sale("1", 100), subscribed(), sale("2", 100, of=BOB))
    positions = counter.fresh()
    counter.bring(positions)
    with counter.shop.connect("comptoir_office") as office:
        commands.define(office, name="All", expression="TRUE", by="Ada", at=HEARD)
        jobs.refresh(office, now=HEARD)
    assert counter.shop.value("select count(*) from audiences_member") == 2
    assert counter.tell(forget(ALICE)).is_accepted
    left = counter.shop.contents(*TABLES, "audiences_member")
    assert identify(ALICE) not in dump(counter.shop), "the events of joining do not name her either"
    assert [len(left[table]) for table in (*TABLES, "audiences_member")] == [1, 0, 1, 1]
    with counter.shop.unchanged():
        counter.bring(positions)
        with counter.shop.connect("comptoir_office") as office:
            assert jobs.follow(office, {identify(ALICE)}, now=HEARD) == 0
            assert jobs.refresh(office, now=HEARD) == 0
    rebuild()
    assert counter.shop.contents(*TABLES) == {table: left[table] for table in TABLES}


def test_who_forgets_waits_for_whoever_is_writing(counter: Followed) -> None:
    counter.say(sale("1", 100))
    positions = counter.fresh()
    done = threading.Event()
    with counter.shop.connect() as other:
        with other.transaction():
            following.bring(other, positions, time_zone="UTC", now=HEARD)

            def forgetting() -> None:
                with contextlib.closing(Counter(counter.shop)) as one:
                    assert one.tell(forget(ALICE)).is_accepted
                done.set()

            thread = threading.Thread(target=forgetting)
            thread.start()
            waits = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
            wait_until(lambda: bool(counter.shop.value(waits)), what="whoever forgets")
            assert not done.is_set()
        thread.join()
    assert counter.shop.contents(*TABLES) == {table: [] for table in TABLES}


def test_a_sale_that_is_nobodys_any_more_is_not_counted(counter: Followed) -> None:
    counter.say(sale("1", 100), sale("2", 250))
    counter.bring(counter.fresh())
    assert counter.tell(forget_sale("1", of=ALICE)).is_accepted
    counter.bring(counter.fresh())
    assert counter.shop.rows("select amount from audiences_line") == [{"amount": 250}]
    assert counter.shop.rows("select spend, purchases from audiences_figures") == [{"spend": 250, "purchases": 1}]


def test_a_shop_that_has_a_log_gets_its_figures_at_the_first_start(counter: Followed) -> None:
    counter.say(*history(random.Random(99)))
    with counter.shop.connect(autocommit=False) as writer, counter.shop.connect(autocommit=False) as reader:
        assert rebuilding.begin(writer, reader)
        writer.commit()
        made = counter.shop.contents(*TABLES)
        assert not rebuilding.begin(writer, reader)
        writer.commit()
    rebuild()
    assert counter.shop.contents(*TABLES) == made


# -- the worker ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def working(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "comptoir.config.worker"], stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield worker
    finally:
        end(worker)


def unfollowed(connection: Connection) -> list[str] | None:
    place = store.find_follower(connection, following.FOLLOWER)
    return None if place is None else store.read_beyond(connection, place)


def test_the_worker_follows_through_kills_and_nobody_joins_twice(counter: Followed, tmp_path: Path) -> None:
    shop, log = counter.shop, tmp_path / "worker.log"
    with shop.connect("comptoir_office") as office:
        commands.define(office, name="Buyers", expression="spend() >= 1", by="Ada", at=HEARD)
        jobs.refresh(office, now=HEARD)
    with shop.connect() as looking:
        sent = 0
        for round_ in range(3):
            with working(log) as worker:
                wait_until(lambda: unfollowed(looking) is not None, what="the follower")
                for _ in range(40):
                    counter.tell(sale(f"{sent}", 50, of={"kind": "card", "value": f"{sent % 30}"}))
                    sent += 1
                if round_ < 2:
                    os.killpg(worker.pid, signal.SIGKILL)
                else:
                    wait_until(lambda: not unfollowed(looking), what="the end of the log")
        members = shop.value("select count(*) from audiences_member where is_in")
        joined = shop.rows("select customer, count(*) as n from events_event where type = 'segment.joined' group by 1")
        assert members == len(joined) == 30
        assert {row["n"] for row in joined} == {1}
        followed = shop.contents(*TABLES)
        assert rebuild(keep=False).changed == []
        assert shop.contents(*TABLES) == followed
        assert store.forget_destinations(looking, declared=[]) == [], "a follower keeps its place"
