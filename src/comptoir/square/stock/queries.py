"""Reads of stock: for other packages on their own connection, and for pages in the current room."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms import reading
from comptoir.square.catalog.queries import Narrowed
from comptoir.square.stock import store as _store
from comptoir.square.stock.contracts import Article, Available

#: So many stores to choose from, so many rows of one list.
STORES_MAX: Final = 2_000
SHOWN_MAX: Final = 50
_SQL: Final = load_statements(__package__, "queries.sql")


class Shelf(msgspec.Struct, frozen=True):
    """An article as a page shows it: how many can be had, ``None`` where nobody has counted; and where it lies."""

    store: str
    sku: str
    available: int | None
    aisle: str | None = None
    shelf: str | None = None


class Row(msgspec.Struct, frozen=True):
    """An article as staff see it; ``on_hand`` below zero: more was sold than had been counted."""

    store: str
    sku: str
    on_hand: int
    held: int
    counted_at: dt.datetime
    aisle: str | None
    shelf: str | None


class Uncovered(msgspec.Struct, frozen=True):
    """A line of an open hold that is short; ``touchpoint`` is who holds."""

    hold: uuid.UUID
    sku: str
    quantity: int
    until: dt.datetime
    touchpoint: str


def available(connection: Any, skus: Collection[str], store: str | None = None) -> dict[Article, Available]:
    """Return how much there is of these SKUs, at one store or at all, on the caller's connection and transaction.

    What was never counted is left out: it is not known, and cannot be held.
    """
    return {Article(each.store, each.sku): each for each in _store.find_available(connection, skus, store)}


def available_here(skus: Collection[str], store: str) -> dict[Article, Available]:
    """Return the same for a page, at one store."""
    rows = reading.rows(_SQL["here"], {"skus": list(skus), "store": store})
    return {Article(row[0], row[1]): Available(*row) for row in rows}


def short_holds(connection: Any, holds: Collection[Id]) -> set[Id]:
    """Return those of these holds of which was told that they are not covered any more, on the caller's connection."""
    return _store.find_short(connection, holds)


def shelves(skus: Collection[str]) -> dict[str, list[Shelf]]:
    """Return by store what is known of these SKUs at listed stores; what is known of none is left out."""
    found: dict[str, list[Shelf]] = {}
    for row in reading.rows(_SQL["shelves"], {"skus": list(skus)}):
        shelf = Shelf(*row)
        found.setdefault(shelf.store, []).append(shelf)
    return found


def in_stock(skus: Collection[str]) -> Mapping[str, bool]:
    """Return of these SKUs whether any listed store has some; of what was counted nowhere, nothing."""
    return dict(reading.rows(_SQL["in_stock"], {"skus": list(skus)}))


def there_now(store: str) -> Narrowed:
    """Return what narrows a question to the shop window down to what a store has at this moment."""
    return Narrowed(_SQL["there_now"], store)


class Listed(NamedTuple):
    """An article that is sold, as it was listed: ``prices`` and ``name`` as the tables have them."""

    sku: str
    gtin: str | None
    options: Mapping[str, str]
    prices: Sequence[Mapping[str, Any]]
    name: Mapping[str, str]
    category: str | None
    tax: str


def price_list(store: str, *, limit: int) -> list[Listed]:
    """Return articles that are sold, first those that a store has counted."""
    return [Listed(*row) for row in reading.rows(_SQL["price_list"], {"store": store, "limit": limit})]


def stores() -> list[tuple[str, str]]:
    """Return stores that are listed or where something was counted, each with its name, or its number again."""
    return [(number, name or number) for number, name in reading.rows(_SQL["stores"], {"limit": STORES_MAX})]


def counting_stores() -> list[tuple[str, str]]:
    """Return the listed stores that have counted anything, by name."""
    return list(reading.rows(_SQL["counting_stores"], {"limit": STORES_MAX}))


def oldest(store: str) -> list[Row]:
    """Return what was not counted for longest at a store; first of which more was sold than there were."""
    return [Row(*row) for row in reading.rows(_SQL["oldest"], {"store": store, "limit": SHOWN_MAX})]


def uncovered(store: str) -> list[Uncovered]:
    """Return the open holds of a store that are not covered."""
    return [Uncovered(*row) for row in reading.rows(_SQL["uncovered"], {"store": store, "limit": SHOWN_MAX})]


def sku_of(number: str) -> str | None:
    """Return which SKU the catalog has under a number that was typed, or in a barcode."""
    gtins = [number.lstrip("0").zfill(size) for size in (8, 12, 13, 14)] if number.isdecimal() else []
    found = reading.rows(_SQL["sku_of"], {"number": number, "gtins": gtins})
    return str(found[0][0]) if found else None
