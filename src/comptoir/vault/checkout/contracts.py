"""What somebody wants at the checkout, and who gets it."""

from __future__ import annotations

import uuid
from typing import Final, Literal

import msgspec

from comptoir.counter.orders.contracts import By
from comptoir.vault.contacts.contracts import Hidden, PostalAddress

#: How far a checkout has come. ``settled`` and ``over`` are its ends.
Step = Literal["begun", "held", "placed", "paid", "settled", "over"]
ENDS: Final[frozenset[Step]] = frozenset({"settled", "over"})


class Recipient(msgspec.Struct, frozen=True):
    """Who gets an order. A pick-up has no address; the e-mail address is where the receipt goes."""

    name: Hidden[str]
    email: Hidden[str] | None = None
    address: Hidden[PostalAddress] | None = None


class Wish(msgspec.Struct, frozen=True):
    """What somebody confirms at the checkout: which quote they have seen, and how the goods get to whom.

    ``user`` is who is signed in, unset for a guest; ``customer`` whom the counter recognised when it sent them here.
    ``order`` is the id that the page had for it, so that a page that is sent twice is one order.
    """

    order: uuid.UUID
    basket: str
    digest: str
    by: By
    recipient: Recipient
    user: uuid.UUID | None = None
    customer: uuid.UUID | None = None
    store: str | None = None
    language: str = "en"
