"""An envelope sender of its own for each message (VERP): wherever a mail comes back to, it says which one it was.

``COMPTOIR_MAIL_BOUNCES`` names the mailbox, such as ``bounces@shop.example``; its server has to bring
``bounces+ANYTHING@shop.example`` there too (RFC 5233). What stands behind the plus is the decision, sealed
(AES-SIV, RFC 5297): it says to nobody whom it is for, and nobody can make one. Written in letters that survive a server
that makes everything small or large. Not here: what a mail that came back means (``bounces.py``).
"""

from __future__ import annotations

import base64
import binascii
import functools
import os
import re
import uuid
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from comptoir.foundation.kernel import shop
from comptoir.vault.messages.errors import BouncesInvalid

#: A local part has at most 64 octets (RFC 5321, 4.5.3.1.1); the sealed number takes 52 of them, the plus one.
LOCAL_CHARACTERS_MAX: Final = 11
_PLACE: Final = (b"messages/envelope",)
_BYTES: Final = 32
_BASE: Final = re.compile(r"([A-Za-z0-9._-]{1,11})@([A-Za-z0-9.-]{1,253})")
_TOKEN: Final = re.compile(r"\+([a-z2-7]{52})@", re.IGNORECASE)


def mailbox() -> tuple[str, str] | None:
    """Return the two halves of the address to which mails come back; ``None`` where none is set.

    Raises :class:`BouncesInvalid`.
    """
    return _parsed(os.environ.get("COMPTOIR_MAIL_BOUNCES", ""))


@functools.lru_cache(maxsize=4)
def _parsed(written: str) -> tuple[str, str] | None:
    if not written:
        return None
    found = _BASE.fullmatch(written)
    if found is None:
        raise BouncesInvalid(
            f"COMPTOIR_MAIL_BOUNCES is an address with at most {LOCAL_CHARACTERS_MAX} characters before the @, "
            "such as bounces@shop.example."
        )
    return found[1], found[2]


def sender_of(decision: uuid.UUID) -> str | None:
    """Return the envelope sender of one message; ``None`` where the shop has no mailbox for what comes back."""
    halves = mailbox()
    if halves is None:
        return None
    local, domain = halves
    sealed = _cipher(shop.remembered_secret("messages")).encrypt(decision.bytes, list(_PLACE))
    return f"{local}+{base64.b32encode(sealed).decode().rstrip('=').lower()}@{domain}"


def decision_in(text: str) -> uuid.UUID | None:
    """Return which message an address in a text is the envelope sender of, whatever mailbox the shop has now."""
    for found in _TOKEN.finditer(text):
        try:
            sealed = base64.b32decode(found[1].upper() + "=" * (-len(found[1]) % 8))
            return uuid.UUID(bytes=_cipher(shop.remembered_secret("messages")).decrypt(sealed[:_BYTES], list(_PLACE)))
        except (InvalidTag, ValueError, binascii.Error):
            continue
    return None


@functools.lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESSIV:
    # A key of its own: the link below a message is sealed with the shop's secret itself.
    return AESSIV(HKDF(hashes.SHA256(), length=32, salt=None, info=_PLACE[0]).derive(key))
