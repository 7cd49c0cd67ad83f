"""Ways into the database: which server, which database, as which role. One dialect, PostgreSQL.

With ``COMPTOIR_DATABASE_URL`` unset, the server is the embedded one in the shop's folder; set, it is any
PostgreSQL 15 or newer, and the URL's user may create roles and databases. ``COMPTOIR_DATABASE_NAME`` names the
database (unset: ``comptoir``, or the URL's). Nothing else in the code asks which of the two it is.

Not here: tables, roles and grants (``foundation/rooms``), statements (each package's ``store.sql``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import importlib.resources
import itertools
import os
import re
import struct
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from comptoir.foundation.kernel import embedded, shop
from comptoir.foundation.kernel.connection import Connection

OWNER_ROLE = "comptoir_owner"
#: From so many rows on, ``COPY`` is faster than a statement, its round trip included.
COPY_ROWS_MIN: Final = 100
_STATEMENT = re.compile(r"^-- name: (?P<name>\w+)\n", re.MULTILINE)


def database_name() -> str:
    """Return the name of the shop's database."""
    url = os.environ.get("COMPTOIR_DATABASE_URL")
    inside = conninfo_to_dict(url).get("dbname") if url else None
    return os.environ.get("COMPTOIR_DATABASE_NAME") or str(inside or "comptoir")


def is_embedded() -> bool:
    """Tell whether the shop's own server in the shop's folder is used."""
    return not os.environ.get("COMPTOIR_DATABASE_URL")


@contextlib.contextmanager
def server() -> Iterator[None]:
    """Have a database server to talk to while the block runs: starts the embedded one, or nothing at all."""
    with embedded.running() if is_embedded() else contextlib.nullcontext():
        yield


def administrator_conninfo(*, database: str | None = None) -> str:
    """Return how to connect as the one who may create roles and databases. For migrations and the doctor only."""
    name = database or database_name()
    if is_embedded():
        return _embedded_conninfo(embedded.SUPERUSER, name)
    return make_conninfo(os.environ["COMPTOIR_DATABASE_URL"], dbname=name)


def owner_conninfo() -> str:
    """Return how to connect as the owner of the tables, a role that cannot log in by itself."""
    return make_conninfo(administrator_conninfo(), options=f"-c role={OWNER_ROLE}")


def conninfo(role: str) -> str:
    """Return how to connect as a room's role."""
    if is_embedded():
        return _embedded_conninfo(role, database_name())
    return make_conninfo(
        os.environ["COMPTOIR_DATABASE_URL"], dbname=database_name(), user=role, password=password(role)
    )


def password(role: str) -> str:
    """Return a role's password on a server that is not the embedded one: derived from the shop's key."""
    return hmac.digest(shop.secret("database"), role.encode(), hashlib.sha256).hex()


def connect(role: str, *, autocommit: bool = True) -> Connection:
    """Open a connection as a room's role; transactions are opened explicitly, ``with connection.transaction()``."""
    return Connection.connect(conninfo(role), autocommit=autocommit, application_name=f"comptoir {role}")


def connect_lane(role: str) -> Connection:
    """Open a connection for the hot path: sets of keys are looked up in indexes, whatever the statistics say.

    A prepared statement keeps its plan; one that was made while a table was small would read the whole table later.
    """
    settings = " ".join(f"-c enable_{plan}=off" for plan in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"))
    return Connection.connect(
        make_conninfo(conninfo(role), options=settings), autocommit=True, application_name=f"comptoir {role} lane"
    )


def load_statements(package: str, file: str = "store.sql") -> Mapping[str, str]:
    """Read the named statements of a package: each begins with a line ``-- name: WORD``, then one comment line.

    Raises :class:`ValueError` for a name that stands twice.
    """
    text = importlib.resources.files(package).joinpath(file).read_text()
    parts = _STATEMENT.split(text)[1:]
    statements: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in statements:
            raise ValueError(f"{package}/{file} names {name} twice")
        statements[name] = body.strip().rstrip(";")
    return statements


def value_array(values: Sequence[str | None]) -> str:
    """Write an array literal of values that need no quotes: ids, numbers, times; ``None`` becomes ``NULL``.

    Literals are several times as fast as the adapter's lists, and the hot path lives on them.
    """
    if None in values:
        values = ["NULL" if value is None else value for value in values]
    return "{" + ",".join(values) + "}"  # type: ignore[arg-type]


def id_array(values: Iterable[uuid.UUID]) -> str:
    """Write an array literal of ids, a tenth of the time that their own ``str`` takes."""
    return "{" + msgspec.json.encode(list(values)).decode()[1:-1] + "}"


def text_array(values: Sequence[str | None]) -> str:
    """Write an array literal of any texts; ``None`` becomes ``NULL``."""
    if None not in values:
        joined = '","'.join(values)  # type: ignore[arg-type]
        # As many quotes as between the values, and no backslash: then there is nothing in them to quote.
        if values and "\\" not in joined and joined.count('"') == 2 * len(values) - 2:
            return '{"' + joined + '"}'
    quoted = [
        "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
    ]
    return "{" + ",".join(quoted) + "}"


class Appending:
    """A way to append rows to a table, the fastest that the number of rows allows.

    Few rows are one statement that travels with others, many go by ``COPY`` in PostgreSQL's binary format, which spares
    the server the reading of ids and moments.
    """

    def __init__(self, table: str, **columns: str) -> None:
        """``columns`` gives each column's type in the order in which :meth:`rows` takes them.

        A ``word`` is a text of which there are few different ones; a ``written`` is a text that is given as bytes.
        """
        names = ", ".join(columns)
        self._copy = f"copy {table} ({names}) from stdin with (format binary)"
        arrays = ", ".join(f"%s::{_TYPES.get(kind, kind)}[]" for kind in columns.values())
        self._insert = f"insert into {table} ({names}) select * from unnest({arrays})"  # noqa: S608 - a package's own names
        self._columns = [(_KINDS[kind], _array_head(_OIDS[_TYPES.get(kind, kind)])) for kind in columns.values()]
        self._head = len(columns).to_bytes(2)

    def rows(self, connection: Connection, *columns: Sequence[Any]) -> None:
        """Append rows, given column by column; ``None`` is null (a ``bigint`` and a ``jsonb`` are never).

        Ids and texts are ``str``, JSON and ``bytea`` are bytes, times are aware datetimes. Raises what the database
        raises, :class:`psycopg.errors.UniqueViolation` among others; few rows raise it later, when they are sent.
        """
        fields = [write(column) for (write, _), column in zip(self._columns, columns, strict=True)]
        if len(columns[0]) < COPY_ROWS_MIN:
            size = len(columns[0]).to_bytes(4) + _FROM_ONE
            arrays = [head + size + b"".join(column) for (_, head), column in zip(self._columns, fields, strict=True)]
            connection.tell(self._insert, *arrays)
            return
        rows = zip(itertools.repeat(self._head), *fields, strict=False)
        data = _COPY_BEGIN + b"".join(itertools.chain.from_iterable(rows)) + _COPY_END
        with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.write(data)


#: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": each field is its length and its bytes.
_COPY_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_REMEMBERED_MAX: Final = 20_000
_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_FIRST_DAY: Final = dt.date(2000, 1, 1).toordinal()
_length = struct.Struct(">i").pack
_big = struct.Struct(">iq").pack
_small = struct.Struct(">ih").pack


class _Fields(dict[Any, bytes]):
    """Fields by their values: the same id, moment or word stands in many rows. Never grows large."""

    def __init__(self, write: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: Any) -> bytes:
        if value is None:
            return _NULL
        if len(self) > _REMEMBERED_MAX:
            self.clear()
        field = self[value] = self._write(value)
        return field

    def column(self, values: Sequence[Any]) -> list[bytes]:
        """Return the field of each value."""
        return list(map(self.__getitem__, values))


def _moment_field(moment: dt.datetime) -> bytes:
    since = moment - _EPOCH
    return _big(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _text_field(value: str) -> bytes:
    written = value.encode()
    return _length(len(written)) + written


def _text_fields(values: Sequence[str | None]) -> list[bytes]:
    if None in values:
        return [_NULL if value is None else _text_field(value) for value in values]
    return [_length(len(written)) + written for written in [value.encode() for value in values]]  # type: ignore[union-attr]


def _bytes_fields(values: Sequence[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else _length(len(value)) + value for value in values]


def _bigint_fields(values: Sequence[int]) -> list[bytes]:
    return [_big(8, value) for value in values]


def _jsonb_fields(values: Sequence[bytes]) -> list[bytes]:
    return _bytes_fields([b"\1" + value for value in values])  # the version of the format


#: How the values of a column of each type are written.
_KINDS: Final[Mapping[str, Callable[[Sequence[Any]], list[bytes]]]] = {
    "uuid": _Fields(lambda value: _length(16) + bytes.fromhex(value.replace("-", ""))).column,
    "timestamptz": _Fields(_moment_field).column,
    "date": _Fields(lambda day: _length(4) + _length(day.toordinal() - _FIRST_DAY)).column,
    "smallint": _Fields(lambda number: _small(2, number)).column,
    "bigint": _bigint_fields,
    "text": _text_fields,
    "word": _Fields(_text_field).column,
    "written": _bytes_fields,
    "json": _bytes_fields,
    "jsonb": _jsonb_fields,
    "bytea": _bytes_fields,
}
_TYPES: Final = {"written": "text", "word": "text"}
#: The types' numbers (``pg_type.dat`` of PostgreSQL; they never change).
_OIDS: Final = {
    "uuid": 2950, "timestamptz": 1184, "date": 1082, "smallint": 21, "bigint": 20, "text": 25, "json": 114,
    "jsonb": 3802, "bytea": 17,
}  # fmt: skip
#: The lower bound of an array.
_FROM_ONE: Final = (1).to_bytes(4)


def _array_head(oid: int) -> bytes:
    """Return how an array of that type begins in binary: one dimension, perhaps with nulls (``array_recv``)."""
    return (1).to_bytes(4) + (1).to_bytes(4) + oid.to_bytes(4)


def _embedded_conninfo(user: str, database: str) -> str:
    return make_conninfo(host=str(embedded.socket_folder()), port="5432", user=user, dbname=database)
