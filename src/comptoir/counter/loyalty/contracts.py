"""Requests to the ledger, and the accounts it knows."""

from __future__ import annotations

import enum
from typing import Annotated, Final

import msgspec

from comptoir.counter.customers.contracts import Identifier
from comptoir.foundation.touchpoints.contracts import EventType, Product

REDEEM: Final = "points.redeem"
RESERVE: Final = "points.reserve"
POST: Final = "points.post"
VOID: Final = "points.void"
ADJUST: Final = "points.adjust"
EXPIRE: Final = "points.expire"
REQUESTS: Final = frozenset({REDEEM, RESERVE, POST, VOID, ADJUST, EXPIRE})

#: Who speaks when time has passed; no touchpoint may use a source below ``/comptoir/``.
CLOCK_SOURCE: Final = "/comptoir/clock"

POINTS_MAX: Final = 10**9
Points = Annotated[int, msgspec.Meta(ge=1, le=POINTS_MAX)]
Reservation = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Receipt = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
HOLD_SECONDS_MAX: Final = 7 * 86_400


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


class PointsRedeem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.redeem``: spend points now."""

    customer: Identifier
    points: Points
    receipt: Receipt | None = None


class PointsReserve(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.reserve``: hold points for ``expires_in`` seconds, under a name that the sender chooses."""

    customer: Identifier
    points: Points
    reservation: Reservation
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=HOLD_SECONDS_MAX)]


class PointsPost(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.post``: spend what was held, or the first ``points`` of it; the rest becomes available again."""

    reservation: Reservation
    points: Points | None = None
    receipt: Receipt | None = None


class PointsVoid(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``points.void``: give back what was held."""

    reservation: Reservation


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


#: What touchpoints may send.
EVENT_TYPES: Final = (
    EventType(
        name=REDEEM, title="Spend points now", data=PointsRedeem,
        classes={"customer": "pseudonym", "points": "points", "receipt": "sale"},
    ),
    EventType(
        name=RESERVE, title="Hold points while the money is taken", data=PointsReserve,
        classes={"customer": "pseudonym", "points": "points", "reservation": "points", "expires_in": "points"},
    ),
    EventType(
        name=POST, title="Spend what was held", data=PointsPost,
        classes={"reservation": "points", "points": "points", "receipt": "sale"},
    ),
    EventType(name=VOID, title="Give back what was held", data=PointsVoid, classes={"reservation": "points"}),
    EventType(
        name=ADJUST, title="Add or take points by hand", data=PointsAdjust,
        classes={"customer": "pseudonym", "points": "points", "reason": "reason"},
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
