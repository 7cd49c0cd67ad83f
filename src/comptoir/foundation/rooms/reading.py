"""Reads for pages: prepared once, on a few connections of each room that stay open and can only read.

A page mostly reads. Through Django each request opens a connection of its own (or asks a pooled one whether it is
there), and each statement is planned anew; that takes longer than the reads themselves. What a transaction of Django's
has not committed is not seen here. Not here: writes, and reads that lock.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import current_room

_WHERE: Final = ("COMPTOIR_DATABASE_URL", "COMPTOIR_DATABASE_NAME", "COMPTOIR_DATA")
#: So many reads of one process at once; another one waits, so long at most.
CONNECTIONS_MAX: Final = 8
WAIT_SECONDS_MAX: Final = 10.0
#: No page waits longer for a statement.
STATEMENT_SECONDS_MAX: Final = 20
#: A page reads little; compiling a statement for it takes longer than the statement.
_SETTINGS: Final = (
    "-c jit=off -c timezone=UTC -c default_transaction_read_only=on"
    f" -c statement_timeout={STATEMENT_SECONDS_MAX * 1000}"
)

Connection = psycopg.Connection[tuple[Any, ...]]
#: A role, and what the environment says of the database.
Place = tuple[str | None, ...]

_idle: Final[collections.deque[tuple[Place, Connection]]] = collections.deque()
_free: Final = threading.BoundedSemaphore(CONNECTIONS_MAX)


def rows(statement: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return what a statement gives, asked as the current room's role and committed by itself.

    Placeholders are psycopg's, named or in order. A connection that the server has closed meanwhile is replaced, once.
    Raises :class:`psycopg.Error`; :class:`TimeoutError` if every connection stays busy.
    """
    room = current_room()
    assert room is not None, "pages ask from within a room"
    place: Place = (room.role, *map(os.environ.get, _WHERE))
    if not _free.acquire(timeout=WAIT_SECONDS_MAX):
        raise TimeoutError(f"{CONNECTIONS_MAX} reads did not end within {WAIT_SECONDS_MAX:.0f} seconds")
    try:
        connection = _taken(place)
        if connection is not None:
            try:
                return _asked(place, connection, statement, values)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
        return _asked(place, _opened(room.role), statement, values)
    finally:
        _free.release()


def close() -> None:
    """Close what is idle; the next read opens a connection."""
    with contextlib.suppress(IndexError):
        while True:
            _idle.pop()[1].close()


atexit.register(close)


def _asked(
    place: Place, connection: Connection, statement: str, values: Mapping[str, Any] | Sequence[Any]
) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(statement.encode(), values).fetchall()
    finally:
        if connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            _idle.append((place, connection))
        else:
            connection.close()


def _taken(place: Place) -> Connection | None:
    """Return the connection of this place that was used last. Those of other places are closed when there are many."""
    for _number in range(len(_idle)):
        try:
            found, connection = _idle.pop()
        except IndexError:
            return None
        if found == place:
            return connection
        if len(_idle) >= CONNECTIONS_MAX:
            connection.close()
        else:
            _idle.appendleft((found, connection))
    return None


def _opened(role: str) -> Connection:
    return psycopg.connect(
        database.conninfo(role),
        autocommit=True,
        options=_SETTINGS,
        application_name=f"comptoir {role} reads",
        prepare_threshold=0,
    )
