"""What the shop sells and where, as events: each says the whole of a category, a product or a store."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.square.community.contracts import PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX, Digest, Slug

CATEGORY_LISTED: Final = "category.listed"
PRODUCT_LISTED: Final = "product.listed"
PRODUCT_DELISTED: Final = "product.delisted"
PRODUCT_PICTURED: Final = "product.pictured"
STORE_LISTED: Final = "store.listed"
STORE_DELISTED: Final = "store.delisted"
#: What this package judges.
CATALOG: Final = frozenset(
    {CATEGORY_LISTED, PRODUCT_LISTED, PRODUCT_DELISTED, PRODUCT_PICTURED, STORE_LISTED, STORE_DELISTED}
)
LANGUAGES: Final = ("en", "ja", "fr")
VARIANTS_MAX: Final = 100
OPTIONS_MAX: Final = 5
CURRENCIES_MAX: Final = 10
#: Pictures of one product.
PICTURES_MAX: Final = 8
ADDRESS_CHARACTERS_MAX: Final = 1_000
ALT_CHARACTERS_MAX: Final = 300
HOURS_MAX: Final = 28
EXCEPTIONS_MAX: Final = 60
NAME_CHARACTERS_MAX: Final = 120
TEXT_CHARACTERS_MAX: Final = 4_000
#: No price is above this, in minor units.
PRICE_MAX: Final = 10**10

#: As a till's line names it: the number of a product or of a variant, and of a store.
Reference = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\s/?#\x00-\x1f\x7f]+$")]
Label = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX, pattern=r"\S")]
OptionName = Annotated[str, Meta(min_length=1, max_length=30, pattern=r"\S")]
OptionValue = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S")]
Paragraphs = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX, pattern=r"\S")]
#: GTIN-8, -12, -13 or -14 with its check digit (GS1 General Specifications, section 7.9).
Gtin = Annotated[str, Meta(pattern=r"^(?:\d{8}|\d{12,14})$")]
#: Three capital letters (ISO 4217).
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
MinorUnits = Annotated[int, Meta(ge=0, le=PRICE_MAX)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[str, ...]] = get_args(Weekday)
#: ``09:00``; an hour past 24 is one of the next morning: ``26:00`` is two o'clock.
Hour = Annotated[str, Meta(pattern=r"^([0-3]\d|4[0-7]):[0-5]\d$|^48:00$")]
#: How goods are taxed: which rate that is, the country's table says.
Tax = Literal["standard", "reduced", "zero"]


class Wording(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What something is called in each language, at least in one."""

    en: Label | None = None
    ja: Label | None = None
    fr: Label | None = None


class Prose(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What is told of something, in each language. Plain text; an empty line begins a paragraph."""

    en: Paragraphs | None = None
    ja: Paragraphs | None = None
    fr: Paragraphs | None = None


#: Where a picture lies elsewhere.
PictureAddress = Annotated[
    str, Meta(max_length=ADDRESS_CHARACTERS_MAX, pattern=r"^https?://[^\s\"'<>\\^`{|}\x00-\x1f\x7f]+$")
]
Alt = Annotated[str, Meta(min_length=1, max_length=ALT_CHARACTERS_MAX, pattern=r"\S")]


class Alternative(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What a picture shows, in words, in each language; unset, it shows the product."""

    en: Alt | None = None
    ja: Alt | None = None
    fr: Alt | None = None


class PictureNamed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A picture that lies elsewhere: the house fetches it once, and shows what it has drawn anew of it."""

    url: PictureAddress
    alt: Alternative | None = None


class PictureKept(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A picture that the house has: its digest, and its size in pixels."""

    digest: Digest
    width: Annotated[int, Meta(ge=1, le=PICTURE_WIDTH_MAX)]
    height: Annotated[int, Meta(ge=1, le=PICTURE_HEIGHT_MAX)]
    alt: Alternative | None = None


class Price(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A price of one unit, in minor units of its currency; ``before`` is what it was, struck through beside it."""

    currency: Currency
    amount: MinorUnits
    includes_tax: bool = True
    before: MinorUnits | None = None


class Variant(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """One kind of a product that can be bought: ``options`` tell it from the others (``{"size": "250 g"}``)."""

    sku: Reference
    prices: Annotated[list[Price], Meta(max_length=CURRENCIES_MAX)] = []
    gtin: Gtin | None = None
    options: Annotated[dict[OptionName, OptionValue], Meta(max_length=OPTIONS_MAX)] = {}


class CategoryListed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``category.listed``: there is a category, within another one or on top; ``place`` is its order among those."""

    category: Slug
    name: Wording
    within: Slug | None = None
    place: Annotated[int, Meta(ge=0, le=10_000)] = 0


class ProductListed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``product.listed``: the shop sells this, or describes it anew; what was said of it before holds no more.

    With ``asks_over`` 18, a buyer is asked whether they are over 18, and never for a birth date.
    """

    product: Reference
    name: Wording
    variants: Annotated[list[Variant], Meta(min_length=1, max_length=VARIANTS_MAX)]
    text: Prose | None = None
    category: Slug | None = None
    maker: Label | None = None
    asks_over: Annotated[int, Meta(ge=1, le=99)] | None = None
    tax: Tax = "standard"
    pictures: Annotated[list[PictureNamed], Meta(max_length=PICTURES_MAX)] = []


class ProductDelisted(msgspec.Struct, forbid_unknown_fields=True):
    """``product.delisted``: the shop sells it no more."""

    product: Reference


class ProductPictured(msgspec.Struct, forbid_unknown_fields=True):
    """``product.pictured``: staff say which pictures a product has, all of them, the first one for lists.

    They are shown in place of those that its listing names; without any, those of the listing are shown again.
    """

    product: Reference
    pictures: Annotated[list[PictureKept], Meta(max_length=PICTURES_MAX)]


class Opening(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """From when to when a store is open on some days of the week, in its own time."""

    days: Annotated[list[Weekday], Meta(min_length=1, max_length=7)]
    opens: Hour
    closes: Hour


class ExceptionalDay(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A day with hours of its own; without any, the store is closed."""

    day: dt.date
    opens: Hour | None = None
    closes: Hour | None = None


class StoreListed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``store.listed``: there is a store, with its hours in the time zone ``zone`` (IANA)."""

    store: Reference
    name: Label
    zone: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")]
    hours: Annotated[list[Opening], Meta(max_length=HOURS_MAX)] = []
    exceptions: Annotated[list[ExceptionalDay], Meta(max_length=EXCEPTIONS_MAX)] = []
    street: Label | None = None
    locality: Label | None = None
    postcode: Annotated[str, Meta(min_length=1, max_length=20)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None


class StoreDelisted(msgspec.Struct, forbid_unknown_fields=True):
    """``store.delisted``: there is no such store any more."""

    store: Reference


_OF_PRODUCTS: Final = dict.fromkeys(
    ("product", "name", "variants", "text", "category", "maker", "asks_over", "tax", "pictures"), "public"
)
_OF_STORES: Final = {
    **dict.fromkeys(("store", "zone", "street", "locality", "postcode", "country", "latitude", "longitude"), "place"),
    **dict.fromkeys(("name", "hours", "exceptions"), "public"),
}

EVENT_TYPES: Final = (
    EventType(
        name=CATEGORY_LISTED, title="There is a category", data=CategoryListed,
        classes={"category": "public", "name": "public", "within": "public", "place": "public"},
    ),
    EventType(name=PRODUCT_LISTED, title="The shop sells this", data=ProductListed, classes=_OF_PRODUCTS),
    EventType(
        name=PRODUCT_DELISTED, title="The shop sells it no more", data=ProductDelisted, classes={"product": "public"}
    ),
    EventType(
        name=PRODUCT_PICTURED, title="A product has these pictures", data=ProductPictured,
        classes={"product": "public", "pictures": "public"},
    ),
    EventType(name=STORE_LISTED, title="There is a store", data=StoreListed, classes=_OF_STORES),
    EventType(
        name=STORE_DELISTED, title="There is no such store any more", data=StoreDelisted, classes={"store": "place"}
    ),
)  # fmt: skip
