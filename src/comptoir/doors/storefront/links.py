"""Card links: a signed address that opens a customer's card on whatever browser it is opened with.

The link is what the customer holds: on a receipt, in a message, as a code to scan. It names an opaque customer and
the moment it was made, signed with a key of the shop's own. Needs no configured Django. Not here: what the card shows.
"""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from typing import Final

from django.core import signing

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER

#: How long a link opens a card. The card itself does not end; the shop gives out a new link.
VALID_DAYS: Final = 400
_SALT: Final = "comptoir.storefront.card"


class CardLinkInvalid(Exception):  # noqa: N818 - a refusal, named as such
    """This is no card link of this shop, or it is too old."""


def card_link(customer: uuid.UUID) -> str:
    """Return the full address that opens a customer's card."""
    return addresses.url_of(COUNTER, f"/card/{card_token(customer)}")


def card_token(customer: uuid.UUID) -> str:
    """Return the last part of a card link."""
    return _signer().sign(base64.urlsafe_b64encode(customer.bytes).decode().rstrip("="))


def customer_of(token: str) -> uuid.UUID:
    """Return the customer whom a link is for. Raises :class:`CardLinkInvalid` for a forged, cut or old one."""
    try:
        text = _signer().unsign(token, max_age=dt.timedelta(days=VALID_DAYS))
    except signing.BadSignature:
        raise CardLinkInvalid from None
    return uuid.UUID(bytes=base64.urlsafe_b64decode(text + "=="))


def _signer() -> signing.TimestampSigner:
    key = shop.secret("card-links").hex()
    return signing.TimestampSigner(key=key, sep=".", salt=_SALT, fallback_keys=[])
