"""The log: identity, repeats, places in it, and the outbox. What is decided about an event is the counter's affair."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.events import sealing, store
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, Batch, Change, Handler
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import IdMaker, first_of_millisecond, millisecond_of
from comptoir.foundation.kernel.problem import Problem
from support import casting, invariants
from support.shop import Shop

RECORDED = Path(__file__).parents[1] / "data" / "events"


@pytest.fixture
def connection(shop: Shop) -> Iterator[Connection]:
    with shop.connect() as connection:
        yield connection


def nobody(_types: Collection[str]) -> Sequence[Handler]:
    """Have nobody decide anything."""
    return ()


def arrival(id_: str, *, source: str = "/s", fingerprint: bytes = bytes(16), kind: str = "x.happened") -> Arrival:
    return Arrival(
        source=source, id=id_, type=kind, touchpoint="till", occurred_at=casting.NOON, received_at=casting.HEARD,
        data=None, written=b"{}", fingerprint=fingerprint,
    )  # fmt: skip


@pytest.mark.parametrize("is_trusting", [False, True])
@pytest.mark.parametrize("count", [1, 2, 700])
def test_every_event_has_its_place_its_identity_and_its_answer(
    shop: Shop, connection: Connection, count: int, is_trusting: bool
) -> None:
    """One event, a few in a pipeline, many by COPY: the same comes of it."""
    arrivals = [arrival(f"{number:04}") for number in range(count)]
    assert record(connection, arrivals, handlers=nobody, is_trusting=is_trusting) is False
    assert [each.position for each in arrivals] == sorted(str(each.position) for each in arrivals)
    assert all(json.loads(each.outcome)["event"] == each.position for each in arrivals)
    assert shop.value("select cardinality(positions) from events_outbox") == count
    again = [arrival(each.id) for each in arrivals]
    with shop.unchanged():
        assert record(connection, again, handlers=nobody, is_trusting=is_trusting) is True
    assert [each.outcome for each in again] == [each.outcome for each in arrivals]
    assert all(each.is_repeated for each in again)
    invariants.check_log(connection)


def test_what_is_hard_to_write_is_written_and_answered_as_it_came(connection: Connection) -> None:
    """Quotes, backslashes, braces, the word NULL, emoji: neither arrays nor COPY may take them for something else."""
    ids = ['"', "\\", "{}", "{a,b}", "NULL", "null", "\\N", "\\.", "a\\nb", "é日本🛒", "'", "%s", " ", "a,b"]
    for count in (1, 60):
        arrivals = [arrival(f"{text}{turn}{count}", source=text) for turn in range(count) for text in ids]
        record(connection, arrivals, handlers=nobody)
        again = [arrival(each.id, source=each.source) for each in arrivals]
        record(connection, again, handlers=nobody)
        assert [each.outcome for each in again] == [each.outcome for each in arrivals]
        assert all(json.loads(each.outcome)["id"] == each.id for each in again)


def test_an_id_that_comes_back_with_other_content_is_refused_and_leaves_no_trace(
    shop: Shop, connection: Connection
) -> None:
    record(connection, [arrival("1")], handlers=nobody)
    other = arrival("1", fingerprint=bytes(range(16)))
    with shop.unchanged():
        record(connection, [other], handlers=nobody)
    assert other.refusal is not None
    assert other.refusal.name == "id_reused"
    assert not other.is_repeated


def test_nothing_is_recorded_of_a_batch_that_fails(shop: Shop, connection: Connection) -> None:
    class Failing:
        def prepare(self, connection: Connection, batch: Batch) -> None:
            """Nothing."""

        def load(self, connection: Connection, batch: Batch) -> None:
            """Nothing."""

        def decide(self, batch: Batch) -> None:
            """Nothing."""

        def write(self, connection: Connection, batch: Batch) -> None:
            """Fail, after the events were written."""
            connection.execute("insert into events_identity (source, id, position, fingerprint) values (1/0)")

    with shop.unchanged(), pytest.raises(psycopg.Error):
        record(connection, [arrival("1")], handlers=lambda _types: [Failing()])
    record(connection, [arrival("1")], handlers=nobody)
    assert shop.value("select count(*) from events_event") == 1


def test_after_what_a_batch_has_seen_its_own_events_come(connection: Connection) -> None:
    ahead = str(first_of_millisecond(int((casting.NOON + dt.timedelta(days=36_500)).timestamp() * 1000)))

    class Seeing:
        def prepare(self, connection: Connection, batch: Batch) -> None:
            """See something far ahead of this machine's clock."""
            batch.saw(ahead)
            batch.saw(None)

        def load(self, connection: Connection, batch: Batch) -> None:
            """Nothing."""

        def decide(self, batch: Batch) -> None:
            """Refuse one of them; it is recorded all the same."""
            batch.fresh[1].refusal = _Refused(field="data.points")

        def write(self, connection: Connection, batch: Batch) -> None:
            """Nothing."""

    arrivals = [arrival("1"), arrival("2")]
    record(connection, arrivals, handlers=lambda _types: [Seeing()], ids=IdMaker())
    assert ahead < str(arrivals[0].position) < str(arrivals[1].position)
    status = connection.execute("select status from events_event order by position").fetchall()
    assert status == [("accepted",), ("refused",)]


class _Refused(Problem):
    """It may not be."""

    name = "refused_by_a_test"


def test_the_log_lies_in_the_partition_of_its_month(shop: Shop, connection: Connection) -> None:
    """A position tells its time; what no month has taken lies in the rest, and is found all the same."""
    record(connection, [arrival("now")], handlers=nobody)
    far = IdMaker()
    far._ms = int(dt.datetime(2199, 7, 1, tzinfo=dt.UTC).timestamp() * 1000)
    record(connection, [arrival("far")], handlers=nobody, ids=far)
    rows = shop.rows("select tableoid::regclass::text as part, id, position from events_event order by position")
    month = dt.datetime.fromtimestamp(millisecond_of(rows[0]["position"]) / 1000, tz=dt.UTC)
    assert [(row["id"], row["part"]) for row in rows] == [
        ("now", f"events_event_{month:%Y_%m}"),
        ("far", "events_event_rest"),
    ]
    again = arrival("far")
    record(connection, [again], handlers=nobody)
    assert again.is_repeated


def test_a_made_id_is_greater_than_the_one_before_whatever_the_clock_does() -> None:
    maker = IdMaker()
    ids = maker.reserve(10_000)
    maker._ms += 5_000
    ids += maker.reserve(5)
    ids += maker.reserve(5, after=ids[-1])
    assert ids == sorted(set(ids))
    assert all(len(each) == 36 and each[14] == "7" and each[19] in "89ab" for each in ids)


def test_notifications_are_cut_so_that_the_server_takes_them(shop: Shop, connection: Connection) -> None:
    """A thousand changes and a thousand links do not fit 8,000 bytes; every one of them arrives."""
    customers = [casting.identify({"kind": "card", "value": str(number)}) for number in range(1_000)]
    changes = [Change((each,), each, number, 0, 0) for number, each in enumerate(customers)]
    counts = {f"touchpoint{number} some.type.of.event": number for number in range(1_000)}
    with shop.connect() as listener:
        listener.execute(f"listen {store.CHANNEL}")
        with connection.transaction():
            store.notify_live(connection, changes, counts)
        notices = list(listener.notifies(timeout=2))
    heard: list[Any] = []
    counted: dict[str, int] = {}
    for notice in notices:
        assert len(notice.payload.encode()) < 8_000
        content = sealing.of_shop().open(notice.payload, backend=notice.pid)
        assert content is not None
        told = json.loads(content)
        heard += told.get("changes", [])
        counted |= told.get("counts", {})
    assert [each[0] for each in heard] == [[each] for each in customers]
    assert counted == counts


# -- what older versions have recorded ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(RECORDED.glob("v*/*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_a_released_version_has_recorded_is_understood_by_a_rebuild(
    shop: Shop, connection: Connection, path: Path
) -> None:
    """Each file holds rows of the log as that version wrote them, and the accounts that follow from them."""
    told = json.loads(path.read_text())
    columns = list(told["events"][0])
    with psycopg.connect(_owner(), autocommit=True) as owner:
        for row in told["events"]:
            owner.execute(
                f"insert into events_event ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})".encode(),
                [json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()],
            )
    rebuild()
    accounts = connection.execute(
        "select customer::text, available, held, owed from loyalty_account order by customer"
    ).fetchall()
    assert accounts == [tuple(each) for each in told["accounts"]]
    invariants.check_ledger(connection)
    invariants.check_persons(connection)
    invariants.check_sales(connection)


def _owner() -> str:
    from comptoir.foundation.kernel import database

    return database.owner_conninfo()
