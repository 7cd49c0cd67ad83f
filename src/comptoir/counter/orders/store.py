"""The statements of ``store.sql``, on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

from comptoir.counter.orders.rules import Order
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__ or "")
_order: Final = msgspec.json.Decoder(Order)


def lock_orders(
    connection: Connection, orders: Collection[Id], codes: Collection[Id], numbers: Collection[str]
) -> list[Order]:
    """Return these orders, those whose pick-up codes have these digests, and those under these numbers.

    They are locked until the transaction's end.
    """
    named = (value_array(sorted(orders)), value_array(sorted(codes)), text_array(sorted(numbers)))
    return _orders(connection.execute(_SQL["lock_orders"], named))


def find_orders(connection: Any, orders: Collection[Id]) -> list[Order]:
    """Return these orders, by id."""
    return _orders(connection.execute(_SQL["find_orders"], (value_array(sorted(orders)),)))


def find_of_customers(connection: Any, customers: Collection[Id], *, limit: int) -> list[Order]:
    """Return what these customers have ordered, the latest first."""
    return _orders(connection.execute(_SQL["find_of_customers"], (value_array(sorted(customers)), limit)))


def find_to_do(connection: Any, states: Collection[str], *, store: str | None, limit: int) -> list[Order]:
    """Return orders in these states, of a store or of all, the oldest first."""
    given = {"states": sorted(states), "store": store, "limit": limit}
    return _orders(connection.execute(_SQL["find_to_do"], given))


def find_by_numbers(connection: Any, numbers: Collection[str], codes: Collection[Id] = ()) -> list[Order]:
    """Return the orders under these numbers, and those whose pick-up codes have these digests."""
    return _orders(
        connection.execute(_SQL["find_by_numbers"], (text_array(sorted(numbers)), value_array(sorted(codes))))
    )


def insert_orders(connection: Connection, orders: Iterable[Order]) -> None:
    """Insert orders as they stand."""
    rows = list(orders)
    if rows:
        connection.tell(_SQL["insert_orders"], msgspec.json.encode(rows).decode())


def update_orders(connection: Connection, orders: Iterable[Order]) -> None:
    """Write orders after their steps."""
    rows = list(orders)
    if rows:
        connection.tell(_SQL["update_orders"], msgspec.json.encode(rows).decode())


def let_go(connection: Connection, orders: Collection[Id]) -> None:
    """Have orders be nobody's."""
    if orders:
        connection.tell(_SQL["let_go"], value_array(sorted(orders)))


def _orders(rows: Iterable[Any]) -> list[Order]:
    return [_order.decode(row[0]) for row in rows]
