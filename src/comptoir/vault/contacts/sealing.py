"""Values to sealed bytes and back: AES-256-GCM (NIST SP 800-38D), each value bound to its row. No database, no Django.

A sealed value is a nonce of 12 random bytes, the encrypted value, and the tag. What is bound to it (AAD) is its place:
table, column, person, version; moved to another row, column or person, or put back from an older version, it does not
open. Short values are padded, so that their length says little. Not here: whose key it is (``keeping.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from comptoir.vault.contacts.errors import SealBroken

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
#: Values are padded to one of these sizes, beyond the last to its multiples.
_SIZES: Final = (64, 128, 256, 512, 1_024, 2_048, 4_096)
#: ISO/IEC 7816-4: one mark, then zeros.
_MARK: Final = b"\x80"

_PADDINGS: Final = [
    _MARK + bytes(next(size for size in _SIZES if size > length) - length - 1) for length in range(_SIZES[-1])
]

#: Versions as they are bound; hardly any piece is written so often that it needs more.
_WRITTEN: Final = [b"%d" % version for version in range(256)]


def new_key() -> bytes:
    """Return a new data key: 32 random bytes."""
    return os.urandom(KEY_BYTES)


class Sealer:
    """Seals and opens the values of one person's face, with its data key.

    The two loops are written out: a call for each value would cost as much as the cipher itself (``bench vault``).
    """

    __slots__ = ("_cipher", "_person")

    def __init__(self, key: bytes, person: uuid.UUID) -> None:
        """Take the face's data key (32 bytes) and the person it belongs to."""
        self._cipher = AESGCM(key)
        # Fixed lengths around it: no place and person can be read as another place and person.
        self._person = b"|" + person.bytes + b"|"

    def seal(self, data: bytes, *, place: bytes, version: int) -> bytes:
        """Seal a value for its place (:func:`place_of`), as that version of it."""
        return self.seal_all([(data, place, version)])[0]

    def open(self, sealed: bytes, *, place: bytes, version: int) -> bytes:
        """Open a sealed value; raises :class:`SealBroken` for anything that was not sealed just so."""
        return self.open_all([(sealed, place, version)])[0]

    def seal_all(self, values: Sequence[tuple[bytes, bytes, int]]) -> list[bytes]:
        """Seal several: each a value, its place, its version."""
        encrypt, person = self._cipher.encrypt, self._person
        chance = os.urandom(_NONCE_BYTES * len(values))
        sealed, at = [], 0
        for data, place, version in values:
            nonce = chance[at : at + _NONCE_BYTES]
            at += _NONCE_BYTES
            length = len(data)
            padding = _PADDINGS[length] if length < _SIZES[-1] else _long_padding(length)
            written = _WRITTEN[version] if version < len(_WRITTEN) else b"%d" % version
            sealed.append(nonce + encrypt(nonce, data + padding, place + person + written))
        return sealed

    def open_all(self, values: Sequence[tuple[bytes, bytes, int]]) -> list[bytes]:
        """Open several: each a sealed value, its place, its version. Raises :class:`SealBroken` for any of them."""
        decrypt, person = self._cipher.decrypt, self._person
        opened = []
        try:
            for sealed, place, version in values:
                written = _WRITTEN[version] if version < len(_WRITTEN) else b"%d" % version
                padded = decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place + person + written)
                opened.append(padded[: padded.rindex(_MARK)])
        except (InvalidTag, ValueError):
            raise SealBroken from None
        return opened


def place_of(table: str, column: str) -> bytes:
    """Return the part of a value's binding that says where it stands; neither name holds a ``|``."""
    return f"{table}|{column}".encode()


def blind_index(key: bytes, text: str) -> bytes:
    """Return by what a value is found again without being shown: HMAC-SHA-256 with the key of its purpose."""
    return hmac.digest(key, text.encode(), hashlib.sha256)


def _long_padding(length: int) -> bytes:
    return _MARK + bytes(-(length + 1) % _SIZES[-1])
