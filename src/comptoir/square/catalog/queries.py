"""Reads of the catalog, for pages. Runs in the current room; every list has an end."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from django.utils import translation

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.rooms import reading
from comptoir.square.catalog import composing, hours
from comptoir.square.catalog.composing import Composed
from comptoir.square.catalog.contracts import LANGUAGES, StoreListed
from comptoir.square.community import pictures, words

_SQL: Final = load_statements(__package__, "queries.sql")
#: So many wares on a page, so many pages of one list, so many makers to choose from.
WARES: Final = 24
PAGES_MAX: Final = 50
MAKERS: Final = 12
#: So many matches of a question are put in order: the ones beyond would be on no page.
_RANKED_MAX: Final = 2_000
_CATEGORIES_MAX: Final = 5_000
STORES_MAX: Final = 2_000

Order = Literal["fitting", "newest", "cheapest"]


class Named(msgspec.Struct, frozen=True):
    """What something is called in the language of the page, or in the first one that it has."""

    text: str
    language: str


class PictureShown(msgspec.Struct, frozen=True):
    """A picture of a product: its digest, its size in pixels, and what it shows in words.

    ``words`` are those that were said, empty for none: then it shows ``of``, the product's name.
    """

    digest: str
    width: int
    height: int
    words: Named
    of: str = ""

    @property
    def alt(self) -> str:
        """Return in words what it shows."""
        return self.words.text or self.of

    @property
    def small(self) -> tuple[int, int]:
        """Return the width and height of the smaller size."""
        return pictures.small_size(self.width, self.height)


class CategoryShown(msgspec.Struct, frozen=True):
    """A category with how many products stand in it or below."""

    category: str
    within: str | None
    name: Named
    count: int


class Ware(msgspec.Struct, frozen=True):
    """A product in a list; ``lowest`` and ``highest`` are what its variants cost, unset without a price."""

    product: str
    name: Named
    maker: str | None
    asks_over: int | None
    lowest: Money | None
    highest: Money | None
    category: str | None = None
    picture: PictureShown | None = None

    @property
    def has_several_prices(self) -> bool:
        """Tell whether its variants do not all cost the same."""
        return self.lowest != self.highest


class PriceShown(msgspec.Struct, frozen=True):
    """A price; ``before`` is what it was."""

    amount: Money
    includes_tax: bool
    before: Money | None


class VariantShown(msgspec.Struct, frozen=True):
    """One kind of a product."""

    sku: str
    gtin: str | None
    options: Mapping[str, str]
    prices: tuple[PriceShown, ...]


class ProductShown(msgspec.Struct, frozen=True):
    """A product on its page. ``text`` are its paragraphs."""

    product: str
    name: Named
    text: Named | None
    category: str | None
    maker: str | None
    asks_over: int | None
    tax: str
    is_listed: bool
    variants: tuple[VariantShown, ...]
    pictures: tuple[PictureShown, ...] = ()

    @property
    def paragraphs(self) -> list[str]:
        """Return what is told of it, in paragraphs."""
        return [each.strip() for each in self.text.text.split("\n\n") if each.strip()] if self.text else []


class StoreShown(msgspec.Struct, frozen=True):
    """A store; ``said`` is all that was listed of it."""

    store: str
    name: str
    locality: str | None
    said: StoreListed
    is_listed: bool = True

    @property
    def week(self) -> list[list[tuple[str, str]]]:
        """Return its hours on each weekday, Monday first."""
        return hours.week(self.said.hours)

    def standing(self, at: dt.datetime) -> hours.Standing:
        """Return whether it is open."""
        return hours.standing(self.said.hours, self.said.exceptions, zoneinfo.ZoneInfo(self.said.zone), at)


class Narrowed(msgspec.Struct, frozen=True):
    """A condition on ``p.product`` that another package adds to a question, and its one value, ``%(narrowed)s``."""

    condition: str
    value: str


class Asked(msgspec.Struct, frozen=True):
    """What somebody asks of the shop window. ``most`` is in minor units of ``currency``."""

    words: str = ""
    categories: tuple[str, ...] | None = None
    maker: str = ""
    most: int | None = None
    currency: str = ""
    order: Order = "fitting"
    page: int = 1
    narrowed: Narrowed | None = None
    window: Composed | None = None


def admits(window: Composed, ware: Ware) -> bool:
    """Tell whether somebody's own window shows a product at all."""
    return window.admits(product=ware.product, category=ware.category, maker=ware.maker, asks_over=ware.asks_over)


def has_any() -> bool:
    """Tell whether anything is sold here."""
    return bool(_rows("has_any")[0][0])


def currency() -> str:
    """Return in which currency most things are sold; nothing where nothing has a price."""
    found = _rows("currency")
    return str(found[0][0]) if found else ""


def categories() -> dict[str, CategoryShown]:
    """Return every category in its order, each with the number of products in it or below."""
    rows = _rows("categories", {"limit": _CATEGORIES_MAX})
    within = {row[0]: row[1] for row in rows}
    counts = dict.fromkeys(within, 0)
    for category, _, _, count in rows:
        above: str | None = category
        while above is not None and above in counts:
            counts[above] += count
            above = within[above]
    return {row[0]: CategoryShown(row[0], row[1], named(row[2]), counts[row[0]]) for row in rows}


def below(category: str, among: Mapping[str, CategoryShown]) -> tuple[str, ...]:
    """Return a category and every one that stands within it."""
    return composing.within({each.category: each.within for each in among.values()})(category)


def path_to(category: str | None, among: Mapping[str, CategoryShown]) -> list[CategoryShown]:
    """Return the categories from the top to this one."""
    path: list[CategoryShown] = []
    while category is not None and (here := among.get(category)) is not None:
        path.append(here)
        category = here.within
    return path[::-1]


def wares(asked: Asked, *, limit: int = WARES) -> tuple[list[Ware], bool]:
    """Return what is sold and asked for, on this page of the list; and whether there is more."""
    is_arranged = asked.window is not None and asked.window.has_first
    statement, values = _composed("arranged" if is_arranged else "wares", asked)
    values |= {"limit": limit + 1, "offset": (min(asked.page, PAGES_MAX) - 1) * limit}
    rows = reading.rows(statement, values)
    return [_ware(row) for row in rows[:limit]], len(rows) > limit and asked.page < PAGES_MAX


def makers(asked: Asked) -> list[tuple[str, int]]:
    """Return who makes most of what is asked for, and how much of it."""
    statement, values = _composed("makers", msgspec.structs.replace(asked, maker=""))
    return [(row[0], row[1]) for row in reading.rows(statement, {**values, "limit": MAKERS})]


def maker_called(name: str) -> str | None:
    """Return how a maker is written that somebody has typed, whichever letters are large; nothing for nobody."""
    found = _rows("maker", {"name": name})
    return str(found[0][0]) if found else None


def all_makers(*, limit: int) -> list[str]:
    """Return who makes what is listed, those of most of it first."""
    return [str(row[0]) for row in _rows("all_makers", {"limit": limit})]


def product(number: str) -> ProductShown | None:
    """Return a product by its own number."""
    found = _pictured("product", {"product": number})
    if not found:
        return None
    name, said, category, maker, age, tax, is_listed, shown = found[0]
    variants = tuple(variant(*row) for row in _rows("variants", {"product": number}))
    return product_shown(name, said, category, maker, age, tax, variants, is_listed=is_listed, pictures=shown or ())


def product_shown(
    number: str,
    said: Mapping[str, Any],
    category: str | None,
    maker: str | None,
    asks_over: int | None,
    tax: str,
    variants: tuple[VariantShown, ...],
    *,
    is_listed: bool = True,
    pictures: Sequence[Mapping[str, Any]] = (),
) -> ProductShown:
    """Return a product from what the table has of it, in the language of the page."""
    text = named(said["text"]) if said.get("text") else None
    name = named(said["name"])
    return ProductShown(
        number, name, text, category, maker, asks_over, tax, is_listed, variants,
        tuple(picture_shown(each, name) for each in pictures),
    )  # fmt: skip


def picture_shown(said: Mapping[str, Any], of: Named) -> PictureShown:
    """Return a picture from what the table has of it; ``of`` is what its product is called."""
    return PictureShown(said["digest"], said["width"], said["height"], named(said.get("alt") or {}), of.text)


def first_pictures(products: Collection[str]) -> dict[str, PictureShown]:
    """Return the picture of each of these products that lists show, of those that have one.

    What it shows is not said: the product's name stands beside it.
    """
    rows = _pictured("first_pictures", {"products": list(products)}) if products else []
    return {product: picture_shown(said, Named("", "")) for product, said in rows if said is not None}


def words_of_pictures(product: str) -> dict[str, dict[str, str]]:
    """Return what is said of each picture of a product, by its digest and language."""
    found = _pictured("product", {"product": product})
    return {each["digest"]: each.get("alt") or {} for each in (found[0][7] if found else None) or ()}


def picture(digest: str, *, is_small: bool) -> bytes | None:
    """Return a picture as WebP."""
    found = _rows("picture", {"digest": digest, "is_small": is_small})
    return bytes(found[0][0]) if found else None


def picture_sizes(digests: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the sizes of those of these pictures that are kept."""
    return {row[0]: (row[1], row[2]) for row in _rows("picture_sizes", {"digests": list(digests)})}


def without_picture(*, limit: int) -> list[tuple[str, Named]]:
    """Return what is listed and has no picture, the newest first."""
    return [(product, named(name)) for product, name in _pictured("without_picture", {"limit": limit})]


def not_fetched(*, limit: int) -> list[tuple[str, str, int]]:
    """Return addresses of pictures that could not be fetched: where, why in a word, how often it was tried."""
    return [(row[0], row[1], row[2]) for row in _rows("not_fetched", {"limit": limit})]


def variant(
    sku: str, gtin: str | None, options: Mapping[str, str], prices: Sequence[Mapping[str, Any]]
) -> VariantShown:
    """Return a variant from what the table has of it."""
    return VariantShown(sku, gtin, options, tuple(_price(each) for each in prices))


def product_of(number: str) -> str | None:
    """Return which product the number of a variant, or of a barcode, means."""
    gtins = [number.lstrip("0").zfill(size) for size in (8, 12, 13, 14)] if number.isdecimal() else []
    found = _rows("product_of_number", {"number": number, "gtins": gtins})
    return str(found[0][0]) if found else None


def names_of(numbers: Collection[str]) -> dict[str, Named]:
    """Return what these are called that a sale's lines name, those that are known."""
    return {sku: named(said) for sku, said in _rows("names", {"numbers": list(numbers)})}


def called(numbers: Collection[str]) -> dict[str, str]:
    """Return the same for whoever shows all of them: what nobody knows any more is called by its number."""
    known = names_of(numbers)
    return {number: known[number].text if number in known else number for number in numbers}


def stores(locality: str | None = None) -> list[StoreShown]:
    """Return the stores, by locality and name."""
    rows = _rows("stores", {"locality": locality, "limit": STORES_MAX})
    return [StoreShown(row[0], row[1], row[2], msgspec.convert(row[3], StoreListed)) for row in rows]


def store(number: str) -> StoreShown | None:
    """Return a store."""
    found = _rows("store", {"store": number})
    if not found:
        return None
    number, name, locality, said, is_listed = found[0]
    return StoreShown(number, name, locality, msgspec.convert(said, StoreListed), is_listed)


def named(said: Mapping[str, str]) -> Named:
    """Return a text in the language of the page, or in the first one that it has."""
    here = translation.get_language() or "en"
    for language in (here, *LANGUAGES):
        if said.get(language):
            return Named(said[language], language)
    return Named("", here)


def _composed(statement: str, asked: Asked) -> tuple[str, dict[str, Any]]:
    """Return a statement with the conditions of what is asked; nothing of what somebody typed stands in it."""
    conditions = ["p.is_listed"]
    values: dict[str, Any] = {"currency": asked.currency}
    window = asked.window or Composed()
    by = window.by if window.by and asked.order == "fitting" else asked.order
    among, order = "catalog_product p", _ORDERS[by]
    if asked.categories is not None:
        conditions.append("p.category = any(%(categories)s::text[])")
        values["categories"] = list(asked.categories)
    if asked.maker:
        conditions.append("p.maker = %(maker)s")
        values["maker"] = asked.maker
    if asked.most is not None:
        conditions.append("o.lowest <= %(most)s")
        values["most"] = asked.most
    if asked.narrowed is not None:
        conditions.append(asked.narrowed.condition)
        values["narrowed"] = asked.narrowed.value
    if asked.window is not None:
        conditions += _conditions(asked.window, values)
    pairs, rest = words.question(asked.words)
    if asked.words and not (pairs or rest):
        conditions.append("false")  # signs alone are found nowhere
    if pairs or rest:
        parts = []
        if pairs:
            parts.append("%(pairs)s::tsquery")
            values["pairs"] = pairs
        if rest:
            parts.append(_REST)
            values["rest"] = rest
        question = " && ".join(parts)
        among = _SQL["matching"].format(question=question, limit=_RANKED_MAX)
        if by == "fitting":
            order = "p.rank desc, p.product"
    text = _SQL[statement].format(among=among, conditions=" and ".join(conditions), order=order, pictures=PICTURES)
    return text, values


#: In place of a column: the pictures of the product ``p``.
PICTURES: Final = _SQL["pictures"].removesuffix(";").format()


def _conditions(window: Composed, values: dict[str, Any]) -> list[str]:
    """Return the conditions of somebody's own window, the same as ``Composed.admits``."""
    found = []
    for name, column in (("categories", "category"), ("makers", "maker"), ("products", "product")):
        never = getattr(window, f"never_{name}")
        only = getattr(window, f"only_{name}", None)
        if never:
            found.append(f"(p.{column} is null or p.{column} <> all(%(never_{name})s::text[]))")
            values[f"never_{name}"] = list(never)
        if only is not None:
            found.append(f"p.{column} = any(%(only_{name})s::text[])")
            values[f"only_{name}"] = list(only)
    if window.never_adults:
        found.append("p.asks_over is null")
    if window.has_first:
        values |= {
            "first_categories": list(window.first_categories), "first_makers": list(window.first_makers),
            "every": window.every, "reach": PAGES_MAX * WARES + 1,
        }  # fmt: skip
    return found


_REST: Final = (
    "(plainto_tsquery('english', %(rest)s) || plainto_tsquery('french', %(rest)s)"
    " || plainto_tsquery('simple', %(rest)s))"
)
_ORDERS: Final[Mapping[Order, str]] = {
    "fitting": "p.at desc, p.product",
    "newest": "p.at desc, p.product",
    "cheapest": "o.lowest, p.product",
}


def _ware(row: Sequence[Any]) -> Ware:
    product, said, maker, age, currency_of, lowest, highest, category, picture = row
    name = named(said)
    shown = None if picture is None else picture_shown(picture, name)
    return Ware(
        product, name, maker, age, Money(lowest, currency_of) if currency_of else None,
        Money(highest, currency_of) if currency_of else None, category, shown,
    )  # fmt: skip


def _price(said: Mapping[str, Any]) -> PriceShown:
    before = said.get("before")
    return PriceShown(
        Money(said["amount"], said["currency"]), said.get("includes_tax", True),
        None if before is None else Money(before, said["currency"]),
    )  # fmt: skip


def _pictured(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return reading.rows(_SQL[statement].format(pictures=PICTURES), values)


def _rows(statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    return reading.rows(_SQL[statement], values or {})
