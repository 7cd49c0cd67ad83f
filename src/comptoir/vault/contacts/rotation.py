"""From one version of the key keeper's key to the next, while the vault is open; and what there is of each.

A new version is made and recorded; then every wrapped key is wrapped anew, a portion at a time, each in a transaction
of its own. Whoever breaks this off and calls it again goes on where it was. Both versions open all the while. Not here:
what a version is (``keeping.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

import msgspec
from django.db import transaction
from django.db.models import Count

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import keeping, sealing
from comptoir.vault.contacts.contracts import Field
from comptoir.vault.contacts.errors import VaultClosed
from comptoir.vault.contacts.keeping import Wrapped
from comptoir.vault.contacts.models import DataKey, Former, IndexKey, KeyVersion, Piece, Subscription, Tombstone
from comptoir.vault.contacts.queries import PLACES, note, place_of_former, place_of_subscription
from comptoir.vault.contacts.sealing import Sealer

_PORTION: Final = 250


class Rotation(msgspec.Struct, frozen=True):
    """What a rotation did: to which version, how many keys it changed, and whether it went on with a broken-off one."""

    version: int
    changed: int
    was_resumed: bool


class VersionWords(msgspec.Struct, frozen=True):
    """A version of the key: where it is kept, under which number there, and how many keys are wrapped with it."""

    number: int
    keeper: str
    keeper_number: int
    made_at: dt.datetime
    retired_at: dt.datetime | None
    keys: int
    opens: bool
    reason: str


class Status(msgspec.Struct, frozen=True):
    """The state of what is sealed. ``is_rotating``: a rotation was begun and is not done."""

    is_open: bool
    is_rotating: bool
    persons: int
    faces: int
    pieces: int
    tombstones: int
    versions: list[VersionWords]


def rotate(
    *, at: dt.datetime, with_data_keys: bool = False, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Rotation:
    """Go on to a new version of the key, or finish going there; ``progress`` hears how many keys of how many.

    ``with_data_keys`` makes every person's data key anew too, and seals their pieces again with it: for when one of
    them may have become known. Raises :class:`VaultClosed` if the vault does not open.
    """
    keeping.prepare(at=at)
    version, was_resumed = _begin(at=at)
    total, changed = _behind(version.number), 0
    progress(changed, total)
    while portion := _change_portion(version, with_data_keys=with_data_keys, at=at):
        changed += portion
        progress(changed, max(total, changed))
    _end(version, at=at)
    return Rotation(version.number, changed, was_resumed)


def status() -> Status:
    """Return the state of what is sealed, without opening anybody's data."""
    with entered(VAULT):
        keys: dict[int, int] = dict(DataKey.objects.values_list("version").annotate(Count("id")))
        versions = [_version_words(row, keys.get(row.number, 0)) for row in KeyVersion.objects.order_by("number")]
        in_use = [version for version in versions if version.retired_at is None]
        return Status(
            is_open=bool(versions or not keys) and all(version.opens for version in in_use),
            is_rotating=len(in_use) > 1,
            persons=DataKey.objects.aggregate(persons=Count("person", distinct=True))["persons"],
            faces=sum(keys.values()),
            pieces=Piece.objects.count(),
            tombstones=Tombstone.objects.count(),
            versions=versions,
        )


def _version_words(row: KeyVersion, keys: int) -> VersionWords:
    reason = ""
    try:
        keeping.version_of(row.number)
    except Problem as problem:
        reason = problem.detail or problem.title()
    return VersionWords(
        number=row.number,
        keeper=row.keeper,
        keeper_number=row.keeper_number,
        made_at=row.made_at,
        retired_at=row.retired_at,
        keys=keys,
        opens=not reason,
        reason=reason,
    )


def _begin(*, at: dt.datetime) -> tuple[keeping.Version, bool]:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        keeping.lock_versions(exclusive=True)
        in_use = list(KeyVersion.objects.filter(retired_at=None).order_by("number"))
        for row in in_use:
            keeping.version_of(row.number)  # whoever cannot open the old one must not begin
        newest = in_use[-1]
        if len(in_use) > 1:
            return keeping.version_of(newest.number), True
        keeper = keeping.chosen()
        number = keeper.newest()
        # A key that was made by a rotation that got no further is not wasted.
        if number is None or KeyVersion.objects.filter(keeper=keeper.kind, keeper_number=number).exists():
            number = keeper.make()
        version = keeping.add_version(keeper, number, at=at)
        return version, False


def _behind(number: int) -> int:
    with entered(VAULT):
        return DataKey.objects.filter(version__lt=number).count()


def _change_portion(version: keeping.Version, *, with_data_keys: bool, at: dt.datetime) -> int:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        _rewrap_indexes(version)
        rows = list(DataKey.objects.select_for_update().filter(version__lt=version.number).order_by("id")[:_PORTION])
        if not rows:
            return 0
        keys = keeping.unwrap([Wrapped(row.version, bytes(row.wrapped)) for row in rows])
        ids = [row.id for row in rows]
        if with_data_keys:
            fresh = [sealing.new_key() for _ in rows]
            for row, old, new in zip(rows, keys, fresh, strict=True):
                _seal_again(row, Sealer(old, row.person), Sealer(new, row.person))
            Tombstone.objects.bulk_create(Tombstone(key=each, shredded_at=at) for each in ids)
            keys, ids = fresh, [IDS.new() for _ in ids]
        for row, key, wrapped in zip(rows, ids, keeping.wrap_with(version, keys), strict=True):
            # In place: whoever waits for the row finds it again, as it is now.
            DataKey.objects.filter(id=row.id).update(id=key, wrapped=wrapped.data, version=wrapped.version)
        return len(rows)


def _rewrap_indexes(version: keeping.Version) -> None:
    rows = list(IndexKey.objects.select_for_update().filter(version__lt=version.number).order_by("field"))
    if rows:
        keys = keeping.unwrap([Wrapped(row.version, bytes(row.wrapped)) for row in rows])
        for row, wrapped in zip(rows, keeping.wrap_with(version, keys), strict=True):
            row.wrapped, row.version = wrapped.data, wrapped.version
        IndexKey.objects.bulk_update(rows, ["wrapped", "version"])


def _seal_again(row: DataKey, old: Sealer, new: Sealer) -> None:
    pieces = list(Piece.objects.filter(person=row.person, face=row.face))
    for piece in pieces:
        field: Field = piece.field  # type: ignore[assignment]
        data = old.open(bytes(piece.sealed), place=PLACES[field], version=piece.version)
        sealed = new.seal(data, place=PLACES[field], version=piece.version)
        Piece.objects.filter(person=row.person, face=row.face, field=field).update(sealed=sealed)
    if row.face == row.person:
        for former in Former.objects.filter(person=row.person):
            place = place_of_former(former.id)
            data = old.open(bytes(former.sealed), place=place, version=1)
            Former.objects.filter(id=former.id).update(sealed=new.seal(data, place=place, version=1))
        for device in Subscription.objects.filter(id=row.person):
            place = place_of_subscription(device.id)
            data = old.open(bytes(device.sealed), place=place, version=device.version)
            sealed = new.seal(data, place=place, version=device.version)
            Subscription.objects.filter(id=device.id).update(sealed=sealed)


def _end(version: keeping.Version, *, at: dt.datetime) -> None:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        keeping.lock_versions(exclusive=True)
        older = KeyVersion.objects.filter(number__lt=version.number, retired_at=None)
        left = DataKey.objects.filter(version__lt=version.number).exists()
        if left or IndexKey.objects.filter(version__lt=version.number).exists():
            raise VaultClosed("Keys of an older version are left; rotate again.")
        older.update(retired_at=at)
        note("contacts.rotate", None, purpose="key rotation", actor="operator", at=at)
