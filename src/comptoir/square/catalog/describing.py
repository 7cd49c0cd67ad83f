"""The catalog as schema.org says it, for search engines and exports (https://schema.org/Product). Pure.

A product of one kind is a ``Product`` with its offers, one of several a ``ProductGroup`` with its variants
(https://developers.google.com/search/docs/appearance/structured-data/product-variants); a store is a ``Store``.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from comptoir.foundation.kernel.money import Money, exponent
from comptoir.square.catalog.contracts import ExceptionalDay, Opening
from comptoir.square.catalog.hours import clock, minutes
from comptoir.square.catalog.queries import (
    CategoryShown,
    PictureShown,
    PriceShown,
    ProductShown,
    StoreShown,
    VariantShown,
)

_CONTEXT: Final = "https://schema.org"
_IN_STOCK, _OUT = "https://schema.org/InStock", "https://schema.org/OutOfStock"
_GONE: Final = "https://schema.org/Discontinued"
_DAYS: Final = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip


def describe(
    product: ProductShown,
    *,
    url: str,
    rating: tuple[int, float] | None = None,
    in_stock: Mapping[str, bool] = MappingProxyType({}),
    levels: Mapping[str, int] = MappingProxyType({}),
    origin: str = "",
) -> dict[str, Any]:
    """Return a product as JSON-LD. ``rating`` is how many reviews there are, and their mean of 5.

    ``in_stock`` tells of SKUs whether there are any; of what it does not name, nobody knows otherwise.
    ``levels`` tells how many there are. ``origin`` is where addresses of pictures begin.
    """

    def availability(sku: str) -> str:
        if not product.is_listed:
            return _GONE
        return _IN_STOCK if in_stock.get(sku, True) else _OUT

    said: dict[str, Any] = {"@context": _CONTEXT, "name": product.name.text, "url": url}
    if product.paragraphs:
        said["description"] = "\n\n".join(product.paragraphs)
    if product.pictures:
        said["image"] = [_image(each, origin) for each in product.pictures]
    if product.maker:
        said["brand"] = {"@type": "Brand", "name": product.maker}
    if product.asks_over:
        said["audience"] = {"@type": "PeopleAudience", "suggestedMinAge": product.asks_over}
    if rating and rating[0]:
        said["aggregateRating"] = {
            "@type": "AggregateRating", "ratingValue": round(rating[1], 2), "bestRating": 5, "worstRating": 1,
            "reviewCount": rating[0],
        }  # fmt: skip
    if len(product.variants) == 1:
        only = product.variants[0]
        return said | {
            "@type": "Product",
            **_variant(only, url=url, availability=availability(only.sku), level=levels.get(only.sku)),
        }
    names = sorted({name for each in product.variants for name in each.options})
    return said | {
        "@type": "ProductGroup",
        "productGroupID": product.product,
        "variesBy": names,
        "hasVariant": [
            {
                "@type": "Product",
                "name": " ".join([product.name.text, *each.options.values()]),
                **_variant(each, url=url, availability=availability(each.sku), level=levels.get(each.sku)),
            }
            for each in product.variants
        ],
    }


def describe_path(path: Sequence[CategoryShown], *, origin: str) -> dict[str, Any]:
    """Return where a page stands in the shop window as JSON-LD; ``origin`` is where its addresses begin."""
    return {
        "@context": _CONTEXT,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": each.name.text, "item": f"{origin}/shop/{each.category}"}
            for number, each in enumerate(path, start=1)
        ],
    }


def describe_store(store: StoreShown, *, url: str) -> dict[str, Any]:
    """Return a store as JSON-LD; hours past midnight close at an hour before they open, as schema.org wants it."""
    said = store.said
    address = {
        "@type": "PostalAddress", "streetAddress": said.street, "addressLocality": said.locality,
        "postalCode": said.postcode, "addressCountry": said.country,
    }  # fmt: skip
    found: dict[str, Any] = {"@context": _CONTEXT, "@type": "Store", "name": store.name, "url": url}
    if len(address := {name: value for name, value in address.items() if value}) > 1:
        found["address"] = address
    if said.latitude is not None:
        found["geo"] = {"@type": "GeoCoordinates", "latitude": said.latitude, "longitude": said.longitude}
    found["openingHoursSpecification"] = [_opening(each) for each in said.hours]
    found["specialOpeningHoursSpecification"] = [_exception(each) for each in said.exceptions]
    return found


def _image(picture: PictureShown, origin: str) -> dict[str, Any]:
    return {
        "@type": "ImageObject", "contentUrl": f"{origin}/goods/{picture.digest}.webp", "width": picture.width,
        "height": picture.height, "caption": picture.alt, "url": f"{origin}/goods/{picture.digest}.webp",
    }  # fmt: skip


def _variant(variant: VariantShown, *, url: str, availability: str, level: int | None) -> dict[str, Any]:
    said: dict[str, Any] = {"sku": variant.sku}
    if variant.gtin:
        said[f"gtin{len(variant.gtin)}"] = variant.gtin
    if variant.options:
        said["additionalProperty"] = [
            {"@type": "PropertyValue", "name": name, "value": value} for name, value in variant.options.items()
        ]
    if variant.prices:
        said["offers"] = [_offer(each, url=url, availability=availability, level=level) for each in variant.prices]
    return said


def _offer(price: PriceShown, *, url: str, availability: str, level: int | None) -> dict[str, Any]:
    offer: dict[str, Any] = {
        "@type": "Offer", "url": url, "price": written(price.amount), "priceCurrency": price.amount.currency,
        "availability": availability,
        "priceSpecification": {
            "@type": "UnitPriceSpecification", "price": written(price.amount), "priceCurrency": price.amount.currency,
            "valueAddedTaxIncluded": price.includes_tax,
        },
    }  # fmt: skip
    if level is not None:
        offer["inventoryLevel"] = {"@type": "QuantitativeValue", "value": level}
    return offer


def written(price: Money) -> str:
    """Return an amount as a decimal number with a point.

    >>> written(Money(450, "USD")), written(Money(450, "JPY"))
    ('4.50', '450')
    """
    digits = exponent(price.currency)
    return f"{decimal.Decimal(price.minor).scaleb(-digits):.{digits}f}"


def _opening(opening: Opening) -> dict[str, Any]:
    return {
        "@type": "OpeningHoursSpecification", "dayOfWeek": [_DAYS[day] for day in opening.days],
        "opens": clock(minutes(opening.opens)), "closes": _closes(opening.closes),
    }  # fmt: skip


def _exception(day: ExceptionalDay) -> dict[str, Any]:
    # A day on which it is closed opens and closes at midnight.
    return {
        "@type": "OpeningHoursSpecification", "validFrom": day.day.isoformat(), "validThrough": day.day.isoformat(),
        "opens": clock(minutes(day.opens)) if day.opens else "00:00",
        "closes": _closes(day.closes) if day.closes else "00:00",
    }  # fmt: skip


def _closes(hour: str) -> str:
    """The end of a day is a minute before it: 00:00 would be its beginning."""
    told = clock(minutes(hour))
    return "23:59" if told == "24:00" else told
