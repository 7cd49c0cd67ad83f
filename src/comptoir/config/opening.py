"""Opens the demo's shop: the example map and programme in the shop's folder, and keys for its channels.

What exists stays as it is, so that opening twice is opening once. A folder or a database that belongs to a real
shop is left alone. Not here: the tables (``foundation/rooms``), the processes (``serving.py``), the events.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from comptoir.config import registry
from comptoir.config.checking import ledger_holds
from comptoir.config.replaying import keyring, recordings
from comptoir.config.replaying.keyring import Keyring
from comptoir.counter.assembly import handlers_for
from comptoir.counter.contributions import jobs as contributions
from comptoir.counter.loyalty.store import find_programmes
from comptoir.foundation.events import checkpoints
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from comptoir.foundation.touchpoints import commands as touchpoints
from comptoir.foundation.touchpoints import store
from comptoir.foundation.touchpoints.errors import KeyNotKnown

EXAMPLES: Final = ("touchpoints.toml", "programme.toml", "taxes.toml", "terms.toml")
#: The touchpoints of the example map whose events the demo replays.
CHANNELS: Final = ("till", "webshop", "app", "newsletter", "carried")

_MARK = "demo.txt"
_MARK_TEXT = "This folder belongs to `comptoir demo`, which may write here, and starts anew with --fresh.\n"
_NOTE = "comptoir demo"


class NotTheDemo(Exception):  # noqa: N818 - it is a state of the folder that one is told of, not a failure
    """The folder or the database belongs to a real shop; the message says what to do."""


class Figures(NamedTuple):
    """What the ledger says: people seen, points ever earned, and whether every account is the sum of its entries.

    Whoever has several cards or accounts is counted once.
    """

    customers: int
    points_earned: int
    ledger_ok: bool


def _say_nothing(_line: str) -> None:
    """Take a line of a report and drop it."""


def write_examples(report: Callable[[str], None] = _say_nothing) -> None:
    """Put the example map and programme into the shop's folder, where they are missing.

    Raises :class:`NotTheDemo` for a folder with a map in which no demo was opened before.
    """
    folder = shop.folder()
    mark = folder / _MARK
    if not mark.exists():
        if (folder / "touchpoints.toml").exists():
            raise NotTheDemo(f"{folder} holds a shop of its own; set COMPTOIR_DATA to a folder for the demo")
        mark.write_text(_MARK_TEXT)
    for name in EXAMPLES:
        path = folder / name
        if not path.exists():
            path.write_text((importlib.resources.files("comptoir.config") / "examples" / name).read_text())
            report(f"wrote {path}")


def claim_database() -> None:
    """Take the shop's database for the demo; :class:`NotTheDemo` if there are events of somebody else in it.

    Needs the tables. An embedded database lies in the shop's folder, which :func:`write_examples` looked at.
    """
    if database.is_embedded():
        return
    path = shop.folder() / "demo-database.txt"
    if path.exists() and path.read_text() == database.database_name():
        return
    with database.connect(COUNTER.role) as connection:
        row = connection.execute("SELECT EXISTS (SELECT FROM events_event)").fetchone()
    if row is not None and row[0]:
        raise NotTheDemo(f"the database {database.database_name()} has events already; name another one for the demo")
    path.write_text(database.database_name())


def open_channels(report: Callable[[str], None] = _say_nothing) -> Keyring:
    """Return a keyring with a key for each of the demo's channels that this database knows; new ones where needed.

    The keys are kept in the shop's folder, readable by its owner only, and the first one also as a header that
    ``curl -H @FILE`` takes (:func:`header_path`).
    """
    declared = registry.shop_map()
    with database.connect(COUNTER.role) as connection:
        known = store.load_keys(connection)
    kept: dict[str, str] = {}
    before = Keyring.load()
    for entry in before.entries if before else ():
        try:
            is_known = known.touchpoint_of(entry.key) == entry.touchpoint
        except KeyNotKnown:
            is_known = False
        if is_known:
            kept[entry.touchpoint] = entry.key
    entries = []
    with database.connect(OFFICE.role) as connection:
        for touchpoint in declared.touchpoints:
            if touchpoint.name not in CHANNELS:
                continue
            if touchpoint.name not in kept:
                issued = touchpoints.issue_key(
                    connection, touchpoint=touchpoint.name, declared=declared, now=SYSTEM_CLOCK.now(), note=_NOTE
                )
                kept[touchpoint.name] = issued.text
                report(f"issued a key for {touchpoint.name}")
            entries += [
                keyring.Entry(touchpoint.name, pattern, kept[touchpoint.name]) for pattern in touchpoint.sources
            ]
    ring = Keyring(entries)
    ring.save()
    _write_header(ring.entries[0].key)
    return ring


def header_path() -> Path:
    """Return the file with the header that signs a request as the demo's till."""
    return keyring.keyring_path().with_name("demo-till.header")


def start_anew(report: Callable[[str], None] = _say_nothing) -> None:
    """Throw the demo's database away, with its keys, bookmarks and examples. Needs a running server.

    Raises :class:`NotTheDemo` where no demo was opened before, or on a server that is not the shop's own.
    """
    folder = shop.folder()
    if not (folder / _MARK).exists():
        if not (folder / "touchpoints.toml").exists():
            return  # nothing was opened yet
        raise NotTheDemo(f"{folder} holds a shop of its own; nothing was thrown away")
    if not database.is_embedded():
        raise NotTheDemo("--fresh throws away the embedded database only, and COMPTOIR_DATABASE_URL names another one")
    name = sql.Identifier(database.database_name())
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as administrator:
        administrator.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    for path in (keyring.keyring_path(), header_path(), *recordings.folder().glob("demo-*.bookmark")):
        path.unlink(missing_ok=True)
    for example in EXAMPLES:
        (folder / example).unlink(missing_ok=True)
    checkpoints.forget_files()
    report("threw the earlier demo away")


def figures() -> Figures:
    """Read what the ledger says, and judge it."""
    with database.connect(COUNTER.role) as connection, connection.transaction():
        row = connection.execute(_FIGURES).fetchone()
    assert row is not None
    customers, points_earned = row
    return Figures(customers, points_earned, ledger_holds())


_FIGURES = """
SELECT
    (SELECT count(DISTINCT coalesce(m.person, c.customer)) FROM customers_customer c
     LEFT JOIN customers_membership m ON m.customer = c.customer),
    (SELECT coalesce(sum(points), 0)::bigint FROM loyalty_transfer WHERE debit = 11 AND credit = 1)
"""


def _write_header(key: str) -> None:
    path = header_path()
    fresh = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"Authorization: Bearer {key}\n")
    fresh.replace(path)


def look_at_contributions() -> tuple[int, int]:
    """Do now what the worker does every night: confirm reviews, give promised points; returns how many of each."""
    now = SYSTEM_CLOCK.now()
    with database.connect(COUNTER.role) as connection:
        programmes = find_programmes(connection)
        if programmes is None:
            return (0, 0)
        handlers = handlers_for(programmes)
        confirmed = contributions.confirm_reviews(connection, now=now, handlers=handlers)
        return confirmed, contributions.thank(connection, now=now, programmes=programmes, handlers=handlers)
