"""What somebody wants at the checkout, and who gets it."""

from __future__ import annotations

import uuid
from typing import Final, Literal

import msgspec

from comptoir.counter.orders.contracts import By, Means
from comptoir.vault.contacts.contracts import Hidden, PostalAddress

#: How far a checkout has come. ``settled`` and ``over`` are its ends.
Step = Literal["begun", "held", "placed", "paid", "settled", "over"]
ENDS: Final[frozenset[Step]] = frozenset({"settled", "over"})


class Recipient(msgspec.Struct, frozen=True):
    """Who gets an order. A pick-up has no address; the e-mail address is where the receipt goes."""

    name: Hidden[str]
    email: Hidden[str] | None = None
    address: Hidden[PostalAddress] | None = None


class CardWish(msgspec.Struct, frozen=True):
    """How much a gift card is to pay, in minor units: the digest of its code, and the number that people may read."""

    card: str
    number: str
    amount: int


class Wish(msgspec.Struct, frozen=True):
    """What somebody confirms at the checkout: which quote they have seen, and how the goods get to whom.

    ``user`` is who is signed in, unset for a guest; ``customer`` whom the counter recognised when it sent them here.
    ``order`` is the id that the page had for it, so that a page that is sent twice is one order. ``is_gift`` sends it
    to whose wish list it is; then there is no address in here. ``points`` are so many as are to pay a part of it:
    whoever asks for that was confirmed just now. ``card`` is a gift card that is to pay a part. ``in_store`` says that
    a pick-up is paid where it is handed over.
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
    is_gift: bool = False
    points: int = 0
    card: CardWish | None = None
    in_store: bool = False


class Tender(msgspec.Struct, frozen=True):
    """A part of what is paid: with which means, how much (minor units), and the smallest part of it that goes back.

    Points are ``unit`` minor units each.
    """

    means: Means
    amount: int
    unit: int = 1

    @property
    def pieces(self) -> int:
        """Return how many of its units it is: of points, how many points."""
        return self.amount // self.unit
