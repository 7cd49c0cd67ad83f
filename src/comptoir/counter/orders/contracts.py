"""What is said of orders: facts of the checkout (placed, paid), and requests (pack, hand over, cancel)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.sales.contracts import Amount, Basket, Currency, Gtin, PositiveAmount, Receipt, Store
from comptoir.foundation.kernel.ids import UUID_PATTERN
from comptoir.foundation.touchpoints.contracts import EventType, Product
from comptoir.square.stock.contracts import HoldId

PLACED: Final = "order.placed"
PAID: Final = "order.paid"
PACK: Final = "order.pack"
HAND_OVER: Final = "order.hand_over"
CANCEL: Final = "order.cancel"
#: Everything that this package hears.
TYPES: Final = frozenset({PLACED, PAID, PACK, HAND_OVER, CANCEL})
LINES_MAX: Final = 200
PIECES_MAX: Final = 10_000

NUMBER_PATTERN: Final = r"^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}$"

OrderId = Annotated[str, Meta(pattern=UUID_PATTERN)]
#: What people read to each other, such as ``K7QM-2XHR-9DTW``.
Number = Annotated[str, Meta(pattern=NUMBER_PATTERN)]
#: As it was scanned or typed. The gateway puts its keyed digest in its place.
Code = Annotated[str, Meta(min_length=1, max_length=64)]
#: How the goods get to somebody.
By = Literal["delivery", "pickup"]
#: With what an order is paid.
Means = Literal["provider", "cash", "card", "points", "gift_card"]
#: Why an order comes to nothing.
#: Until when something is waited for, with its zone.
Until = Annotated[dt.datetime, Meta(tz=True)]
#: What a payment terminal prints of a payment: its own number of it, and never a card's.
Reference = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z./_-]+$")]
Because = Literal["not_paid", "withdrawn", "out_of_stock", "by_staff"]
State = Literal["placed", "paid", "packed", "handed_over", "returned", "cancelled"]
#: In these states somebody has had the goods in hand, whatever came back since.
HANDED_OVER: Final[frozenset[State]] = frozenset({"handed_over", "returned"})
#: The touchpoint that books what was ordered; whatever another one books under an order's number is no order's sale.
BOOKED_BY: Final = "vault"


class OrderLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """So many pieces of a product. ``amount`` is what all of them cost after ``discount``, in minor units.

    ``tax`` is this line's part of the tax, inside of ``amount``, or beside it where ``tax_on_top``.
    """

    product: Annotated[str, Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=PIECES_MAX)]
    amount: PositiveAmount
    discount: PositiveAmount = 0
    tax: PositiveAmount = 0
    tax_on_top: bool = False
    category: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    gtin: Gtin | None = None


class OrderPlaced(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``order.placed``: goods are promised. ``total`` is what is to be paid, with tax, in minor units.

    ``store`` is where the goods come from, and where they wait for a pick-up. ``basket`` is what they came out of,
    ``hold`` what holds them on the shelves, ``delivery`` what bringing them costs, where the shop takes something.
    ``pay_until`` says that a pick-up is paid where it is handed over, and until when it waits.
    """

    order: OrderId
    number: Number
    currency: Currency
    total: PositiveAmount
    lines: Annotated[list[OrderLine], Meta(min_length=1, max_length=LINES_MAX)]
    by: By
    customer: Identifier | None = None
    store: Store | None = None
    basket: Basket | None = None
    hold: HoldId | None = None
    delivery: Delivery | None = None
    pay_until: Until | None = None


class Leg(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A part of what was paid, in minor units."""

    means: Means
    amount: Amount


class OrderPaid(msgspec.Struct, forbid_unknown_fields=True):
    """``order.paid``: the money is there, all of it; its sale is booked under ``receipt``."""

    order: OrderId
    receipt: Receipt
    legs: Annotated[list[Leg], Meta(min_length=1, max_length=8)]


class Taken(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What staff took for an order where they hand it over, in minor units: in cash, or by card at a terminal."""

    means: Literal["cash", "card"]
    amount: PositiveAmount
    reference: Reference | None = None


class OrderPack(msgspec.Struct, forbid_unknown_fields=True):
    """``order.pack``: the goods lie together, ready to be brought or to be picked up."""

    order: OrderId


class OrderHandOver(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``order.hand_over``: whoever shows the pick-up code gets the goods; or a parcel was given away, by its order.

    ``taken`` is what was taken for an order that is paid at the pick-up: without it nobody gets that.
    """

    order: OrderId | None = None
    code: Code | None = None
    store: Store | None = None
    taken: Taken | None = None


class OrderShown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is shown at a till to have an order read at ``source``: its pick-up code, as it was scanned or typed.

    With ``store`` only an order that waits there is told.
    """

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    code: Code
    store: Store | None = None


class OrderCancel(msgspec.Struct, forbid_unknown_fields=True):
    """``order.cancel``: it comes to nothing. What was paid is given back, what was held is free again."""

    order: OrderId
    because: Because


EVENT_TYPES: Final = (
    EventType(
        name=PLACED, title="Goods are promised", data=OrderPlaced, only_from="vault",
        classes={
            "order": "sale", "number": "sale", "currency": "sale", "total": "sale", "lines": "sale", "by": "sale",
            "customer": "pseudonym", "store": "place", "basket": "sale", "hold": "sale",
            "delivery": "sale", "pay_until": "time",
        },
    ),
    EventType(
        name=PAID, title="An order is paid", data=OrderPaid, only_from="vault",
        classes={"order": "sale", "receipt": "sale", "legs": "sale"},
    ),
    EventType(name=PACK, title="An order is packed", data=OrderPack, classes={"order": "sale"}),
    EventType(
        name=HAND_OVER, title="Hand an order over", data=OrderHandOver,
        classes={"order": "sale", "code": "sale", "store": "place", "taken": "sale"},
    ),
    EventType(
        name=CANCEL, title="An order comes to nothing", data=OrderCancel, classes={"order": "sale", "because": "sale"},
    ),
)  # fmt: skip
PRODUCTS: Final = (
    Product(
        name="order.content", title="What is in an order, and what is to be taken for it", maker="orders",
        made_from=frozenset({PLACED, PAID}), data_class="sale", streamed=False,
    ),
)  # fmt: skip
