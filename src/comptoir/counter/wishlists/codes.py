"""Secrets of links and of friends: made from a key of the shop or drawn by chance, and kept nowhere.

A link's secret is made out of a share's id like a coupon's code out of a coupon's (``counter/offers/codes.py``), by a
key of its own: twenty characters, 100 bits. A friend's secret lies in their browser; what is kept is made from it and
from the list, so that nobody can tell that two lists have a friend in common.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from comptoir.counter.offers.codes import CouponCodes
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id

#: The name of the shop's key for wish lists' links.
KEY_NAME: Final = "wish-lists"
_BITS: Final = 128


def link_codes() -> CouponCodes:
    """Return what makes the secrets of links of the shop whose folder the environment names."""
    return CouponCodes(shop.remembered_secret(KEY_NAME))


def secret_of(share: Id) -> str:
    """Return the secret in a share's link."""
    return link_codes().code(share).lower()


def digest_of(share: Id) -> Id:
    """Return by what a shared list is found."""
    codes = link_codes()
    return codes.digest(codes.code(share))


def friend_of(secret: str, wish_list: Id) -> Id:
    """Return what is kept of a friend's secret for one list, as the text of a UUID."""
    hashed = hashlib.sha256(b"comptoir friend " + wish_list.encode() + b" " + secret.encode()).digest()
    return str(uuid.UUID(bytes=hashed[: _BITS // 8]))
