"""Contact data of many people at a time, each access in the audit chain: for messages to a whole list.

One statement reads keys and pieces together, so that both are of one moment; nobody is locked by it. Not here: one
person's (``queries.py``), and who may be written to.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection

import msgspec
from django.db import connections

from comptoir.foundation.events import audit
from comptoir.foundation.kernel.database import id_array, value_array
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import keeping, rules, sealing
from comptoir.vault.contacts.contracts import FIELDS, ContactValues, Field
from comptoir.vault.contacts.errors import SealBroken
from comptoir.vault.contacts.keeping import Wrapped
from comptoir.vault.contacts.queries import PLACES

_READ = """
select p.person::text, p.field, p.version, p.sealed, k.wrapped, k.version from contacts_piece p
join contacts_key k on k.person = p.person and k.face = p.face
where p.face = p.person and p.person = any(%s::uuid[]) and p.field = any(%s::text[])
"""
_WITH = """
select coalesce(json_agg(distinct person), '[]')::text from contacts_piece
where face = person and field = any(%s::text[])
"""


def read_all(
    users: Collection[uuid.UUID], *, fields: Collection[Field], purpose: str, actor: str, at: dt.datetime
) -> dict[uuid.UUID, ContactValues]:
    """Return those pieces of many people's contact data, of whoever has any; each access goes into the audit chain.

    In the vault, and in the caller's transaction. A row that was tampered with counts as not there, and costs nobody
    else anything. Raises :class:`VaultClosed`.
    """
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute(_READ, [id_array(users), value_array(list(fields))])
        rows = cursor.fetchall()
    wrapped = {row[0]: Wrapped(row[5], bytes(row[4])) for row in rows}
    ids = msgspec.convert(dict(zip(wrapped, wrapped, strict=True)), dict[str, uuid.UUID])
    keys = dict(zip(wrapped, keeping.unwrap(list(wrapped.values())), strict=True)) if wrapped else {}
    sealed: dict[str, list[tuple[Field, int, bytes]]] = defaultdict(list)
    for person, field, version, data, _, _ in rows:
        sealed[person].append((field, version, bytes(data)))
    found = {}
    for written, pieces in sealed.items():
        person = ids[written]
        sealer = sealing.Sealer(keys[written], person)
        try:
            opened = sealer.open_all([(data, PLACES[field], version) for field, version, data in pieces])
        except SealBroken:
            continue
        found[person] = rules.values_of(zip((field for field, _, _ in pieces), opened, strict=True))
    audit.append_all(
        connections[VAULT.name],
        [
            audit.Entry(
                at=at.astimezone(dt.UTC), room=VAULT.name, actor=actor, action="contacts.read", purpose=purpose,
                subject=person, detail={"fields": " ".join(name for name in FIELDS if name in values.given())},
            )
            for person, values in found.items()
        ],
    )  # fmt: skip
    return found


def with_pieces(fields: Collection[Field]) -> list[uuid.UUID]:
    """Return everybody of whom one of these pieces is kept, without opening any; in the vault."""
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute(_WITH, [value_array(list(fields))])
        (known,) = cursor.fetchone()
    return msgspec.json.decode(known, type=list[uuid.UUID])
