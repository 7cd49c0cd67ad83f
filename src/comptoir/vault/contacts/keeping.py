"""The key keeper: wraps data keys with a key that is not in the database, and tells the right key from a wrong one.

Which back end has the key, and the versions there are, stand in the database; the key itself never does. Everything
here is called in the vault (``entered(VAULT)``). Not here: the back ends (``key_files.py``, ``transit.py``), going
from one version to the next (``rotation.py``).
"""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Protocol

import msgspec
from django.db import connections, transaction

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import sealing
from comptoir.vault.contacts.contracts import Field
from comptoir.vault.contacts.errors import VaultClosed
from comptoir.vault.contacts.key_files import KeyFiles
from comptoir.vault.contacts.models import DataKey, IndexKey, KeyVersion

#: What is wrapped as a version's check value.
_CHECK: Final = b"comptoir.contacts: the right key"
#: By which values people are found again; each has a key of its own.
FINDABLE: Final[tuple[Field, ...]] = ("email", "phone")
#: Whoever wraps holds it shared; whoever makes a version holds it alone, so that nothing is wrapped with an old one.
_VERSIONS_LOCK: Final = 7_209_101


class KeyKeeper(Protocol):
    """A back end: it has keys by number, and never gives one away."""

    kind: ClassVar[str]

    def newest(self) -> int | None:
        """Return the number of the newest key, or ``None`` without any."""
        ...

    def make(self) -> int:
        """Make a further key; returns its number."""
        ...

    def wrap(self, keys: Sequence[bytes], *, number: int) -> list[bytes]:
        """Wrap data keys. Raises :class:`VaultClosed`."""
        ...

    def unwrap(self, wrapped: Sequence[bytes], *, number: int) -> list[bytes]:
        """Unwrap data keys. Raises :class:`VaultClosed`."""
        ...


class Wrapped(msgspec.Struct, frozen=True):
    """A wrapped key and the version of the keeper's key that it is wrapped with."""

    version: int
    data: bytes


class Version(msgspec.Struct, frozen=True):
    """A version whose key was shown to be the right one."""

    number: int
    keeper: KeyKeeper
    keeper_number: int


def _transit() -> KeyKeeper:
    from comptoir.vault.contacts.transit import Transit  # noqa: PLC0415 - needs the extra `transit`

    return Transit.of_the_shop()


_BACK_ENDS: Final[dict[str, Callable[[], KeyKeeper]]] = {KeyFiles.kind: KeyFiles.of_the_shop, "transit": _transit}
_checked: dict[tuple[object, ...], Version] = {}


def chosen() -> KeyKeeper:
    """Return the back end that new versions are made with: ``COMPTOIR_KEY_KEEPER``, unset: key files."""
    return _back_end(os.environ.get("COMPTOIR_KEY_KEEPER") or KeyFiles.kind)


def prepare(*, at: dt.datetime) -> str | None:
    """Make the first key, unless there is one; returns what was done, or ``None``.

    A key is never made anew where something is sealed: raises :class:`VaultClosed` if its versions are gone.
    """
    with entered(VAULT):
        if KeyVersion.objects.exists():
            return None
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        lock_versions(exclusive=True)
        if KeyVersion.objects.exists():
            return None  # somebody else was faster
        if DataKey.objects.exists() or IndexKey.objects.exists():
            raise VaultClosed("There are sealed data, and nothing says with which key.")
        keeper = chosen()
        version = add_version(keeper, keeper.newest() or keeper.make(), at=at)
        keys = version.keeper.wrap([sealing.new_key() for _ in FINDABLE], number=version.keeper_number)
        IndexKey.objects.bulk_create(
            IndexKey(field=field, wrapped=wrapped, version=version.number)
            for field, wrapped in zip(FINDABLE, keys, strict=True)
        )
    return f"the vault's key is ready ({keeper.kind} {version.keeper_number})"


def wrap(keys: Sequence[bytes]) -> list[Wrapped]:
    """Wrap new data keys with the newest version; inside a transaction, which keeps that version the newest."""
    lock_versions(exclusive=False)
    newest = KeyVersion.objects.order_by("-number").first()
    assert newest is not None, "the vault was not prepared"
    return wrap_with(version_of(newest.number), keys)


def wrap_with(version: Version, keys: Sequence[bytes]) -> list[Wrapped]:
    """Wrap data keys with one version."""
    return [Wrapped(version.number, data) for data in version.keeper.wrap(keys, number=version.keeper_number)]


def unwrap(keys: Sequence[Wrapped]) -> list[bytes]:
    """Unwrap data keys, each with its own version. Raises :class:`VaultClosed`."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key.version].append(place)
    found: dict[int, bytes] = {}
    for number, mine in places.items():
        version = version_of(number)
        opened = version.keeper.unwrap([keys[place].data for place in mine], number=version.keeper_number)
        found.update(zip(mine, opened, strict=True))
    return [found[place] for place in range(len(keys))]


def version_of(number: int) -> Version:
    """Return a version whose key was shown to be the right one. Raises :class:`VaultClosed`."""
    # The settings are part of the name: one process of the tests sees many shops.
    name = (database.database_name(), os.environ.get("COMPTOIR_VAULT_KEYS"), os.environ.get("COMPTOIR_DATA"), number)
    if name not in _checked:
        row = KeyVersion.objects.filter(number=number).first()
        if row is None:
            raise VaultClosed(f"There is no version {number} of the vault's key.")
        keeper = _back_end(row.keeper)
        if keeper.unwrap([bytes(row.check_value)], number=row.keeper_number) != [_CHECK]:
            raise VaultClosed(f"The key {row.keeper_number} is not the one that this database was sealed with.")
        _checked[name] = Version(row.number, keeper, row.keeper_number)
    return _checked[name]


def add_version(keeper: KeyKeeper, keeper_number: int, *, at: dt.datetime) -> Version:
    """Record a key as the newest version. The caller holds the lock of the versions."""
    last = KeyVersion.objects.order_by("-number").first()
    check = keeper.wrap([_CHECK], number=keeper_number)[0]
    row = KeyVersion.objects.create(
        number=last.number + 1 if last else 1,
        keeper=keeper.kind,
        keeper_number=keeper_number,
        check_value=check,
        made_at=at,
    )
    return version_of(row.number)


def lock_versions(*, exclusive: bool) -> None:
    """Keep the newest version the newest until the transaction ends; or wait until nobody relies on that."""
    function = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute(f"select {function}(%s)", [_VERSIONS_LOCK])


def _back_end(kind: str) -> KeyKeeper:
    try:
        return _BACK_ENDS[kind]()
    except KeyError:
        raise VaultClosed(f"COMPTOIR_KEY_KEEPER names no key keeper: {kind}.") from None
    except ImportError:
        raise VaultClosed("The key keeper transit needs the extra `transit`.") from None
