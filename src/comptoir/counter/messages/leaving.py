"""The link below every message that says why it came and ends the like of it, without signing in (RFC 8058).

It carries the decision, sealed: whoever has the message can end such messages, and nothing else; it says to nobody whom
it is for, and never ends. Opening it changes nothing, since mail scanners open links too.
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
import uuid
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER

_NONCE_BYTES: Final = 12
_PLACE: Final = b"messages/leave"


class LeaveLinkInvalid(Exception):  # noqa: N818 - a refusal, named as such
    """No message of this shop has this link."""


def leave_url(decision: uuid.UUID) -> str:
    """Return the address that says why a message came and ends the like of it."""
    return leave_urls([decision])[0]


def leave_urls(decisions: Sequence[uuid.UUID]) -> list[str]:
    """Return such an address for each of these decisions."""
    place = addresses.url_of(COUNTER, "/messages/why/")
    return [place + token for token in tokens_of(decisions)]


def token_of(decision: uuid.UUID) -> str:
    """Return the last part of that address."""
    return tokens_of([decision])[0]


def tokens_of(decisions: Sequence[uuid.UUID]) -> list[str]:
    """Return the last part of the address of each of these decisions."""
    encrypt, place = _cipher(shop.remembered_secret("messages")).encrypt, 0
    chance, tokens = os.urandom(_NONCE_BYTES * len(decisions)), []
    for decision in decisions:
        nonce = chance[place : place + _NONCE_BYTES]
        place += _NONCE_BYTES
        tokens.append(base64.urlsafe_b64encode(nonce + encrypt(nonce, decision.bytes, _PLACE)).decode().rstrip("="))
    return tokens


@functools.lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def decision_of(token: str) -> uuid.UUID:
    """Return of which decision a link is. Raises :class:`LeaveLinkInvalid`."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        cipher = _cipher(shop.remembered_secret("messages"))
        return uuid.UUID(bytes=cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _PLACE))
    except (ValueError, InvalidTag, binascii.Error):
        raise LeaveLinkInvalid from None
