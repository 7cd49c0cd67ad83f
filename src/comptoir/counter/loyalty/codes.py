"""Codes: what a customer shows to spend points. Made with a key of the shop, and read with it.

A code names a customer and the second it was made, and nothing of that can be read from it without the key. It exists
in two forms of one and the same code: sealed, as a square code says it, and as a short text, for somebody who types
it. A sealed one opens by itself (AES-SIV, RFC 5297, which also notices every changed character). The short text is
the beginning of a keyed hash (HMAC-SHA-256) of the same content; it is found again by trying the last minute's
codes of the customer who is said to show it. Whatever the form, the *digest* is the same, and it is all that the log
keeps: who reads it there cannot show it.

Not here: whether a code that was shown lets somebody spend (``spending.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import re
import secrets
import struct
import uuid
from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id

#: How long a code is good, and how often a page shows another one.
VALID_SECONDS: Final = 60
RENEWED_SECONDS: Final = 30
#: How far the clock of whoever made a code may be ahead.
AHEAD_SECONDS_TOLERATED: Final = 5
#: How long a typed code that has run out is still told from one that never was.
_REMEMBERED_SECONDS: Final = 600
PLACE_CHARACTERS_MAX: Final = 64

_PREFIX: Final = "C1"
_HEAD: Final = struct.Struct(">16sQII")
_TEXT_CHARACTERS: Final = 12
_GROUP: Final = 4
_RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#: Crockford's alphabet: no letter that is taken for a digit. All of it is in a square code's smallest mode.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WRITTEN: Final = re.compile(f"[{_ALPHABET}]+")
_TO_OURS: Final = str.maketrans(_RFC4648, _ALPHABET)
_FROM_OURS: Final = str.maketrans(_ALPHABET, _RFC4648)
_AS_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})


class Code(msgspec.Struct, frozen=True):
    """What a code says: whose, made when (seconds since 1970), and what it is good for.

    One that is bound to ``points_max`` was made after its customer confirmed that very amount with a passkey. ``place``
    is the beginning of the sources at which it may be shown. A ``salt`` tells two of one second apart; codes that
    can be typed have none.
    """

    customer: Id
    issued_at: int
    points_max: int | None = None
    place: str | None = None
    salt: int = 0

    @property
    def expires_at(self) -> int:
        """Return the first second at which it is good no more."""
        return self.issued_at + VALID_SECONDS


class MintedCode(msgspec.Struct, frozen=True):
    """A code to show: ``value`` for a square code, ``text`` for somebody who types it (none if it is bound).

    ``digest`` is what will be kept of it once it is used.
    """

    value: str
    text: str | None
    expires_at: dt.datetime
    digest: str


class Shown:
    """A code as it was shown at a till, in whichever form. ``digest``, the text of a UUID, is what may be kept."""

    def __init__(self, digest: str, *, code: Code | None = None, text: str = "", codes: Codes | None = None) -> None:
        """Know what a sealed code says, or the text of one that was typed, or of anything else nothing."""
        self.digest = digest
        self._code = code
        self._text = text
        self._codes = codes

    def code_of(self, customers: Iterable[Id], *, at: dt.datetime) -> Code | None:
        """Return what the code says, ``None`` if it is none; a typed one is looked for among those of ``customers``."""
        if self._code is None and self._text and self._codes is not None:
            return self._codes.find(self._text, customers, at=at)
        return self._code


class Codes:
    """Makes and reads the codes of one shop."""

    def __init__(self, secret: bytes) -> None:
        """Work with the shop's key for codes (32 bytes)."""
        self._seal = AESSIV(hashlib.blake2b(secret, digest_size=64, person=b"comptoir seal").digest())
        self._text_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir text").digest()
        self._digest_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir digest").digest()

    @classmethod
    def of_shop(cls) -> Codes:
        """Return the codes of the shop whose folder the environment names; its key is made when it is first asked."""
        return cls(shop.secret("codes"))

    def seal(self, code: Code) -> str:
        """Return a code as its square code says it."""
        sealed = self._seal.encrypt(_packed(code), [_PREFIX.encode()])
        return _PREFIX + base64.b32encode(sealed).decode().rstrip("=").translate(_TO_OURS)

    def text(self, code: Code) -> str:
        """Return twelve characters that stand for a code: 60 bits, so that nobody guesses one within a minute."""
        mac = hmac.digest(self._text_key, _packed(code), "sha256")
        return base64.b32encode(mac[:10]).decode().translate(_TO_OURS)[:_TEXT_CHARACTERS]

    def open(self, value: str) -> Code | None:
        """Return what a sealed code says, or ``None`` if it is none of this shop's, or not as it was made."""
        written = _normal(value)
        if not written.startswith(_PREFIX) or len(written) <= _TEXT_CHARACTERS or not _WRITTEN.fullmatch(written):
            return None
        letters = written[len(_PREFIX) :].translate(_FROM_OURS)
        try:
            sealed = base64.b32decode(letters + "=" * (-len(letters) % 8))
            return _unpacked(self._seal.decrypt(sealed, [_PREFIX.encode()]))
        except (ValueError, InvalidTag, struct.error):
            return None

    def read(self, value: str) -> Shown:
        """Return what was shown at a till, in whichever form."""
        code = self.open(value)
        if code is not None:
            return Shown(self.digest_of(code), code=code)
        written = _normal(value)
        if len(written) == _TEXT_CHARACTERS and _WRITTEN.fullmatch(written):
            return Shown(self._digest(written), text=written, codes=self)
        return Shown(self._digest(written))

    def find(self, text: str, customers: Iterable[Id], *, at: dt.datetime) -> Code | None:
        """Return the code of one of these customers that a typed text stands for, made in the last ten minutes."""
        now = int(at.timestamp())
        for customer in customers:
            for issued_at in range(now + AHEAD_SECONDS_TOLERATED, now - _REMEMBERED_SECONDS, -1):
                code = Code(customer, issued_at)
                if hmac.compare_digest(self.text(code), text):
                    return code
        return None

    def digest_of(self, code: Code) -> str:
        """Return what is kept of a code in the place of it."""
        return self._digest(self.text(code))

    def _digest(self, text: str) -> str:
        return str(uuid.UUID(bytes=hmac.digest(self._digest_key, text.encode(), "sha256")[:16]))


def mint_code(
    customer: uuid.UUID | Id, *, at: dt.datetime, points_max: int | None = None, place: str | None = None
) -> MintedCode:
    """Make a code with which a customer can spend once, at one till, within :data:`VALID_SECONDS` of ``at``.

    Without more, it is what the card page shows. ``points_max`` binds it to an amount, which says that the customer
    confirmed that amount with a passkey: only whoever has checked the passkey may ask for that. ``place`` binds it to
    sources that are, or lie below, this one (``/stores/7``). Needs the shop's folder, and no database.
    """
    is_bound = points_max is not None or place is not None
    salt = secrets.randbelow(2**32 - 1) + 1 if is_bound else 0
    code = Code(str(uuid.UUID(str(customer))), int(at.timestamp()), points_max, place, salt)
    codes = Codes.of_shop()
    text = None if is_bound else grouped(codes.text(code))
    expires_at = dt.datetime.fromtimestamp(code.expires_at, dt.UTC)
    return MintedCode(codes.seal(code), text, expires_at, codes.digest_of(code))


def grouped(text: str) -> str:
    """Write a text in groups of four, as it is read aloud."""
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def _normal(value: str) -> str:
    """Return what somebody typed or scanned in the one form: capital letters, no blanks, digits for lookalikes."""
    return value.upper().translate(_AS_MEANT)


def _packed(code: Code) -> bytes:
    place = (code.place or "").encode()
    if len(place) > PLACE_CHARACTERS_MAX:
        raise ValueError(f"a place has at most {PLACE_CHARACTERS_MAX} characters")
    return _HEAD.pack(uuid.UUID(code.customer).bytes, code.issued_at, code.points_max or 0, code.salt) + place


def _unpacked(content: bytes) -> Code:
    customer, issued_at, points_max, salt = _HEAD.unpack_from(content)
    place = content[_HEAD.size :].decode()
    return Code(str(uuid.UUID(bytes=customer)), issued_at, points_max or None, place or None, salt)
