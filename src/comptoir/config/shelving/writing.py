"""From the catalog to a list: a CSV that :mod:`~comptoir.config.shelving.tables` reads again, or JSON-LD a line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.codec import harmless
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.money import Money
from comptoir.square.catalog import describing, queries
from comptoir.square.catalog.contracts import CURRENCIES_MAX, LANGUAGES, PICTURES_MAX

_SQL: Final = load_statements(__package__, "writing.sql")
_OPTIONS_MAX: Final = 200
#: So many stores have a column of their own.
_STORES_MAX: Final = 50
_PORTION: Final = 2_000


def write_csv(connection: Connection, path: Path, *, origin: str, passed: Callable[[int], None]) -> int:
    """Write a row for each variant of what is listed; returns how many. ``passed`` is told how far it is.

    ``origin`` is where addresses of pictures begin that the house has; where it has fetched none yet, those stand there
    that were named. ``stock`` is how many there are to be sold in all stores, ``stock STORE`` in one; an empty cell:
    nobody has counted. Neither is read again.

    A cell that a spreadsheet would compute has an apostrophe in front.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        names = [str(row[0]) for row in connection.execute(_SQL["options"], (_OPTIONS_MAX,))]
        paths = _paths(connection)
        stores = [str(row[0]) for row in connection.execute(_SQL["stores"], (_STORES_MAX,))]
        heading = [
            "product", "sku", *(f"{field}_{each}" for field in ("name", "text") for each in LANGUAGES), "maker",
            "category", "category_path", "gtin", "asks_over", "tax", *(f"option {name}" for name in names),
            *(f"{field}{_suffix(number)}" for number in range(CURRENCIES_MAX)
              for field in ("price", "currency", "before", "includes_tax")),
            *(f"{field}{_suffix(number)}" for number in range(PICTURES_MAX)
              for field in ("picture", *(f"picture_alt_{each}" for each in LANGUAGES))),
            "stock", *(f"stock {store}" for store in stores),
        ]  # fmt: skip
        count = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, heading, restval="", extrasaction="ignore")
            writer.writeheader()
            for row in _variants(connection):
                writer.writerow({name: harmless(cell) for name, cell in _cells(row, paths, origin).items()})
                count += 1
                if count % _PORTION == 0:
                    passed(count)
    return count


def write_jsonld(connection: Connection, path: Path, *, origin: str, passed: Callable[[int], None]) -> int:
    """Write a line for each product that is listed, as schema.org says it; returns how many."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        paths = _paths(connection)
        count = 0
        with path.open("wb") as file:
            for product, category, levels in _products(connection):
                said = describing.describe(
                    product, url=f"{origin}/product/{product.product}", origin=origin, levels=levels,
                    in_stock={sku: level > 0 for sku, level in levels.items()},
                )  # fmt: skip
                if category in paths:
                    said["category"] = paths[category]
                file.write(codec.encode(said) + b"\n")
                count += 1
                if count % _PORTION == 0:
                    passed(count)
    return count


def _cells(row: tuple[Any, ...], paths: Mapping[str, str], origin: str) -> dict[str, str]:
    product, said, category, maker, age, tax, sku, gtin, options, prices, shown, level, levels, place = row
    cells = {"product": product, "sku": sku, "maker": maker or "", "gtin": gtin or "", "tax": tax}
    for field in ("name", "text"):
        cells |= {f"{field}_{language}": text for language, text in said[field].items()}
    if category is not None:
        cells |= {"category": category, "category_path": paths.get(category, "")}
    if age is not None:
        cells["asks_over"] = str(age)
    cells |= {f"option {name}": value for name, value in options.items()}
    for number, price in enumerate(prices):
        suffix, code = _suffix(number), price["currency"]
        cells |= {f"price{suffix}": describing.written(Money(price["amount"], code)), f"currency{suffix}": code}
        cells[f"includes_tax{suffix}"] = "yes" if price.get("includes_tax", True) else "no"
        if price.get("before") is not None:
            cells[f"before{suffix}"] = describing.written(Money(price["before"], code))
    if level is not None:
        cells |= {"stock": str(level), **{f"stock {store}": str(each) for store, each in levels.items()}}
    if place == 0:  # what is said of the product stands in its first row
        for number, each in enumerate(shown or said.get("pictures") or ()):
            suffix = _suffix(number)
            cells[f"picture{suffix}"] = each.get("url") or f"{origin}/goods/{each['digest']}.webp"
            cells |= {f"picture_alt_{name}{suffix}": text for name, text in (each.get("alt") or {}).items()}
    return cells


def _suffix(number: int) -> str:
    return f" {number + 1}" if number else ""


def _paths(connection: Connection) -> dict[str, str]:
    """Return the names of the categories from the top to each one, in the first language that they have."""
    rows = connection.execute(_SQL["categories"]).fetchall()
    names = {row[0]: next(filter(None, (row[2].get(each) for each in LANGUAGES)), row[0]) for row in rows}
    within = {row[0]: row[1] for row in rows}
    found = {}
    for category in names:
        path, above = [], category
        while above is not None and above in names:
            path.append(names[above])
            above = within[above]
        found[category] = " > ".join(reversed(path))
    return found


def _variants(connection: Connection) -> Iterator[tuple[Any, ...]]:
    with connection.cursor("variants") as cursor:
        cursor.itersize = _PORTION
        cursor.execute(_SQL["variants"].format(pictures=queries.PICTURES))
        yield from cursor


def _products(connection: Connection) -> Iterator[tuple[queries.ProductShown, str | None, dict[str, int]]]:
    """Yield what is listed with its variants, which stand side by side, and how many there are of those counted."""
    before: list[tuple[Any, ...]] = []
    for row in _variants(connection):
        if before and row[0] != before[0][0]:
            yield _shown(before), before[0][2], _levels(before)
            before = []
        before.append(row)
    if before:
        yield _shown(before), before[0][2], _levels(before)


def _shown(rows: list[tuple[Any, ...]]) -> queries.ProductShown:
    product, said, category, maker, age, tax = rows[0][:6]
    variants = tuple(queries.variant(*row[6:10]) for row in rows)
    pictures = rows[0][10] or ()
    return queries.product_shown(product, said, category, maker, age, tax, variants, pictures=pictures)


def _levels(rows: list[tuple[Any, ...]]) -> dict[str, int]:
    return {row[6]: row[11] for row in rows if row[11] is not None}
