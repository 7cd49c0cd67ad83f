"""Reads for pages: prepared once, on a few connections of each room that stay open and can only read.

A page mostly reads. Through Django each request opens a connection of its own (or asks a pooled one whether it is
there), and each statement is planned anew; that takes longer than the reads themselves. So do the cursors of psycopg,
whose adaptation of values is used here, and nothing above it. What a transaction of Django's
has not committed is not seen here. Not here: writes, and reads that lock.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import functools
import itertools
import os
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

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

#: So many statements are prepared on a connection; then it begins anew.
_PREPARED_MAX: Final = 300
_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|s|%)")

#: A role, and what the environment says of the database.
Place = tuple[str | None, ...]

_idle: Final[collections.deque[tuple[Place, Reading]]] = collections.deque()
_free: Final = threading.BoundedSemaphore(CONNECTIONS_MAX)


def rows(statement: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return what a statement gives, asked as the current room's role and committed by itself.

    Placeholders are psycopg's, named or in order. A connection that the server has closed meanwhile is replaced, once.
    Raises :class:`psycopg.Error`; :class:`TimeoutError` if every connection stays busy.
    """
    room = current_room()
    assert room is not None, "pages ask from within a room"
    place: Place = (room.role, *where())
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


def where() -> Place:
    """Return which database this process asks, as its environment says: what is kept belongs to one of them."""
    return tuple(map(os.environ.get, _WHERE))


def close() -> None:
    """Close what is idle; the next read opens a connection."""
    with contextlib.suppress(IndexError):
        while True:
            _idle.pop()[1].close()


atexit.register(close)


def _asked(
    place: Place, connection: Reading, statement: str, values: Mapping[str, Any] | Sequence[Any]
) -> list[tuple[Any, ...]]:
    try:
        return connection.ask(statement, values)
    finally:
        if connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            _idle.append((place, connection))
        else:
            connection.close()


class Reading(psycopg.Connection[tuple[Any, ...]]):
    """A connection that asks prepared statements and waits for each answer."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Begin with nothing prepared."""
        super().__init__(*arguments, **named)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}

    def ask(self, statement: str, values: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; raises :class:`psycopg.Error`."""
        query, names = _compiled(statement)
        given = [values[name] for name in names] if isinstance(values, Mapping) else list(values)
        transformer = Transformer.from_context(self)
        dumped = transformer.dump_sequence(given, [PyFormat.AUTO] * len(given))
        types = tuple(transformer.types or ())
        name = self._names.get((statement, types)) or self._prepare(statement, query, types)
        # None stands for null.
        result = self.pgconn.exec_prepared(name, dumped, transformer.formats, pq.Format.TEXT)  # type: ignore[arg-type]
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise self._error(result)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    def _prepare(self, statement: str, query: bytes, types: tuple[int, ...]) -> bytes:
        if len(self._names) >= _PREPARED_MAX:
            self._names.clear()
            self.execute("deallocate all")
        name = b"r%d" % len(self._names)
        result = self.pgconn.prepare(name, query, types)
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise self._error(result)
        self._names[statement, types] = name
        return name

    def _error(self, result: pq.abc.PGresult) -> psycopg.Error:
        if self.closed:
            return psycopg.OperationalError("the server has closed the connection")
        return error_from_result(result, encoding="utf-8")


@functools.lru_cache(_PREPARED_MAX)
def _compiled(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement as the server reads it, and the names of its values in order (none, if they have none).

    >>> _compiled("select %(a)s, %(b)s, %(a)s, 'x%%'")
    (b"select $1, $2, $1, 'x%'", ('a', 'b'))
    >>> _compiled("select %s, %s")
    (b'select $1, $2', ())
    """
    names: list[str] = []
    unnamed = itertools.count(1)

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[1] is None:
            return f"${next(unnamed)}"
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return _PLACEHOLDER.sub(number, statement).encode(), tuple(names)


def _taken(place: Place) -> Reading | None:
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


def _opened(role: str) -> Reading:
    return Reading.connect(
        database.conninfo(role),
        autocommit=True,
        options=_SETTINGS,
        application_name=f"comptoir {role} reads",
        prepare_threshold=None,
    )
