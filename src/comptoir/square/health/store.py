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


def count_posts(connection: Connection, posts: Collection[Id]) -> None:
    """Make the rows of these posts, and of those around them, what the posts say, and the sums what the rows say."""
    if posts:
        _count(connection, sorted(posts), is_whole=False)


def count_threads(connection: Connection, posts: Collection[Id]) -> None:
    """Do the same for everything in the threads in which these posts stand."""
    if posts:
        _count(connection, sorted(posts), is_whole=True)


def find_posts_with(connection: Connection, personas: Collection[Id]) -> list[Id]:
    """Return a post of each thread in which these names count."""
    asked = value_array(sorted(personas))
    return [str(row[0]) for row in connection.execute(_SQL["find_posts_with"], (asked, asked)).fetchall()]


def count_all(connection: Connection) -> None:
    """Make the rows of every thread."""
    openings = [str(row[0]) for row in connection.execute(_SQL["find_openings"]).fetchall()]
    # A plan that was made for one post would compare every post with every other one.
    connection.tell("set local plan_cache_mode = force_custom_plan")
    for start in range(0, len(openings), _PORTION):
        _count(connection, openings[start : start + _PORTION], is_whole=True)


def _count(connection: Connection, posts: Sequence[Id], *, is_whole: bool) -> None:
    connection.tell(_SQL["count_posts"], value_array(posts), "true" if is_whole else "false")
    for name in ("refresh_people", "drop_empty_days", "drop_empty_people", "drop_empty_weeks"):
        connection.tell(_SQL[name])
