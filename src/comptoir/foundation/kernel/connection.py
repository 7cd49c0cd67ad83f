"""A connection for the hot path: statements travel together, and an event loop goes on while the server works.

:meth:`Connection.tell` only notes a statement. All that were noted travel in one pipeline as soon as an answer is
needed, or at the end of the transaction; so a small batch costs three journeys and not fifteen. :func:`run_switching`
runs a plain function in a greenlet: whenever the connection would wait for its socket there, the greenlet steps aside
until the socket is ready. The same commands so serve the gateway's loop, jobs and tests; there is no second,
asynchronous copy of them, and no thread that fights the loop for the interpreter.

Not here: which server, as whom (``database.py``), what is said (each package's ``store.sql``).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import select
from collections.abc import Callable, Iterator
from typing import Any, Final, ParamSpec, Self, TypeVar

import greenlet
import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import error_from_result
from psycopg.waiting import Ready, Wait

P = ParamSpec("P")
T = TypeVar("T")
Row = tuple[str | None, ...]
#: Text as PostgreSQL reads it, or bytes in its binary format.
Value = str | bytes | None

_READ: Final = int(Ready.R)
_WRITE: Final = int(Ready.W)
_READABLE: Final = select.POLLIN | select.POLLERR | select.POLLHUP | select.POLLNVAL
_WRITABLE: Final = select.POLLOUT | select.POLLERR | select.POLLHUP | select.POLLNVAL
_PLACEHOLDER: Final = re.compile(r"%(.)")
_DONE: Final = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY})
_WRITTEN_ALIKE: Final = "-c datestyle=ISO -c bytea_output=hex -c timezone=UTC"
_FORGOTTEN: Final = b"26000"
_IN_TRANSACTION: Final = frozenset({pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR})


class Told:
    """A statement that was noted. Whoever asks for its rows has it sent."""

    __slots__ = ("_connection", "_result", "statement", "values")

    def __init__(self, connection: Connection, statement: str, values: tuple[Value, ...]) -> None:
        """Keep what was said; nothing is sent."""
        self._connection = connection
        self._result: pq.abc.PGresult | None = None
        self.statement = statement
        self.values = values

    def answered(self, result: pq.abc.PGresult) -> None:
        """Take the server's answer."""
        self._result = result

    @property
    def is_answered(self) -> bool:
        """Whether the server has done it."""
        return self._result is not None

    def rows(self) -> list[Row]:
        """Return the rows, each value as PostgreSQL writes it."""
        return _rows(self._known())

    def _known(self) -> pq.abc.PGresult:
        if self._result is None:
            self._connection.send()
        assert self._result is not None, "the statement was forgotten"
        return self._result


class Borrowed:
    """A connection of somebody else's, such as Django's, that answers questions as :class:`Connection` does.

    For reads: each question goes by itself, and nothing is noted.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Ask on this connection, in whatever transaction it is."""
        self._connection = connection

    def ask(self, statement: str, *values: Value) -> list[Row]:
        """Return a statement's rows, each value as PostgreSQL writes it."""
        cursor = self._connection.execute(statement.encode(), values or None)
        assert cursor.pgresult is not None, "a statement was executed"
        return _rows(cursor.pgresult)

    def execute(self, statement: str, values: Any = None) -> psycopg.Cursor[Any]:
        """Ask in the ordinary way."""
        return self._connection.execute(statement.encode(), values)


class Connection(psycopg.Connection[Any]):
    """A connection that sends statements together. Each statement is prepared when it is met for the first time.

    Statements have ``%s`` for their values, which are given as PostgreSQL reads them: as text, or as bytes in its
    binary format. Ordinary cursors may be used in between: what was noted goes before them. What is noted outside a
    transaction goes with the next question, and is lost if none comes.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Begin with nothing noted and nothing prepared."""
        super().__init__(*arguments, **named)
        self._told: list[Told] = []
        self._names: dict[str, bytes] = {}
        self._numbers = itertools.count()

    @classmethod
    def connect(cls, conninfo: str = "", **named: Any) -> Self:
        """Connect; takes what psycopg takes. Values are written as :meth:`ask` reads them, whatever the server says."""
        # psycopg prepares nothing by itself: when something is rolled back it would have the server forget all names.
        options = named.pop("options", None) or conninfo_to_dict(conninfo).get("options") or ""
        return super().connect(
            conninfo, **{"prepare_threshold": None, **named, "options": f"{_WRITTEN_ALIKE} {options}"}
        )

    def tell(self, statement: str, *values: Value) -> Told:
        """Note a statement; it is sent with the next question, or at the end of the transaction."""
        told = Told(self, statement, values)
        self._told.append(told)
        return told

    def ask(self, statement: str, *values: Value) -> list[Row]:
        """Send all that was noted and this, and return this statement's rows."""
        return self.tell(statement, *values).rows()

    @contextlib.contextmanager
    def unit(self) -> Iterator[None]:
        """Have one transaction: committed at the end of the block, rolled back if the block raises.

        Inside another transaction it is a savepoint of that one.
        """
        assert not self._told, "a unit begins with nothing noted"
        is_inside = self.pgconn.transaction_status in _IN_TRANSACTION
        begun = self.tell("savepoint unit" if is_inside else "begin")
        try:
            yield
            # An error that the block passed over has undone everything; a commit would only say so in its tag.
            assert self.pgconn.transaction_status != pq.TransactionStatus.INERROR, "an error was passed over"
            self.tell("release unit" if is_inside else "commit")
            self.send()
        except BaseException:
            self._told.clear()
            if begun.is_answered and self.pgconn.transaction_status in _IN_TRANSACTION:
                if is_inside:
                    self.tell("rollback to unit")
                self.tell("release unit" if is_inside else "rollback")
                self.send()
            raise

    def send(self) -> None:
        """Send what was noted and take the answers. Raises the first error; what came after it was not done."""
        noted, self._told = self._told, []
        if not noted:
            return
        connection = self.pgconn
        names: list[str] = []
        # Before anything is sent: a text that cannot be written spoils nobody else's.
        values = [[each.encode() if isinstance(each, str) else each for each in told.values] for told in noted]
        connection.enter_pipeline_mode()
        try:
            for told, written in zip(noted, values, strict=True):
                name = self._names.get(told.statement)
                if name is None:
                    name = f"comptoir{next(self._numbers)}".encode()
                    connection.send_prepare(name, _numbered(told.statement))
                    self._names[told.statement] = name
                    names.append(told.statement)
                else:
                    names.append("")
                connection.send_query_prepared(
                    name, written, [1 if isinstance(value, bytes) else 0 for value in told.values]
                )
            connection.pipeline_sync()
            results = self.wait(_communicate(connection))
            connection.exit_pipeline_mode()
        except BaseException:
            # What was sent and not answered cannot be taken back.
            self.close()
            raise
        assert len(results) == len(noted) + sum(map(bool, names)), "an answer is missing"
        failed = None
        answers = iter(results)
        for told, prepared in zip(noted, names, strict=True):
            if prepared:
                result = next(answers)
                if result.status not in _DONE:
                    del self._names[prepared]
                    failed = failed or result
            result = next(answers)
            if result.status in _DONE:
                told.answered(result)
            else:
                failed = failed or result
        if failed is not None:
            if failed.error_field(pq.DiagnosticField.SQLSTATE) == _FORGOTTEN:
                self._names.clear()  # somebody has deallocated them; whoever tries again prepares them anew
            raise error_from_result(failed, encoding="utf-8")

    @contextlib.contextmanager
    def transaction(self, *arguments: Any, **named: Any) -> Iterator[psycopg.Transaction]:
        """Have psycopg's transaction, with all that is noted inside it sent before it ends."""
        self.send()
        with super().transaction(*arguments, **named) as transaction:
            try:
                yield transaction
                self.send()
            except BaseException:
                self._told.clear()
                raise

    def commit(self) -> None:
        """Send what was noted, and commit."""
        self.send()
        super().commit()

    def rollback(self) -> None:
        """Forget what was noted, and roll back."""
        self._told.clear()
        super().rollback()

    def cursor(self, *arguments: Any, **named: Any) -> Any:
        """Return an ordinary cursor, behind all that was noted."""
        self.send()
        return super().cursor(*arguments, **named)

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Drive one of psycopg's generators to its end and return its result."""
        here = greenlet.getcurrent()
        hub = here.parent
        if hub is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        loop, descriptor = asyncio.get_running_loop(), self.pgconn.socket
        try:
            state = int(next(gen))
            while True:
                # A socket is nearly always writable; to ask is cheaper than a turn of the loop.
                ready = _ready(descriptor) & state if state & _WRITE else 0
                if not ready:
                    loop.add_reader(descriptor, here.switch)
                    if state & _WRITE:
                        loop.add_writer(descriptor, here.switch)
                    try:
                        hub.switch()
                    finally:
                        loop.remove_reader(descriptor)
                        if state & _WRITE:
                            loop.remove_writer(descriptor)
                    ready = _ready(descriptor) & state if state & _WRITE else _READ
                state = int(gen.send(Ready(ready)))
        except StopIteration as end:
            result: T = end.value
            return result


async def run_switching(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run a function in a greenlet and return its result; what it raises is raised here.

    Its :class:`Connection` must not be used by anybody else meanwhile. A run that is cancelled goes on by itself
    until its end.
    """
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def body() -> None:
        try:
            result = function(*arguments, **named)
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(result)

    greenlet.greenlet(body).switch()
    return await done


def _communicate(connection: pq.abc.PGconn) -> PQGen[list[pq.abc.PGresult]]:
    """Send a pipeline and take all its results, up to the one that ends it."""
    results: list[pq.abc.PGresult] = []
    is_sent = connection.flush() == 0
    while True:
        ready = yield Wait.R if is_sent else Wait.RW
        if ready & _READ:
            connection.consume_input()
            while connection.notifies():
                pass
        if not is_sent:
            is_sent = connection.flush() == 0
        is_between = False
        while not connection.is_busy():
            result = connection.get_result()
            if result is None:
                if is_between:
                    break
                is_between = True
                continue
            is_between = False
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)


def _numbered(statement: str) -> bytes:
    """Return a statement with ``$1``, ``$2``, … for its values, and one percent sign for two."""
    numbers = iter(range(1, statement.count("%") + 1))
    return _PLACEHOLDER.sub(lambda found: f"${next(numbers)}" if found[1] == "s" else "%", statement).encode()


def _ready(descriptor: int) -> int:
    """Return what a socket is ready for at this moment; one that is broken is ready for everything."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLOUT)
    ready = 0
    for _, events in poll.poll(0):
        if events & _READABLE:
            ready |= _READ
        if events & _WRITABLE:
            ready |= _WRITE
    return ready


def _rows(result: pq.abc.PGresult) -> list[Row]:
    columns = range(result.nfields)
    value = result.get_value
    return [
        tuple([None if (raw := value(row, column)) is None else raw.decode() for column in columns])
        for row in range(result.ntuples)
    ]
