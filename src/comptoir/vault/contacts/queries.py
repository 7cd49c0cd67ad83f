"""Reads: somebody's contact data with a purpose, who an address belongs to, and whether the vault is open.

Every function enters the vault itself. ``find_by_email`` and ``is_known`` open nothing and are not in the audit chain.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable

import msgspec
from django.db import connections, transaction

from comptoir.foundation.events import audit
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import keeping, rules, sealing
from comptoir.vault.contacts.contracts import FIELDS, ContactValues, Field, FormerAddress
from comptoir.vault.contacts.errors import ContactInvalid, VaultClosed
from comptoir.vault.contacts.keeping import Wrapped
from comptoir.vault.contacts.models import DataKey, Former, Index, IndexKey, KeyVersion, Piece

#: Where the sealed values stand; part of what each of them is bound to.
PLACES = {field: sealing.place_of("contacts_piece", field) for field in FIELDS}


class VaultState(msgspec.Struct, frozen=True):
    """Whether the vault is open, and if not, why: one sentence each."""

    is_open: bool
    reasons: list[str]


class PieceWords(msgspec.Struct, frozen=True):
    """That a piece is kept: which, since when, what for, and whether it was proven. Not its value."""

    field: Field
    given_at: dt.datetime
    purpose: str
    is_proven: bool


def read(
    user: uuid.UUID,
    *,
    fields: Collection[Field],
    purpose: str,
    actor: str,
    at: dt.datetime,
    face: uuid.UUID | None = None,
) -> ContactValues:
    """Return those pieces of somebody's contact data that are kept; the access goes into the audit chain.

    ``face`` is one of the person's personas (unset: the person itself). Raises :class:`VaultClosed`, and
    :class:`SealBroken` for a row that was tampered with.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        sealer = sealer_of(user, face=face)
        if sealer is None:
            return ContactValues()
        mine = Piece.objects.filter(person=user, face=face or user, field__in=list(fields))
        rows = list(mine.values_list("field", "version", "sealed"))
        opened = sealer.open_all([(bytes(sealed), PLACES[field], version) for field, version, sealed in rows])  # type: ignore[index]
        values = rules.values_of(zip((row[0] for row in rows), opened, strict=True))
        note("contacts.read", user, fields=values.given(), purpose=purpose, actor=actor, at=at)
    return values


def find_by_email(email: str) -> uuid.UUID | None:
    """Return whose e-mail address that is, or ``None``: only an address that its holder has proven finds anybody.

    What is no e-mail address finds nobody. Raises :class:`VaultClosed`.
    """
    try:
        text = rules.index_of_email(email)
    except ContactInvalid:
        return None
    return _find("email", text)


def find_by_phone(phone: str, *, country: str | None = None) -> uuid.UUID | None:
    """Return whose telephone number that is, or ``None``; only a proven one finds anybody."""
    try:
        text = rules.index_of_phone(phone, country=country)
    except ContactInvalid:
        return None
    return _find("phone", text)


def all_with_phone(phone: str) -> list[uuid.UUID]:
    """Return everybody whose contact data have that number, proven or not: whoever holds it may end what it gets."""
    try:
        text = rules.index_of_phone(phone, country=None)
    except ContactInvalid:
        return []
    with entered(VAULT):
        if not KeyVersion.objects.exists():
            return []
        digest = sealing.blind_index(index_keys(["phone"])["phone"], text)
        return list(
            Index.objects.filter(field="phone", digest=digest).order_by("person").values_list("person", flat=True)
        )


def is_known(user: uuid.UUID) -> bool:
    """Tell whether there is contact data of a person."""
    with entered(VAULT):
        return Piece.objects.filter(person=user, face=user).exists()


def kept_pieces(user: uuid.UUID, *, face: uuid.UUID | None = None) -> list[PieceWords]:
    """Return which pieces are kept, in the order of :data:`FIELDS`, without opening any."""
    with entered(VAULT):
        proven = set(Index.objects.filter(person=user, is_proven=True).values_list("field", flat=True))
        rows = {piece.field: piece for piece in Piece.objects.filter(person=user, face=face or user)}
    return [
        PieceWords(field, rows[field].given_at, rows[field].purpose, is_proven=face is None and field in proven)
        for field in FIELDS
        if field in rows
    ]


def faces_of(user: uuid.UUID) -> list[uuid.UUID]:
    """Return the faces of a person of which there is contact data; the person's own id stands for the person."""
    with entered(VAULT):
        return sorted(Piece.objects.filter(person=user).values_list("face", flat=True).distinct())


def former_addresses(user: uuid.UUID, *, at: dt.datetime) -> list[FormerAddress]:
    """Return handles of the e-mail addresses that somebody had and that are still kept, the latest first."""
    with entered(VAULT):
        rows = Former.objects.filter(person=user, kept_until__gt=at).order_by("-kept_until")
        return [FormerAddress(row.person, row.id, row.kept_until) for row in rows]


def vault_state() -> VaultState:
    """Tell whether what is sealed can be opened, by trying every version of the key that is still in use."""
    reasons: list[str] = []
    with entered(VAULT):
        # Looked at first: whoever makes the first key at this moment has made its version before anything is sealed.
        is_sealed = DataKey.objects.exists() or IndexKey.objects.exists()
        numbers = list(KeyVersion.objects.filter(retired_at=None).order_by("number").values_list("number", flat=True))
        if is_sealed and not numbers:
            reasons.append("There are sealed data, and nothing says with which key.")
        for number in numbers:
            try:
                keeping.version_of(number)
            except Problem as problem:
                reasons.append(problem.detail or problem.title())
    return VaultState(not reasons, reasons)


# -- for the other files of this package --------------------------------------------------------------------------


def sealer_of(user: uuid.UUID, *, face: uuid.UUID | None = None) -> sealing.Sealer | None:
    """Return what opens a face's pieces, or ``None`` if it has no key. Ask for it before the pieces.

    Until the transaction ends nobody else changes this face's pieces or makes its key anew, so that both fit.
    """
    row = DataKey.objects.select_for_update(no_key=True).filter(person=user, face=face or user).first()
    if row is None:
        return None
    key = keeping.unwrap([Wrapped(row.version, bytes(row.wrapped))])[0]
    return sealing.Sealer(key, user)


def index_keys(fields: Iterable[Field]) -> dict[Field, bytes]:
    """Return the keys of these blind indexes. Raises :class:`VaultClosed`."""
    wanted = [field for field in fields if field in keeping.FINDABLE]
    rows = {row.field: row for row in IndexKey.objects.filter(field__in=wanted)}
    if missing := [field for field in wanted if field not in rows]:
        raise VaultClosed(f"The key of the index {missing[0]} is gone.")
    keys = keeping.unwrap([Wrapped(rows[field].version, bytes(rows[field].wrapped)) for field in wanted])
    return dict(zip(wanted, keys, strict=True))


def place_of_former(former: uuid.UUID) -> bytes:
    """Return where a former address stands: every row is a place of its own."""
    return sealing.place_of("contacts_former", former.hex)


def place_of_subscription(number: uuid.UUID) -> bytes:
    """Return where it stands where a device is reached: every row is a place of its own."""
    return sealing.place_of("contacts_subscription", number.hex)


def note(
    action: str, person: uuid.UUID | None, *, purpose: str, actor: str, at: dt.datetime, fields: Collection[str] = ()
) -> None:
    """Put an access into the audit chain: which pieces, never their values. In the transaction of what it tells of."""
    audit.append(
        connections[VAULT.name],
        room=VAULT,
        actor=actor,
        action=action,
        subject=person,
        purpose=purpose,
        at=at,
        detail={"fields": " ".join(field for field in (*FIELDS, "device") if field in fields)} if fields else {},
    )


def _find(field: Field, text: str) -> uuid.UUID | None:
    with entered(VAULT):
        if not KeyVersion.objects.exists():
            return None  # nothing was ever kept
        digest = sealing.blind_index(index_keys([field])[field], text)
        return Index.objects.filter(field=field, digest=digest, is_proven=True).values_list("person", flat=True).first()
