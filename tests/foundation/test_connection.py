"""Statements that travel together, and what remains of them when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.connection import Connection, run_switching
from support.shop import Shop

INSERT = "insert into told (name, points) values (%s::text, %s::bigint)"
NAMES = "select name from told order by name"


@pytest.fixture
def connection(shop: Shop) -> Iterator[Connection]:
    with Connection.connect(database.owner_conninfo(), autocommit=True) as connection:
        connection.execute("create table told (name text primary key, points bigint)")
        yield connection


def names(connection: Connection) -> list[str | None]:
    return [name for (name,) in connection.ask(NAMES)]


def test_what_is_noted_goes_before_a_question_in_the_order_in_which_it_was_said(connection: Connection) -> None:
    with connection.unit():
        connection.tell(INSERT, "b", "1")
        connection.tell(INSERT, "a", None)
        assert names(connection) == ["a", "b"]
        assert connection.ask("select points, 100 %% 7 from told where name = %s", "a") == [(None, "2")]
    connection.tell(INSERT, "c", "3")
    assert connection.execute("select count(*) from told").fetchone() == (3,)  # an ordinary cursor comes after it, too


def write(connection: Connection, *told: str, then: BaseException | None = None) -> None:
    """Have a unit that notes these names, and perhaps fails."""
    with connection.unit():
        for name in told:
            connection.tell(INSERT, name, "1")
        if then is not None:
            raise then


def test_an_error_undoes_the_unit_and_the_connection_goes_on(connection: Connection) -> None:
    for _ in range(2):  # the second time everything is prepared already
        with pytest.raises(psycopg.errors.UniqueViolation):
            write(connection, "a", "a", "b")
        assert names(connection) == []
    write(connection, "a")
    assert names(connection) == ["a"]


def test_nothing_that_was_noted_outlives_its_block(connection: Connection) -> None:
    def fail() -> None:
        with connection.transaction():
            connection.tell(INSERT, "b", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(connection, "a", then=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        fail()
    with connection.transaction(force_rollback=True):
        connection.tell(INSERT, "c", "1")
    assert names(connection) == []
    with connection.transaction():
        connection.tell(INSERT, "d", "1")
    assert names(connection) == ["d"]


def test_units_nest_and_each_undoes_its_own(connection: Connection) -> None:
    with connection.unit():
        connection.tell(INSERT, "a", "1")
        connection.send()
        for name in ("b", "c"):
            with contextlib.suppress(psycopg.errors.UniqueViolation), connection.unit():
                connection.tell(INSERT, name, "1")
                connection.tell(INSERT, "a", "1")
        with connection.unit():
            connection.tell(INSERT, "d", "1")
    assert names(connection) == ["a", "d"]


def test_an_error_that_is_passed_over_is_not_called_a_commit(connection: Connection) -> None:
    def pass_over() -> None:
        with connection.unit(), contextlib.suppress(psycopg.errors.DivisionByZero):
            connection.ask("select 1 / 0")

    with pytest.raises(AssertionError, match="passed over"):
        pass_over()
    assert names(connection) == []


def test_a_text_that_cannot_be_written_spoils_nothing(connection: Connection) -> None:
    with pytest.raises(UnicodeEncodeError):
        write(connection, "a", "\ud800")
    assert names(connection) == []


def test_names_that_the_server_was_made_to_forget_are_prepared_anew(connection: Connection) -> None:
    assert names(connection) == []
    connection.execute("deallocate all")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        names(connection)
    assert names(connection) == []


def test_the_loop_goes_on_while_a_connection_waits(connection: Connection) -> None:
    """Two connections wait at the same time in one thread: the first for a lock that the second gives back."""

    def hold(done: asyncio.Event) -> None:
        with connection.unit():
            connection.ask("select pg_advisory_xact_lock(1)")
            done.set()
            connection.ask("select pg_sleep(0.05)")

    def follow(other: Connection) -> str:
        with other.unit():
            other.ask("select pg_advisory_xact_lock(1)")
        return "followed"

    async def both() -> tuple[str, int]:
        with Connection.connect(database.owner_conninfo(), autocommit=True) as other:
            turns = 0
            held = asyncio.Event()

            async def count() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            counting = asyncio.create_task(count())
            holding = asyncio.create_task(run_switching(hold, held))
            await held.wait()
            followed = await run_switching(follow, other)
            counting.cancel()
            await holding
            return followed, turns

    followed, turns = asyncio.run(both())
    assert followed == "followed"
    assert turns > 10


def test_what_is_raised_beside_the_loop_is_raised_to_whoever_waits(connection: Connection) -> None:
    def divide() -> None:
        with connection.unit():
            connection.tell(INSERT, "a", "1")
            connection.ask("select 1 / 0")

    async def one() -> None:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await run_switching(divide)

    asyncio.run(one())
    assert names(connection) == []


# -- rows -------------------------------------------------------------------------------------------------------------

MOMENTS = some.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=some.just(dt.UTC))  # noqa: DTZ001 - bounds
TEXTS = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = some.lists(
    some.tuples(
        some.uuids().map(str),
        some.none() | MOMENTS,
        some.none() | some.dates(),
        some.integers(-(2**15), 2**15 - 1),
        some.integers(-(2**63), 2**63 - 1),
        some.none() | TEXTS,
        TEXTS,
        some.none() | some.binary(max_size=20),
        some.none() | some.dictionaries(TEXTS, some.integers(-9, 9), max_size=3),
    ),
    min_size=1,
    max_size=5,
)
COLUMNS = {
    "id": "uuid", "moment": "timestamptz", "day": "date", "small": "smallint", "big": "bigint", "text": "text",
    "word": "word", "bytes": "bytea", "said": "json",
}  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, some.sampled_from([1, database.COPY_ROWS_MIN]))
def test_rows_arrive_as_they_were_given_by_either_way(
    connection: Connection, rows: list[tuple[Any, ...]], times: int
) -> None:
    connection.execute(
        "create temp table if not exists kept (id uuid, moment timestamptz, day date, small smallint, big bigint,"
        " text text, word text, bytes bytea, said json)"
    )
    connection.execute("truncate kept")
    written = [(*row[:-1], None if row[-1] is None else codec.encode(row[-1])) for row in rows] * times
    database.Appending("kept", **COLUMNS).rows(connection, *zip(*written, strict=True))
    found = connection.execute("select id::text, moment, day, small, big, text, word, bytes, said from kept").fetchall()

    def order(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return (row[0], row[3], row[4], repr(row[5:]))

    assert sorted(found, key=order) == sorted(rows * times, key=order)
