"""Lists that are tables: the house's own CSV, and the product CSV of a Shopify shop.

The columns of the latter are those of https://help.shopify.com/en/manual/products/import-export/using-csv.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from comptoir.config.shelving.contracts import CELL_CHARACTERS_MAX, ListError, Refused, Row, Rows
from comptoir.config.shelving.picturing import Named
from comptoir.foundation.kernel.codec import harmless
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.numbers import whole
from comptoir.square.catalog.contracts import LANGUAGES, PICTURES_MAX

_YES: Final = frozenset({"yes", "true", "1", "oui", "はい"})
_NO: Final = frozenset({"no", "false", "0", "non", "いいえ"})
_OPTION: Final = "option "
#: What a category's path is parted by.
_PATH: Final = ">"
#: A product without options has one in that shop, which says so.
_NO_OPTION: Final = ("Title", "Default Title")


class _WrongError(Exception):
    """A cell that says no such thing."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column, self.detail = column, detail


def own(path: Path, *, language: str, currency: str) -> Rows:
    """Read the house's own CSV. ``name`` and ``text`` without a language are in ``language``.

    Raises :class:`ListError` for a file without the columns ``product`` and a name.
    """
    heading, lines_of_file = table(path)
    if "product" not in heading or not {"name", *(f"name_{each}" for each in LANGUAGES)} & set(heading):
        raise ListError("the list needs the columns product and name (or name_en, name_ja, name_fr)")
    for line, cells in lines_of_file:
        named = Named(language)
        try:
            yield _own_row(line, cells, named, language=language, currency=currency)
        except _WrongError as wrong:
            yield Refused(line, "cell_invalid", wrong.column, wrong.detail)
        yield from named.refused()


def _own_row(line: int, cells: Mapping[str, str], named: Named, *, language: str, currency: str) -> Row:
    said: dict[str, Any] = {}
    for field in ("name", "text"):
        words = {each: cells[f"{field}_{each}"] for each in LANGUAGES if cells.get(f"{field}_{each}")}
        if cells.get(field):
            words.setdefault(language, cells[field])
        if words:
            said[field] = words
    for field in ("maker", "tax"):
        if cells.get(field):
            said[field] = cells[field]
    if cells.get("asks_over"):
        said["asks_over"] = _number("asks_over", cells["asks_over"])
    for suffix in ("", *(f" {number}" for number in range(2, PICTURES_MAX + 1))):
        if cells.get(f"picture{suffix}"):
            shown = {each: cells.get(f"picture_alt_{each}{suffix}", "") for each in LANGUAGES}
            shown[language] = shown[language] or cells.get(f"picture_alt{suffix}", "")
            named.add(cells[f"picture{suffix}"], line=line, column=f"picture{suffix}", words=shown)
    said |= named.said
    variant: dict[str, Any] = {"sku": cells.get("sku") or cells["product"]}
    if cells.get("gtin"):
        variant["gtin"] = cells["gtin"].replace(" ", "")
    options = {name.removeprefix(_OPTION): value for name, value in cells.items() if name.startswith(_OPTION) and value}
    if options:
        variant["options"] = options
    variant["prices"] = [
        price
        for suffix in ("", *(f" {number}" for number in range(2, 11)))
        if (price := _price(cells, suffix, currency=currency)) is not None
    ]
    path = tuple(part for part in map(str.strip, cells.get("category_path", "").split(_PATH)) if part)
    return Row(line, cells["product"], said, variant, path, cells.get("category", ""))


def _price(cells: Mapping[str, str], suffix: str, *, currency: str) -> dict[str, Any] | None:
    said = cells.get(f"price{suffix}", "")
    if not said:
        return None
    code = cells.get(f"currency{suffix}") or currency
    if not code:
        raise _WrongError(f"currency{suffix}", "say in which currency the price is")
    price: dict[str, Any] = {"currency": code, "amount": _minor(f"price{suffix}", said, code)}
    if cells.get(f"before{suffix}"):
        price["before"] = _minor(f"before{suffix}", cells[f"before{suffix}"], code)
    if cells.get(f"includes_tax{suffix}"):
        price["includes_tax"] = _is(f"includes_tax{suffix}", cells[f"includes_tax{suffix}"])
    return price


def shopify(path: Path, *, language: str, currency: str) -> Rows:
    """Read the product CSV of a Shopify shop. What is not active there is passed over.

    Raises :class:`ListError` for a file without the columns ``Handle`` and ``Title``, or without a currency: the file
    does not name its own.
    """
    import nh3  # noqa: PLC0415 - for importers only
    from markdownify import markdownify  # noqa: PLC0415 - a tenth of a second, for importers only

    heading, lines_of_file = table(path)
    if not {"Handle", "Title"} <= set(heading):
        raise ListError("the list needs the columns Handle and Title")
    if not currency:
        raise ListError("prices in this list have no currency: name it")
    for _, lines in itertools.groupby(lines_of_file, key=lambda row: row[1].get("Handle", "")):
        rows = list(lines)
        first = rows[0][1]
        if first.get("Status", "active").lower() not in {"", "active"}:
            continue
        said: dict[str, Any] = {"name": {language: first.get("Title", "")}}
        text = markdownify(nh3.clean(first.get("Body (HTML)", "")), strip=["a", "img"]).strip()
        if text:
            said["text"] = {language: text}
        if first.get("Vendor"):
            said["maker"] = first["Vendor"]
        named = _shopify_pictures(rows, language)
        said |= named.said
        where = first.get("Product Category") or first.get("Type", "")
        path_of = tuple(part for part in map(str.strip, where.split(_PATH)) if part)
        for number, (line, cells) in enumerate(rows, start=1):
            if not cells.get("Variant Price") and number > 1:
                continue  # one more picture
            try:
                variant = _shopify_variant(cells, first, number, currency=currency)
            except _WrongError as wrong:
                yield Refused(line, "cell_invalid", wrong.column, wrong.detail)
            else:
                yield Row(line, first["Handle"], said, variant, path_of)
        yield from named.refused()


def _shopify_pictures(rows: list[tuple[int, dict[str, str]]], language: str) -> Named:
    named = Named(language)
    for line, cells in sorted(rows, key=lambda row: _position(row[1])):
        if cells.get("Image Src"):
            named.add(cells["Image Src"], line=line, column="Image Src", words=cells.get("Image Alt Text", ""))
    return named


def _position(cells: Mapping[str, str]) -> int:
    """Return at which place a picture stands; those that do not say stay where they are, behind the others."""
    said = cells.get("Image Position", "")
    position = whole(said, 10**8 - 1)
    return 10**9 if position is None else position


def _shopify_variant(
    cells: Mapping[str, str], first: Mapping[str, str], number: int, *, currency: str
) -> dict[str, Any]:
    handle = first["Handle"]
    variant: dict[str, Any] = {"sku": cells.get("Variant SKU", "").lstrip("'") or f"{handle}-{number}"}
    if barcode := cells.get("Variant Barcode", "").lstrip("'"):
        variant["gtin"] = barcode
    options = {}
    for place in ("1", "2", "3"):
        name, value = first.get(f"Option{place} Name", ""), cells.get(f"Option{place} Value", "")
        if name and value and (name, value) != _NO_OPTION:
            options[name] = value
    if options:
        variant["options"] = options
    if said := cells.get("Variant Price"):
        price: dict[str, Any] = {"currency": currency, "amount": _minor("Variant Price", said, currency)}
        before = cells.get("Variant Compare At Price", "")
        if before and (was := _minor("Variant Compare At Price", before, currency)) > price["amount"]:
            price["before"] = was
        variant["prices"] = [price]
    return variant


def table(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Return the columns of a CSV, and its rows by them, each with the line in which it ends.

    Comma, semicolon and tab are told apart by the heading. Raises :class:`ListError` for what is no table in UTF-8.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            first = file.readline()
        except UnicodeDecodeError:
            raise ListError("the list is not written in UTF-8") from None
    delimiter = max(",;\t", key=first.count)
    heading = [each.strip() for each in next(csv.reader([first], delimiter=delimiter), [])]
    if not any(heading):
        raise ListError("the list is empty")
    if doubled := {each for each in heading if each and heading.count(each) > 1}:
        raise ListError(f"the column {min(doubled)} stands twice")
    return heading, _rows(path, heading, delimiter)


def _rows(path: Path, heading: list[str], delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for number, cells in enumerate(reader):
                if number and any(cells):
                    yield reader.line_num, _cells(heading, cells)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ListError(f"line {reader.line_num + 1}: {error}") from None


def _cells(heading: Iterable[str], cells: Iterable[str]) -> dict[str, str]:
    """Return a row by its columns; an apostrophe that keeps a spreadsheet from computing a cell is no part of it."""
    found = {name: cell.strip()[:CELL_CHARACTERS_MAX] for name, cell in zip(heading, cells, strict=False) if name}
    return {name: cell[1:] if cell[:1] == "'" and harmless(cell[1:]) == cell else cell for name, cell in found.items()}


def _minor(column: str, said: str, currency: str) -> int:
    try:
        return Money.parse(said.replace("\u00a0", "").replace(" ", ""), currency).minor
    except ValueError as error:
        raise _WrongError(column, str(error)) from None


def _number(column: str, said: str) -> int:
    number = whole(said, 10**9 - 1)
    if number is None:
        raise _WrongError(column, f"not a whole number: {said!r}")
    return number


def _is(column: str, said: str) -> bool:
    if said.casefold() in _YES:
        return True
    if said.casefold() in _NO:
        return False
    raise _WrongError(column, f"yes or no, not {said!r}")
