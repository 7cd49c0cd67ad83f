"""A fresh shop for a test: a database copied from a migrated template, and ways to look inside.

Not here: what a test sends or expects.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from comptoir.foundation.kernel import database, embedded, shop
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms import reading

TEMPLATE = "comptoir_template"
_NAME = "COMPTOIR_DATABASE_NAME"
_MIGRATE = "from comptoir.foundation.rooms.commands import migrate_house; migrate_house()"

_TABLES = """
SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname = 'public' ORDER BY relname
"""


#: What a running gateway measures of links, written every now and then.
COUNTED = frozenset({"touchpoints_freshness", "touchpoints_refusal"})


@dataclass(frozen=True)
class Shop:
    """One shop: its database's name and its folder. Everything that the environment needs is set already."""

    database: str
    folder: Path

    def connect(self, role: str = "comptoir_counter", *, autocommit: bool = True) -> Connection:
        """Open a connection as a room's role."""
        return database.connect(role, autocommit=autocommit)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return what a query gives to the administrator, who sees every table: a list of mappings."""
        with psycopg.connect(database.administrator_conninfo(), autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the first column of the first row, or ``None`` without a row."""
        for row in self.rows(query, *parameters):
            return next(iter(row.values()))
        return None

    def contents(self, *tables: str) -> Mapping[str, list[str]]:
        """Return the rows of tables (unset: of every table of the shop), as sorted JSON texts by table."""
        with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
            names = tables or [name for (name,) in connection.execute(_TABLES)]
            return {
                name: [
                    text
                    for (text,) in connection.execute(
                        sql.SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY 1").format(sql.Identifier(name))
                    )
                ]
                for name in names
            }

    @contextlib.contextmanager
    def unchanged(self, *tables: str) -> Iterator[None]:
        """Assert that nothing moved in these tables (unset: in any) while the block ran."""
        # A gateway beside the test writes by its own clock what it has measured of links before.
        named = tables or tuple(name for name in self.contents() if name not in COUNTED)
        before = self.contents(*named)
        yield
        after = self.contents(*named)
        moved = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
        assert not moved, f"nothing should have moved: {moved}"


@contextlib.contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Have these environment variables while the block runs; ``None`` unsets one."""
    before = {name: os.environ.get(name) for name in values}
    _apply(values)
    try:
        yield
    finally:
        _apply(before)


def _apply(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def migrate(name: str) -> None:
    """Make and migrate a database in a process of its own, so that Django stays out of the one that tests."""
    subprocess.run(
        [sys.executable, "-c", _MIGRATE],
        env={**os.environ, _NAME: name, "DJANGO_SETTINGS_MODULE": "comptoir.config.settings"},
        check=True,
    )


def make_template() -> None:
    """Make the database that every test has a copy of, in a server that needs no more than to outlive the run."""
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as administrator:
        for setting in ("fsync", "full_page_writes"):  # of use when the power goes; a killed server needs neither
            administrator.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        administrator.execute("SELECT pg_reload_conf()")
    migrate(TEMPLATE)


def once(marker: Path, action: Callable[[], None]) -> None:
    """Do something once for all processes that share the folder of ``marker``."""
    with marker.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists():
            action()
            marker.touch()


@contextlib.contextmanager
def folder_of_its_own() -> Iterator[None]:
    """Have a shop's folder for one worker alone while the block runs: its keys and files, and everybody's server.

    Tests write into it (who is trusted, which key a page has); those of another worker must not meet that.
    """
    everybodys, sockets = shop.folder(), embedded.socket_folder()
    mine = everybodys / f"worker-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    mine.mkdir(exist_ok=True)
    for path in everybodys.iterdir():
        if path.name.startswith("postgres"):
            (mine / path.name).symlink_to(path)
    if (everybodys / "keys").exists():
        shutil.copytree(everybodys / "keys", mine / "keys", dirs_exist_ok=True)
    with environment(COMPTOIR_DATA=str(mine)):
        embedded.socket_folder().symlink_to(sockets)
        yield


def drop(name: str) -> None:
    """Remove a database."""
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as administrator:
        administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def copied_from(template: str) -> Iterator[Shop]:
    """Have a database that is a copy of ``template``, with its owner, its grants and its settings; it is dropped."""
    name = f"comptoir_test_{uuid.uuid4().hex}"
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as administrator:
        for statement in _copying(administrator, template, name):
            administrator.execute(statement)
        try:
            with environment(COMPTOIR_DATABASE_NAME=name):
                close_django()
                yield Shop(database=name, folder=shop.folder())
        finally:
            close_django()
            drop(name)


def _copying(administrator: psycopg.Connection, template: str, name: str) -> Iterator[sql.Composed]:
    # A copy has the template's tables with their owners and grants. What belongs to the database itself
    # (its owner, who may connect, settings for roles in it) is not copied by PostgreSQL.
    new, old = sql.Identifier(name), sql.Identifier(template)
    row = administrator.execute(
        "SELECT oid, datdba::regrole::text, datacl IS NOT NULL FROM pg_database WHERE datname = %s", (template,)
    ).fetchone()
    assert row is not None, f"there is no database {template}"
    oid, owner, has_grants = row
    yield sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY wal_log").format(new, old, sql.Identifier(owner))
    if has_grants:
        yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(new)
        grants = administrator.execute(
            "SELECT grantee, grantee::regrole::text, privilege_type, is_grantable"
            " FROM pg_database, aclexplode(datacl) WHERE pg_database.oid = %s",
            (oid,),
        ).fetchall()
        for grantee, role, privilege, is_grantable in grants:
            yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(privilege),
                new,
                sql.Identifier(role) if grantee else sql.SQL("PUBLIC"),
                sql.SQL(" WITH GRANT OPTION" if is_grantable else ""),
            )
    settings = administrator.execute(
        "SELECT setrole, setrole::regrole::text, unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = %s",
        (oid,),
    ).fetchall()
    for role_oid, role, setting in settings:
        key, _, value = setting.partition("=")
        who = sql.SQL("ROLE {} IN DATABASE").format(sql.Identifier(role)) if role_oid else sql.SQL("DATABASE")
        yield sql.SQL("ALTER {} {} SET {} TO {}").format(who, new, sql.Identifier(key), sql.Literal(value))


def close_django() -> None:
    """Have Django, and the pages' reads, open new connections when they need some."""
    reading.close()
    # Django asks for the database's name whenever it opens a connection, so it only has to open a new one.
    if "django.db" in sys.modules:
        from django.conf import settings
        from django.db import connections

        if settings.configured:
            connections.close_all()
            # It has other ones where a loop is marked as running, as a browser's is between tests without one.
            with without_a_loop():
                connections.close_all()


@contextlib.contextmanager
def without_a_loop() -> Iterator[None]:
    """Take the mark that a loop is running away from this thread while the block runs."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)
