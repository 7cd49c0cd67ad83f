"""What was done in the programme and who waits for a first reply, read for pages. No Django."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
import psycopg

from comptoir.foundation.kernel.database import load_statements
from comptoir.square.programme import rules
from comptoir.square.programme.plan import Guarantee
from comptoir.square.programme.rules import Newcomer, Taken

_SQL: Final = load_statements(__package__, "steps.sql")
#: Whoever nobody has answered for so long has left; the figures say that they were missed.
_LOOKED_BACK: Final = dt.timedelta(weeks=8)
_ORDER: Final = {"overdue": 0, "staff": 1, "customers": 2}


def taken(connection: psycopg.Connection[Any]) -> list[Taken]:
    """Return every step that was taken, in order."""
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return [Taken(*row) for row in cursor.execute(_SQL["taken"].encode())]


def newcomers(connection: psycopg.Connection[Any], guarantee: Guarantee, *, now: dt.datetime) -> list[Newcomer]:
    """Return newcomers whom nobody has answered: those overdue first, then staff's turn, then the customers'."""
    asked = {"since": now - _LOOKED_BACK, "until": now}
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        rows = cursor.execute(_SQL["newcomers"].encode(), asked).fetchall()
    found = [Newcomer(post, thread, title, at, *rules.turn(at, guarantee, now=now)) for post, thread, title, at in rows]
    return sorted(found, key=lambda each: (_ORDER[each.turn], each.until))


class Closed(msgspec.Struct, frozen=True):
    """Since when the square is closed, and why."""

    at: dt.datetime
    reason: str


def closed(connection: psycopg.Connection[Any]) -> Closed | None:
    """Return since when and why the square is closed; ``None`` while it is open."""
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        row = cursor.execute(_SQL["closed"].encode()).fetchone()
    return Closed(row[0], row[2] or "") if row is not None and row[1] == "off" else None


def helpers(
    connection: psycopg.Connection[Any], *, since: dt.datetime, until: dt.datetime, limit: int = 5
) -> list[tuple[str, int]]:
    """Return by their public names who has answered others the most, and how often."""
    asked = {"since": since, "until": until, "limit": limit}
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return [(name, count) for name, count in cursor.execute(_SQL["helpers"].encode(), asked)]
