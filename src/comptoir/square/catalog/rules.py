"""What may be listed. Pure."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from comptoir.foundation.kernel.problem import Problem
from comptoir.square.catalog import hours
from comptoir.square.catalog.contracts import (
    LANGUAGES,
    Alternative,
    CategoryListed,
    PictureKept,
    PictureNamed,
    ProductListed,
    ProductPictured,
    Prose,
    StoreListed,
    Variant,
    Wording,
)
from comptoir.square.catalog.errors import ListingInvalid
from comptoir.square.community.errors import PictureUnknown
from comptoir.square.community.writing import judge_text

#: Categories stand within each other so deep at most.
CATEGORIES_DEEP_MAX: Final = 6


def judge_category(data: CategoryListed) -> Problem | None:
    """Return why a category cannot be listed so, or nothing."""
    return _judge_words(data.name, field="data.name")


def judge_product(data: ProductListed) -> Problem | None:
    """Return why a product cannot be listed so, or nothing."""
    problem = _judge_words(data.name, field="data.name")
    if problem is None and data.text is not None:
        problem = _judge_words(data.text, field="data.text")
    if problem is None and data.maker is not None:
        problem = judge_text(data.maker, field="data.maker")
    return problem or _judge_variants(data.variants) or _judge_pictures(data.pictures)


def judge_pictures(data: ProductPictured, kept: Mapping[str, tuple[int, int]]) -> Problem | None:
    """Return why a product cannot have these pictures, or nothing; ``kept`` are the sizes of those that there are."""
    for number, each in enumerate(data.pictures):
        if kept.get(each.digest) != (each.width, each.height):
            return PictureUnknown(field=f"data.pictures[{number}]")
    return _judge_pictures(data.pictures)


def judge_store(data: StoreListed) -> Problem | None:
    """Return why a store cannot be listed so, or nothing."""
    for name in ("name", "street", "locality", "postcode"):
        said: str | None = getattr(data, name)
        if said is not None and (problem := judge_text(said, field=f"data.{name}")) is not None:
            return problem
    try:
        zoneinfo.ZoneInfo(data.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return ListingInvalid("There is no such time zone; one is Europe/Paris.", field="data.zone")
    if (data.latitude is None) != (data.longitude is None):
        return ListingInvalid("A place has a latitude and a longitude, or neither.", field="data.latitude")
    return _judge_hours(data)


def has_right_check_digit(gtin: str) -> bool:
    """Tell whether the last digit of a GTIN is the one that its others ask for (GS1 General Specifications, 7.9).

    >>> has_right_check_digit("4006381333931"), has_right_check_digit("4006381333932")
    (True, False)
    """
    digits = [int(each) for each in reversed(gtin)]
    return sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def comes_round(category: str, within: str | None, parents: Mapping[str, str | None]) -> bool:
    """Tell whether a category would stand within itself, or too deep, where ``parents`` says what stands in what."""
    above, depth = within, 1
    while above is not None:
        if above == category or depth >= CATEGORIES_DEEP_MAX:
            return True
        above, depth = parents.get(above), depth + 1
    return False


def _judge_pictures(pictures: Sequence[PictureNamed | PictureKept]) -> Problem | None:
    told: set[str] = set()
    for number, each in enumerate(pictures):
        at = f"data.pictures[{number}]"
        key = each.url if isinstance(each, PictureNamed) else each.digest
        if key in told:
            return ListingInvalid("A picture stands once.", field=at)
        told.add(key)
        if each.alt is not None and (problem := _judge_words(each.alt, field=f"{at}.alt")) is not None:
            return problem
    return None


def _judge_words(words: Wording | Prose | Alternative, *, field: str) -> Problem | None:
    said = {language: text for language in LANGUAGES if (text := getattr(words, language)) is not None}
    if not said:
        return ListingInvalid(f"Say it in one of {', '.join(LANGUAGES)} at least.", field=field)
    for language, text in said.items():
        if (problem := judge_text(text, field=f"{field}.{language}")) is not None:
            return problem
    return None


def _judge_variants(variants: Iterable[Variant]) -> Problem | None:
    skus: set[str] = set()
    told: set[tuple[tuple[str, str], ...]] = set()
    names: frozenset[str] | None = None
    for number, each in enumerate(variants):
        at = f"data.variants[{number}]"
        if each.sku in skus:
            return ListingInvalid("A SKU stands once.", field=f"{at}.sku")
        if each.gtin is not None and not has_right_check_digit(each.gtin):
            return ListingInvalid("The last digit of this GTIN does not fit the others.", field=f"{at}.gtin")
        options = tuple(sorted(each.options.items()))
        if names is not None and names != each.options.keys():
            return ListingInvalid("Every variant says the same options.", field=f"{at}.options")
        if options in told:
            return ListingInvalid("Its options tell each variant from the others.", field=f"{at}.options")
        if (problem := _judge_options(each.options, field=f"{at}.options") or _judge_prices(each, at)) is not None:
            return problem
        skus.add(each.sku)
        told.add(options)
        names = frozenset(each.options)
    return None


def _judge_options(options: Mapping[str, str], *, field: str) -> Problem | None:
    for name, value in options.items():
        if (problem := judge_text(name, field=field) or judge_text(value, field=field)) is not None:
            return problem
    return None


def _judge_prices(variant: Variant, at: str) -> Problem | None:
    currencies: set[str] = set()
    for number, price in enumerate(variant.prices):
        if price.currency in currencies:
            return ListingInvalid("One price in a currency.", field=f"{at}.prices[{number}].currency")
        if price.before is not None and price.before <= price.amount:
            return ListingInvalid("What it was before is more than it is now.", field=f"{at}.prices[{number}].before")
        currencies.add(price.currency)
    return None


def _judge_hours(data: StoreListed) -> Problem | None:
    for number, opening in enumerate(data.hours):
        if (problem := _judge_span(opening.opens, opening.closes, field=f"data.hours[{number}]")) is not None:
            return problem
    if (late := hours.overlap(data.hours)) is not None:
        return ListingInvalid("These hours begin before others are over.", field=f"data.hours[{late}]")
    days = set()
    for number, each in enumerate(data.exceptions):
        at = f"data.exceptions[{number}]"
        if each.day in days:
            return ListingInvalid("A day stands once.", field=f"{at}.day")
        if (each.opens is None) != (each.closes is None):
            return ListingInvalid("A day has both hours, or neither where the store is closed.", field=at)
        if each.opens and each.closes and (problem := _judge_span(each.opens, each.closes, field=at)) is not None:
            return problem
        days.add(each.day)
    return None


def _judge_span(opens: str, closes: str, *, field: str) -> Problem | None:
    begin, end = hours.minutes(opens), hours.minutes(closes)
    if begin >= hours.DAY_MINUTES:
        return ListingInvalid("A day begins before 24:00.", field=f"{field}.opens")
    if not begin < end <= begin + hours.DAY_MINUTES:
        return ListingInvalid(
            "It closes after it opens, within a day; past midnight, count on: 26:00 is two o'clock.",
            field=f"{field}.closes",
        )
    return None
