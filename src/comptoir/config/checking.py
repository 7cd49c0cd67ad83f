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

from comptoir.config import privacy
from comptoir.config.registry import shop_map
from comptoir.counter.answers.errors import ThresholdsInvalid
from comptoir.counter.answers.thresholds import shelf
from comptoir.counter.assembly import EVENT_TYPES
from comptoir.foundation.events.verifying import verify
from comptoir.foundation.kernel import database, embedded
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms import grants
from comptoir.foundation.touchpoints.declared import shapes
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.house import missing_from
from comptoir.vault.attestations.offer import faults_in_trust

_PACKAGE: Final = "comptoir.config"
_FILE: Final = "checking.sql"
_PAGES_MEANING: Final = "The house's own pages are touchpoints of the map, so that they can send what people decide."
#: By then the house has followed what was recorded.
_FOLLOWED_SECONDS: Final = 3.0
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
        progress("pages_are_in_the_map")
        verdicts.append(_listed(connection, "pages_are_in_the_map", _PAGES_MEANING, lambda _: _pages_missing()))
        for name, meaning, check in (
            (
                "personal_data_is_declared",
                "Every column of every table is in the map of personal data, and in no room that may not hold it.",
                privacy.undeclared,
            ),
            ("no_birth_date", "No column and no field is a birth date or an age.", _births),
            ("trust_is_readable", "Every trusted issuer and every threshold can be used today.", _trust),
            ("nothing_is_kept_too_long", "Whatever the clock has to drop is gone when its days are over.", _overdue),
            ("members_match_segments", "Whoever is in a segment is whom its expression names.", _members),
        ):
            progress(name)
            verdicts.append(_listed(connection, name, meaning, check))
    progress("audit_chain_is_intact")
    verdicts.append(_audit_chain())
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as administrator:
        for name, meaning, check in (
            ("roles_match_grants", "Every room's role can do what is declared, and nothing else.", _grants),
            ("roles_are_proven", "The server believes nobody who only says that it is a role.", _authentication),
        ):
            progress(name)
            verdicts.append(_listed(administrator, name, meaning, check))
        version = administrator.info.parameter_status("server_version") or "unknown"
    progress("vault_opens")
    verdicts.append(_vault_opens())
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


def _births(connection: psycopg.Connection) -> list[str]:
    try:
        types = shop_map().types
    except (MapContradictsItself, OSError):
        types = EVENT_TYPES  # what is wrong with the map is told where its fields are checked
    return privacy.births(connection, types)


def _trust(_connection: psycopg.Connection) -> list[str]:
    """Return what keeps attestations from being verified: files with a fault, certificates that are over."""
    sentences = faults_in_trust(SYSTEM_CLOCK.now())
    try:
        shelf()
    except ThresholdsInvalid as problem:
        sentences.append(f"thresholds: {problem.detail} ({problem.field})")
    return sentences


def _members(_connection: psycopg.Connection) -> list[str]:
    """Return the segments whose members are not those whom they name, and stay so: events may just be arriving."""
    from comptoir.office.segments import queries  # noqa: PLC0415 - ibis takes a second to load

    wrong = queries.astray(at=SYSTEM_CLOCK.now())
    if wrong:
        time.sleep(_FOLLOWED_SECONDS)
        again = queries.astray(at=SYSTEM_CLOCK.now())
        wrong = {name: both for name, people in wrong.items() if (both := people & again.get(name, set()))}
    return [f"{name}: {len(people):,} of its people" for name, people in wrong.items()]


def _overdue(connection: psycopg.Connection) -> list[str]:
    from comptoir.vault.rights import retention  # noqa: PLC0415 - its models want a Django that is set up

    return retention.overdue(connection, now=SYSTEM_CLOCK.now())


def _audit_chain() -> Verdict:
    """Check the audit chain, in a snapshot of its own: the files outside have to be read before it."""
    started = time.perf_counter()
    meaning = "The audit chain is as it was written, and as it was signed."
    with psycopg.connect(database.owner_conninfo(), application_name="comptoir doctor") as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        found = verify(connection).sentences
    return Verdict("audit_chain_is_intact", meaning, not found, len(found), found[:50], time.perf_counter() - started)


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


def _pages_missing() -> list[str]:
    """Return what the shop's map has to add for the house's own pages; nothing where there is no valid map."""
    try:
        return missing_from(shop_map())
    except (MapContradictsItself, OSError):
        return []


def _vault_opens() -> Verdict:
    from comptoir.vault.contacts.queries import vault_state  # noqa: PLC0415 - needs a Django that is set up

    started = time.perf_counter()
    reasons = vault_state().reasons
    meaning = "What is sealed in the vault can be opened."
    return Verdict("vault_opens", meaning, not reasons, len(reasons), reasons, time.perf_counter() - started)


def _processes() -> str:
    if not database.is_embedded():
        return "each room connects with a password of its own"
    users = embedded.system_users()
    if len(users) > 1:
        return f"rooms are told apart by {len(users)} users of the operating system"
    return "one user of the operating system runs every room: good for trying out"
