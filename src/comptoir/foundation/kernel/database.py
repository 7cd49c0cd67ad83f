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
from collections.abc import Iterable, Iterator, Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from comptoir.foundation.kernel import embedded, shop

OWNER_ROLE = "comptoir_owner"
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


def value_array(values: Iterable[str]) -> str:
    """Write an array literal of values that need no quotes: ids, numbers, times, ``NULL``.

    Literals are several times as fast as the adapter's lists, and the hot path lives on them.
    """
    return "{" + ",".join(values) + "}"


def text_array(values: Iterable[str | None]) -> str:
    """Write an array literal of any texts; ``None`` becomes ``NULL``."""
    quoted = [
        "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values
    ]
    return "{" + ",".join(quoted) + "}"


def _embedded_conninfo(user: str, database: str) -> str:
    return make_conninfo(host=str(embedded.socket_folder()), port="5432", user=user, dbname=database)
