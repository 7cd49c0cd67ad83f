"""Contact data of persons pending: a list of the shop's names them, and they have no sign-in. Kept many at a time.

Nobody is announced as known by this, nothing is proven, and no address of theirs finds anybody: their number finds them
for one thing, which is to end what it gets. Not here: whose they are (``vault/lists``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import uuid
from collections.abc import Mapping

from django.db import transaction
from django.db.models import F

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import commands, keeping, rules, sealing
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.contacts.errors import ContactInvalid
from comptoir.vault.contacts.keeping import Wrapped
from comptoir.vault.contacts.models import DataKey, Index, Piece
from comptoir.vault.contacts.queries import PLACES, index_keys, note


def keep_all(values: Mapping[uuid.UUID, ContactValues], *, purpose: str, actor: str, at: dt.datetime) -> None:
    """Seal the pieces of many persons, in place of whatever was kept of each; one without any has none afterwards.

    Every person's is in the audit chain. ``keeping.prepare`` has to have been called. Raises
    :class:`~comptoir.vault.contacts.errors.ContactInvalid` and :class:`~comptoir.vault.contacts.errors.VaultClosed`;
    then nothing changed.
    """
    country = os.environ.get("COMPTOIR_COUNTRY") or None
    ready = {person: rules.pieces_of(each, country=country) for person, each in values.items()}
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        sealers = _sealers([person for person, pieces in ready.items() if pieces])
        before = Piece.objects.filter(person__in=list(ready), face=F("person"))
        versions = {
            (person, field): version for person, field, version in before.values_list("person", "field", "version")
        }
        for person, field in versions:
            if field not in ready[person] and ready[person]:
                Piece.objects.filter(person=person, face=person, field=field).delete()
        rows = []
        for person, pieces in ready.items():
            for field, piece in pieces.items():
                version = versions.get((person, field), 0) + 1
                sealed = sealers[person].seal(piece.data.reveal(), place=PLACES[field], version=version)
                rows.append(
                    Piece(
                        person=person, face=person, field=field, version=version, sealed=sealed, purpose=purpose,
                        given_at=at,
                    )
                )  # fmt: skip
        Piece.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["person", "face", "field"],
            update_fields=["version", "sealed", "purpose", "given_at"],
        )
        Index.objects.filter(person__in=list(ready), is_proven=False).delete()
        _index(
            {
                person: pieces["phone"].findable.reveal()
                for person, pieces in ready.items()
                if "phone" in pieces and pieces["phone"].findable is not None
            }
        )
        kept = {person for person, _ in versions}
        for person, pieces in ready.items():
            if pieces:
                note("contacts.keep", person, fields=pieces, purpose=purpose, actor=actor, at=at)
            elif person in kept:
                commands.destroy(person, actor=actor, at=at, is_told=False)


def index_phones(phones: Mapping[uuid.UUID, str]) -> None:
    """Have persons found by the number that is kept of them, where they are not yet. In the vault's transaction."""
    found = set(Index.objects.filter(person__in=list(phones), field="phone").values_list("person", flat=True))
    kept = set(Piece.objects.filter(person__in=list(phones), field="phone").values_list("person", flat=True))
    texts = {}
    for person in kept - found:
        with contextlib.suppress(ContactInvalid):
            texts[person] = rules.index_of_phone(phones[person], country=os.environ.get("COMPTOIR_COUNTRY") or None)
    _index(texts)


def _index(phones: Mapping[uuid.UUID, str]) -> None:
    if not phones:
        return
    key = index_keys(["phone"])["phone"]
    Index.objects.bulk_create(
        [
            Index(person=person, field="phone", digest=sealing.blind_index(key, phone), is_proven=False)
            for person, phone in phones.items()
        ],
        ignore_conflicts=True,
    )


def _sealers(persons: list[uuid.UUID]) -> dict[uuid.UUID, sealing.Sealer]:
    """Return the sealer of each person, with a new key for those who have none."""
    rows = DataKey.objects.select_for_update(no_key=True).filter(person__in=persons, face=F("person"))
    found = {row.person: Wrapped(row.version, bytes(row.wrapped)) for row in rows}
    keys = dict(zip(found, keeping.unwrap(list(found.values())), strict=True))
    missing = [person for person in persons if person not in keys]
    fresh = [sealing.new_key() for _ in missing]
    DataKey.objects.bulk_create(
        DataKey(id=IDS.new(), person=person, face=person, wrapped=wrapped.data, version=wrapped.version)
        for person, wrapped in zip(missing, keeping.wrap(fresh) if fresh else [], strict=True)
    )
    keys.update(zip(missing, fresh, strict=True))
    return {person: sealing.Sealer(key, person) for person, key in keys.items()}
