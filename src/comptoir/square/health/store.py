"""The statements of the figures' rows, on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
#: How many threads are counted in one statement when all are.
_PORTION: Final = 20_000


def count_threads(connection: Connection, posts: Collection[Id]) -> None:
    """Make the rows of the threads in which these posts stand what their posts say, and the sums what the rows say."""
    if posts:
        _count(connection, sorted(posts))


def find_posts_with(connection: Connection, personas: Collection[Id]) -> list[Id]:
    """Return a post of each thread in which these names count."""
    asked = value_array(sorted(personas))
    return [str(row[0]) for row in connection.execute(_SQL["find_posts_with"], (asked, asked)).fetchall()]


def count_all(connection: Connection) -> None:
    """Make the rows of every thread."""
    openings = [str(row[0]) for row in connection.execute(_SQL["find_openings"]).fetchall()]
    for start in range(0, len(openings), _PORTION):
        _count(connection, openings[start : start + _PORTION])


def _count(connection: Connection, posts: Sequence[Id]) -> None:
    connection.tell(_SQL["count_threads"], value_array(posts))
    for name in ("refresh_people", "drop_empty_days", "drop_empty_people", "drop_empty_weeks"):
        connection.tell(_SQL[name])
