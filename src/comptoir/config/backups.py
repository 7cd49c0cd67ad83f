"""Backups, and putting one back: a shop that is restored forgets again whom it had forgotten, before it opens.

A backup is PostgreSQL's own archive of everything but the keys of persons, which go to a file of their own: whoever
keeps old archives and only the newest key file can open nobody's contact data that was destroyed meanwhile. A restore
fills a database of its own, forgets there, and only then puts it in the place of the present one. Not here: the verbs
(``commands/backup.py``, ``commands/restore.py``), what forgetting is (``counter/customers``, ``vault/rights``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg import sql

from comptoir.counter.assembly import EVENT_TYPES, handlers_for, severers
from comptoir.counter.customers.choices import regroup
from comptoir.counter.customers.forgetting import emptied_fields, forget, note_forgotten, read_list
from comptoir.counter.customers.rules import forgotten_mark, sale_mark
from comptoir.counter.customers.store import find_members
from comptoir.counter.loyalty.jobs import forget_sale
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.sales.rules import Key
from comptoir.foundation.events import checkpoints
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.kernel import codec, database, embedded, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.commands import make_database, migrate_house
from comptoir.foundation.rooms.declaration import OFFICE

#: The wrapped keys of persons: whoever has them and the shop's key can open contact data.
KEYS_TABLE: Final = "contacts_key"
_RESTORING: Final = "_restoring"
_DATABASE_NAME: Final = "COMPTOIR_DATABASE_NAME"
_PORTION: Final = 50_000

Say = Callable[[str], None]


class BackupFailed(Exception):  # noqa: N818 - a backup has failed; the message says why
    """A program of PostgreSQL ended with an error; the message is its last words."""


class Made(msgspec.Struct, frozen=True):
    """Two files and their sizes in bytes."""

    file: str
    bytes: int
    keys_file: str
    keys_bytes: int


class Replayed(msgspec.Struct, frozen=True):
    """Who was forgotten again: customers at the counter, users in the vault; and how many marks there are in all.

    ``lost`` are the signed entries of the audit chain that the backup does not have; ``chain`` says why the chain could
    not go on, where it could not.
    """

    customers: int
    users: int
    marks: int
    lost: int = 0
    chain: str = ""


def keys_path(path: Path) -> Path:
    """Return where the keys of a backup go, unless somebody says otherwise: beside it."""
    return path.with_name(path.name + ".keys")


def back_up(path: Path, keys: Path, say: Say) -> Made:
    """Write both files; a file that exists is replaced only when the new one is whole. The server must be running.

    Raises :class:`BackupFailed`.
    """
    connection = database.administrator_conninfo()
    _write(path, ["--exclude-table-data", f"public.{KEYS_TABLE}"], connection, say)
    _write(keys, ["--data-only", "--table", f"public.{KEYS_TABLE}"], connection, say)
    return Made(str(path), path.stat().st_size, str(keys), keys.stat().st_size)


def restore(path: Path, keys: Path | None, say: Say) -> Replayed:
    """Put a backup in the place of the present database, forgotten persons forgotten. The server must be running.

    Until the last step the present database is what the shop has; it is dropped in that step. Raises
    :class:`BackupFailed`, and then nothing has changed.
    """
    name = database.database_name()
    fresh = name + _RESTORING
    keep_marks()
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as server:
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(fresh)))
    try:
        with checkpoints.unless_it_fails():
            say("making the database that is filled")
            _in_database(fresh, "make")
            conninfo = database.administrator_conninfo(database=fresh)
            _run(_restoring(path, conninfo), say)
            if keys is not None:
                _run(_restoring(keys, conninfo, "--data-only"), say)
            say("bringing the tables to this version, and forgetting again")
            replayed = codec.decode(_in_database(fresh, "replay", name), Replayed)
    except BaseException:
        with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as server:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(fresh)))
        raise
    say("putting it in the place of the present one")
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as server:
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        server.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(fresh), sql.Identifier(name)))
    return replayed


def keep_marks() -> None:
    """Have every mark of the present database on the list outside it, as far as there is a database."""
    try:
        with psycopg.connect(database.administrator_conninfo()) as connection:
            rows = connection.execute("select mark from customers_forgotten").fetchall()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return
    if missing := {bytes(row[0]) for row in rows} - read_list():
        note_forgotten(missing)


def replay(say: Say = lambda _line: None) -> Replayed:
    """Forget again whom the list names, in the database that the environment names."""
    marks = read_list()
    key = shop.secret("forgotten")
    emptied = emptied_fields(EVENT_TYPES.values())
    customers = 0
    with Connection.connect(database.owner_conninfo(), application_name="comptoir restore") as connection:
        for customer in _customers(connection, lambda customer: forgotten_mark(key, customer) in marks):
            # Of a person, all may be on the list or one card alone: whoever is left stays one person.
            others = [each for each in find_members(connection, [customer]).get(customer, ()) if each != customer]
            forget(connection, [customer], severers=severers(), emptied=emptied)
            if others:
                regroup(connection, others)
            customers += 1
            say(f"forgot {customers:,} customers again")
        sales = _forget_sales(connection, marks, key)
        if sales:
            say(f"forgot {sales:,} purchases again")
        connection.execute(
            "insert into customers_forgotten (mark) select * from unnest(%s::bytea[]) on conflict do nothing",
            (sorted(marks),),
        )
    return Replayed(customers, _forget_users(marks, key), len(marks))


def resume_chain(name: str) -> tuple[int, str]:
    """Let the audit chain go on where the backup ends, before anything is appended to it.

    ``name`` is what the database will be called: so is its chain. Returns how many signed entries are lost, and why it
    cannot go on, where it cannot: that stops no restore.
    """
    with database.connect(OFFICE.role) as connection:
        os.environ[_DATABASE_NAME] = name
        try:
            resumed = checkpoints.resume(
                connection, actor="operator", purpose="a backup was restored", at=SYSTEM_CLOCK.now()
            )
        except (checkpoints.OutOfStep, checkpoints.NoteInvalid) as error:
            return 0, str(error)
        finally:
            os.environ[_DATABASE_NAME] = connection.info.dbname
    return (0 if resumed is None else resumed.lost), ""


def _customers(connection: Connection, is_forgotten: Callable[[Id], bool]) -> list[Id]:
    """Return whom the list names."""
    found: list[Id] = []
    with connection.cursor("customers") as cursor:
        cursor.execute("select customer::text from customers_customer")
        while rows := cursor.fetchmany(_PORTION):
            found.extend(customer for (customer,) in rows if is_forgotten(customer))
    return found


def _forget_sales(connection: Connection, marks: set[bytes], key: bytes) -> int:
    """Make those sales nobody's again that the list names; returns how many. Their points stay where they are."""
    programmes = find_programmes(connection)
    if programmes is None:
        return 0  # nobody has ever opened the shop
    found: list[tuple[Key, Id]] = []
    with connection.cursor("sales") as cursor:
        cursor.execute("select source, receipt, customer::text from sales_sale where customer is not null")
        while rows := cursor.fetchmany(_PORTION):
            found.extend(
                ((source, receipt), customer)
                for source, receipt, customer in rows
                if sale_mark(key, source, receipt) in marks and not is_severed(customer)
            )
    now = SYSTEM_CLOCK.now()
    handlers = handlers_for(programmes)
    return sum(forget_sale(connection, sale, customer, handlers=handlers, now=now) for sale, customer in found)


def _forget_users(marks: set[bytes], key: bytes) -> int:
    """Delete the users of the vault whose customer is on the list, with everything that is theirs."""
    from comptoir.vault.rights import forgetting  # noqa: PLC0415 - its models want a Django that is set up

    return forgetting.forget_restored(
        lambda customer: forgotten_mark(key, customer) in marks,
        is_sale_forgotten=lambda source, receipt: sale_mark(key, source, receipt) in marks,
        identifiers=shop.secret("identifiers"),
        at=SYSTEM_CLOCK.now(),
    )


def _restoring(path: Path, conninfo: str, *more: str) -> list[str]:
    return [str(embedded.bin_folder() / "pg_restore"), "--exit-on-error", "-v", *more, "-d", conninfo, str(path)]


def _write(path: Path, options: list[str], conninfo: str, say: Say) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(descriptor)
    try:
        program = str(embedded.bin_folder() / "pg_dump")
        _run([program, "--format", "custom", "-v", *options, "-f", str(fresh), "-d", conninfo], say)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _run(command: list[str], say: Say) -> None:
    """Run one of PostgreSQL's programs and say what it says."""
    last = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - programs of the wheel's
        assert process.stderr is not None
        for line in process.stderr:
            last = line.strip()
            say(last.split(": ", 1)[-1][:100])
    if process.returncode:
        raise BackupFailed(last)


def _in_database(name: str, what: str, *arguments: str) -> str:
    """Do something in another database, in a process that is told of no other."""
    done = subprocess.run(  # noqa: S603 - this very module
        [sys.executable, "-m", "comptoir.config.backups", what, *arguments],
        env={**os.environ, _DATABASE_NAME: name},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupFailed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason was given")
    return done.stdout


def main() -> None:
    """Do a part of a restore, in the database that the environment names."""
    if sys.argv[1] == "make":
        make_database()
    else:
        migrate_house()
        lost, chain = resume_chain(sys.argv[2])
        replayed = msgspec.structs.replace(replay(), lost=lost, chain=chain)
        sys.stdout.write(codec.encode(replayed).decode())


if __name__ == "__main__":
    main()
