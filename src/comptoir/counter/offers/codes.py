"""Codes of coupons: made from keys of the shop, kept nowhere, and found again by their keyed digest.

A coupon's code is the beginning of a keyed hash (HMAC-SHA-256) of the coupon's id: twenty characters of Crockford's
alphabet, 100 bits. The digest is another keyed hash of the code; it is all that tables and the log have, and whoever
reads it there cannot show it. Honey codes are made the same way out of a promotion's id and a number. A code that is
shared by everybody is a word that staff have chosen, and no secret. A *pass* stands for a code whose digest a basket
remembers: the digest itself under a keyed seal, so that a till which takes a basket over can show its coupons, and
nobody can who has only read a digest. Not here: who may use a code, and when.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Sequence
from typing import Final

from comptoir.counter.loyalty.codes import grouped
from comptoir.counter.offers.contracts import BasketLine
from comptoir.foundation.kernel import codec, shop
from comptoir.foundation.kernel.ids import UUID_PATTERN, Id

CODE_CHARACTERS: Final = 20
#: As bars a code stands behind an application identifier of GS1 for what a company agrees on with itself (91 to 99).
OWN_IDENTIFIER: Final = "99"
#: What a scanner may say first: which kind of bars it has read (ISO/IEC 15424).
_SYMBOLOGY: Final = re.compile(r"^\][A-Za-z][0-9A-Z]")
#: With what a pass begins: no code has this many characters.
_BEGINNING: Final = "P1"
_DIGEST_CHARACTERS: Final = 26
_SEAL_CHARACTERS: Final = 16
#: The name of the shop's key for coupons.
KEY_NAME: Final = "coupons"
_RFC4648: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#: Crockford's alphabet: no letter that is taken for a digit.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_OURS: Final = str.maketrans(_RFC4648, _ALPHABET)
_FROM_OURS: Final = str.maketrans(_ALPHABET, _RFC4648)
#: What a digest of a code looks like, and no code does.
DIGEST: Final = re.compile(UUID_PATTERN)
_BETWEEN: Final = re.compile(r"[\s\-‐-―_.]+")


class CouponCodes:
    """Makes the codes of one shop, and the digests by which they are found."""

    def __init__(self, secret: bytes) -> None:
        """Work with the shop's key for coupons (32 bytes)."""
        self._code_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir coupon").digest()
        self._honey_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir honey").digest()
        self._digest_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir shown").digest()
        self._pass_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir passes").digest()

    @classmethod
    def of_shop(cls) -> CouponCodes:
        """Return the codes of the shop whose folder the environment names; its key is made when it is first asked."""
        return cls(shop.remembered_secret(KEY_NAME))

    def code(self, coupon: Id) -> str:
        """Return the code of a coupon: twenty characters, 100 bits."""
        return _text(self._code_key, uuid.UUID(coupon).bytes)

    def honey(self, promotion: Id, number: int) -> str:
        """Return one of a promotion's honey codes, which looks like every other code."""
        return _text(self._honey_key, uuid.UUID(promotion).bytes + number.to_bytes(2))

    def digest(self, shown: str) -> str:
        """Return what is kept of a code, as the text of a UUID, however it was written or scanned.

        Of a pass that this house has made, it is the digest that it stands for.
        """
        if shown.startswith(_BEGINNING) and (found := self._opened(shown)) is not None:
            return found
        text = hmac.digest(self._digest_key, normal(shown).encode(), "sha256").hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"

    def pass_of(self, digest: str) -> str:
        """Return what a till shows in the place of a code that a basket remembers: 44 characters."""
        kept = lettered(uuid.UUID(digest).bytes, _DIGEST_CHARACTERS)
        return f"{_BEGINNING}{kept}{self._seal(kept)}"

    def _opened(self, shown: str) -> str | None:
        kept, seal = shown[len(_BEGINNING) :][:_DIGEST_CHARACTERS], shown[len(_BEGINNING) + _DIGEST_CHARACTERS :]
        if len(kept) != _DIGEST_CHARACTERS or not hmac.compare_digest(self._seal(kept).encode(), seal.encode()):
            return None
        return str(uuid.UUID(bytes=base64.b32decode(kept.translate(_FROM_OURS) + "======")))

    def _seal(self, kept: str) -> str:
        return lettered(hmac.digest(self._pass_key, kept.encode(), "sha256"), _SEAL_CHARACTERS)

    def basket(self, lines: Sequence[BasketLine]) -> BasketLine:
        """Return what the log keeps of a basket: what it costs before promotions, and a digest that tells it apart."""
        told_apart = hmac.digest(self._digest_key, codec.encode(lines), "sha256").hex()[:32]
        units, amount = 0, 0
        for line in lines:
            units += line.quantity
            amount += line.amount
        return BasketLine(product=told_apart, quantity=units, amount=amount)


def code_of(coupon_id: uuid.UUID | Id) -> str:
    """Return the words of a coupon's code, as its customer's own page and a message show it: in groups of four."""
    return grouped(CouponCodes.of_shop().code(str(coupon_id)))


def honey_of(promotion_id: uuid.UUID | Id, count: int) -> list[str]:
    """Return a promotion's honey codes, for whoever plants them."""
    codes = CouponCodes.of_shop()
    return [grouped(codes.honey(str(promotion_id), number)) for number in range(count)]


def normal(shown: str) -> str:
    """Return a code in the one form: capital letters, nothing in between or around, digits for lookalikes.

    What a scanner adds goes: the symbology's identifier, FNC1, and that of the application, in brackets or not.
    """
    if not shown.isalnum():
        shown = _BETWEEN.sub("", _SYMBOLOGY.sub("", shown.strip())).replace(f"({OWN_IDENTIFIER})", OWN_IDENTIFIER)
    if len(shown) == len(OWN_IDENTIFIER) + CODE_CHARACTERS:
        shown = shown.removeprefix(OWN_IDENTIFIER)
    return shown.upper().replace("O", "0").replace("I", "1").replace("L", "1")


def lettered(content: bytes, length: int) -> str:
    """Return the first so many characters of content in Crockford's alphabet, five bits each."""
    return base64.b32encode(content).decode().translate(_TO_OURS)[:length]


def _text(key: bytes, content: bytes) -> str:
    mac = hmac.digest(key, content, "sha256")
    return lettered(mac[:15], CODE_CHARACTERS)
