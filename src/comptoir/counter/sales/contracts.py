"""What a till or a web shop says about a sale and about a return."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.customers.contracts import SALE_FORGET, Identifier
from comptoir.foundation.kernel.ids import UUID_PATTERN
from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.square.stock.contracts import HoldId

SALE_CLOSED: Final = "sale.closed"
SALE_RETURNED: Final = "sale.returned"
LINES_MAX: Final = 1000  # a wholesaler's invoice has had 675
_AMOUNT_MAX: Final = 10**12

Receipt = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Store = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
Amount = Annotated[int, msgspec.Meta(ge=-_AMOUNT_MAX, le=_AMOUNT_MAX)]
Quantity = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
PositiveAmount = Annotated[int, msgspec.Meta(ge=0, le=_AMOUNT_MAX)]
#: The code of a short link of this shop's (``square/shortlinks``), as its landing page was told it.
ShortLink = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z]{4,32}$")]
#: The id of a basket (``counter/baskets``).
Basket = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]
#: GTIN-8, -12, -13 or -14 (GS1), as the product's barcode says it.
Gtin = Annotated[str, msgspec.Meta(pattern=r"^(?:\d{8}|\d{12,14})$")]

#: Why goods came back.
Reason = Literal["unwanted", "faulty", "wrong", "other"]
#: Where goods that came back are: to be sold again, or put aside.
Goods = Literal["on_shelf", "aside"]
#: How the money goes back.
Refund = Literal["as_paid", "by_hand"]


class SaleLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a sale. ``quantity`` in whole units, ``amount`` in minor units, after all discounts of the line.

    ``discount`` is what promotions and coupons have taken off, in minor units: before them, the line's price was the
    sum of both. A till that does not know leaves it out.

    ``tax`` is the line's tax in minor units where ``tax_on_top``: it was paid beside ``amount``, and goes back with the
    goods. ``paid_with_points`` is how much of both, in minor units, points have paid: that goes back as points.
    """

    product: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    quantity: Quantity
    amount: Amount
    category: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    gtin: Gtin | None = None
    discount: PositiveAmount | None = None
    tax: Amount = 0
    tax_on_top: bool = False
    paid_with_points: PositiveAmount = 0

    @property
    def added(self) -> int:
        """Return the tax that was paid beside ``amount``, in minor units."""
        return self.tax if self.tax_on_top else 0


class SaleClosed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``sale.closed``: somebody bought and paid. ``total`` is the sum of the lines' amounts, in minor units.

    ``short_link`` is the last one by which the browser came to the web shop, ``basket`` the one out of which the goods
    were sold: what was sold is taken out of it, the rest stays. ``basket_at`` says as of when, where that was before
    the sale: what was put in since then stays. ``hold`` is the hold on the stock that ends with this sale
    (``square/stock``), since its goods are gone now.
    """

    receipt: Receipt
    currency: Currency
    total: Amount
    lines: Annotated[list[SaleLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    store: Store | None = None
    customer: Identifier | None = None
    short_link: ShortLink | None = None
    basket: Basket | None = None
    hold: HoldId | None = None
    basket_at: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None


class SaleReference(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which sale a return belongs to: its receipt number, and the source that booked it unless it is the same one."""

    receipt: Receipt
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class ReturnLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Goods of one line that came back: the line's number in the sale (the first is 1), units, and minor units."""

    line: Annotated[int, msgspec.Meta(ge=1, le=LINES_MAX)]
    quantity: Quantity
    amount: PositiveAmount


class SaleReturned(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``sale.returned``: goods of a sale came back. ``total`` is the sum of the lines' amounts, in minor units.

    ``goods`` says whether they can be sold again at the store, or were put aside; ``refund`` how the money goes back:
    by the house, the way it was paid, or by hand at the till. Where it is said, the sale has to be there, and a piece
    gives back what that piece cost. A till that says nothing reckons by itself, and has given the money back.
    """

    receipt: Receipt
    sale: SaleReference
    currency: Currency
    total: PositiveAmount
    lines: Annotated[list[ReturnLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    store: Store | None = None
    reason: Reason | None = None
    goods: Goods = "on_shelf"
    refund: Refund | None = None


class SaleForget(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``sale.forget``: a customer's purchase is to be nobody's.

    ``points``: those that it brought stay where they are (``kept``), or are given up with it (``given_up``).
    """

    customer: Identifier
    sale: SaleReference
    points: Literal["kept", "given_up"]


EVENT_TYPES: Final = (
    EventType(
        name=SALE_CLOSED, title="Somebody bought and paid", data=SaleClosed,
        classes={
            "receipt": "sale", "currency": "sale", "total": "sale", "lines": "sale", "store": "place",
            "customer": "pseudonym", "short_link": "sale", "basket": "sale", "hold": "sale",
            "basket_at": "time",
        },
    ),
    EventType(
        name=SALE_RETURNED, title="Goods of a sale came back", data=SaleReturned,
        classes={
            "receipt": "sale", "sale": "sale", "currency": "sale", "total": "sale", "lines": "sale", "store": "place",
            "reason": "sale", "goods": "sale", "refund": "sale",
        },
    ),
    EventType(
        name=SALE_FORGET, title="One purchase is to be forgotten", data=SaleForget,
        classes={"customer": "pseudonym", "sale": "sale", "points": "points"}, only_from="vault",
    ),
)  # fmt: skip
