"""What the counter and the log do by the clock: expiry at the shop's midnight, holds that are over, upkeep.

Time is passed in. The events come through the gateway's own reader, as a till sends them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from comptoir.config.replaying.phone import SHOWN, Phone
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS, handlers_for
from comptoir.counter.loyalty import jobs, store
from comptoir.counter.loyalty.codes import Codes
from comptoir.counter.loyalty.confirming import Confirmations
from comptoir.counter.loyalty.programme import EarningRule, Programme, Programmes, Version
from comptoir.counter.sales.jobs import report_waiting_returns
from comptoir.doors.gateway.reading import Reader, Refused
from comptoir.foundation.events import jobs as upkeep
from comptoir.foundation.events.commands import record
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import first_of_millisecond
from comptoir.foundation.touchpoints import jobs as map_jobs
from comptoir.foundation.touchpoints.compiling import compile_map
from comptoir.foundation.touchpoints.freshness import BUCKETS
from comptoir.foundation.touchpoints.reading import load_map
from support.gateway import EXAMPLES
from support.processes import end, wait_until
from support.shop import Shop, environment

MAP = load_map(EXAMPLES / "touchpoints.toml", types=EVENT_TYPES, products=PRODUCTS)
CODES = Codes(b"c" * 32)
READER = Reader(compile_map(MAP), key=b"k" * 32, codes=CODES, confirmations=Confirmations(b"l" * 32))
PHONE = Phone(CODES, identifier_key=b"k" * 32)
ALICE, BOB = ({"kind": "card", "value": name} for name in ("alice", "bob"))


def programmes(time_zone: str = "America/New_York", months: int | None = 1) -> Programmes:
    """One point for each dollar, until the end of the next month."""
    rules = (EarningRule("base", points=1, per="1.00"),)
    return Programmes([Version(Programme("Points", "USD", time_zone, rules, months), None)])


PROGRAMMES = programmes()


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


class Counter:
    """A counter in one time zone: sends events at given moments and tells the answers."""

    def __init__(self, connection: Connection, by: Programmes = PROGRAMMES) -> None:
        self.connection, self.by = connection, by
        self._numbers = iter(range(1, 10**6))

    def send(self, event_type: str, data: Mapping[str, Any], *, at: str, received: str | None = None) -> dict[str, Any]:
        number = next(self._numbers)
        event = {
            "specversion": "1.0", "id": f"{number}", "source": "/stores/1/tills/1", "type": event_type,
            "time": moment(at).isoformat(), "data": data,
        }  # fmt: skip
        touchpoint = READER.map.touchpoint("till")
        said = PHONE.filled(json.dumps(event, separators=(",", ":")).encode(), at=moment(received or at))
        arrival = READER.read(said, touchpoint, moment(received or at))
        assert not isinstance(arrival, Refused), arrival
        record(self.connection, [arrival], handlers=handlers_for(self.by))
        outcome: dict[str, Any] = json.loads(arrival.outcome)
        return outcome

    def buy(self, points: int, *, at: str, who: Mapping[str, str] = ALICE, received: str | None = None) -> str:
        receipt = f"r{next(self._numbers)}"
        total = points * 100
        sale = {
            "receipt": receipt, "customer": who, "currency": "USD", "total": total,
            "lines": [{"product": "a", "quantity": 1, "amount": total}],
        }  # fmt: skip
        assert self.send("sale.closed", sale, at=at, received=received)["points"] == points
        return receipt

    def give_back(self, receipt: str, points: int, *, at: str) -> dict[str, Any]:
        total = points * 100
        data = {
            "receipt": f"t{receipt}", "sale": {"receipt": receipt}, "currency": "USD", "total": total,
            "lines": [{"line": 1, "quantity": 1, "amount": total}],
        }  # fmt: skip
        return self.send("sale.returned", data, at=at)

    def redeem(self, points: int, *, at: str) -> dict[str, Any]:
        return self.send("points.redeem", {"customer": ALICE, "points": points, "proof": SHOWN}, at=at)

    def hold(self, points: int, *, at: str, seconds: int = 3600, name: str = "h") -> None:
        data = {"customer": ALICE, "points": points, "reservation": name, "expires_in": seconds, "proof": SHOWN}
        assert self.send("points.reserve", data, at=at)["status"] == "accepted"

    def expire(self, now: str, **options: Any) -> int:
        return jobs.expire_points(
            self.connection, now=moment(now), programmes=self.by, handlers=handlers_for(self.by), **options
        )

    def void_overdue(self, now: str) -> int:
        return jobs.void_overdue(self.connection, now=moment(now), handlers=handlers_for(self.by))


@pytest.fixture
def connection(shop: Shop) -> Iterator[Connection]:
    with shop.connect() as one:
        yield one


@pytest.fixture
def counter(connection: Connection) -> Counter:
    return Counter(connection)


def account(shop: Shop) -> tuple[int, int, int, dict[str, int]]:
    """Return what is available, held and owed, and the lots, all customers together."""
    rows = shop.rows("select * from loyalty_account")
    lots: dict[str, int] = {}
    for row in rows:
        for day, points in zip(row["lot_days"], row["lot_points"], strict=True):
            lots[day.isoformat()] = lots.get(day.isoformat(), 0) + points
    assert sum(lots.values()) == sum(row["available"] for row in rows)
    return (*(sum(row[name] for row in rows) for name in ("available", "held", "owed")), lots)


def holds_together(shop: Shop) -> bool:
    """Tell whether every account is the sum of its transfers, and the programme's accounts their counterpart."""
    sums: dict[int, int] = {}
    for row in shop.rows("select debit, credit, sum(points)::bigint as points from loyalty_transfer group by 1, 2"):
        sums[row["credit"]] = sums.get(row["credit"], 0) + row["points"]
        sums[row["debit"]] = sums.get(row["debit"], 0) - row["points"]
    available, held, owed, _ = account(shop)
    kept = shop.rows("select account, sum(points)::bigint as points from loyalty_programmebalance group by 1")
    own = [sums.get(each, 0) for each in (1, 2, 3)] == [available, held, owed]
    return own and all(sums.get(row["account"], 0) == row["points"] for row in kept)


# -- points expire ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "bought", "last_day", "midnight"),
    [
        ("America/New_York", "2025-12-05T12:00Z", "2026-01-31", "2026-02-01T05:00:00+00:00"),
        ("Asia/Tokyo", "2025-12-05T12:00Z", "2026-01-31", "2026-01-31T15:00:00+00:00"),
        ("Asia/Kathmandu", "2025-12-05T12:00Z", "2026-01-31", "2026-01-31T18:15:00+00:00"),
        # That night clocks went from midnight to one o'clock: the day began at one.
        ("America/Asuncion", "2023-08-05T12:00Z", "2023-09-30", "2023-10-01T04:00:00+00:00"),
        # That night clocks went back from one o'clock to midnight: the day began at the first of the two.
        ("America/Havana", "2020-09-05T12:00Z", "2020-10-31", "2020-11-01T04:00:00+00:00"),
    ],
    ids=lambda value: value if "/" in value else "",
)
def test_points_are_good_until_the_shops_midnight_and_gone_after_it(
    shop: Shop, connection: Connection, zone: str, bought: str, last_day: str, midnight: str
) -> None:
    counter = Counter(connection, programmes(zone))
    counter.buy(10, at=bought)
    assert account(shop)[3] == {last_day: 10}
    before = (moment(midnight) - dt.timedelta(seconds=1)).isoformat()
    with shop.unchanged():
        assert counter.expire(before) == 0
    assert counter.redeem(3, at=before)["status"] == "accepted"
    # From midnight on they cannot be spent, whether the job has run or not.
    assert counter.redeem(3, at=midnight)["problem"]["type"].endswith("insufficient_points")
    assert counter.expire(midnight) == 1
    assert account(shop) == (0, 0, 0, {})
    assert holds_together(shop)
    (event,) = shop.rows("select * from events_event where type = 'points.expire'")
    assert (event["source"], event["touchpoint"], event["status"]) == ("/comptoir/clock", "clock", "accepted")
    assert event["occurred_at"] == moment(midnight)
    assert json.loads(event["outcome"])["points"] == -7
    first = (moment(midnight) + dt.timedelta(hours=12)).astimezone(dt.UTC).date()
    assert event["id"] == f"expire/{event['data']['before']}/{event['customer']}"
    assert event["data"]["before"] <= first.isoformat()


def test_only_lots_whose_day_is_over_go(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2025-12-05T12:00Z")
    counter.buy(20, at="2026-01-05T12:00Z")
    counter.buy(5, at="2026-01-06T12:00Z", who=BOB)
    assert counter.expire("2026-02-01T12:00Z") == 1
    assert account(shop)[3] == {"2026-02-28": 25}
    assert counter.expire("2026-03-01T12:00Z") == 2
    assert account(shop) == (0, 0, 0, {})
    assert holds_together(shop)


def test_points_that_never_expire_stay(shop: Shop, connection: Connection) -> None:
    counter = Counter(connection, programmes(months=None))
    counter.buy(10, at="2025-12-05T12:00Z")
    with shop.unchanged():
        assert counter.expire("2125-12-05T12:00Z") == 0


def test_expiring_again_or_after_a_missed_midnight_changes_nothing(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2025-12-05T12:00Z")
    assert counter.expire("2026-02-03T12:00Z") == 1  # nobody was at work on the first two days
    with shop.unchanged():
        assert counter.expire("2026-02-03T12:00Z") == 0
        assert counter.expire("2026-02-03T20:00Z") == 0
        assert counter.expire("2026-02-04T12:00Z") == 0


def test_a_run_is_bounded_and_the_next_one_goes_on(
    shop: Shop, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_EVENTS", 3)
    for number in range(10):
        counter.buy(1, at="2025-12-05T12:00Z", who={"kind": "card", "value": f"c{number}"})
    assert counter.expire("2026-02-01T12:00Z", batches_max=2) == 6
    assert counter.expire("2026-02-01T12:00Z", should_stop=lambda: True) == 0
    assert counter.expire("2026-02-01T12:00Z", batches_max=2) == 4
    assert account(shop) == (0, 0, 0, {})
    assert shop.value("select count(*) from events_event where type = 'points.expire'") == 10


def test_two_workers_expire_everything_once(shop: Shop, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH_EVENTS", 7)
    for number in range(60):
        counter.buy(1, at="2025-12-05T12:00Z", who={"kind": "card", "value": f"c{number}"})
    at_once(shop, lambda each: Counter(each).expire("2026-02-01T12:00Z"), expected=60)
    assert account(shop) == (0, 0, 0, {})
    assert shop.value("select count(*) from loyalty_transfer where reason = 'expired'") == 60
    assert holds_together(shop)


def at_once(shop: Shop, job: Callable[[Connection], int], *, expected: int) -> None:
    """Run a job in three workers at once; together they do what was to be done."""
    done: list[int] = []
    start = threading.Barrier(3)

    def run() -> None:
        with shop.connect() as connection:
            start.wait(30)
            done.append(job(connection))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 3
    assert sum(done) == expected


def test_held_points_whose_day_is_over_can_still_be_spent(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2025-12-05T12:00Z")
    counter.hold(6, at="2026-01-31T23:50-05:00")
    assert counter.expire("2026-02-01T00:00-05:00") == 1
    assert account(shop) == (0, 6, 0, {})
    # The customer was promised them while the money was being taken.
    assert counter.send("points.post", {"reservation": "h"}, at="2026-02-01T00:10-05:00")["status"] == "accepted"
    assert account(shop) == (0, 0, 0, {})
    assert holds_together(shop)


def test_held_points_whose_day_is_over_come_back_and_go(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2025-12-05T12:00Z")
    counter.hold(6, at="2026-01-31T23:50-05:00")
    assert counter.expire("2026-02-01T00:00-05:00") == 1
    assert counter.send("points.void", {"reservation": "h"}, at="2026-02-01T00:10-05:00")["status"] == "accepted"
    assert account(shop) == (6, 0, 0, {"2026-01-31": 6})
    assert counter.redeem(1, at="2026-02-01T00:11-05:00")["status"] == "refused"
    # This customer's expiry of that day is in the log already; what came back later goes at the next midnight.
    assert counter.expire("2026-02-01T00:15-05:00") == 0
    assert counter.expire("2026-02-02T00:00-05:00") == 1
    assert account(shop) == (0, 0, 0, {})
    assert holds_together(shop)


def test_what_is_owed_is_paid_before_anything_can_expire(shop: Shop, counter: Counter) -> None:
    receipt = counter.buy(10, at="2025-12-05T12:00Z")
    assert counter.redeem(8, at="2025-12-06T12:00Z")["status"] == "accepted"
    assert counter.give_back(receipt, 10, at="2025-12-07T12:00Z")["balance"] == {"available": 0, "held": 0, "owed": 8}
    counter.buy(12, at="2025-12-08T12:00Z")
    assert account(shop) == (4, 0, 0, {"2026-01-31": 4})
    assert counter.expire("2026-02-01T12:00Z") == 1
    assert account(shop) == (0, 0, 0, {})
    assert holds_together(shop)


def test_a_debt_outlives_the_points(shop: Shop, counter: Counter) -> None:
    receipt = counter.buy(10, at="2026-01-05T12:00Z")
    counter.redeem(10, at="2026-01-06T12:00Z")
    counter.give_back(receipt, 10, at="2026-01-07T12:00Z")
    with shop.unchanged():
        assert counter.expire("2026-03-01T12:00Z") == 0
    assert account(shop) == (0, 0, 10, {})


def test_a_late_sale_whose_points_are_over_earns_them_for_the_books_only(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2025-12-30T12:00Z", received="2026-02-01T12:00Z")
    assert account(shop)[3] == {"2026-01-31": 10}
    assert counter.redeem(1, at="2026-02-01T12:01Z")["status"] == "refused"
    assert counter.expire("2026-02-01T12:15Z") == 1
    assert account(shop) == (0, 0, 0, {})
    # One more of that December: this customer's expiry of today is in the log already, so it goes at midnight.
    counter.buy(7, at="2025-12-30T13:00Z", received="2026-02-01T13:00Z")
    assert counter.expire("2026-02-01T13:15Z") == 0
    assert counter.expire("2026-02-02T05:00Z") == 1
    assert account(shop) == (0, 0, 0, {})
    assert holds_together(shop)


# -- reservations whose time is over ------------------------------------------------------------------------------


def test_a_reservation_is_given_back_when_its_time_is_over(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2026-01-05T12:00Z")
    counter.hold(6, at="2026-01-05T13:00Z", seconds=60)
    with shop.unchanged():
        assert counter.void_overdue("2026-01-05T13:00:59Z") == 0
    assert counter.void_overdue("2026-01-05T13:01:00Z") == 1
    assert account(shop) == (10, 0, 0, {"2026-02-28": 10})
    (reservation,) = shop.rows("select * from loyalty_reservation")
    assert reservation["status"] == "expired"
    (event,) = shop.rows("select * from events_event where type = 'points.void'")
    assert (event["source"], event["touchpoint"], event["status"]) == ("/comptoir/clock", "till", "accepted")
    assert event["id"] == f"void/{reservation['position']}"
    assert event["occurred_at"] == reservation["expires_at"] == moment("2026-01-05T13:01Z")
    assert event["customer"] == reservation["customer"]
    with shop.unchanged():
        assert counter.void_overdue("2026-01-05T13:02:00Z") == 0
    late = counter.send("points.post", {"reservation": "h"}, at="2026-01-05T13:03Z")
    assert late["problem"]["type"].endswith("reservation_expired")
    assert holds_together(shop)


def test_posted_and_voided_reservations_are_left_alone(shop: Shop, counter: Counter) -> None:
    counter.buy(10, at="2026-01-05T12:00Z")
    counter.hold(3, at="2026-01-05T13:00Z", seconds=60, name="a")
    counter.hold(3, at="2026-01-05T13:00Z", seconds=60, name="b")
    counter.send("points.post", {"reservation": "a"}, at="2026-01-05T13:00:30Z")
    counter.send("points.void", {"reservation": "b"}, at="2026-01-05T13:00:30Z")
    with shop.unchanged():
        assert counter.void_overdue("2026-01-06T13:00Z") == 0


def test_two_workers_give_everything_back_once(shop: Shop, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH_EVENTS", 4)
    counter.buy(100, at="2026-01-05T12:00Z")
    for number in range(30):
        counter.hold(2, at="2026-01-05T13:00Z", seconds=60 + number, name=f"h{number}")
    at_once(shop, lambda each: Counter(each).void_overdue("2026-01-05T14:00Z"), expected=30)
    assert account(shop) == (100, 0, 0, {"2026-02-28": 100})
    assert holds_together(shop)


def test_a_till_that_posts_while_the_clock_voids_gets_one_clear_answer(shop: Shop, counter: Counter) -> None:
    """Whoever locks the account first decides; the other one is told."""
    counter.buy(50, at="2026-01-05T12:00Z")
    for number in range(20):
        counter.hold(2, at="2026-01-05T13:00Z", seconds=60, name=f"h{number}")
    spent: list[bool] = []

    def post_all() -> None:
        with shop.connect() as connection:
            till = Counter(connection)
            till._numbers = iter(range(10**7, 10**8))
            for number in reversed(range(20)):
                answer = till.send("points.post", {"reservation": f"h{number}"}, at="2026-01-05T13:00:59Z")
                spent.append(answer["status"] == "accepted")

    thread = threading.Thread(target=post_all)
    thread.start()
    voided = counter.void_overdue("2026-01-05T13:01:00Z")
    thread.join(60)
    assert voided + sum(spent) == 20
    assert account(shop)[:3] == (50 - 2 * sum(spent), 0, 0)
    assert holds_together(shop)


# -- the log and the map ------------------------------------------------------------------------------------------


def test_the_log_has_partitions_three_months_ahead(shop: Shop, connection: Connection) -> None:
    now = moment("2031-11-30T23:59:59-05:00")  # December in UTC
    assert upkeep.make_partitions(connection, now=now) == 4
    with shop.unchanged():
        assert upkeep.make_partitions(connection, now=now) == 0
    names = [f"events_event_{month}" for month in ("2031_12", "2032_01", "2032_02", "2032_03")]
    assert shop.value("select count(*) from pg_class where relname = any(%s) and relispartition", names) == 4
    assert upkeep.make_partitions(connection, now=now + dt.timedelta(days=31)) == 1
    assert upkeep.check_rest(connection) == 0


def test_two_workers_make_a_partition_once(shop: Shop) -> None:
    at_once(shop, lambda each: upkeep.make_partitions(each, now=moment("2031-12-01T00:00Z")), expected=4)


def test_a_log_that_is_busy_is_left_for_the_next_run(
    shop: Shop, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.connect() as reader, reader.transaction(), caplog.at_level(logging.INFO):
        reader.execute("select count(*) from events_event")
        assert upkeep.make_partitions(connection, now=moment("2031-12-01T00:00Z")) == 0
    assert "too busy" in caplog.text
    assert upkeep.make_partitions(connection, now=moment("2031-12-01T00:00Z")) == 4


def test_events_outside_of_every_month_are_reported(connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    at = moment("2035-01-15T00:00Z")
    connection.execute(
        "insert into events_event (position, occurred_at, received_at, source, id, type, touchpoint, status, data,"
        " outcome) values (%s, now(), now(), '/', '1', 'a', 'b', 'accepted', '{}', '{}')",
        (first_of_millisecond(int(at.timestamp() * 1000)),),
    )
    assert upkeep.check_rest(connection) > 0
    assert "outside the log's months" in caplog.text
    assert upkeep.make_partitions(connection, now=at) == 3, "the others are made all the same"
    assert "2035-01-01 cannot be made" in caplog.text


def test_returns_that_wait_for_months_are_reported_and_go_on_waiting(
    shop: Shop, counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    counter.give_back("never-sold", 5, at="2026-01-05T12:00Z")
    booked = dt.datetime.now(dt.UTC)
    with shop.unchanged():
        assert report_waiting_returns(counter.connection, now=booked + dt.timedelta(days=89)) == 0
        assert caplog.text == ""
        assert report_waiting_returns(counter.connection, now=booked + dt.timedelta(days=91)) == 1
    assert "1 returns have waited" in caplog.text


def test_promises_are_judged_and_old_counts_thinned(
    shop: Shop, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    now = moment("2026-03-02T12:05:30Z")
    counts = [0] * BUCKETS
    counts[-2] = 50
    for at in (now - dt.timedelta(minutes=2), now - dt.timedelta(days=3), now - dt.timedelta(days=3, minutes=1)):
        connection.execute(
            "insert into touchpoints_freshness (touchpoint, data, stage, minute, counts)"
            " values ('till', 'sale.closed', 2, date_trunc('minute', %s), %s)",
            (at, counts),
        )
    assert map_jobs.judge_freshness(connection, declared=MAP, now=now) == 1
    assert map_jobs.judge_freshness(connection, declared=MAP, now=now) == 0
    assert "late_ours" in caplog.text
    map_jobs.thin_counts(connection, now=now)
    rows = shop.rows("select minute, counts from touchpoints_freshness order by minute")
    assert [(row["minute"].minute, sum(row["counts"])) for row in rows] == [(0, 100), (3, 50)]


# -- the worker ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def workers(count: int, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    running = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")))
        for number in range(count):
            log = stack.enter_context((folder / f"worker{number}.log").open("wb"))
            command = [sys.executable, "-m", "comptoir.config.worker"]
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            stack.callback(end, process)
            running.append(process)
        yield running


def jobs_done(shop: Shop, *names: str) -> bool:
    done = shop.rows(
        "select task_name from procrastinate_periodic_defers d where not exists"
        " (select from procrastinate_jobs j where j.task_name = d.task_name and j.status in ('todo', 'doing'))"
    )
    return {row["task_name"] for row in done} >= set(names)


def test_two_workers_do_what_is_due_and_end_when_told(shop: Shop, connection: Connection, tmp_path: Path) -> None:
    with connection.transaction():
        store.insert_programme(connection, PROGRAMMES.versions[0].programme, None)
    counter = Counter(connection)
    now = dt.datetime.now(dt.UTC)
    counter.buy(10, at=(now - dt.timedelta(hours=2)).isoformat())
    counter.hold(6, at=(now - dt.timedelta(hours=2)).isoformat())
    # A worker that was killed while it did this very job still has its lock.
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner:
        owner.execute(
            "with dead as (insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour')"
            " returning id) insert into procrastinate_jobs (queue_name, task_name, lock, status, args, worker_id)"
            " select 'default', 'loyalty.void_overdue', 'loyalty.void_overdue', 'doing',"
            " '{\"timestamp\": 1}', id from dead"
        )
    with workers(2, tmp_path) as running:
        wait_until(lambda: account(shop)[1] == 0, what="the hold to be given back")
        wait_until(
            lambda: jobs_done(
                shop, "loyalty.expire_points", "loyalty.void_overdue", "events.make_partitions", "events.prune_outbox",
                "touchpoints.judge_freshness", "touchpoints.thin_counts", "rooms.clear_expired_sessions",
            ),
            what="every job",
        )  # fmt: skip
        for process in running:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(30) for process in running] == [0, 0]
    assert shop.rows("select * from procrastinate_jobs where status = 'failed'") == []
    assert shop.value("select count(*) from events_event where type = 'points.void'") == 1
    for number in range(2):
        text = (tmp_path / f"worker{number}.log").read_text()
        assert "Traceback" not in text
        assert text.splitlines()[-1].endswith("ended")


def test_a_worker_waits_for_its_database_and_goes_on(shop_on_own_server: Shop, tmp_path: Path) -> None:
    def place() -> Any:
        return shop_on_own_server.value("select max(last_heartbeat) from procrastinate_workers")

    with workers(1, tmp_path) as (process,):
        wait_until(lambda: place() is not None, what="the worker")
        cut = (
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name like 'comptoir jobs%%' and datname = %s"
        )
        before = place()
        assert shop_on_own_server.value(cut, shop_on_own_server.database) >= 1
        wait_until(lambda: (place() or before) > before, what="the worker's heartbeat")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (tmp_path / "worker0.log").read_text()
