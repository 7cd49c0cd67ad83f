"""What a notification inside the database carries, sealed: every role may listen there, and may speak.

``LISTEN`` and ``NOTIFY`` know no grants in PostgreSQL. So what live pages are told is sealed with a key of the shop's
(AES-SIV, RFC 5297, with a nonce), which the square's process never has. Whoever listens without it learns that
something happens, and roughly how much; whoever speaks without it is not heard. What is sealed is bound to the backend
that tells it, which PostgreSQL itself names to every listener: what was heard cannot be told again by another.

Not here: what is told (``store.py``), who hears it (``live.py``).
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from comptoir.foundation.kernel import shop

#: So much fits into one notification, once it is sealed and written as text: PostgreSQL refuses 8,000 bytes.
CONTENT_BYTES_MAX: Final = 5_632
#: Sizes are multiples of this one, so that they do not tell one change from another.
_STEP: Final = 512
_NONCE: Final = 16
_TAG: Final = 16


class Sealer:
    """Seals and opens what is told inside the database, with one shop's key."""

    def __init__(self, key: bytes) -> None:
        """Work with ``key`` (32 bytes)."""
        self._seal = AESSIV(key)

    def seal(self, content: bytes, *, backend: int) -> str:
        """Return JSON as the notification that this backend of PostgreSQL sends."""
        assert len(content) <= CONTENT_BYTES_MAX, "it was cut before"
        padded = content.ljust(-(-len(content) // _STEP) * _STEP)  # blanks behind JSON say nothing
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._seal.encrypt(padded, [_bound(backend), nonce])).decode()

    def open(self, text: str, *, backend: int) -> bytes | None:
        """Return what a backend has told, or ``None`` if the house did not tell it, or not from there."""
        try:
            sealed = base64.b64decode(text, validate=True)
            if len(sealed) <= _NONCE + _TAG:
                return None
            nonce = sealed[:_NONCE]
            return self._seal.decrypt(sealed[_NONCE:], [_bound(backend), nonce])
        except (ValueError, binascii.Error, InvalidTag):
            return None


def of_shop() -> Sealer:
    """Return the sealer of the shop whose folder the environment names; its key is made when it is first asked."""
    return _of(os.environ.get("COMPTOIR_DATA"))


@functools.lru_cache(maxsize=8)
def _of(_folder: str | None) -> Sealer:
    return Sealer(shop.secret("live"))


def _bound(backend: int) -> bytes:
    return backend.to_bytes(8)
