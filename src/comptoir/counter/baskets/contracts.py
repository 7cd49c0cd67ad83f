"""What channels say about baskets.

Every operation names what it concerns: a put is known by its event and its place in it, a removal by the put. So they
commute, and whoever repeats one repeats nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.offers.contracts import CODES_MAX, Codes, Name, Price, Uuid
from comptoir.counter.sales.contracts import Currency
from comptoir.foundation.touchpoints.contracts import EventType, Product

CHANGED: Final = "basket.changed"
LEFT: Final = "basket.left"
EXPIRED: Final = "basket.expired"
TYPES: Final = frozenset({CHANGED, LEFT, EXPIRED})

#: So many operations in one event, so many in one basket for all its time, so many pieces of one put.
OPERATIONS_MAX: Final = 100
BASKET_OPERATIONS_MAX: Final = 1_000
PIECES_MAX: Final = 999

#: What the log names in place of a basket that went with a purchase that was forgotten. No basket is called so.
EMPTIED: Final = "00000000-0000-0000-0000-000000000000"

Pieces = Annotated[int, Meta(ge=1, le=PIECES_MAX)]


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one piece cost when it was put in, in minor units, as whoever put it in was shown it.

    Nothing is priced by it: it only lets the basket say that a price has changed since.
    """

    currency: Currency
    amount: Price


class PutIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many pieces of a product, by its SKU."""

    product: Name
    quantity: Pieces = 1
    seen: Seen | None = None


class PutReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which put: the id of its event, its place there (the first is 1), and its source unless it is the sender's."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    line: Annotated[int, Meta(ge=1, le=OPERATIONS_MAX)] = 1
    source: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of what a put brought, keep at most so many pieces, those already sold among them; 0 removes it."""

    put: PutReference
    quantity: Annotated[int, Meta(ge=0, le=PIECES_MAX)]


class BasketChanged(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``basket.changed``: pieces are put in or taken out, a coupon's code is shown or not shown any more.

    ``basket`` is a random UUID that whoever begins the basket makes. ``customer`` claims it for somebody; one that is
    claimed takes nobody else's claim. ``show`` holds codes as they were scanned or typed, of which a keyed digest is
    kept; ``hide`` holds such digests, as the basket tells them.
    """

    basket: Uuid
    customer: Identifier | None = None
    put: Annotated[list[PutIn], Meta(max_length=OPERATIONS_MAX)] = []
    keep: Annotated[list[Keep], Meta(max_length=OPERATIONS_MAX)] = []
    show: Codes = []
    hide: Annotated[list[Uuid], Meta(max_length=CODES_MAX)] = []


class BasketShown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is shown at a till to have a basket read at ``source``, as it was scanned or typed.

    A customer's whole code, for what is in the baskets of theirs; or the eight digits of one basket.
    """

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    code: Annotated[str, Meta(pattern=r"^(?:\d{8}|C1[0-9A-Za-z]{20,254})$")]


class BasketLeft(msgspec.Struct, forbid_unknown_fields=True):
    """``basket.left``: a customer's basket has something in it and was not touched for a day.

    The house's own clock says so, never a touchpoint; ``basket`` is not said, nor what is in it.
    """

    customer: Identifier


class BasketExpired(msgspec.Struct, forbid_unknown_fields=True):
    """``basket.expired``: nobody has touched a basket since ``since`` (its last position), and its time is over.

    The house's own clock says so, never a touchpoint.
    """

    basket: Uuid
    since: Uuid


EVENT_TYPES: Final = (
    EventType(
        name=CHANGED, title="A basket is changed", data=BasketChanged,
        classes={
            "basket": "sale", "customer": "pseudonym", "put": "sale", "keep": "sale", "show": "sale", "hide": "sale",
        },
    ),
)  # fmt: skip
#: What the house's clock says; no touchpoint may send it.
CLOCK_TYPES: Final = (
    EventType(name=LEFT, title="A basket was left", data=BasketLeft, classes={"customer": "pseudonym"}),
    EventType(
        name=EXPIRED, title="A basket's time is over", data=BasketExpired,
        classes={"basket": "sale", "since": "mechanical"},
    ),
)  # fmt: skip
PRODUCTS: Final = (
    Product(
        name="basket.content", title="What is in a basket, and what it costs", maker="baskets",
        made_from=frozenset({CHANGED}), data_class="sale", streamed=False,
    ),
)  # fmt: skip
