"""The link in a letter that ends letters, without signing in (RFC 8058): it carries whose they are, sealed.

Whoever has the letter can end the letters, and nothing else; the link says to nobody whom it is for, and never ends.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import uuid
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER

_NONCE_BYTES: Final = 12
_PLACE: Final = b"letters/stop"


class StopLinkInvalid(Exception):  # noqa: N818 - a refusal, named as such
    """No letter of this shop has this link."""


def stop_url(customer: uuid.UUID) -> str:
    """Return the address that ends a customer's letters."""
    return addresses.url_of(COUNTER, f"/letters/stop/{token_of(customer)}")


def token_of(customer: uuid.UUID) -> str:
    """Return the last part of that address."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(shop.secret("letters")).encrypt(nonce, customer.bytes, _PLACE)
    return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


def customer_of(token: str) -> uuid.UUID:
    """Return whose letters a link ends. Raises :class:`StopLinkInvalid`."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return uuid.UUID(bytes=AESGCM(shop.secret("letters")).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _PLACE))
    except (ValueError, InvalidTag, binascii.Error):
        raise StopLinkInvalid from None
