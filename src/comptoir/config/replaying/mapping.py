"""The mapping: a file in which a shop says what the columns of its sales export mean.

TOML, one table for each thing that an export has to say: the file, the sale, its time, the customer, the line, the
returns. Unknown settings are refused, so that a slip of the pen is noticed. Not here: the reading of an export
(``exports.py``) and the guessing of a first mapping (``inspecting.py``).
"""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

_SOURCE = re.compile(r"/[A-Za-z0-9._~/-]*(?:\{store\}[A-Za-z0-9._~/-]*)?")


class MappingError(Exception):
    """A mapping that says something unknown or contradictory; the message names the setting."""


class FileFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is written: encoding, delimiter and quote of one character each."""

    encoding: str = "utf-8"
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Meta(min_length=1, max_length=1)] = '"'


class SaleColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What belongs to the whole sale.

    ``source`` says who sends; ``{store}`` in it becomes the row's store. ``receipt`` is the column of the receipt's
    number. The currency is either the same for all (``currency``) or a column's (``currency_column``).
    """

    source: str
    receipt: str
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] | None = None
    currency_column: str | None = None
    store: str | None = None


class TimeColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it was: columns (joined by a space), their format (``iso`` or strptime's), the zone of the shop's clock."""

    columns: Annotated[list[str], Meta(min_length=1, max_length=3)]
    format: str = "iso"
    zone: str = "UTC"


class CustomerColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who it was: the column of an opaque number and the kind of identifier that it is. Empty cells are guests.

    ``remove_suffix`` takes off what a spreadsheet has put on, such as ``.0``.
    """

    column: str
    kind: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")] = "card"
    remove_suffix: str = ""


class LineColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was sold: either ``amount`` (of the whole line) or ``unit_price``, in the currency's main unit.

    ``gtin`` is the column of the barcode's number, ``discount`` that of what promotions took off, with a minus or
    without. ``number`` is the column of the line's number within the receipt; without it, the order of the rows counts.
    ``rounding`` says what happens to an amount with more digits than the currency has: ``half_up`` or ``refuse``.
    ``negative_amounts`` says what happens to a sold line below zero, such as a discount: ``accept`` or ``refuse``.
    ``fractional_quantities`` says what happens to a quantity that is not whole, such as a weight: ``refuse``, or
    ``one``, so that a weighed article counts once.
    ``duplicates`` says what happens to a row that repeats another one of its receipt: ``keep`` or ``refuse``.
    """

    product: str
    quantity: str
    amount: str | None = None
    unit_price: str | None = None
    category: str | None = None
    gtin: str | None = None
    discount: str | None = None
    number: str | None = None
    decimal: Literal[".", ","] = "."
    thousands: Annotated[str, Meta(max_length=1)] = ""
    rounding: Literal["half_up", "refuse"] = "half_up"
    negative_amounts: Literal["accept", "refuse"] = "refuse"
    fractional_quantities: Literal["one", "refuse"] = "refuse"
    duplicates: Literal["keep", "refuse"] = "keep"


class ReturnRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a return is recognised, and how the sale that it belongs to is found.

    ``recognised_by`` is ``negative_quantity``, ``receipt_prefix`` (with ``prefix``) or ``column`` (with ``column``
    and ``values``). ``quantities`` says whether the export writes a returned quantity as ``negative`` or
    ``positive``. The sale is named by a column (``sale_receipt``), or found by ``match_returns``: the latest
    earlier sale of that article to that customer with enough of it not returned yet.
    """

    recognised_by: Literal["negative_quantity", "receipt_prefix", "column"]
    prefix: str | None = None
    column: str | None = None
    values: list[str] = []
    quantities: Literal["negative", "positive"] = "negative"
    sale_receipt: str | None = None
    match_returns: bool = False


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole mapping. Without ``customer`` every sale is a guest's; without ``returns`` there are none."""

    sale: SaleColumns
    time: TimeColumns
    line: LineColumns
    file: FileFormat = FileFormat()
    customer: CustomerColumns | None = None
    returns: ReturnRules | None = None

    def columns(self) -> dict[str, str]:
        """Return every column that the mapping names, by the setting that names it."""
        named: dict[str, str | None] = {
            "sale.receipt": self.sale.receipt,
            "sale.currency_column": self.sale.currency_column,
            "sale.store": self.sale.store,
            "line.product": self.line.product,
            "line.quantity": self.line.quantity,
            "line.amount": self.line.amount,
            "line.unit_price": self.line.unit_price,
            "line.category": self.line.category,
            "line.gtin": self.line.gtin,
            "line.discount": self.line.discount,
            "line.number": self.line.number,
            "customer.column": self.customer.column if self.customer else None,
            "returns.column": self.returns.column if self.returns else None,
            "returns.sale_receipt": self.returns.sale_receipt if self.returns else None,
        }
        named |= {f"time.columns[{index}]": column for index, column in enumerate(self.time.columns)}
        return {setting: column for setting, column in named.items() if column is not None}

    def check(self, headings: list[str]) -> None:
        """Raise :class:`MappingError` for a column that the export does not have."""
        for setting, column in self.columns().items():
            if column not in headings:
                there = ", ".join(name for name in headings if not name.startswith("\0"))
                raise MappingError(f"{setting}: no column {column!r} in the file. It has: {there}")


def load(path: Path) -> Mapping:
    """Read a mapping; :class:`MappingError` names what is wrong in it."""
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"not TOML: {error}") from None


def parse(members: dict[str, Any]) -> Mapping:
    """Build a mapping from what TOML says; :class:`MappingError` names what is wrong in it."""
    try:
        mapping = msgspec.convert(members, Mapping)
    except msgspec.ValidationError as error:
        raise MappingError(str(error)) from None
    for fault in _faults(mapping):
        raise MappingError(fault)
    return mapping


def _faults(mapping: Mapping) -> list[str]:
    """Return what contradicts itself, in words that name the setting."""
    sale, line, returns = mapping.sale, mapping.line, mapping.returns
    faults = []
    if not _SOURCE.fullmatch(sale.source):
        faults.append("sale.source: a path such as /imports/till, with {store} in it at most once")
    if "{store}" in sale.source and sale.store is None:
        faults.append("sale.source: {store} needs sale.store, the column of the store")
    if (sale.currency is None) == (sale.currency_column is None):
        faults.append("sale.currency: either one currency for all, or sale.currency_column")
    if (line.amount is None) == (line.unit_price is None):
        faults.append("line.amount: either the line's amount, or line.unit_price")
    if line.thousands in {line.decimal, "-"}:
        faults.append("line.thousands: not the sign of the decimal point")
    try:
        zoneinfo.ZoneInfo(mapping.time.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        faults.append(f"time.zone: no such time zone: {mapping.time.zone!r}; one such as Europe/Paris")
    if mapping.time.format != "iso" and "%" not in mapping.time.format:
        faults.append("time.format: iso, or a format such as %d/%m/%Y %H:%M")
    if returns is not None:
        faults += _return_faults(returns, has_customer=mapping.customer is not None)
    return faults


def _return_faults(returns: ReturnRules, *, has_customer: bool) -> list[str]:
    faults = []
    if returns.recognised_by == "receipt_prefix" and not returns.prefix:
        faults.append("returns.prefix: what the receipts of returns begin with")
    if returns.recognised_by == "column" and not (returns.column and returns.values):
        faults.append("returns.column: the column and returns.values, what it says for a return")
    if returns.recognised_by == "negative_quantity" and returns.quantities == "positive":
        faults.append("returns.quantities: returns cannot be recognised by what they do not have")
    if (returns.sale_receipt is None) == (not returns.match_returns):
        faults.append("returns.sale_receipt: either the column of the sale's receipt, or match_returns = true")
    if returns.match_returns and not has_customer:
        faults.append("returns.match_returns: needs the table customer, since a sale is found by its customer")
    return faults
