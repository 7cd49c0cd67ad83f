"""The sales' statements, on the caller's connection."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

import msgspec
import psycopg

from comptoir.counter.sales.rules import Key, Line, Return, Returned, Sale
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.database import load_statements, text_array, value_array

_SQL = load_statements(__package__)
_sale_lines = msgspec.json.Decoder(tuple[Line, ...])
_return_lines = msgspec.json.Decoder(tuple[Returned, ...])


def lock_parking(connection: psycopg.Connection, *, exclusive: bool) -> None:
    """Book sales beside others (shared), or wait until nobody else is booking any (exclusive)."""
    connection.execute(_SQL["lock_parking" if exclusive else "lock_parking_shared"], prepare=True)


def lock_sales(connection: psycopg.Connection, keys: Collection[Key]) -> dict[Key, uuid.UUID | None]:
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
    return {(row[0], row[1]): Sale(*row[:8], _sale_lines.decode(row[8])) for row in rows}


def find_returns_of(connection: psycopg.Connection, sales: Collection[Key]) -> list[Return]:
    """Return all returns of these sales, the waiting ones too."""
    rows = connection.execute(_SQL["find_returns_of"], _arrays(sales), prepare=True)
    return [Return(*row[:9], _return_lines.decode(row[9]), row[10]) for row in rows]


def insert_sales(connection: psycopg.Connection, sales: Sequence[Sale]) -> None:
    """Book sales; a receipt number that is taken fails the whole batch."""
    connection.execute(
        _SQL["insert_sales"],
        (
            text_array([s.source for s in sales]),
            text_array([s.receipt for s in sales]),
            value_array([s.position.hex for s in sales]),
            value_array([s.customer.hex if s.customer else "NULL" for s in sales]),
            value_array([s.occurred_at.isoformat() for s in sales]),
            text_array([s.store for s in sales]),
            text_array([s.currency for s in sales]),
            value_array([str(s.total) for s in sales]),
            text_array([codec.encode(s.lines).decode() for s in sales]),
        ),
        prepare=True,
    )


def insert_returns(connection: psycopg.Connection, returns: Sequence[Return]) -> None:
    """Book returns; a receipt number that is taken fails the whole batch."""
    connection.execute(
        _SQL["insert_returns"],
        (
            text_array([r.source for r in returns]),
            text_array([r.receipt for r in returns]),
            value_array([r.position.hex for r in returns]),
            text_array([r.sale_source for r in returns]),
            text_array([r.sale_receipt for r in returns]),
            value_array([r.occurred_at.isoformat() for r in returns]),
            text_array([r.store for r in returns]),
            text_array([r.currency for r in returns]),
            value_array([str(r.total) for r in returns]),
            text_array([codec.encode(r.lines).decode() for r in returns]),
            text_array([r.status for r in returns]),
        ),
        prepare=True,
    )


def settle_returns(connection: psycopg.Connection, returns: Sequence[Return]) -> None:
    """Write the status of returns whose sale has come."""
    connection.execute(
        _SQL["settle_returns"],
        (*_arrays([one.key for one in returns]), text_array([one.status for one in returns])),
        prepare=True,
    )


def _arrays(keys: Collection[Key]) -> tuple[str, str]:
    return text_array([source for source, _ in keys]), text_array([receipt for _, receipt in keys])
