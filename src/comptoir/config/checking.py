"""What must always hold, checked on the live data. Changes nothing.

The data's invariants are the named statements of ``checking.sql``, each of which counts what breaks it, all in one
snapshot, so that a busy shop is judged as it stood at one moment. Not here: how a shop is mended.
"""

from __future__ import annotations

import collections
import re
import time
from collections.abc import Callable
from importlib import resources
from typing import Final

import msgspec
import psycopg

from comptoir.config.registry import shop_map
from comptoir.counter.assembly import EVENT_TYPES
from comptoir.foundation.kernel import database, embedded
from comptoir.foundation.rooms import grants
from comptoir.foundation.touchpoints.declared import shapes
from comptoir.foundation.touchpoints.errors import MapContradictsItself

_PACKAGE: Final = "comptoir.config"
_FILE: Final = "checking.sql"
_MEANING: Final = re.compile(r"^-- name: (\w+)\n-- (.*)$", re.MULTILINE)


class Verdict(msgspec.Struct, frozen=True):
    """Whether one invariant holds: what it says, how many things break it, and which, as far as that can be said."""

    name: str
    meaning: str
    holds: bool
    broken: int
    details: list[str]
    seconds: float


class Report(msgspec.Struct, frozen=True):
    """All verdicts, and how the house is run."""

    healthy: bool
    server: str
    processes: str
    checks: list[Verdict]


def check_house(*, progress: Callable[[str], None] = lambda _name: None) -> Report:
    """Check every invariant; ``progress`` hears the name of each before it is checked. The server must be running."""
    verdicts: list[Verdict] = []
    with psycopg.connect(database.owner_conninfo(), application_name="comptoir doctor") as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local work_mem = '128MB'")
        statements = database.load_statements(_PACKAGE, _FILE)
        for name, meaning in _meanings().items():
            progress(name)
            verdicts.append(_count(connection, name, meaning, statements[name]))
        progress("fields_are_declared")
        verdicts.append(_fields_are_declared(connection))
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as administrator:
        for name, meaning, check in (
            ("roles_match_grants", "Every room's role can do what is declared, and nothing else.", _grants),
            ("roles_are_proven", "The server believes nobody who only says that it is a role.", _authentication),
        ):
            progress(name)
            verdicts.append(_listed(administrator, name, meaning, check))
        version = administrator.info.parameter_status("server_version") or "unknown"
    kind = "embedded" if database.is_embedded() else "external"
    return Report(
        healthy=all(verdict.holds for verdict in verdicts),
        server=f"PostgreSQL {version}, {kind}",
        processes=_processes(),
        checks=verdicts,
    )


def ledger_holds() -> bool:
    """Tell whether the ledger's own invariants hold: accounts, lots, transfers, the programme's side, reservations."""
    names = (
        "transfers_match_log",
        "accounts_match_transfers",
        "no_balance_is_negative",
        "lots_match_available",
        "programme_matches_transfers",
        "ledger_sums_to_zero",
        "held_matches_reservations",
    )
    statements = database.load_statements(_PACKAGE, _FILE)
    with psycopg.connect(database.owner_conninfo(), application_name="comptoir doctor") as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        return all(_count(connection, name, "", statements[name]).holds for name in names)


def _meanings() -> dict[str, str]:
    return dict(_MEANING.findall(resources.files(_PACKAGE).joinpath(_FILE).read_text()))


def _count(connection: psycopg.Connection, name: str, meaning: str, statement: str) -> Verdict:
    started = time.perf_counter()
    row = connection.execute(statement).fetchone()
    assert row is not None
    broken = int(row[0])
    return Verdict(name, meaning, not broken, broken, [], time.perf_counter() - started)


def _listed(
    connection: psycopg.Connection, name: str, meaning: str, check: Callable[[psycopg.Connection], list[str]]
) -> Verdict:
    started = time.perf_counter()
    details = check(connection)
    return Verdict(name, meaning, not details, len(details), details[:50], time.perf_counter() - started)


def _grants(connection: psycopg.Connection) -> list[str]:
    return [difference.sentence for difference in grants.compare(connection)]


def _authentication(connection: psycopg.Connection) -> list[str]:
    """Return the rules by which a server would believe anybody; only the embedded one is ours to judge."""
    if not database.is_embedded():
        return []
    rules = connection.execute("select line_number, type, auth_method from pg_hba_file_rules").fetchall()
    return [
        f"line {line} of pg_hba.conf lets {kind} connections in by {method}"
        for line, kind, method in rules
        if (kind, method) != ("local", "peer")
    ]


def _fields_are_declared(connection: psycopg.Connection) -> Verdict:
    """Check that the log holds no field that its type does not have: nothing undeclared is stored anywhere."""
    started = time.perf_counter()
    meaning = "The log holds no field that the map or the built-in types do not declare."
    try:
        types = shop_map().types
    except FileNotFoundError:
        types = EVENT_TYPES  # a shop without a map has declared nothing more
    except (MapContradictsItself, OSError) as error:
        details = [f"the map cannot be read: {error}"]
        return Verdict("fields_are_declared", meaning, holds=False, broken=1, details=details, seconds=0.0)
    declared: dict[str, set[str]] = collections.defaultdict(set)
    for name, event_type in types.items():
        declared[name] = {shape.path for shape in shapes(event_type)}
    rows = connection.execute(
        "select type, field, count(*) from events_event, json_object_keys(data) field group by type, field"
    ).fetchall()
    details = [
        f"{kind} has the field {field} in {count} events"
        for kind, field, count in rows
        if kind in declared and field not in declared[kind]
    ]
    return Verdict("fields_are_declared", meaning, not details, len(details), details, time.perf_counter() - started)


def _processes() -> str:
    if not database.is_embedded():
        return "each room connects with a password of its own"
    users = embedded.system_users()
    if len(users) > 1:
        return f"rooms are told apart by {len(users)} users of the operating system"
    return "one user of the operating system runs every room: good for trying out"
