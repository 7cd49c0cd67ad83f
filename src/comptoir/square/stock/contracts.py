"""What is said of stock: facts (counted, moved, placed), and requests (hold, prolong, release)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from comptoir.foundation.kernel.ids import UUID_PATTERN, Id
from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.square.catalog.contracts import Reference

COUNTED: Final = "stock.counted"
MOVED: Final = "stock.moved"
PLACED: Final = "stock.placed"
HOLD: Final = "stock.hold"
PROLONG: Final = "stock.prolong"
RELEASE: Final = "stock.release"
SHORT: Final = "stock.short"
#: What says something of a hold that there is.
ENDING: Final = frozenset({PROLONG, RELEASE})
#: Everything that this package hears.
STOCK: Final = frozenset({COUNTED, MOVED, PLACED, HOLD, PROLONG, RELEASE, SHORT})

LINES_MAX: Final = 500
HELD_LINES_MAX: Final = 100
QUANTITY_MAX: Final = 10**7
HOLD_SECONDS_MAX: Final = 7 * 86_400

#: Whoever sends it chooses it, at random: whoever knows it may end the hold by a sale.
HoldId = Annotated[str, Meta(pattern=UUID_PATTERN)]
Quantity = Annotated[int, Meta(ge=0, le=QUANTITY_MAX)]
Pieces = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
Spot = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\S")]
Seconds = Annotated[int, Meta(ge=1, le=HOLD_SECONDS_MAX)]
#: Why something came or went other than by a sale or a return.
Cause = Literal["delivered", "transferred", "damaged", "lost", "used"]


class Article(NamedTuple):
    """A SKU at one store; articles are locked in the order in which they sort."""

    store: str
    sku: str


class CountedLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many of a SKU are there."""

    sku: Reference
    quantity: Quantity


class StockCounted(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.counted``: so many were on the shelves of a store at ``time``; the latest count of each SKU holds."""

    store: Reference
    lines: Annotated[list[CountedLine], Meta(min_length=1, max_length=LINES_MAX)]


class MovedLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many of a SKU came (above zero) or went (below)."""

    sku: Reference
    quantity: Annotated[int, Meta(ge=-QUANTITY_MAX, le=QUANTITY_MAX)]


class StockMoved(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.moved``: goods came to a store or left it at ``time``, other than by a sale or a return."""

    store: Reference
    because: Cause
    lines: Annotated[list[MovedLine], Meta(min_length=1, max_length=LINES_MAX)]


class PlacedLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """Where a SKU lies; with neither aisle nor shelf, it is not known any more."""

    sku: Reference
    aisle: Spot | None = None
    shelf: Spot | None = None


class StockPlaced(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.placed``: from ``time`` on these lie there; the latest word on each SKU holds."""

    store: Reference
    lines: Annotated[list[PlacedLine], Meta(min_length=1, max_length=LINES_MAX)]


class HoldLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """So many of a SKU at a store."""

    store: Reference
    sku: Reference
    quantity: Pieces


class StockHold(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.hold``: set these aside for ``expires_in`` seconds, all of them or none."""

    hold: HoldId
    lines: Annotated[list[HoldLine], Meta(min_length=1, max_length=HELD_LINES_MAX)]
    expires_in: Seconds


class StockProlong(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.prolong``: hold it for ``expires_in`` seconds from now, if that is longer: payment is under way."""

    hold: HoldId
    expires_in: Seconds


class StockRelease(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.release``: what was held is free again."""

    hold: HoldId


class StockShort(msgspec.Struct, forbid_unknown_fields=True):
    """``stock.short``: a store has ``missing`` less of a SKU than is held; these holds are not covered, latest first.

    The house says so, once of each: a till had the goods in hand, or fewer were counted.
    """

    store: Reference
    sku: Reference
    missing: Pieces
    holds: list[HoldId]


class Moved(msgspec.Struct, frozen=True):
    """A movement: a line of an event, by whatever it was caused. ``quantity`` is above zero for what came."""

    position: Id
    line: int
    store: str
    sku: str
    at: dt.datetime
    quantity: int


class Available(msgspec.Struct, frozen=True):
    """How much of an article there is; ``counted_at`` is when it was counted last."""

    store: str
    sku: str
    on_hand: int
    held: int
    counted_at: dt.datetime

    @property
    def available(self) -> int:
        """How much of it can be had or held; never below zero."""
        return max(0, self.on_hand - self.held)


EVENT_TYPES: Final = (
    EventType(
        name=COUNTED, title="So many are on the shelves", data=StockCounted,
        classes={"store": "place", "lines": "public"},
    ),
    EventType(
        name=MOVED, title="Goods came or went", data=StockMoved,
        classes={"store": "place", "because": "public", "lines": "public"},
    ),
    EventType(
        name=PLACED, title="They lie there", data=StockPlaced, classes={"store": "place", "lines": "place"},
    ),
    EventType(
        name=HOLD, title="Set these aside", data=StockHold,
        classes={"hold": "sale", "lines": "sale", "expires_in": "time"},
    ),
    EventType(
        name=PROLONG, title="Hold it longer", data=StockProlong, classes={"hold": "sale", "expires_in": "time"},
    ),
    EventType(name=RELEASE, title="What was held is free again", data=StockRelease, classes={"hold": "sale"}),
)  # fmt: skip
#: What only the house's clock says.
CLOCK_TYPES: Final = (
    EventType(
        name=SHORT, title="What is held is not there", data=StockShort,
        classes={"store": "place", "sku": "public", "missing": "public", "holds": "sale"},
    ),
)  # fmt: skip
