"""What is said of gift cards, and what is answered. The gateway puts the keyed digest of each code in its place."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.sales.contracts import Currency, Receipt
from comptoir.foundation.touchpoints.contracts import EventType

ISSUE: Final = "gift_card.issue"
RESERVE: Final = "gift_card.reserve"
POST: Final = "gift_card.post"
VOID: Final = "gift_card.void"
REDEEM: Final = "gift_card.redeem"
CREDIT: Final = "gift_card.credit"
STOP: Final = "gift_card.stop"
EXPIRE: Final = "gift_card.expire"
#: Whoever sends one of these takes money off a card whose code was shown.
TAKING: Final = frozenset({RESERVE, REDEEM})
#: These come with a code, which could be a guess.
SHOWING: Final = TAKING | {ISSUE, STOP}
CLOSING: Final = frozenset({POST, VOID})
#: Everything that this package hears.
TYPES: Final = SHOWING | CLOSING | {CREDIT, EXPIRE}

AMOUNT_MAX: Final = 10**9
HOLD_SECONDS_MAX: Final = 7 * 86_400

Amount = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAX)]
#: As it was scanned or typed.
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
#: What people read to each other, such as ``K7QM-2XHR-9DTW``.
Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}$")]
Reservation = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
#: How a card came to be: paid for, given by the shop, or in the place of one that was stopped.
Origin = Literal["sold", "given", "instead"]
#: Why a card is stopped: somebody has lost it, its price went back, or it was a mistake.
Because = Literal["lost", "refunded", "mistake"]


class Account(enum.IntEnum):
    """An account of the ledger: two of each card, and those of the shop from which and to which cards are moved."""

    AVAILABLE = 1
    HELD = 2
    SOLD = 11
    SPENT = 12
    STOPPED = 13
    EXPIRED = 14
    GIVEN = 15


class GiftCardIssue(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.issue``: a card is worth ``amount`` (minor units) from now on, under a code that the house has made.

    ``receipt`` is where the buyer finds it. Without ``expires_at`` it never runs out.
    """

    code: Code
    currency: Currency
    amount: Amount
    expires_at: Moment | None = None
    origin: Literal["sold", "given"] = "sold"
    receipt: Receipt | None = None


class GiftCardReserve(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.reserve``: hold so much of a card for ``expires_in`` seconds, under a name that the sender chooses.

    ``partly`` takes what is there, if that is less.
    """

    code: Code
    currency: Currency
    amount: Amount
    reservation: Reservation
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=HOLD_SECONDS_MAX)]
    partly: bool = False


class GiftCardPost(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.post``: the goods are sold; what was held is spent."""

    reservation: Reservation
    receipt: Receipt | None = None


class GiftCardVoid(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.void``: nothing was sold; what was held can be spent again."""

    reservation: Reservation


class GiftCardRedeem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.redeem``: spend so much of a card, now. ``partly`` takes what is there, if that is less."""

    code: Code
    currency: Currency
    amount: Amount
    partly: bool = False
    receipt: Receipt | None = None


class SpendingReference(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """By what a card was spent: the id of the event that took it off, and its source unless it is the same one.

    Of a reservation that was posted it is the event that made it.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class GiftCardCredit(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.credit``: so much of what was spent goes back onto its card."""

    spending: SpendingReference
    amount: Amount
    receipt: Receipt | None = None


class GiftCardStop(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.stop``: nothing can be spent of a card any more, and what is left on it is taken off.

    It is named by its ``number`` or its ``code``. With ``instead``, the code of another one, what is left goes onto
    that card, which is issued by it.
    """

    because: Because
    number: Number | None = None
    code: Code | None = None
    instead: Code | None = None


class GiftCardExpire(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``gift_card.expire``: the house's clock says that a card has run out; what is left on it is owed no more."""

    number: Number


class BlankAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for a code that is worth nothing yet, at ``source``."""

    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Blank(msgspec.Struct, frozen=True):
    """A code that the house has made and that no card was issued under; ``number`` is what its card will be called."""

    code: str
    number: str


class CardTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is answered about a card: how much was moved, and how much of it can be spent now, in minor units."""

    number: str
    currency: str
    amount: int
    left: int
    expires_at: dt.datetime | None = None


#: What touchpoints may send; that a card has run out is the clock's to say.
EVENT_TYPES: Final = (
    EventType(
        name=ISSUE, title="Issue a gift card", data=GiftCardIssue,
        classes={
            "code": "sale", "currency": "sale", "amount": "sale", "expires_at": "time", "origin": "sale",
            "receipt": "sale",
        },
    ),
    EventType(
        name=RESERVE, title="Hold a part of a gift card", data=GiftCardReserve,
        classes={
            "code": "sale", "currency": "sale", "amount": "sale", "reservation": "sale", "expires_in": "time",
            "partly": "sale",
        },
    ),
    EventType(
        name=POST, title="Spend what was held of a gift card", data=GiftCardPost,
        classes={"reservation": "sale", "receipt": "sale"},
    ),
    EventType(
        name=VOID, title="Free what was held of a gift card", data=GiftCardVoid, classes={"reservation": "sale"},
    ),
    EventType(
        name=REDEEM, title="Spend a gift card", data=GiftCardRedeem,
        classes={"code": "sale", "currency": "sale", "amount": "sale", "partly": "sale", "receipt": "sale"},
    ),
    EventType(
        name=CREDIT, title="Give back onto a gift card", data=GiftCardCredit,
        classes={"spending": "sale", "amount": "sale", "receipt": "sale"},
    ),
    EventType(
        name=STOP, title="Stop a gift card", data=GiftCardStop,
        classes={"because": "sale", "number": "sale", "code": "sale", "instead": "sale"},
    ),
)  # fmt: skip
