"""The sales' statements, on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import psycopg

from comptoir.counter.sales.rules import Key, Line, Return, Returned, Sale
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.database import Appending, load_statements, text_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
_sales = Appending(
    "sales_sale", source="text", receipt="text", position="uuid", customer="uuid", occurred_at="timestamptz",
    store="text", currency="text", total_minor="bigint", lines="jsonb",
)  # fmt: skip
_returns = Appending(
    "sales_return", source="text", receipt="text", position="uuid", sale_source="text", sale_receipt="text",
    occurred_at="timestamptz", store="text", currency="text", total_minor="bigint", lines="jsonb", status="text",
)  # fmt: skip
_sale_lines = msgspec.json.Decoder(tuple[Line, ...])
_return_lines = msgspec.json.Decoder(tuple[Returned, ...])


def lock_parking(connection: psycopg.Connection, *, exclusive: bool) -> None:
    """Book sales beside others (shared), or wait until nobody else is booking any (exclusive)."""
    connection.execute(_SQL["lock_parking" if exclusive else "lock_parking_shared"], prepare=True)


def lock_sales(connection: psycopg.Connection, keys: Collection[Key]) -> dict[Key, Id | None]:
    """Lock booked sales in one order; return the customer of each that exists."""
    rows = connection.execute(_SQL["lock_sales"], _arrays(sorted(keys)), prepare=True)
    return {(source, receipt): customer for source, receipt, customer in rows}


def find_receipts(connection: psycopg.Connection, keys: Collection[Key]) -> set[Key]:
    """Return those of these receipt numbers that are booked as sales."""
    return set(connection.execute(_SQL["find_receipts"], _arrays(keys), prepare=True))


def find_returned_receipts(connection: psycopg.Connection, keys: Collection[Key]) -> set[Key]:
    """Return those of these receipt numbers that are booked as returns."""
    return set(connection.execute(_SQL["find_returned_receipts"], _arrays(keys), prepare=True))


def find_sales(connection: psycopg.Connection, keys: Collection[Key]) -> dict[Key, Sale]:
    """Return whole sales."""
    rows = connection.execute(_SQL["find_sales"], _arrays(keys), prepare=True)
    return {(row[0], row[1]): Sale(*(*row[:8], _sale_lines.decode(row[8]))) for row in rows}


def is_any_waiting(connection: psycopg.Connection) -> bool:
    """Tell whether any return waits for its sale."""
    row = connection.execute(_SQL["is_any_waiting"], prepare=True).fetchone()
    return bool(row and row[0])


def find_returns_of(connection: psycopg.Connection, sales: Collection[Key]) -> list[Return]:
    """Return all returns of these sales, the waiting ones too."""
    rows = connection.execute(_SQL["find_returns_of"], _arrays(sales), prepare=True)
    return [Return(*(*row[:9], _return_lines.decode(row[9]), row[10])) for row in rows]


def insert_sales(connection: psycopg.Connection, sales: Sequence[Sale]) -> None:
    """Book sales; a receipt number that is taken fails the whole batch."""
    _sales.rows(
        connection,
        [s.source for s in sales],
        [s.receipt for s in sales],
        [s.position for s in sales],
        [s.customer for s in sales],
        [s.occurred_at.isoformat() for s in sales],
        [s.store for s in sales],
        [s.currency for s in sales],
        [str(s.total) for s in sales],
        [codec.encode(s.lines).decode() for s in sales],
    )


def insert_returns(connection: psycopg.Connection, returns: Sequence[Return]) -> None:
    """Book returns; a receipt number that is taken fails the whole batch."""
    _returns.rows(
        connection,
        [r.source for r in returns],
        [r.receipt for r in returns],
        [r.position for r in returns],
        [r.sale_source for r in returns],
        [r.sale_receipt for r in returns],
        [r.occurred_at.isoformat() for r in returns],
        [r.store for r in returns],
        [r.currency for r in returns],
        [str(r.total) for r in returns],
        [codec.encode(r.lines).decode() for r in returns],
        [r.status for r in returns],
    )


def settle_returns(connection: psycopg.Connection, returns: Sequence[Return]) -> None:
    """Write the status of returns whose sale has come."""
    connection.execute(
        _SQL["settle_returns"],
        (*_arrays([one.key for one in returns]), text_array([one.status for one in returns])),
        prepare=True,
    )


def count_waiting_returns(connection: psycopg.Connection, *, before: Id) -> int:
    """Return how many returns, received before a position, still wait for their sale."""
    row = connection.execute(_SQL["count_waiting_returns"], (before,)).fetchone()
    assert row is not None
    return int(row[0])


def _arrays(keys: Collection[Key]) -> tuple[str, str]:
    return text_array([source for source, _ in keys]), text_array([receipt for _, receipt in keys])
