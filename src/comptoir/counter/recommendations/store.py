"""Statements of recommendations, each on the caller's connection."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.recommendations.rules import Drawn, Hidden
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id

_SQL: Final = load_statements(__package__)


def last_day(connection: Connection) -> dt.date | None:
    """Return the day of the latest purchase, if there is any.

    Where nothing was bought for more than a year, a few purchases since do not end what is counted: sales that were
    imported are older than the first ones at one's own tills.
    """
    row = connection.execute(_SQL["last_day"]).fetchone()
    return row[0] if row else None


def read_bought(connection: Connection, *, since: dt.date, until: dt.date, limit: int) -> list[tuple[Any, ...]]:
    """Return rows of person, basket, product, store and day, the latest first."""
    values = {"since": since, "until": until, "limit": limit}
    return connection.execute(_SQL["read_bought"], values).fetchall()


def count_left_out(connection: Connection) -> int:
    """Return how many people do not allow the shop to count what they buy."""
    row = connection.execute(_SQL["count_left_out"]).fetchone()
    return int(row[0]) if row else 0


def find_undrawn(connection: Connection, *, limit: int) -> list[tuple[Id, Id, str | None]]:
    """Return whom chance has to draw: customer, person, and what was drawn for that person before."""
    return connection.execute(_SQL["find_undrawn"], (limit,)).fetchall()


def lock_hiding(connection: Connection, customers: Collection[Id]) -> None:
    """Let whoever else hides something for one of these customers go first."""
    keys = sorted({zlib.crc32(each.encode()) - (1 << 31) for each in customers})
    connection.tell(_SQL["lock_hiding"], value_array([str(key) for key in keys]))


def find_hidden(connection: Connection, customers: Collection[Id]) -> dict[Id, set[str]]:
    """Return of which products these customers have ever said anything."""
    found: dict[Id, set[str]] = {}
    for customer, product in connection.execute(_SQL["find_hidden"], (value_array(sorted(customers)),)):
        found.setdefault(customer, set()).add(product)
    return found


def write_hidden(connection: Connection, hidden: Sequence[Hidden]) -> None:
    """Write what was said, where nothing was said later."""
    if hidden:
        connection.tell(_SQL["write_hidden"], msgspec.json.encode(hidden).decode())


def write_drawn(connection: Connection, drawn: Sequence[Drawn]) -> None:
    """Write what was drawn, where nothing was drawn sooner."""
    if drawn:
        connection.tell(_SQL["write_drawn"], msgspec.json.encode(drawn).decode())
