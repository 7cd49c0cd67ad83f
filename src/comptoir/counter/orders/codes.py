"""Numbers of orders, which are no secret, and pick-up codes, which are: made from keys of the shop, kept nowhere.

A pick-up code is made and found like a coupon's (``counter/offers/codes.py``), by a key of its own.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from comptoir.counter.loyalty.codes import grouped
from comptoir.counter.offers.codes import CouponCodes, lettered
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id

#: The name of the shop's key for pick-up codes.
KEY_NAME: Final = "orders"
NUMBER_CHARACTERS: Final = 12


def pickup_codes() -> CouponCodes:
    """Return what makes the pick-up codes of the shop whose folder the environment names."""
    return CouponCodes(shop.remembered_secret(KEY_NAME))


def pickup_code_of(order: uuid.UUID | Id) -> str:
    """Return an order's pick-up code as its page shows it, in groups of four."""
    return grouped(pickup_codes().code(str(order)))


def digest_of(shown: str) -> Id | None:
    """Return what is kept of a pick-up code; ``None`` where this process has no key for them. No key is made."""
    secret = shop.kept_secret(KEY_NAME)
    return None if secret is None else CouponCodes(secret).digest(shown)


def number_of(order: uuid.UUID | Id) -> str:
    """Return the number under which people speak of an order: twelve characters, 60 bits of its id's hash."""
    hashed = hashlib.sha256(b"comptoir order " + str(order).encode()).digest()
    return grouped(lettered(hashed[:10], NUMBER_CHARACTERS))
