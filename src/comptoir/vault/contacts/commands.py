"""Writes: contact data are kept, removed, destroyed. Every function enters the vault and opens its own transaction."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Collection, Mapping
from typing import Final

from django.db import IntegrityError, transaction

from comptoir.counter.answers.models import Treat
from comptoir.counter.customers.contracts import CLOSENESS_CHANGED, CONSENT_WITHDRAWN
from comptoir.counter.customers.purposes import PURPOSES, TREAT
from comptoir.counter.customers.queries import customer_of_user
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.announcements.commands import announce
from comptoir.vault.contacts import keeping, rules, sealing, stopped
from comptoir.vault.contacts.contracts import ContactValues, Field, FormerAddress, Kept
from comptoir.vault.contacts.errors import ContactInUse
from comptoir.vault.contacts.models import DataKey, Former, Index, Piece, Tombstone
from comptoir.vault.contacts.queries import PLACES, index_keys, note, place_of_former, sealer_of
from comptoir.vault.contacts.rules import Piece as Ready
from comptoir.vault.contacts.sealing import Sealer

#: How long a replaced e-mail address is kept, unless the caller says for how long spending is cooled.
FORMER_KEPT: Final = dt.timedelta(days=7)


def keep(
    user: uuid.UUID,
    *,
    values: ContactValues,
    purpose: str,
    actor: str,
    at: dt.datetime,
    face: uuid.UUID | None = None,
    proven: Collection[Field] = (),
    former_kept_until: dt.datetime | None = None,
) -> Kept:
    """Seal and keep the pieces that are given; the others stay as they are.

    ``proven`` names those that the person has shown to hold (a code sent there came back): only a proven e-mail
    address or telephone number finds its person again, and it is one person's. A proven e-mail address that is
    replaced stays sealed until ``former_kept_until`` (unset: seven days), so that its holder can be told:
    ``Kept.former`` is what ``delivery.deliver`` takes.

    Raises :class:`ContactInvalid` with the field, :class:`ContactInUse`, :class:`VaultClosed`; then nothing changed.
    """
    pieces = rules.pieces_of(values, country=os.environ.get("COMPTOIR_COUNTRY") or None)
    keeping.prepare(at=at)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        sealer = sealer_for(user, face=face)
        became_known = bool(pieces) and face is None and not Piece.objects.filter(person=user, face=user).exists()
        former = None
        if face is None:
            former = _replace_email(user, sealer, pieces, until=former_kept_until or at + FORMER_KEPT)
            _index(user, pieces, proven=proven)
            if "phone" in pieces:
                for each, stopped_at in stopped.stopped([user]).items():
                    stopped.end(each, customer=None, at=stopped_at)
        _write(user, sealer, pieces, face=face or user, purpose=purpose, at=at)
        note("contacts.keep", user, fields=pieces, purpose=purpose, actor=actor, at=at)
        if became_known:
            announce(user, CLOSENESS_CHANGED, at=at, said={"closeness": "known"})
    return Kept(became_known, former)


def remove(
    user: uuid.UUID, *, fields: Collection[Field], actor: str, at: dt.datetime, face: uuid.UUID | None = None
) -> bool:
    """Remove pieces; returns whether any piece is left. With the last one goes the key, as by :func:`destroy`."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        mine = Piece.objects.filter(person=user, face=face or user)
        if "birthday" in fields:
            _take_back_treat(user, at=at)
        is_left = mine.exclude(field__in=list(fields)).exists()
        if is_left:
            mine.filter(field__in=list(fields)).delete()
            if face is None:
                Index.objects.filter(person=user, field__in=list(fields)).delete()
        else:
            _shred(user, faces=[face or user], at=at)
        note("contacts.remove", user, fields=fields, purpose="removed", actor=actor, at=at)
    return is_left


def destroy(
    user: uuid.UUID, *, actor: str, at: dt.datetime, face: uuid.UUID | None = None, is_told: bool = True
) -> int:
    """Destroy somebody's contact data and the keys that open it; returns how many keys there were.

    ``face`` destroys that persona's alone (unset: every face's). What was sealed opens no more, also in a copy of the
    tables that was made before, as soon as there is no copy of ``contacts_key``. ``is_told``: whether the counter hears
    that the person stepped back. Safe to call again.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        if face is None and is_told:
            _take_back_treat(user, at=at)
        faces = [face] if face else list(DataKey.objects.filter(person=user).values_list("face", flat=True))
        destroyed = _shred(user, faces=faces, at=at, is_told=is_told)
        note("contacts.destroy", user, purpose="destroyed", actor=actor, at=at)
    return destroyed


def sealer_for(user: uuid.UUID, *, face: uuid.UUID | None = None) -> Sealer:
    """Return the sealer of a face, with a new key if it has none; its row stays locked until the transaction ends."""
    sealer = sealer_of(user, face=face)
    if sealer is None:
        wrapped = keeping.wrap([sealing.new_key()])[0]
        fresh = DataKey(id=IDS.new(), person=user, face=face or user, wrapped=wrapped.data, version=wrapped.version)
        # Another request of the same person may have been first; then its key is the key.
        DataKey.objects.bulk_create([fresh], ignore_conflicts=True)
        sealer = sealer_of(user, face=face)
        assert sealer is not None, "the key that was just made"
    return sealer


def _write(
    user: uuid.UUID, sealer: Sealer, pieces: Mapping[Field, Ready], *, face: uuid.UUID, purpose: str, at: dt.datetime
) -> None:
    written = Piece.objects.filter(person=user, face=face, field__in=list(pieces)).values_list("field", "version")
    versions = dict(written)
    rows = []
    for field, piece in pieces.items():
        version = versions.get(field, 0) + 1
        sealed = sealer.seal(piece.data.reveal(), place=PLACES[field], version=version)
        rows.append(
            Piece(person=user, face=face, field=field, version=version, sealed=sealed, purpose=purpose, given_at=at)
        )
    Piece.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["person", "face", "field"],
        update_fields=["version", "sealed", "purpose", "given_at"],
    )


def _index(user: uuid.UUID, pieces: Mapping[Field, Ready], *, proven: Collection[Field]) -> None:
    findable = {field: piece.findable for field, piece in pieces.items() if piece.findable is not None}
    if not findable:
        return
    keys = index_keys(findable)
    for field, text in findable.items():
        digest = sealing.blind_index(keys[field], text.reveal())
        was_proven = Index.objects.filter(person=user, field=field, digest=digest, is_proven=True).exists()
        row = Index(person=user, field=field, digest=digest, is_proven=field in proven or was_proven)
        Index.objects.filter(person=user, field=field).delete()
        try:
            with transaction.atomic(using=VAULT.name):
                row.save(force_insert=True)
        except IntegrityError:
            # The database's message quotes the row; this one names the field alone.
            raise ContactInUse(field=field) from None


def _replace_email(
    user: uuid.UUID, sealer: Sealer, pieces: Mapping[Field, Ready], *, until: dt.datetime
) -> FormerAddress | None:
    """Put a proven e-mail address that is about to be replaced among the former ones."""
    fresh = pieces.get("email")
    if fresh is None:
        return None
    proven = Index.objects.filter(person=user, field="email", is_proven=True).first()
    row = Piece.objects.filter(person=user, face=user, field="email").first()
    if proven is None or row is None:
        return None
    assert fresh.findable is not None
    if sealing.blind_index(index_keys(["email"])["email"], fresh.findable.reveal()) == bytes(proven.digest):
        return None
    former = FormerAddress(user, IDS.new(), until)
    data = sealer.open(bytes(row.sealed), place=PLACES["email"], version=row.version)
    sealed = sealer.seal(data, place=place_of_former(former.id), version=1)
    Former.objects.create(id=former.id, person=user, sealed=sealed, kept_until=until)
    return former


def _take_back_treat(user: uuid.UUID, *, at: dt.datetime) -> None:
    """Take back the consent to a treat with the day that was given for it, and what the counter was told."""
    if Piece.objects.filter(person=user, field="birthday").exists():
        for channel in PURPOSES[TREAT].asked:
            announce(user, CONSENT_WITHDRAWN, at=at, said={"purpose": TREAT, "channel": channel})
        Treat.objects.filter(customer=customer_of_user(user)).delete()


def _shred(user: uuid.UUID, *, faces: Collection[uuid.UUID], at: dt.datetime, is_told: bool = True) -> int:
    keys = DataKey.objects.select_for_update().filter(person=user, face__in=list(faces)).order_by("id")
    ids = list(keys.values_list("id", flat=True))
    Tombstone.objects.bulk_create([Tombstone(key=each, shredded_at=at) for each in ids], ignore_conflicts=True)
    DataKey.objects.filter(id__in=ids).delete()
    pieces = Piece.objects.filter(person=user, face__in=list(faces))
    if user in faces:
        Index.objects.filter(person=user).delete()
        Former.objects.filter(person=user).delete()
        if is_told and pieces.filter(face=user).exists():
            announce(user, CLOSENESS_CHANGED, at=at, said={"closeness": "recognised"})
    pieces.delete()
    return len(ids)
