"""Ways into the database: which server, which database, as which role. One dialect, PostgreSQL.

With ``COMPTOIR_DATABASE_URL`` unset, the server is the embedded one in the shop's folder; set, it is any
PostgreSQL 15 or newer, and the URL's user may create roles and databases. ``COMPTOIR_DATABASE_NAME`` names the
database (unset: ``comptoir``, or the URL's). Nothing else in the code asks which of the two it is.

Not here: tables, roles and grants (``foundation/rooms``), statements (each package's ``store.sql``).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import importlib.resources
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from comptoir.foundation.kernel import embedded, shop

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


def connect(role: str, *, autocommit: bool = True) -> psycopg.Connection:
    """Open a connection as a room's role; transactions are opened explicitly, ``with connection.transaction()``."""
    return psycopg.connect(conninfo(role), autocommit=autocommit, application_name=f"comptoir {role}")


def connect_lane(role: str) -> psycopg.Connection:
    """Open a connection for the hot path: sets of keys are looked up in indexes, whatever the statistics say.

    A prepared statement keeps its plan; one that was made while a table was small would read the whole table later.
    """
    settings = " ".join(f"-c enable_{plan}=off" for plan in ("seqscan", "hashjoin", "mergejoin", "bitmapscan"))
    return psycopg.connect(
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


def value_array(values: Iterable[str | None]) -> str:
    """Write an array literal of values that need no quotes: ids, numbers, times; ``None`` becomes ``NULL``.

    Literals are several times as fast as the adapter's lists, and the hot path lives on them.
    """
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def text_array(values: Iterable[str | None]) -> str:
    """Write an array literal of any texts; ``None`` becomes ``NULL``."""
    quoted = [
        "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
    ]
    return "{" + ",".join(quoted) + "}"


class Appending:
    """A way to append rows to a table, the fastest that the number of rows allows.

    Many rows go by ``COPY``, few as one prepared statement, which can join others in a pipeline. Open a pipeline
    only for fewer than :data:`COPY_ROWS_MIN` rows: ``COPY`` and pipelines exclude each other.
    """

    def __init__(self, table: str, **columns: str) -> None:
        """``columns`` gives each column's type in the order in which :meth:`rows` takes them.

        ``word`` is a text that needs no quotes anywhere: letters, digits, dots, dashes.
        """
        names = ", ".join(columns)
        self._copy = f"copy {table} ({names}) from stdin"
        arrays = ", ".join(f"%s::{_TYPES.get(kind, kind)}[]" for kind in columns.values())
        self._insert = f"insert into {table} ({names}) select * from unnest({arrays})"  # noqa: S608 - a package's own names
        self._arrays = [_ARRAYS.get(kind, value_array) for kind in columns.values()]
        self._copied = [_COPIED.get(kind, _copied_values) for kind in columns.values()]

    def rows(self, connection: psycopg.Connection, *columns: Sequence[str | None]) -> None:
        """Append rows, given column by column, each value as PostgreSQL writes it; ``None`` is null.

        Raises what the database raises, :class:`psycopg.errors.UniqueViolation` among others; in a pipeline later.
        """
        is_pipeline = connection.pgconn.pipeline_status != psycopg.pq.PipelineStatus.OFF
        if is_pipeline or len(columns[0]) < COPY_ROWS_MIN:
            values = [array(column) for array, column in zip(self._arrays, columns, strict=True)]
            connection.execute(self._insert, values, prepare=True)
            return
        prepared = [copied(column) for copied, column in zip(self._copied, columns, strict=True)]
        text = "\n".join(map("\t".join, zip(*prepared, strict=True)))
        with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.write(text + "\n")


def _copied_values(values: Sequence[str | None]) -> Sequence[str | None]:
    return ["\\N" if value is None else value for value in values] if None in values else values


def _copied_json(values: Iterable[str | None]) -> Sequence[str]:
    # JSON as the codec writes it has no control characters, nor has the text of bytes: only backslashes mean something.
    return ["\\N" if value is None else value.replace("\\", "\\\\") for value in values]


def _copied_texts(values: Iterable[str | None]) -> Sequence[str]:
    return ["\\N" if value is None else _copied_text(value) for value in values]


def _copied_text(value: str) -> str:
    if value.isprintable() and "\\" not in value:
        return value
    value = value.replace("\\", "\\\\")
    return value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


_TYPES: Final = {"word": "text"}
_ARRAYS: Final = {"text": text_array, "json": text_array, "jsonb": text_array, "bytea": text_array}
_COPIED: Final = {"text": _copied_texts, "json": _copied_json, "jsonb": _copied_json, "bytea": _copied_json}


def _embedded_conninfo(user: str, database: str) -> str:
    return make_conninfo(host=str(embedded.socket_folder()), port="5432", user=user, dbname=database)
