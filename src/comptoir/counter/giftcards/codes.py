"""Codes of gift cards: made by chance, kept nowhere, and found again by their keyed digest.

A code is twenty characters of Crockford's alphabet: sixteen by chance (80 bits), three that are a seal, and one to
check the others. The *seal* is the beginning of a keyed hash (HMAC-SHA-256) of the sixteen: it says that this house
has made the code, so that no till can issue a card under one that it has thought out. The check character is that of
H. Michael Damm (*Total anti-symmetrische Quasigruppen*, Marburg 2004) over the field of 32 elements: it finds every
character that was mistyped and every two neighbours that were swapped, without any key, so that an honest slip costs
nobody a try. The digest is another keyed hash of the code; it is all that tables and the log have, and whoever reads
it there cannot show it. Not here: what a code is worth.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from comptoir.counter.loyalty.codes import grouped
from comptoir.counter.offers.codes import lettered, normal
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id

#: The name of the shop's key for gift cards.
KEY_NAME: Final = "gift-cards"
CODE_CHARACTERS: Final = 20
NUMBER_CHARACTERS: Final = 12
_CHANCE_CHARACTERS: Final = 16
_SEAL_CHARACTERS: Final = 3
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
#: x^5 + x^2 + 1, by which five bits are multiplied (a primitive polynomial over GF(2)).
_POLYNOMIAL: Final = 0b100101
_HIGHEST: Final = 0b100000


class GiftCardCodes:
    """Makes the codes of one shop, and the digests by which they are found."""

    def __init__(self, secret: bytes) -> None:
        """Work with the shop's key for gift cards (32 bytes)."""
        self._seal_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir sealed").digest()
        self._digest_key = hashlib.blake2b(secret, digest_size=32, person=b"comptoir giftcrd").digest()

    @classmethod
    def of_shop(cls) -> GiftCardCodes:
        """Return the codes of the shop whose folder the environment names; its key is made when it is first asked."""
        return cls(shop.remembered_secret(KEY_NAME))

    def new(self) -> str:
        """Return a code that nobody has seen, worth nothing until a card is issued under it."""
        return self.sealed(lettered(secrets.token_bytes(10), _CHANCE_CHARACTERS))

    def sealed(self, chance: str) -> str:
        """Return the whole code of its sixteen characters by chance."""
        text = chance + self._seal(chance)
        return text + check_character(text)

    def is_ours(self, shown: str) -> bool:
        """Tell whether this house has made a code, however it was written; nothing about what it is worth."""
        text = normal(shown)
        chance = text[:_CHANCE_CHARACTERS]
        return is_well_typed(text) and hmac.compare_digest(self._seal(chance), text[_CHANCE_CHARACTERS:-1])

    def digest(self, shown: str) -> Id:
        """Return what is kept of a code, as the text of a UUID, however it was written or scanned."""
        text = hmac.digest(self._digest_key, normal(shown).encode(), "sha256").hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"

    def _seal(self, chance: str) -> str:
        return lettered(hmac.digest(self._seal_key, chance.encode(), "sha256"), _SEAL_CHARACTERS)


def check_character(text: str) -> str:
    """Return the character that checks a text of the alphabet."""
    return _ALPHABET[_doubled(_interim(text))]


def is_well_typed(shown: str) -> bool:
    """Tell whether a code has its length and fits its check character, however it was written. Anybody can tell."""
    text = normal(shown)
    return len(text) == CODE_CHARACTERS and _VALUES.keys() >= set(text) and _interim(text) == 0


def number_of(card: Id) -> str:
    """Return the number under which people speak of a card: twelve characters, 60 bits of a hash of its digest."""
    hashed = hashlib.sha256(b"comptoir gift card " + card.encode()).digest()
    return grouped(lettered(hashed[:10], NUMBER_CHARACTERS))


def shown_code(code: str) -> str:
    """Return a code as it is printed, in groups of four."""
    return grouped(code)


def _interim(text: str) -> int:
    interim = 0
    for character in text:
        interim = _doubled(interim) ^ _VALUES[character]
    return interim


def _doubled(value: int) -> int:
    value <<= 1
    return value ^ _POLYNOMIAL if value & _HIGHEST else value
