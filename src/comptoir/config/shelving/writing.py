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
from comptoir.square.catalog.contracts import CURRENCIES_MAX, LANGUAGES

_SQL: Final = load_statements(__package__, "writing.sql")
_OPTIONS_MAX: Final = 200
_PORTION: Final = 2_000


def write_csv(connection: Connection, path: Path, *, passed: Callable[[int], None]) -> int:
    """Write a row for each variant of what is listed; returns how many. ``passed`` is told how far it is.

    A cell that a spreadsheet would compute has an apostrophe in front.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        names = [str(row[0]) for row in connection.execute(_SQL["options"], (_OPTIONS_MAX,))]
        paths = _paths(connection)
        heading = [
            "product", "sku", *(f"{field}_{each}" for field in ("name", "text") for each in LANGUAGES), "maker",
            "category", "category_path", "gtin", "asks_over", "tax", *(f"option {name}" for name in names),
            *(f"{field}{_suffix(number)}" for number in range(CURRENCIES_MAX)
              for field in ("price", "currency", "before", "includes_tax")),
        ]  # fmt: skip
        count = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, heading, restval="")
            writer.writeheader()
            for row in _variants(connection):
                writer.writerow({name: harmless(cell) for name, cell in _cells(row, paths).items()})
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
            for product, category in _products(connection):
                said = describing.describe(product, url=f"{origin}/product/{product.product}")
                if category in paths:
                    said["category"] = paths[category]
                file.write(codec.encode(said) + b"\n")
                count += 1
                if count % _PORTION == 0:
                    passed(count)
    return count


def _cells(row: tuple[Any, ...], paths: Mapping[str, str]) -> dict[str, str]:
    product, said, category, maker, age, tax, sku, gtin, options, prices = row
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
        cursor.execute(_SQL["variants"])
        yield from cursor


def _products(connection: Connection) -> Iterator[tuple[queries.ProductShown, str | None]]:
    """Yield what is listed with its variants, which stand side by side."""
    before: list[tuple[Any, ...]] = []
    for row in _variants(connection):
        if before and row[0] != before[0][0]:
            yield _shown(before), before[0][2]
            before = []
        before.append(row)
    if before:
        yield _shown(before), before[0][2]


def _shown(rows: list[tuple[Any, ...]]) -> queries.ProductShown:
    product, said, category, maker, age, tax = rows[0][:6]
    variants = tuple(queries.variant(*row[6:]) for row in rows)
    return queries.product_shown(product, said, category, maker, age, tax, variants)
