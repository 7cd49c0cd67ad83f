"""Requests to the ledger, and the accounts it knows."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.customers.contracts import Identifier
from comptoir.foundation.touchpoints.contracts import EventType, Product
from comptoir.square.community.contracts import POST_IMPORTED, POST_PUBLISHED

REDEEM: Final = "points.redeem"
RESERVE: Final = "points.reserve"
POST: Final = "points.post"
VOID: Final = "points.void"
ADJUST: Final = "points.adjust"
EXPIRE: Final = "points.expire"
LEASE: Final = "points.lease"
LEASE_RENEW: Final = "points.lease_renew"
LEASE_SPEND: Final = "points.lease_spend"
LEASE_RETURN: Final = "points.lease_return"
LEASE_RECONCILE: Final = "points.lease_reconcile"
#: What is said of a lease that exists.
LEASED: Final = frozenset({LEASE_RENEW, LEASE_SPEND, LEASE_RETURN, LEASE_RECONCILE})
LEASES: Final = LEASED | {LEASE}
REQUESTS: Final = frozenset({REDEEM, RESERVE, POST, VOID, ADJUST, EXPIRE}) | LEASES
LIMITED: Final = "spending.limited"
COOLED: Final = "spending.cooled"
THANKED: Final = "contribution.thanked"
FROZEN: Final = "spending.frozen"
THAWED: Final = "spending.thawed"
#: What is said of somebody's spending: facts, which hold from their commit on.
STANDING: Final = frozenset({LIMITED, COOLED, FROZEN, THAWED})

#: Types whose decision in the log is no list of transfers. Some are decided further in, where nobody here may look.
NOT_MOVING: Final = frozenset(
    {
        LIMITED,
        POST_PUBLISHED,
        POST_IMPORTED,
        "coupon.redeem",
        "coupon.reserve",
        "coupon.redeemed",
        "gift_card.issue",
        "gift_card.reserve",
        "gift_card.post",
        "gift_card.void",
        "gift_card.redeem",
        "gift_card.credit",
        "gift_card.stop",
        "gift_card.expire",
    }
)

POINTS_MAX: Final = 10**9
Points = Annotated[int, msgspec.Meta(ge=1, le=POINTS_MAX)]
Reservation = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Receipt = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
HOLD_SECONDS_MAX: Final = 7 * 86_400
LEASE_SECONDS_MAX: Final = 7 * 86_400
#: So often a lease can be spent from at most.
LEASE_SPENDS_MAX: Final = 1_000

#: The rule by which points are earned that a promotion lets count several times.
MULTIPLIED: Final = "promotion"
#: An identifier of this kind carries a whole code that a customer shows: it says who they are, however old it is.
CODE_KIND: Final = "code"
#: What the door says of limits that a passkey was asked about.
CONFIRMED: Final = "confirmed"
#: What the door says of somebody who spends where the touchpoint's own system has signed them in.
SIGNED_IN: Final = "signed in"


class Account(enum.IntEnum):
    """Where points can be. The first three belong to a customer, the others to the programme."""

    AVAILABLE = 1
    HELD = 2
    OWED = 3
    ISSUED = 11
    REDEEMED = 12
    EXPIRED = 13
    ADJUSTED = 14
    CLAIMS = 15


class Proof(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What was shown to spend: a code, as it was scanned or typed.

    The gateway puts its digest in the place of ``value``. It belongs to the request and is no part of what the request
    says: a repeat may bring another one.
    """

    kind: Literal["code"]
    value: Annotated[str, msgspec.Meta(min_length=8, max_length=256)]


class PointsRedeem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.redeem``: spend points now."""

    customer: Identifier
    points: Points
    receipt: Receipt | None = None
    proof: Proof | None = None


class PointsReserve(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.reserve``: hold points for ``expires_in`` seconds, under a name that the sender chooses."""

    customer: Identifier
    points: Points
    reservation: Reservation
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=HOLD_SECONDS_MAX)]
    proof: Proof | None = None


class PointsPost(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.post``: spend what was held, or the first ``points`` of it; the rest becomes available again."""

    reservation: Reservation
    points: Points | None = None
    receipt: Receipt | None = None


class PointsVoid(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.void``: give back what was held."""

    reservation: Reservation


class PointsLease(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.lease``: hold points that this till may let be spent for ``expires_in`` seconds, also without a line.

    ``lease`` is a name that the sender chooses.
    """

    customer: Identifier
    points: Points
    lease: Reservation
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=LEASE_SECONDS_MAX)]
    proof: Proof | None = None


class PointsLeaseRenew(msgspec.Struct, forbid_unknown_fields=True):
    """``points.lease_renew``: a lease that has not run out ends ``expires_in`` seconds from now, if that is later."""

    lease: Reservation
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=LEASE_SECONDS_MAX)]


class PointsLeaseSpend(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.lease_spend``: what was spent out of a lease at ``time``, however late this is heard.

    ``sequence`` counts from 1, without a gap, for each lease.
    """

    lease: Reservation
    points: Points
    sequence: Annotated[int, msgspec.Meta(ge=1, le=LEASE_SPENDS_MAX)]
    receipt: Receipt | None = None


class PointsLeaseReturn(msgspec.Struct, forbid_unknown_fields=True):
    """``points.lease_return``: nothing more is spent out of a lease; ``spends`` were, those refused left out."""

    lease: Reservation
    spends: Annotated[int, msgspec.Meta(ge=0, le=LEASE_SPENDS_MAX)]


class PointsLeaseReconcile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.lease_reconcile``: staff settle a lease that has run out, of a till that does not come back.

    With ``spends`` as the till's journal has it, the rest comes back once all of them have arrived; without, at once.
    """

    touchpoint: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    lease: Reservation
    reason: Literal["lost", "stolen", "broken", "retired"]
    spends: Annotated[int, msgspec.Meta(ge=0, le=LEASE_SPENDS_MAX)] | None = None


class PointsAdjust(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.adjust``: staff add or take points, and say why."""

    customer: Identifier
    points: Annotated[int, msgspec.Meta(ge=-POINTS_MAX, le=POINTS_MAX)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PointsExpire(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.expire``: lots whose last day lies before ``before`` (a date) are gone.

    The house's own clock says so, never a touchpoint.
    """

    customer: Identifier
    before: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Earned(msgspec.Struct, forbid_unknown_fields=True):
    """Points that an earning rule had promised."""

    rule: str
    points: Points


class ContributionThanked(msgspec.Struct, forbid_unknown_fields=True):
    """``contribution.thanked``: a customer gets what was promised for a contribution to the square.

    The house's own clock says so, never a touchpoint; and not for which contribution, nor of when.
    """

    customer: Identifier
    activity: Literal["review.published", "idea.done"]
    earned: tuple[Earned, ...]


#: A place is the beginning of sources: ``/stores/7`` is every till of that store, ``/webshop`` the web shop.
Place = Annotated[str, msgspec.Meta(min_length=2, max_length=64, pattern=r"^/[^\s*]+$")]


class Confirmation(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """That the customer's passkey was asked about these limits; the gateway checks it and keeps nothing of it."""

    kind: Literal["confirmation"]
    value: Annotated[str, msgspec.Meta(min_length=8, max_length=256)]


class SpendingLimited(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``spending.limited``: where and how much a customer lets be spent from now on; what is not said is not limited.

    The last word holds as a whole, what is stricter in it at once; what is not, only with a ``proof`` or after a while.
    ``places`` are the only ones, ``points_without_passkey`` is how much may be spent at once with what is less than a
    confirmed amount.
    """

    customer: Identifier
    locked: bool = False
    places: Annotated[list[Place], msgspec.Meta(min_length=1, max_length=50)] | None = None
    points_per_day: Annotated[int, msgspec.Meta(ge=0, le=POINTS_MAX)] | None = None
    points_without_passkey: Annotated[int, msgspec.Meta(ge=0, le=POINTS_MAX)] | None = None
    proof: Confirmation | None = None


class SpendingCooled(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``spending.cooled``: something with which somebody signs in has changed, so nothing is spent until then.

    That is thirty days after ``time`` at most.
    """

    customer: Identifier
    until: Annotated[dt.datetime, msgspec.Meta(tz=True)]


class SpendingFrozen(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``spending.frozen``: somebody said that this is not their doing; nothing is spent until it is thawed."""

    customer: Identifier


class SpendingThawed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``spending.thawed``: it was their doing after all, or is put right."""

    customer: Identifier


#: What touchpoints may send.
EVENT_TYPES: Final = (
    EventType(
        name=REDEEM, title="Spend points now", data=PointsRedeem,
        classes={"customer": "pseudonym", "points": "points", "receipt": "sale", "proof": "pseudonym"}, spends=True,
    ),
    EventType(
        name=RESERVE, title="Hold points while the money is taken", data=PointsReserve,
        classes={
            "customer": "pseudonym", "points": "points", "reservation": "points", "expires_in": "points",
            "proof": "pseudonym",
        },
        spends=True,
    ),
    EventType(
        name=POST, title="Spend what was held", data=PointsPost,
        classes={"reservation": "points", "points": "points", "receipt": "sale"},
    ),
    EventType(name=VOID, title="Give back what was held", data=PointsVoid, classes={"reservation": "points"}),
    EventType(
        name=LEASE, title="Hold points for a till", data=PointsLease,
        classes={
            "customer": "pseudonym", "points": "points", "lease": "points", "expires_in": "points",
            "proof": "pseudonym",
        },
        spends=True,
    ),
    EventType(
        name=LEASE_RENEW, title="Let a lease end later", data=PointsLeaseRenew,
        classes={"lease": "points", "expires_in": "points"},
    ),
    EventType(
        name=LEASE_SPEND, title="Spend out of a lease", data=PointsLeaseSpend,
        classes={"lease": "points", "points": "points", "sequence": "points", "receipt": "sale"},
    ),
    EventType(
        name=LEASE_RETURN, title="Return a lease", data=PointsLeaseReturn,
        classes={"lease": "points", "spends": "points"},
    ),
    EventType(
        name=LEASE_RECONCILE, title="Reconcile a lease that has run out", data=PointsLeaseReconcile,
        classes={"touchpoint": "place", "lease": "points", "reason": "reason", "spends": "points"},
    ),
    EventType(
        name=ADJUST, title="Add or take points by hand", data=PointsAdjust,
        classes={"customer": "pseudonym", "points": "points", "reason": "reason"},
    ),
    EventType(
        name=LIMITED, title="Say where and how much may be spent", data=SpendingLimited,
        classes={
            "customer": "pseudonym", "locked": "points", "places": "place", "points_per_day": "points",
            "points_without_passkey": "points", "proof": "pseudonym",
        },
    ),
    EventType(
        name=COOLED, title="Spend nothing for a while", data=SpendingCooled,
        classes={"customer": "pseudonym", "until": "time"},
    ),
    EventType(
        name=FROZEN, title="Spend nothing until further notice", data=SpendingFrozen,
        classes={"customer": "pseudonym"},
    ),
    EventType(
        name=THAWED, title="Spend again", data=SpendingThawed, classes={"customer": "pseudonym"},
    ),
)  # fmt: skip

_MOVES: Final = frozenset({"sale.closed", "sale.returned", "identifier.linked", "identifier.unlinked"} | REQUESTS)
PRODUCTS: Final = (
    Product(
        name="points.balance", title="A customer's points", maker="loyalty", made_from=_MOVES, data_class="points",
        from_activities=True,
    ),
    Product(
        name="points.history", title="Every point and why", maker="loyalty", made_from=_MOVES, data_class="points",
        from_activities=True, streamed=False,
    ),
)  # fmt: skip
