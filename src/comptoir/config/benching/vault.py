"""``bench vault``: sealing and opening contact data, one person's and a thousand persons', against the bare cipher.

The reference is what has to be done anyway: unwrap the person's key, and one call of ``cryptography`` for each piece,
with a fresh nonce. The house's own way does the same through the key keeper and the sealer, with padding and with the
binding to the place. Both take turns and are measured in processor time; medians are compared. That is without the
database; beside it, what a whole access costs, with the checks of the values, the database and the audit chain.
"""

from __future__ import annotations

import os
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from comptoir.config.benching import stage
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.commands import set_up_django

_MANY = 1_000
_ROUNDS = 40
_ACCESSES = 100


class Compared(msgspec.Struct, frozen=True):
    """Microseconds for each person, of the house and of the bare calls, and the ratio of the two."""

    house_us: float
    bare_us: float
    ratio: float


class Vault(msgspec.Struct, frozen=True):
    """What sealing and opening one person's pieces costs. ``*_ms`` are whole commands, by the clock on the wall."""

    pieces: int
    seal_1: Compared
    open_1: Compared
    seal_1000: Compared
    open_1000: Compared
    worst_ratio: float
    keep_ms: float
    read_ms: float


def measure(say: stage.Say, *, seconds: float = 10.0) -> Vault:
    """Measure for about ``seconds`` seconds, in a house of its own."""
    with stage.own_house(say):
        set_up_django()
        say("sealing and opening without the database")
        compared = _compare(seconds)
        say("keeping and reading with the database")
        keep_ms, read_ms = _accesses()
    return Vault(
        pieces=len(_CONTACT),
        **compared,
        worst_ratio=max(each.ratio for each in compared.values()),
        keep_ms=keep_ms,
        read_ms=read_ms,
    )


_CONTACT = {
    "name": "Alice Martin",
    "addresses": ["12 rue des Lilas", "21000", "Dijon", "FR"],
    "email": "alice.martin@example.org",
    "phone": "+33142685300",
    "birthday": {"month": 2, "day": 28},
}


def _values() -> Any:
    from comptoir.vault.contacts.contracts import Birthday, ContactValues, PostalAddress  # noqa: PLC0415 - needs Django

    lines, postcode, city, country = _CONTACT["addresses"]
    return ContactValues.of(
        name=_CONTACT["name"],
        addresses=(PostalAddress(lines=(lines,), postcode=postcode, city=city, country=country),),
        email=_CONTACT["email"],
        phone=_CONTACT["phone"],
        birthday=Birthday(month=2, day=28),
    )


def _compare(seconds: float) -> dict[str, Compared]:
    from comptoir.vault.contacts import rules  # noqa: PLC0415 - needs Django
    from comptoir.vault.contacts.key_files import KeyFiles  # noqa: PLC0415
    from comptoir.vault.contacts.queries import PLACES  # noqa: PLC0415
    from comptoir.vault.contacts.sealing import Sealer  # noqa: PLC0415

    keeper = KeyFiles.of_the_shop()
    number = keeper.make()
    persons = [uuid.uuid4() for _ in range(_MANY)]
    wrapped = keeper.wrap([os.urandom(32) for _ in persons], number=number)
    ready = {field: piece.data.reveal() for field, piece in rules.pieces_of(_values()).items()}
    rows = [(data, PLACES[field], 1) for field, data in ready.items()]

    def seal(count: int) -> list[Any]:
        keys = keeper.unwrap(wrapped[:count], number=number)
        return [Sealer(key, person).seal_all(rows) for key, person in zip(keys, persons, strict=False)]

    sealed = seal(_MANY)
    kept = [[(data, place, 1) for (_, place, _), data in zip(rows, each, strict=True)] for each in sealed]

    def unseal(count: int) -> list[Any]:
        keys = keeper.unwrap(wrapped[:count], number=number)
        return [Sealer(key, person).open_all(each) for key, person, each in zip(keys, persons, kept, strict=False)]

    bare = _Bare(list(ready.values()), PLACES["email"], _MANY)
    pairs: dict[str, tuple[Callable[[int], Any], Callable[[int], Any], int]] = {
        "seal_1": (seal, bare.seal, 1),
        "open_1": (unseal, bare.open, 1),
        "seal_1000": (seal, bare.seal, _MANY),
        "open_1000": (unseal, bare.open, _MANY),
    }
    return {name: _pair(*pair, seconds=seconds / len(pairs)) for name, pair in pairs.items()}


class _Bare:
    """The calls of the library alone: unwrap a key, make a cipher of it, and one call for each piece."""

    def __init__(self, pieces: Sequence[bytes], bound: bytes, count: int) -> None:
        self._pieces, self._bound, self._kek = pieces, bound, os.urandom(32)
        self._wrapped = [aes_key_wrap(self._kek, os.urandom(32)) for _ in range(count)]
        self._sealed = self.seal(count)

    def seal(self, count: int) -> list[list[bytes]]:
        sealed = []
        for wrapped in self._wrapped[:count]:
            cipher, mine = AESGCM(aes_key_unwrap(self._kek, wrapped)), []
            for piece in self._pieces:
                nonce = os.urandom(12)
                mine.append(nonce + cipher.encrypt(nonce, piece, self._bound))
            sealed.append(mine)
        return sealed

    def open(self, count: int) -> list[list[bytes]]:
        opened = []
        for wrapped, pieces in zip(self._wrapped[:count], self._sealed, strict=False):
            cipher = AESGCM(aes_key_unwrap(self._kek, wrapped))
            opened.append([cipher.decrypt(piece[:12], piece[12:], self._bound) for piece in pieces])
        return opened


def _pair(house: Callable[[int], Any], bare: Callable[[int], Any], count: int, *, seconds: float) -> Compared:
    # So many calls that a round is long beside the clock's own resolution.
    calls = max(1, int(seconds / _ROUNDS / 2 / _each_seconds(house, count)))
    rounds: dict[str, list[float]] = {"house": [], "bare": []}
    for _ in range(_ROUNDS):
        for name, call in (("house", house), ("bare", bare)):
            started = time.thread_time()
            for _ in range(calls):
                call(count)
            rounds[name].append((time.thread_time() - started) / calls / count * 1e6)
    own, reference = statistics.median(rounds["house"]), statistics.median(rounds["bare"])
    return Compared(house_us=own, bare_us=reference, ratio=own / reference)


def _each_seconds(call: Callable[[int], Any], count: int) -> float:
    started = time.perf_counter()
    for _ in range(3):
        call(count)
    return (time.perf_counter() - started) / 3


def _accesses() -> tuple[float, float]:
    from django.db import connections  # noqa: PLC0415 - needs Django

    from comptoir.vault.contacts import commands, queries  # noqa: PLC0415
    from comptoir.vault.contacts.contracts import FIELDS  # noqa: PLC0415

    values, persons, at = _values(), [uuid.uuid4() for _ in range(_ACCESSES)], SYSTEM_CLOCK.now()
    keeping, reading = [], []
    for person in persons:
        started = time.perf_counter()
        commands.keep(person, values=values, purpose="bench", actor="operator", at=at)
        keeping.append(time.perf_counter() - started)
    for person in persons:
        started = time.perf_counter()
        queries.read(person, fields=FIELDS, purpose="bench", actor="operator", at=at)
        reading.append(time.perf_counter() - started)
    connections.close_all()
    return statistics.median(keeping) * 1e3, statistics.median(reading) * 1e3
