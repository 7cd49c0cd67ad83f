"""Promotions as data, what touchpoints say about coupons, and what a priced basket looks like."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.sales.contracts import Gtin, Receipt, Store
from comptoir.foundation.kernel.ids import UUID_PATTERN, Id
from comptoir.foundation.touchpoints.contracts import EventType, Product

PUBLISHED: Final = "promotion.published"
ENDED: Final = "promotion.ended"
TARGETED: Final = "promotion.targeted"
ISSUED: Final = "coupon.issued"
REDEEMED: Final = "coupon.redeemed"
REDEEM: Final = "coupon.redeem"
RESERVE: Final = "coupon.reserve"
POST: Final = "coupon.post"
RELEASE: Final = "coupon.release"
RETURN: Final = "coupon.return"
#: Whoever sends one of these takes something for a basket, and shows codes that could be guesses.
TAKING: Final = frozenset({REDEEM, RESERVE})
CLOSING: Final = frozenset({POST, RELEASE})
PROMOTIONS: Final = frozenset({PUBLISHED, ENDED})
#: Everything that this package hears.
TYPES: Final = TAKING | CLOSING | PROMOTIONS | {TARGETED, ISSUED, REDEEMED, RETURN}

LINES_MAX: Final = 1000
CODES_MAX: Final = 10
NAMES_MAX: Final = 20_000
HONEY_MAX: Final = 20
USES_MAX: Final = 1000
HOLD_SECONDS_MAX: Final = 7 * 86_400
_MONEY_MAX: Final = 10**12
_COUNT_MAX: Final = 10**9

Uuid = Annotated[str, msgspec.Meta(pattern=UUID_PATTERN)]
Money = Annotated[int, msgspec.Meta(ge=1, le=_MONEY_MAX)]
Price = Annotated[int, msgspec.Meta(ge=0, le=_MONEY_MAX)]
Count = Annotated[int, msgspec.Meta(ge=1, le=_COUNT_MAX)]
Units = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Place = Annotated[str, msgspec.Meta(min_length=2, max_length=64, pattern=r"^/[^\s*]+$")]
Clock = Annotated[str, msgspec.Meta(pattern=r"^(?:[01]\d|2[0-3]):[0-5]\d$")]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class Titles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What customers read, in the languages of the house. Where one is missing, English stands in."""

    en: Title
    ja: Title | None = None
    fr: Title | None = None


class Items(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which goods: these products, or all of these categories; nothing named means everything."""

    products: Annotated[tuple[Name, ...], msgspec.Meta(max_length=NAMES_MAX)] = ()
    categories: Annotated[tuple[Name, ...], msgspec.Meta(max_length=200)] = ()


class Percentage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """So many hundredths off the goods, at most ``amount_max`` in all."""

    percent: Annotated[int, msgspec.Meta(ge=1, le=100)]
    amount_max: Money | None = None


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """A sum off the goods, never more than they cost."""

    amount: Money


class FreeItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """The cheapest of the goods cost nothing, so many of them."""

    quantity: Units = 1


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """Of each ``take`` of the goods only ``pay`` are paid, the dearest; or all ``take`` together cost ``price``."""

    take: Annotated[int, msgspec.Meta(ge=2, le=1000)]
    pay: Units | None = None
    price: Price | None = None


class Points(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """The basket earns its points so many times."""

    times: Annotated[int, msgspec.Meta(ge=2, le=20)]


class Elsewhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """Given by another system, which alone knows how much; nothing of it is redeemed here."""


Benefit = Percentage | Amount | FreeItem | Bundle | Points | Elsewhere


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What has to be so. ``amount_min`` and ``quantity_min`` are about the goods that ``items`` of the promotion name.

    ``places`` are beginnings of sources, ``channels`` those of the map. ``weekdays`` count from Monday, 0; ``hours``
    are the shop's, the second one excluded, and may go past midnight. ``audience``: anybody, whoever is recognised, or
    nobody but the coupon's own customer.
    """

    amount_min: Money | None = None
    quantity_min: Count | None = None
    places: Annotated[tuple[Place, ...], msgspec.Meta(max_length=200)] = ()
    channels: Annotated[tuple[Name, ...], msgspec.Meta(max_length=20)] = ()
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    weekdays: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...], msgspec.Meta(max_length=7)] = ()
    hours: Annotated[tuple[Clock, ...], msgspec.Meta(min_length=2, max_length=2)] | None = None
    audience: Literal["anyone", "recognised", "holder"] = "anyone"


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How often and how much in all, and how often for one customer, who then has to be recognised."""

    redemptions_max: Count | None = None
    discount_max: Money | None = None
    per_customer_max: Units | None = None


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a promotion is. It never changes; another one takes its place.

    ``codes``: ``none`` (whoever fulfils the conditions gets it), ``shared`` (whoever shows ``code``), ``each`` (whoever
    shows the code of a coupon, ``uses_max`` times). ``stacking``: ``together`` with others, or ``alone``. Of those that
    go together, the highest ``priority`` comes first. ``series`` is what it belongs to, in words of the staff.
    ``honey`` codes are made to be planted.
    """

    titles: Titles
    benefit: Benefit
    codes: Literal["none", "shared", "each"] = "none"
    code: Annotated[str, msgspec.Meta(min_length=4, max_length=32, pattern=r"^[A-Za-z0-9-]+$")] | None = None
    uses_max: Annotated[int, msgspec.Meta(ge=1, le=USES_MAX)] = 1
    days_good: Annotated[int, msgspec.Meta(ge=1, le=3660)] | None = None
    items: Items = Items()
    conditions: Conditions = Conditions()
    budget: Budget = Budget()
    stacking: Literal["together", "alone"] = "together"
    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] = 50
    series: Title | None = None
    honey: Annotated[int, msgspec.Meta(ge=0, le=HONEY_MAX)] = 0


class PromotionPublished(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``promotion.published``: staff offer something from now on; ``staff`` is their opaque id."""

    staff: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    promotion: Uuid
    definition: Promotion


class PromotionEnded(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``promotion.ended``: nothing of it is given any more; what is held may still be posted."""

    staff: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    promotion: Uuid


class PromotionTargeted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``promotion.targeted``: another system has told a customer of promotions that it gives: of those of a series."""

    customer: Identifier
    series: Title


class CouponIssued(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.issued``: a customer has a coupon of a promotion; its id is the event's place in the log.

    The house says so, or staff in the office do. ``campaign`` is what it was issued for, and of each only one.
    """

    customer: Identifier
    promotion: Uuid
    campaign: Uuid | None = None


class CouponRedeemed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.redeemed``: another system has redeemed one of its own coupons, of a promotion that it gives.

    ``discount`` is what that took off, in minor units, if the system says so.
    """

    customer: Identifier
    promotion: Uuid
    receipt: Receipt | None = None
    discount: Price = 0


class BasketLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Goods of a basket: ``quantity`` in whole units, ``amount`` for all of them in minor units, before promotions."""

    product: Name
    quantity: Annotated[int, msgspec.Meta(ge=1, le=_COUNT_MAX)]
    amount: Price
    category: Name | None = None
    gtin: Gtin | None = None


Basket = Annotated[list[BasketLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
#: As they were scanned or typed. The gateway puts the keyed digest of each in its place.
Codes = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=64)]], msgspec.Meta(max_length=CODES_MAX)]
Reservation = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class CouponRedeem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.redeem``: take off a basket what its codes give, and what is given without a code, now."""

    basket: Basket
    codes: Codes = []
    customer: Identifier | None = None
    receipt: Receipt | None = None
    store: Store | None = None


class CouponReserve(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.reserve``: hold all that for ``expires_in`` seconds, under a name that the sender chooses."""

    basket: Basket
    reservation: Reservation
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=HOLD_SECONDS_MAX)]
    codes: Codes = []
    customer: Identifier | None = None
    store: Store | None = None


class CouponPost(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.post``: the basket was paid; what was held is redeemed."""

    reservation: Reservation
    receipt: Receipt | None = None


class CouponRelease(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.release``: the basket was not paid; what was held can be had again."""

    reservation: Reservation


class RedemptionReference(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which redemption: the id of the event that took it, and the source of that event unless it is the same one."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class CouponReturn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``coupon.return``: the sale was voided or came back whole; what its redemption took can be had again."""

    redemption: RedemptionReference


class BasketAsked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a touchpoint asks the price of; nothing is taken by it. ``source`` is where the basket stands."""

    basket: Basket
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    codes: Codes = []
    customer: Identifier | None = None


class Deducted(msgspec.Struct, frozen=True):
    """What is off one line, which is counted from 1, in minor units."""

    line: int
    amount: int


class Deduction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one promotion takes off a basket, from which lines, and why, in words of every language of the house.

    ``code`` is the place of the code that gave it among those that were shown, counted from 1; 0 without a code.
    """

    promotion: Id
    titles: Titles
    amount: int
    lines: tuple[Deducted, ...]
    because: dict[str, str]
    code: int = 0
    times: int = 1


class NotApplied(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a promotion whose code was shown gives nothing here: a word for software, and words for people.

    ``code`` is the code's place among those that were shown; 0 tells of one without a code that is used up, by all
    together (``used_up``) or by whoever buys (``had``).
    """

    code: int
    reason: str
    because: dict[str, str]
    promotion: Id | None = None
    titles: Titles | None = None


class Priced(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a basket costs: before promotions, what they take off, what is paid, and how often it earns its points."""

    before: int
    discount: int
    total: int
    deductions: tuple[Deduction, ...]
    not_applied: tuple[NotApplied, ...] = ()
    points_times: int = 1


_DEFINITION: Final = {"definition": "public"}
EVENT_TYPES: Final = (
    EventType(
        name=PUBLISHED, title="A promotion is offered", data=PromotionPublished,
        classes={"staff": "pseudonym", "promotion": "public", **_DEFINITION}, only_from="office",
    ),
    EventType(
        name=ENDED, title="A promotion has ended", data=PromotionEnded,
        classes={"staff": "pseudonym", "promotion": "public"}, only_from="office",
    ),
    EventType(
        name=TARGETED, title="Another system has told a customer of its promotions", data=PromotionTargeted,
        classes={"customer": "pseudonym", "series": "public"},
    ),
    EventType(
        name=REDEEM, title="Take off a basket what promotions give", data=CouponRedeem,
        classes={
            "basket": "sale", "codes": "sale", "customer": "pseudonym", "receipt": "sale", "store": "place",
        },
    ),
    EventType(
        name=RESERVE, title="Hold it while the money is taken", data=CouponReserve,
        classes={
            "basket": "sale", "reservation": "sale", "expires_in": "time", "codes": "sale", "customer": "pseudonym",
            "store": "place",
        },
    ),
    EventType(
        name=POST, title="Redeem what was held", data=CouponPost, classes={"reservation": "sale", "receipt": "sale"},
    ),
    EventType(
        name=ISSUED, title="A customer has a coupon", data=CouponIssued,
        classes={"customer": "pseudonym", "promotion": "public", "campaign": "public"}, only_from="office",
    ),
    EventType(
        name=REDEEMED, title="Another system has redeemed its coupon", data=CouponRedeemed,
        classes={"customer": "pseudonym", "promotion": "public", "receipt": "sale", "discount": "sale"},
    ),
    EventType(name=RELEASE, title="Release what was held", data=CouponRelease, classes={"reservation": "sale"}),
    EventType(
        name=RETURN, title="Give back what was redeemed", data=CouponReturn, classes={"redemption": "sale"},
    ),
)  # fmt: skip

PRODUCTS: Final = (
    Product(
        name="customer.coupons", title="A customer's coupons", maker="offers", made_from=TAKING | CLOSING | {RETURN},
        data_class="sale",
    ),
    Product(
        name="basket.price", title="What a basket costs after promotions", maker="offers",
        made_from=frozenset({PUBLISHED}), data_class="public", streamed=False,
    ),
)  # fmt: skip
