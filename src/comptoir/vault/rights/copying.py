"""The copy of everything about one person: a ZIP with each file as JSON and as CSV, and a plain word about all of it.

Follows the map of personal data: rows of every table that is exported as rows, the sections that tell the others, and
for what is withheld the reason. Everything is read in one snapshot, a portion at a time; a copy that is not small lies
in a file without a name, which is gone when it is closed. Not here: what the sections tell (``sections.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Final

import msgspec
from django.db import connections, transaction
from django.utils.translation import gettext as _
from psycopg import sql

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.counter.customers.queries import all_personas_of
from comptoir.counter.loyalty import queries as loyalty
from comptoir.foundation.events import audit
from comptoir.foundation.events import queries as events
from comptoir.foundation.rooms import grants, personal
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.personal import COLUMN_CLASSES, Export, Personal, Whose
from comptoir.foundation.touchpoints.classes import CLASSES
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.reading import load_map, map_path
from comptoir.vault.contacts import queries as contacts
from comptoir.vault.contacts import subscriptions
from comptoir.vault.contacts.contracts import FIELDS
from comptoir.vault.credentials.models import User
from comptoir.vault.lists import queries as lists
from comptoir.vault.lists.choosing import surely_of
from comptoir.vault.rights import rules
from comptoir.vault.rights.errors import CopyTooLarge, CopyTooOften, HolderNotKnown
from comptoir.vault.rights.holders import customers_of
from comptoir.vault.rights.sections import SECTIONS, Holder, Row, Section

#: Copies of one person's data within a day, and events that one copy may tell of.
COPIES_A_DAY_MAX: Final = 10
EVENTS_MAX: Final = 1_000_000
COPIED: Final = "rights.copied"
_IN_MEMORY_BYTES: Final = 4 << 20
_ROWS_AT_ONCE: Final = 500
_PICTURES_AT_ONCE: Final = 20
_PICTURES: Final = """
select distinct c.digest, c.large from community_post p cross join jsonb_array_elements(p.pictures) as each
join community_picture c on c.digest = each ->> 'digest'
where p.author = any(%(personas)s) and p.pictures is not null
"""


class File(msgspec.Struct):
    """One file of a copy as ``about.json`` describes it."""

    title: str
    columns: Mapping[str, str]
    rows: int = 0


def copy_of(user: uuid.UUID, *, actor: str, purpose: str, at: dt.datetime) -> IO[bytes]:
    """Return a ZIP with everything about a user and what is theirs at the counter, ready to be read; close it.

    Leaves an entry in the audit chain, and another one for the contact data that are opened. Raises
    :class:`HolderNotKnown`, :class:`CopyTooOften`, :class:`CopyTooLarge`, and what opening contact data raises.
    """
    with entered(VAULT):
        holder = _holder(user, actor=actor, purpose=purpose, at=at)
        # Small ones never touch the disk; larger ones lie in a file that has no name from the beginning.
        copy: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            with _snapshot():
                _write(copy, holder, at=at)
            with transaction.atomic(using=VAULT.name):
                audit.append(
                    connections[VAULT.name],
                    room=VAULT,
                    actor=actor,
                    action=COPIED,
                    subject=user,
                    purpose=purpose,
                    at=at,
                    detail={"events": str(len(holder.positions)), "identifiers": str(len(holder.customers))},
                )
        except BaseException:
            copy.close()
            raise
    copy.seek(0)
    return copy


def _holder(user: uuid.UUID, *, actor: str, purpose: str, at: dt.datetime) -> Holder:
    if not User.objects.filter(id=user).exists():
        raise HolderNotKnown
    recent = [each for each in events.accesses_of(user, limit=1_000) if each.entry.action == COPIED]
    if sum(each.entry.at > at - dt.timedelta(days=1) for each in recent) >= COPIES_A_DAY_MAX:
        raise CopyTooOften(f"At most {COPIES_A_DAY_MAX} within a day.")
    customers = customers_of(user)
    positions = {*loyalty.positions_of(customers), *events.positions_of(customers)} if customers else set()
    if len(positions) > EVENTS_MAX:
        raise CopyTooLarge(f"There are {len(positions)} events; at most {EVENTS_MAX} go into one copy.")
    devices = subscriptions.numbers_of(customers)
    return Holder(
        user=user,
        devices=tuple(devices),
        customers=customers,
        personas=all_personas_of(customers),
        positions=tuple(sorted(positions)),
        contact=(
            *_contact(user, actor=actor, purpose=purpose, at=at),
            *_listed(surely_of(user, at=at), actor=actor, purpose=purpose, at=at),
            *_devices(devices, actor=actor, purpose=purpose, at=at),
        ),
        channels=_channels(),
        titles=loyalty.rule_titles() if customers else {},
    )


def _contact(user: uuid.UUID, *, actor: str, purpose: str, at: dt.datetime) -> Iterator[Row]:
    for face in contacts.faces_of(user):
        words = {each.field: each for each in contacts.kept_pieces(user, face=face)}
        values = contacts.read(user, fields=FIELDS, purpose=purpose, actor=actor, at=at, face=face)
        for field, hidden in values.given().items():
            kept = words.get(field)
            yield {
                "face": "self" if face == user else str(face),
                "field": field,
                "value": hidden.reveal(),
                "purpose": None if kept is None else kept.purpose,
                "given_at": None if kept is None else kept.given_at,
                "is_proven": None if kept is None else kept.is_proven,
            }


def _listed(customers: Sequence[uuid.UUID], *, actor: str, purpose: str, at: dt.datetime) -> Iterator[Row]:
    """Give what the shop's old lists say of these customers; a row that only may be theirs is somebody else's."""
    for entry, name in lists.entries_of(customers):
        words = {each.field: each for each in contacts.kept_pieces(entry)}
        values = contacts.read(entry, fields=FIELDS, purpose=purpose, actor=actor, at=at)
        for field, hidden in values.given().items():
            kept = words[field]
            yield {
                "face": f"list {name}",
                "field": field,
                "value": hidden.reveal(),
                "purpose": kept.purpose,
                "given_at": kept.given_at,
                "is_proven": kept.is_proven,
            }


def _devices(numbers: Sequence[uuid.UUID], *, actor: str, purpose: str, at: dt.datetime) -> Iterator[Row]:
    for number in numbers:
        found = subscriptions.read(number, purpose=purpose, actor=actor, at=at)
        if found is not None:
            where = found.reveal()
            value = {"endpoint": where.endpoint, "p256dh": where.keys.p256dh, "auth": where.keys.auth}
            yield {"face": f"device {number}", "field": "device", "value": value, "purpose": subscriptions.PURPOSE}


def _channels() -> dict[str, str]:
    """Return the channel of every touchpoint of the shop's map; a map that cannot be read names none."""
    with contextlib.suppress(OSError, MapContradictsItself):
        return {
            each.name: each.channel for each in load_map(map_path(), types=EVENT_TYPES, products=PRODUCTS).touchpoints
        }
    return {}


@contextlib.contextmanager
def _snapshot() -> Iterator[None]:
    """See one moment of the whole database: what is written twice, as JSON and as CSV, is the same."""
    with transaction.atomic(using=VAULT.name):
        with connections[VAULT.name].cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield


# -- writing ------------------------------------------------------------------------------------------------------


def _write(copy: IO[bytes], holder: Holder, *, at: dt.datetime) -> None:
    files: dict[str, File] = {}
    withheld: dict[str, str] = {}
    told: list[str] = []
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as archive:
        for table, declared in personal.personal_tables().items():
            if declared.exported is Export.WITHHELD:
                withheld[table] = declared.because
            elif "SELECT" not in grants.declared_tables()[table].of(VAULT):
                withheld[table] = "It is another room's alone, and is gone when the visit there is over."
            elif declared.exported is Export.TOLD:
                if declared.section not in told:
                    told.append(declared.section)
            elif (section := _section_of(table, declared, holder)) is not None:
                _add(archive, section, holder, files)
        for name in told:
            for section in SECTIONS[name]:
                _add(archive, section, holder, files)
        _add_pictures(archive, holder)
        about = {"made_at": at, "user": holder.user, "files": files, "withheld": withheld}
        archive.writestr("about.json", msgspec.json.format(msgspec.json.encode(about), indent=2))
        archive.writestr("README.txt", _words().encode())


def _add(archive: zipfile.ZipFile, section: Section, holder: Holder, files: dict[str, File]) -> None:
    """Write a section as JSON and as CSV. The second is read anew: in one snapshot it is the same."""
    described = files[section.name] = File(section.title, section.columns)
    columns = list(section.columns)
    with archive.open(f"{section.name}.json", "w", force_zip64=True) as file:
        file.write(b"[")
        for row in section.rows(holder):
            strange = set(row) - set(columns)
            assert not strange, f"{section.name} has columns that nobody explains: {strange}"
            file.write(b",\n" if described.rows else b"\n")
            file.write(msgspec.json.encode({name: rules.as_json(row.get(name)) for name in columns}))
            described.rows += 1
        file.write(b"\n]\n")
    with archive.open(f"{section.name}.csv", "w", force_zip64=True) as file:
        # Spreadsheets know by this mark that it is UTF-8.
        file.write(b"\xef\xbb\xbf" + rules.row(columns).encode())
        for row in section.rows(holder):
            file.write(rules.row([row.get(name) for name in columns]).encode())


def _add_pictures(archive: zipfile.ZipFile, holder: Holder) -> None:
    """Add what the person's posts show: ``pictures/DIGEST.webp``, as the rows of ``community_post`` name them."""
    if not holder.personas:
        return
    connection = connections[VAULT.name]
    connection.ensure_connection()
    with connection.connection.cursor(name="pictures") as cursor:
        cursor.itersize = _PICTURES_AT_ONCE
        for digest, large in cursor.execute(_PICTURES, {"personas": list(holder.personas)}):
            archive.writestr(zipfile.ZipInfo(f"pictures/{digest}.webp"), bytes(large))


def _section_of(table: str, declared: Personal, holder: Holder) -> Section | None:
    """Return what gives a table's rows as they are, or ``None`` where the person cannot have any."""
    by_kind = {Whose.USER: [holder.user], Whose.CUSTOMER: holder.customers, Whose.PERSONA: holder.personas}
    ids = list(by_kind[declared.whose]) if declared.whose in by_kind else None
    assert ids is not None, f"{table} cannot be given as rows: its rows are found by {declared.whose}"
    if not ids:
        return None
    columns = declared.shown()
    assert columns, f"{table} has nothing to show; say why it is withheld"
    found = sql.SQL(" or ").join(sql.SQL("{} = any(%(ids)s)").format(sql.Identifier(name)) for name in declared.names())
    query = sql.SQL("select {} from {} where {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table), found
    )

    def rows(_holder: Holder) -> Iterator[Row]:
        connection = connections[VAULT.name]
        connection.ensure_connection()
        with connection.connection.cursor(name="copy") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            for values in cursor.execute(query, {"ids": ids}):
                yield dict(zip(columns, values, strict=True))

    meanings = {name: _meaning(declared.columns[name]) for name in columns}
    return Section(f"tables/{table}", f"Rows of {table}", meanings, rows)


def _meaning(data_class: str) -> str:
    return CLASSES[data_class].title if data_class in CLASSES else COLUMN_CLASSES[data_class][0]


def _words() -> str:
    """Return what the copy says of itself, in the reader's language."""
    lines = [
        _("This is a copy of everything that the shop holds about you."),
        "",
        _("Every file is there twice: as JSON for another system, as CSV for a spreadsheet. about.json says what each "
          "column means, and what is left out and why."),
        _("sale-lines has everything you bought, with barcodes and promotions; points has every movement of points "
          "and its reason; accesses says who looked at your data, and why."),
        _("In the CSV files, an apostrophe stands in front of what a spreadsheet would take for a formula."),
        _("Times are in UTC. Amounts are in the currency's main unit."),
        _("Keep this file safe: whoever has it knows what is in it."),
    ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


def as_bytes(copy: IO[bytes], *, size: int = 64 << 10) -> Iterator[bytes]:
    """Give a copy piece by piece, for an answer that streams it, and close it at the end."""
    with copy:
        while piece := copy.read(size):
            yield piece


def file_name(user: uuid.UUID, at: dt.datetime) -> str:
    """Return what a copy's file is called: by the day, and by nothing that says who it is."""
    return f"my-data-{at:%Y-%m-%d}-{user.hex[-6:]}.zip"
