"""Making every derived table anew from the log, in one transaction: all of it, or nothing.

Meanwhile nothing can be recorded; what comes in waits or is told to try again. Not here: what is derived
(``rebuilding.py`` of each package).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
import psycopg
from psycopg import sql

from comptoir.counter.assembly import derivers
from comptoir.counter.audiences import following
from comptoir.counter.audiences.rebuilding import AudiencesDeriver
from comptoir.counter.sales import stocking
from comptoir.foundation.events.rebuilding import read_log
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection

#: Tables that are compared by a sum of theirs, since how it is split over rows depends on who wrote.
_SUMMED = {
    "loyalty_programmebalance": "select account, sum(points)::bigint from {} group by account having sum(points) <> 0",
    # Trust wears off by the clock, and is looked at once a day.
    "audiences_figures": "select customer, person, since, allows_store, allows_web, first_day, last_day, purchases, "
    "spend, points, asked, answered from {}",
}


class Digest(msgspec.Struct, frozen=True):
    """What a table holds, in short: the number of rows, and a sum over the hashes of all of them."""

    rows: int
    hash: str


class Rebuilt(msgspec.Struct, frozen=True):
    """What came of it. ``changed`` are the tables that differ from what stood there before."""

    events: int
    seconds: float
    events_per_second: float
    tables: dict[str, Digest]
    changed: list[str]


def rebuild(*, progress: Callable[[int, int], None] = lambda _done, _all: None, keep: bool = True) -> Rebuilt:
    """Derive every table from the log again. With ``keep`` off, compare only and leave everything as it was.

    ``progress`` hears how many of how many events are done. The server must be running.
    """
    makers = derivers()
    tables = [table for maker in makers for table in maker.tables]
    with (
        Connection.connect(database.owner_conninfo(), application_name="comptoir rebuild") as writer,
        Connection.connect(database.owner_conninfo(), application_name="comptoir rebuild reader") as reader,
    ):
        writer.execute("set local lock_timeout = '60s'")
        writer.execute("set local maintenance_work_mem = '512MB'")
        writer.execute("set local work_mem = '256MB'")
        writer.execute("lock table events_event in share mode")
        _lock(writer, tables)
        total = _count(reader)
        # What follows behind the gateway may be on its way; what was never followed is made for the first time.
        first: set[str] = set()
        if not following.catch_up(writer):
            first.update(AudiencesDeriver.tables)
        if not stocking.catch_up(writer):
            first.update(("stock_article", "stock_heldline", "stock_movement"))
        before = {table: _digest(writer, table) for table in tables}
        started = time.perf_counter()
        indexes = _drop_indexes(writer, tables)
        writer.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
        done = 0
        for events in read_log(reader):
            for maker in makers:
                maker.take(writer, events)
            done += len(events)
            progress(done, total)
        # What the last step looks up is looked up in indexes; so they come first.
        for statement in indexes:
            writer.execute(statement)
        for table in tables:
            writer.execute(sql.SQL("analyze {}").format(sql.Identifier(table)))
        for maker in makers:
            maker.finish(writer)
        seconds = time.perf_counter() - started
        after = {table: _digest(writer, table) for table in tables}
        if not keep:
            writer.rollback()
    changed = [table for table in tables if before[table] != after[table] and table not in first]
    return Rebuilt(done, seconds, done / seconds if seconds else 0.0, after, changed)


def _lock(connection: psycopg.Connection, tables: Sequence[str]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    connection.execute(sql.SQL("lock table {} in access exclusive mode").format(names))


def _count(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from events_event").fetchone()
    assert row is not None
    return int(row[0])


def _digest(connection: psycopg.Connection, table: str) -> Digest:
    rows = sql.SQL(_SUMMED.get(table, "select * from {}")).format(sql.Identifier(table))
    query = sql.SQL(
        "select count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)::text from ({}) r"
    ).format(rows)
    row = connection.execute(query).fetchone()
    assert row is not None
    return Digest(*row)


def _drop_indexes(connection: psycopg.Connection, tables: Sequence[str]) -> list[sql.Composed]:
    """Drop all indexes of these tables; return what makes them again. Rows go in several times as fast without."""
    return [statement for table in tables for statement in _drop_indexes_of(connection, table)]


def _drop_indexes_of(connection: psycopg.Connection, table: str) -> Iterator[sql.Composed]:
    constraints = connection.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = %s::regclass and contype in ('p', 'u')",
        (table,),
    ).fetchall()
    for name, definition in constraints:
        connection.execute(
            sql.SQL("alter table {} drop constraint {}").format(sql.Identifier(table), sql.Identifier(name))
        )
        yield sql.SQL("alter table {} add constraint {} {}").format(
            sql.Identifier(table), sql.Identifier(name), sql.SQL(definition)
        )
    indexes = connection.execute(
        "select indexname, indexdef from pg_indexes where tablename = %s and schemaname = 'public'", (table,)
    ).fetchall()
    for name, definition in indexes:
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
        yield sql.Composed([sql.SQL(definition)])
