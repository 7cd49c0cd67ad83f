"""Building the house in the database: the database itself, the roles, the tables, the grants.

Everything here may be run again at any time, and by several processes at once. Not here: what is granted
(``declaration.py``), how a difference is found (``grants.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.database import OWNER_ROLE
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, VAULT

#: Locks that only migrating takes: roles belong to the whole server, tables to one database.
_SERVER_LOCK = 0x636F6D70_726F6C65
_HOUSE_LOCK = 0x636F6D70_686F7573

#: As long as the longest session of any room can hang on a sign-in.
PRESENCE_KEPT = dt.timedelta(seconds=max(room.session_absolute_seconds for room in ROOMS.values()))


def migrate_house(report: Callable[[str], None] = lambda _line: None) -> None:
    """Create what is missing of database, roles and tables, and bring every grant into line with the declaration.

    Needs a running server (``with database.server()``), and no more: Django is set up here. ``report`` is told one
    line for each thing that was done. Raises :class:`grants.UndeclaredError` for a table without a room, before any
    grant is touched.
    """
    set_up_django()
    with _locked(database.administrator_conninfo(database="postgres"), _SERVER_LOCK) as server:
        _create_roles(server, report)
        _create_database(server, report)
    with _locked(database.administrator_conninfo(), _HOUSE_LOCK) as administrator:
        _prepare_database(administrator)
        _migrate_tables(report)
        _apply_grants(administrator, report)


def make_database(report: Callable[[str], None] = lambda _line: None) -> None:
    """Create the roles and an empty database, where they are missing: for whoever fills it from elsewhere."""
    with _locked(database.administrator_conninfo(database="postgres"), _SERVER_LOCK) as server:
        _create_roles(server, report)
        _create_database(server, report)
    with _locked(database.administrator_conninfo(), _HOUSE_LOCK) as administrator:
        _prepare_database(administrator)


def clear_expired_sessions(*, now: dt.datetime) -> int:
    """Delete sessions, sign-ins and admissions of tickets that are over; returns how many rows."""
    from comptoir.foundation.rooms.models import (  # noqa: PLC0415 - Django may not be set up yet
        ADMISSIONS,
        SESSIONS,
        Presence,
        Standing,
    )

    deleted = 0
    for room in ROOMS.values():
        with entered(room):
            sessions = SESSIONS[room.name].objects
            deleted += sessions.filter(seen_at__lt=now - dt.timedelta(seconds=room.session_idle_seconds)).delete()[0]
            oldest = now - dt.timedelta(seconds=room.session_absolute_seconds)
            deleted += sessions.filter(begun_at__lt=oldest).delete()[0]
            if room.name in ADMISSIONS:
                deleted += ADMISSIONS[room.name].objects.filter(expires_at__lt=now).delete()[0]
    with entered(VAULT):
        deleted += Standing.objects.filter(expires_at__lt=now).delete()[0]
        deleted += Presence.objects.filter(seen_on__lt=(now - PRESENCE_KEPT).date()).delete()[0]
    return deleted


def set_up_django() -> None:
    """Set Django up with the house's settings, once; safe to call again."""
    import django  # noqa: PLC0415 - whoever imports this module need not have Django
    from django.apps import apps  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comptoir.config.settings")
    if not apps.ready:
        django.setup()


@contextlib.contextmanager
def _locked(conninfo: str, lock: int) -> Iterator[psycopg.Connection]:
    # A server's lock_timeout is made for tills; whoever migrates second waits for the first as long as it takes.
    options = make_conninfo(conninfo, application_name="comptoir migrate")
    with psycopg.connect(options, autocommit=True) as connection:
        connection.execute("SET lock_timeout = 0")
        connection.execute("SELECT pg_advisory_lock(%s)", (lock,))
        connection.execute("RESET lock_timeout")
        yield connection


def _create_roles(server: psycopg.Connection, report: Callable[[str], None]) -> None:
    existing = {name for (name,) in server.execute("SELECT rolname FROM pg_roles")}
    harmless = sql.SQL("NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")
    if OWNER_ROLE not in existing:
        server.execute(sql.SQL("CREATE ROLE {} NOLOGIN {}").format(sql.Identifier(OWNER_ROLE), harmless))
        report(f"created the role {OWNER_ROLE}")
    for room in ROOMS.values():
        name = sql.Identifier(room.role)
        if room.role not in existing:
            server.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(name, harmless))
            report(f"created the role {room.role}")
        if not database.is_embedded():
            password = sql.Literal(database.password(room.role))
            server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, password))
    # Who is no superuser has to belong to the owner, to create a database for it and to act as it.
    row = server.execute("SELECT pg_has_role(current_user, %s, 'USAGE')", (OWNER_ROLE,)).fetchone()
    assert row is not None
    if not row[0]:
        server.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER_ROLE)))


def _create_database(server: psycopg.Connection, report: Callable[[str], None]) -> None:
    name = database.database_name()
    if server.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
        # Texts sort by code point: the same on every machine, and an index never depends on a library's version.
        statement = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        server.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(OWNER_ROLE)))
        report(f"created the database {name}")


def _prepare_database(administrator: psycopg.Connection) -> None:
    # New functions would be everybody's otherwise; new tables and sequences are nobody's anyway.
    administrator.execute(
        sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC").format(
            sql.Identifier(OWNER_ROLE)
        )
    )


def _migrate_tables(report: Callable[[str], None]) -> None:
    from django.core.management import call_command  # noqa: PLC0415 - needs a Django that is set up
    from django.db import connections  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    owner = connections["default"]
    try:
        executor = MigrationExecutor(owner)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            call_command("migrate", database="default", verbosity=0, interactive=False)
            labels = sorted({migration.app_label for migration, _backwards in plan})
            report(f"applied {len(plan)} migrations of {', '.join(labels)}")
    finally:
        owner.close()


def _apply_grants(administrator: psycopg.Connection, report: Callable[[str], None]) -> None:
    from comptoir.foundation.rooms import grants  # noqa: PLC0415 - needs a Django that is set up

    grants.expected_privileges(administrator)  # an undeclared table stops here, and nothing has been granted
    with administrator.transaction():
        administrator.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER_ROLE)))
        # Twice, since a role may lose with PUBLIC's grants what it should have had by its own.
        for _round in range(2):
            differences = grants.compare(administrator)
            for statement in grants.statements(differences):
                administrator.execute(statement)
            if differences:
                report(f"brought {len(differences)} grants into line")
    if left := grants.compare(administrator):
        raise RuntimeError("the grants are not as declared:\n" + "\n".join(item.sentence for item in left))
