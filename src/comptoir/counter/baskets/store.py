"""The statements of ``store.sql``, on the caller's connection."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from comptoir.counter.baskets.folding import Operation
from comptoir.counter.baskets.rules import Basket
from comptoir.counter.customers.contracts import CHANNELS
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__ or "")
_operations: Final = msgspec.json.Decoder(tuple[Operation, ...])


def lock_baskets(connection: Connection, baskets: Collection[Id]) -> None:
    """Wait for everybody else who changes one of these baskets."""
    keys = sorted({zlib.crc32(each.encode()) - (1 << 31) for each in baskets})
    connection.tell(_SQL["lock_baskets"], value_array([str(key) for key in keys]))


def find_baskets(connection: Connection, baskets: Collection[Id]) -> dict[Id, Basket]:
    """Return those of these baskets that there are."""
    rows = connection.execute(_SQL["find_baskets"], (value_array(sorted(baskets)),))
    return {row[0]: _basket(row) for row in rows}


def find_of_customers(connection: Connection, customers: Collection[Id]) -> list[Basket]:
    """Return what these customers have claimed."""
    rows = connection.execute(_SQL["find_of_customers"], (value_array(sorted(customers)),))
    return [_basket(row) for row in rows]


def write_baskets(connection: Connection, baskets: Iterable[Basket]) -> None:
    """Write baskets as they stand."""
    rows = list(baskets)
    if rows:
        connection.tell(_SQL["write_baskets"], msgspec.json.encode(rows).decode())


def drop_baskets(connection: Connection, baskets: Collection[Id]) -> None:
    """Drop baskets whose time is over."""
    connection.tell(_SQL["drop_baskets"], value_array(sorted(baskets)))


def find_overdue(
    connection: Connection, *, strangers: dt.datetime, customers: dt.datetime, limit: int
) -> list[tuple[Id, Id, dt.datetime, bool]]:
    """Return baskets untouched since then: id, position, when it was changed last, whether somebody has claimed it."""
    return connection.execute(_SQL["find_overdue"], (strangers, customers, limit)).fetchall()


def find_left(connection: Connection, before: dt.datetime, *, limit: int) -> list[Basket]:
    """Return baskets that nobody has touched since a moment or looked at since, of customers who may be written to."""
    rows = connection.execute(_SQL["find_left"], (before, list(CHANNELS), limit))
    return [_basket(row) for row in rows]


def note_looked(connection: Connection, baskets: Sequence[Basket], *, now: dt.datetime) -> None:
    """Note that these baskets were looked at as they stand."""
    ids, positions = [each.id for each in baskets], [each.position for each in baskets]
    connection.execute(_SQL["note_looked"], (now, value_array(ids), value_array(positions)))


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put the fresh ids of these customers in place; short numbers of their baskets mean nothing any more."""
    old = value_array(list(fresh))
    connection.tell(_SQL["sever_numbers"], old)
    connection.tell(_SQL["sever_baskets"], old, value_array(list(fresh.values())))


def insert_number(connection: Connection, number: str, basket: Id, *, ends_at: dt.datetime, now: dt.datetime) -> bool:
    """Let a short number mean a basket until a moment; tells whether it was free."""
    return connection.execute(_SQL["insert_number"], (number, basket, ends_at, now)).fetchone() is not None


def find_shown(connection: Connection, basket: Id, *, now: dt.datetime) -> tuple[str, dt.datetime] | None:
    """Return the short number under which a basket is being shown, and until when."""
    return connection.execute(_SQL["find_shown"], (basket, now)).fetchone()


def find_numbered(connection: Connection, number: str, *, now: dt.datetime) -> Id | None:
    """Return which basket a short number means now."""
    row = connection.execute(_SQL["find_numbered"], (number, now)).fetchone()
    return None if row is None else row[0]


def _basket(row: Sequence[object]) -> Basket:
    number, customer, position, changed_at, operations = row
    return Basket(number, customer, position, changed_at, _operations.decode(operations))  # type: ignore[arg-type]
