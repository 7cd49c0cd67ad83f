"""Numbers of orders, which are no secret, and pick-up codes, which are: made from keys of the shop, kept nowhere.

A pick-up code is made and found like a coupon's (``counter/offers/codes.py``), by a key of its own.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Final

from comptoir.counter.loyalty.codes import grouped
from comptoir.counter.offers.codes import CouponCodes
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id

#: The name of the shop's key for pick-up codes.
KEY_NAME: Final = "orders"
_TO_OURS: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def pickup_codes() -> CouponCodes:
    """Return what makes the pick-up codes of the shop whose folder the environment names."""
    return CouponCodes(shop.remembered_secret(KEY_NAME))


def pickup_code_of(order: uuid.UUID | Id) -> str:
    """Return an order's pick-up code as its page shows it, in groups of four."""
    return grouped(pickup_codes().code(str(order)))


def number_of(order: uuid.UUID | Id) -> str:
    """Return the number under which people speak of an order: twelve characters, 60 bits of its id's hash."""
    hashed = hashlib.sha256(b"comptoir order " + str(order).encode()).digest()
    text = base64.b32encode(hashed[:10]).decode().translate(_TO_OURS)[:12]
    return "-".join(text[start : start + 4] for start in range(0, 12, 4))
