"""Delays are counted without loss, read back within their bucket, and held against the promise."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config import registry
from comptoir.foundation.touchpoints import commands, promises, queries, store
from comptoir.foundation.touchpoints.contracts import Timing, TouchpointMap
from comptoir.foundation.touchpoints.freshness import (
    BOUNDS_MS,
    BUCKETS,
    Recorder,
    Stage,
    add,
    bucket_of,
    quantile_seconds,
    share_within,
)
from comptoir.foundation.touchpoints.store import BreachRow
from support.shop import Shop

NOW = dt.datetime(2026, 5, 1, 12, 0, 30, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)

DELAYS = st.lists(st.floats(0, 40 * 86_400, allow_nan=False) | st.sampled_from([0.001, 1, 60, 86_400]), min_size=1)


@pytest.fixture(scope="module")
def demo() -> TouchpointMap:
    return registry.shop_map(registry.example_map_path())


def counts_of(delays: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    for delay in delays:
        counts[bucket_of(delay)] += 1
    return counts


def test_bounds_grow_by_about_the_square_root_of_two_and_hold_every_promise() -> None:
    assert list(BOUNDS_MS) == sorted(set(BOUNDS_MS))
    assert all(later / before <= 2 for before, later in itertools.pairwise(BOUNDS_MS))
    assert {timing.seconds_max * 1000 for timing in Timing} <= set(BOUNDS_MS)
    assert bucket_of(-5) == bucket_of(0) == bucket_of(0.001) == 0


@given(DELAYS, st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(delays: list[float], share: float) -> None:
    true = sorted(delays)[math.ceil(share * len(delays) - 1e-9) - 1]
    measured = quantile_seconds(counts_of(delays), share)
    assert measured is not None
    bucket = bucket_of(true)
    lower = BOUNDS_MS[bucket - 1] / 1000 if bucket else 0
    upper = BOUNDS_MS[bucket] / 1000 if bucket < len(BOUNDS_MS) else lower
    assert lower <= measured <= max(upper, lower) + 1e-9


@given(DELAYS)
def test_the_share_within_a_promise_is_exact(delays: list[float]) -> None:
    for timing in Timing:
        kept = sum(delay * 1000 <= timing.seconds_max * 1000 for delay in delays)
        assert share_within(counts_of(delays), timing.seconds_max) == kept / len(delays)


@given(DELAYS, DELAYS)
def test_counts_of_two_processes_add_up(one: list[float], other: list[float]) -> None:
    assert add([counts_of(one), counts_of(other)]) == counts_of(one + other)


def test_without_events_there_is_no_figure() -> None:
    assert quantile_seconds([0] * BUCKETS, 0.5) is None
    assert share_within([0] * BUCKETS, 1) is None


def test_a_recorder_used_by_several_threads_loses_nothing() -> None:
    recorder = Recorder()
    start = threading.Barrier(4)
    taken = []

    def work(number: int) -> None:
        start.wait()
        for _ in range(300):
            recorder.record_each("till", "sale.closed", Stage.SENDER, delays_seconds=[0.1, 0.2], at=0)
            recorder.refuse("till", "unknown_type", at=0)
            if number == 0:
                taken.append(recorder.take())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    taken.append(recorder.take())
    assert sum(sum(row.counts) for each in taken for row in each.freshness) == 4 * 300 * 2
    assert sum(row.count for each in taken for row in each.refusals) == 4 * 300


def test_what_could_not_be_written_goes_along_with_the_next() -> None:
    recorder = Recorder()
    recorder.record("till", "sale.closed", Stage.OURS, delay_seconds=0.1, at=65, count=3)
    recorder.refuse("till", "unknown_type", at=65)
    taken = recorder.take()
    assert recorder.take().is_empty
    recorder.give_back(taken)
    recorder.record("till", "sale.closed", Stage.OURS, delay_seconds=0.1, at=119)
    (row,) = recorder.take().freshness
    assert (row.minute, sum(row.counts)) == (60, 4)


def record(
    shop: Shop,
    *,
    delay: float = 0.1,
    count: int = 100,
    at: dt.datetime = NOW,
    stage: Stage = Stage.OURS,
    touchpoint: str = "till",
    data: str = "sale.closed",
) -> None:
    recorder = Recorder()
    recorder.record(touchpoint, data, stage, delay_seconds=delay, at=at.timestamp(), count=count)
    with shop.connect() as connection:
        store.flush(connection, recorder.take())


def figures(shop: Shop, demo: TouchpointMap, *, now: dt.datetime = NOW) -> queries.MapFigures:
    with shop.connect("comptoir_office") as connection:
        return queries.figures(connection, declared=demo, now=now)


def judge(shop: Shop, demo: TouchpointMap, now: dt.datetime) -> list[tuple[str, str, str]]:
    with shop.connect() as connection:
        fresh = commands.judge_promises(connection, declared=demo, now=now)
    return [(breach.touchpoint, breach.data, breach.kind) for breach in fresh]


def breaches(shop: Shop) -> list[BreachRow]:
    with shop.connect("comptoir_office") as connection:
        return store.breaches(connection, since=dt.datetime.min.replace(tzinfo=dt.UTC))


def test_figures_are_what_was_recorded(shop: Shop, demo: TouchpointMap) -> None:
    record(shop, delay=0.08, count=990)
    record(shop, delay=3.0, count=10)
    record(shop, delay=3600, count=5, stage=Stage.SENDER)
    record(shop, delay=0.3, count=7, stage=Stage.VISIBLE, touchpoint="webshop", data="points.balance")
    record(shop, count=4, at=NOW - dt.timedelta(hours=2), data="sale.returned")
    record(shop, count=4, data="gone.from_the_map")
    recorder = Recorder()
    recorder.refuse("till", "undeclared_field", at=NOW.timestamp(), count=3)
    recorder.refuse("", "key_not_known", at=NOW.timestamp())
    with shop.connect() as connection:
        store.flush(connection, recorder.take())

    found = figures(shop, demo)
    till = found.arm("till", "sale.closed")
    assert till is not None
    assert till.ours is not None
    assert till.ours.events == 1000
    assert till.ours.p50_seconds <= 0.08 <= till.ours.p99_seconds * 1.01
    assert till.ours.within == 0.99
    assert till.ours.promised_seconds == 1
    assert till.sender is not None
    assert (till.sender.promised_seconds, till.sender.within) == (72 * 3600, 1)
    assert till.rate_per_minute == pytest.approx(1000 / 15.5)
    assert till.last_seen == NOW.replace(second=0)
    webshop = found.arm("webshop", "points.balance")
    assert webshop is not None
    assert webshop.visible is not None
    assert webshop.visible.events == 7
    returned = found.arm("till", "sale.returned")
    assert returned is not None
    assert (returned.ours, returned.rate_per_minute, returned.last_seen) == (
        None,
        0,
        (NOW - dt.timedelta(hours=2)).replace(second=0),
    )
    assert found.arm("till", "gone.from_the_map") is None
    assert found.rate("till") == till.rate_per_minute
    assert [(row.touchpoint, row.reason, row.count) for row in found.refusals] == [
        ("", "key_not_known", 1),
        ("till", "undeclared_field", 3),
    ]


def test_two_gateways_write_the_same_minute_at_once(shop: Shop) -> None:
    def write(number: int) -> None:
        with shop.connect() as connection:
            for _ in range(20):
                recorder = Recorder()
                for data in ("a", "b", "c", "d")[:: 1 if number % 2 else -1]:
                    recorder.record("till", data, Stage.OURS, delay_seconds=0.1, at=NOW.timestamp())
                    recorder.refuse("till", data, at=NOW.timestamp())
                store.flush(connection, recorder.take())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert shop.value("SELECT sum(count) FROM touchpoints_freshness, unnest(counts) AS count") == 320
    assert shop.value("SELECT sum(count) FROM touchpoints_refusal") == 320
    assert shop.value("SELECT count(*) FROM touchpoints_freshness") == 4


def test_a_late_link_opens_one_breach_and_closes_it_when_it_is_kept_again(shop: Shop, demo: TouchpointMap) -> None:
    record(shop, delay=3, count=5, at=NOW - MINUTE)
    record(shop, delay=0.1, count=95, at=NOW - MINUTE)
    assert judge(shop, demo, NOW) == [("till", "sale.closed", "late_ours")]
    assert judge(shop, demo, NOW) == []
    (breach,) = breaches(shop)
    assert breach.since == NOW.replace(second=0) - promises.WINDOW
    assert 2 < breach.measured <= 3
    assert (breach.promised, breach.closed_at) == (1, None)
    found = figures(shop, demo).arm("till", "sale.closed")
    assert found is not None
    assert [each.id for each in found.breaches] == [breach.id]

    assert judge(shop, demo, NOW + 10 * MINUTE) == []  # nothing came, so nothing is known
    assert [each.closed_at for each in breaches(shop)] == [None]
    record(shop, delay=0.1, at=NOW + 19 * MINUTE)
    assert judge(shop, demo, NOW + 20 * MINUTE) == []
    (breach,) = breaches(shop)
    assert (breach.closed_at, breach.closed_by) == (NOW + 20 * MINUTE, "kept again")
    record(shop, delay=9, at=NOW + 29 * MINUTE)
    assert judge(shop, demo, NOW + 30 * MINUTE) == [("till", "sale.closed", "late_ours")]


def test_a_breach_can_be_closed_by_hand(shop: Shop, demo: TouchpointMap) -> None:
    record(shop, delay=3, at=NOW - MINUTE)
    judge(shop, demo, NOW)
    (breach,) = breaches(shop)
    with shop.connect("comptoir_office") as office:
        assert commands.close_breach(office, breach=breach.id, by="Bob", now=NOW)
        assert not commands.close_breach(office, breach=breach.id, by="Carol", now=NOW + MINUTE)
    assert [(each.closed_by, each.closed_at) for each in breaches(shop)] == [("Bob", NOW)]


def test_an_allowed_outage_is_no_breach_and_a_longer_one_is(shop: Shop, demo: TouchpointMap) -> None:
    record(shop, delay=71 * 3600, at=NOW - MINUTE, stage=Stage.SENDER)
    assert judge(shop, demo, NOW) == []
    record(shop, delay=80 * 3600, at=NOW - MINUTE, stage=Stage.SENDER)
    assert judge(shop, demo, NOW) == [("till", "sale.closed", "late_sender")]


def test_a_few_events_and_one_in_a_hundred_say_nothing(shop: Shop, demo: TouchpointMap) -> None:
    record(shop, delay=3, count=promises.EVENTS_MIN - 1, at=NOW - MINUTE, touchpoint="webshop")
    record(shop, delay=0.1, count=990, at=NOW - MINUTE)
    record(shop, delay=3, count=10, at=NOW - MINUTE)
    record(shop, delay=3, at=NOW)  # this minute is not over
    record(shop, delay=3, at=NOW - 7 * MINUTE)
    assert judge(shop, demo, NOW) == []


def test_silence_is_a_breach_where_two_weeks_tell_what_is_usual(shop: Shop, demo: TouchpointMap) -> None:
    hour = NOW.replace(minute=0, second=0) - dt.timedelta(hours=1)
    record(shop, count=40, at=hour - dt.timedelta(weeks=1))
    assert judge(shop, demo, NOW) == []
    record(shop, count=25, at=hour - dt.timedelta(weeks=2))
    record(shop, count=25, at=hour - dt.timedelta(weeks=2) + 59 * MINUTE)
    record(shop, count=50, at=hour - dt.timedelta(weeks=2) + 60 * MINUTE)  # the next hour
    assert judge(shop, demo, NOW) == [("till", "sale.closed", "silence")]
    (breach,) = breaches(shop)
    assert (breach.measured, breach.promised, breach.since) == (0, 45, hour)
    record(shop, count=38, at=hour)
    assert judge(shop, demo, NOW) == []
    assert [each.closed_by for each in breaches(shop)] == ["kept again"]


@pytest.mark.parametrize(
    ("observed", "usual", "is_silent"),
    [
        (0, [], False),
        (0, [100], False),
        (0, [100, 100], True),
        (99, [100, 100], False),
        (60, [100, 110, 90], True),
        (0, [3, 4], False),
        (0, [5, 6, 5], True),
        (0, [0, 0], False),
        (5, [5, 5000], False),
        (0, [2000, 2000], True),
        (900, [1000, 1000], True),
    ],
)
def test_silence_is_what_chance_does_not_explain(observed: int, usual: list[int], is_silent: bool) -> None:
    assert promises.is_silent(observed, usual) is is_silent


def test_the_poisson_distribution_adds_up() -> None:
    assert promises.poisson_at_most(0, 2) == pytest.approx(math.exp(-2))
    assert promises.poisson_at_most(3, 2) == pytest.approx(math.exp(-2) * (1 + 2 + 2 + 4 / 3))
    assert promises.poisson_at_most(500, 2) == pytest.approx(1)
    assert promises.poisson_at_most(0, 5000) == 0


def test_old_minutes_become_hours_without_losing_a_count(shop: Shop) -> None:
    for minutes in (0, 1, 59, 60):
        at = (NOW - dt.timedelta(days=3)).replace(minute=0) + minutes * MINUTE
        record(shop, at=at, delay=0.1 * (minutes + 1), count=10)
    record(shop, at=NOW, count=7)
    record(shop, at=NOW - dt.timedelta(weeks=9), count=1000)
    recorder = Recorder()
    for minutes in (0, 1, 2):
        recorder.refuse("till", "x", at=(NOW - dt.timedelta(days=3) + minutes * MINUTE).timestamp())
    with shop.connect() as connection:
        store.flush(connection, recorder.take())
        commands.thin_counts(connection, now=NOW)
        before = shop.contents("touchpoints_freshness", "touchpoints_refusal")
        commands.thin_counts(connection, now=NOW)
    assert shop.contents("touchpoints_freshness", "touchpoints_refusal") == before
    rows = shop.rows("SELECT minute, counts FROM touchpoints_freshness ORDER BY minute")
    assert [(row["minute"].minute, sum(row["counts"])) for row in rows] == [(0, 30), (0, 10), (0, 7)]
    assert len([count for count in rows[0]["counts"] if count]) == 3
    assert shop.rows("SELECT count FROM touchpoints_refusal") == [{"count": 3}]


@pytest.mark.parametrize("role", ["comptoir_square", "comptoir_office", "comptoir_vault"])
def test_only_the_counter_writes_freshness(shop: Shop, role: str) -> None:
    recorder = Recorder()
    recorder.record("till", "sale.closed", Stage.OURS, delay_seconds=0.1, at=0)
    with (
        shop.connect(role) as connection,
        shop.unchanged("touchpoints_freshness"),
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        store.flush(connection, recorder.take())


def test_every_statement_can_be_prepared(shop: Shop) -> None:
    with shop.connect() as connection:
        for name, statement in store._SQL.items():
            if name in {"insert_key", "revoke_key"}:
                continue  # the office's
            numbered = psycopg.sql.SQL("PREPARE {} AS ").format(psycopg.sql.Identifier(f"try_{name}"))
            plain = statement
            for place, parameter in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)), 1):
                plain = plain.replace(f"%({parameter})s", f"${place}")
            connection.execute(numbered + psycopg.sql.SQL(plain))
