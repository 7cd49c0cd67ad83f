"""A shop's own sales export becomes events: rows are understood, put together to sales, returns find their sale.

Every row that is read ends in exactly one event or, with its line and a named reason, among the refused ones. The
rows are sorted in a scratch file (SQLite, removed at the end), so that the size of an export is the disk's matter and
not the memory's.

Not here: the bytes of the file (``rows.py``), what the columns mean (``mapping.py``), the sending (``sending.py``).
"""

from __future__ import annotations

import collections
import contextlib
import datetime as dt
import decimal
import functools
import hashlib
import heapq
import itertools
import re
import sqlite3
import tempfile
import urllib.parse
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from comptoir.config.replaying import rows
from comptoir.config.replaying.mapping import LineColumns, Mapping
from comptoir.config.replaying.recordings import Event
from comptoir.counter.sales.contracts import LINES_MAX
from comptoir.foundation.kernel import database, money

TEXT_CHARACTERS_MAX: Final = 64
CUSTOMER_CHARACTERS_MAX: Final = 256
MINOR_MAX: Final = 10**12
QUANTITY_MAX: Final = 10**9

_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,9})?")
_GTIN = re.compile(r"\d{8}|\d{12,14}", re.ASCII)
_LOOKED_AT_MAX = 1000
_ROWS_A_TIME = 2_000
_DETAIL_CHARACTERS_MAX = 80
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_STATEMENTS = database.load_statements("comptoir.config.replaying", "scratch.sql")
_INSERT_SOLD = (
    "INSERT INTO sold (row, source, receipt, number, at, store, customer, product, category, quantity, minor, currency,"
    " gtin, discount) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_RETURNED = (
    "INSERT INTO returned (row, source, receipt, at, store, customer, product, quantity, minor, currency, sale_receipt)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_REFUSED = "INSERT INTO refused (row, reason, field, detail) VALUES (?, ?, ?, ?)"


class RefusedRow(NamedTuple):
    """A row that went into no event: its line, the reason's name, the column at fault if there is one, a detail."""

    line: int
    reason: str
    column: str | None
    detail: str


class Counts(NamedTuple):
    """What became of the rows: ``read`` is always the sum of the other two."""

    read: int
    in_events: int
    refused: int


class _RefusedError(Exception):
    """A row cannot be taken: reason, column, detail."""

    def __init__(self, reason: str, column: str | None = None, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.detail = detail


class Export:
    """One export while it is turned into events. Made by :func:`opened`; call :meth:`read` once, then the others."""

    def __init__(self, path: Path, mapping: Mapping, scratch: sqlite3.Connection) -> None:
        """Prepare to read ``path``."""
        self._path = path
        self._mapping = mapping
        self._database = scratch
        self._understand = _Understanding(mapping)
        self._rows_read = 0

    def read(self, *, passed: Callable[[int], None] | None = None) -> Counts:
        """Read the whole file, put sales together and match returns; returns what became of the rows.

        ``passed`` hears the number of rows now and then. Raises :class:`~comptoir.config.replaying.rows.RowsError`
        and :class:`~comptoir.config.replaying.mapping.MappingError` where the file as a whole cannot be used.
        """
        self._mapping.check(rows.headings(self._path, self._mapping.file))
        everything = rows.read(self._path, self._mapping.file)
        while some := list(itertools.islice(everything, _ROWS_A_TIME)):
            self._keep(some)
            self._rows_read += len(some)
            if passed is not None:
                passed(self._rows_read)
        self._run("index_sold")
        if self._mapping.line.duplicates == "refuse":
            self._run("refuse_duplicates")
            self._run("forget_refused")
        self._database.execute(_STATEMENTS["refuse_mixed_receipts"], {"lines_max": LINES_MAX, "minor_max": MINOR_MAX})
        self._run("forget_refused")
        self._run("number_lines")
        with self._at_once():
            self._match_returns()
        return self.counts()

    def counts(self) -> Counts:
        """Return what became of the rows, counted anew; a row that is in no event and not refused is a defect."""
        in_events = self._count("SELECT count(*) FROM sold") + self._count("SELECT count(*) FROM returned")
        refused = self._count("SELECT count(*) FROM refused")
        assert self._rows_read == in_events + refused, f"{self._rows_read} rows, {in_events} used, {refused} refused"
        return Counts(self._rows_read, in_events, refused)

    def reasons(self) -> dict[str, int]:
        """Return how many rows were refused for which reason, the commonest first."""
        found = self._database.execute("SELECT reason, count(*) FROM refused GROUP BY reason ORDER BY 2 DESC, 1")
        return dict(found.fetchall())

    def refused(self) -> Iterator[RefusedRow]:
        """Yield every refused row in the order of the file."""
        found = self._database.execute("SELECT row, reason, field, detail FROM refused ORDER BY row")
        return (RefusedRow(*row) for row in found)

    def events(self) -> Iterator[Event]:
        """Yield all sales and returns in the order of time; a sale comes before a return of the same moment."""
        pairs = heapq.merge(self._sales(), self._returns(), key=lambda pair: (pair[0].time, pair[0].type))
        return (event for event, _ in pairs)

    def rows_of(self, events: set[tuple[str, str]]) -> dict[tuple[str, str], list[int]]:
        """Return the lines of the file that went into some events, which are given as (source, id)."""
        found = {}
        if events:
            for event, lines in itertools.chain(self._sales(), self._returns()):
                if (event.source, event.id) in events:
                    found[event.source, event.id] = lines
        return found

    def _keep(self, some: list[rows.Row]) -> None:
        sold: list[tuple[Any, ...]] = []
        returned: list[tuple[Any, ...]] = []
        refused: list[tuple[Any, ...]] = []
        for row in some:
            if row.reason is not None:
                refused.append((row.line, row.reason, None, row.detail))
                continue
            try:
                is_return, values = self._understand(row.cells)
            except _RefusedError as error:
                refused.append((row.line, error.reason, error.column, error.detail[:_DETAIL_CHARACTERS_MAX]))
            else:
                (returned if is_return else sold).append((row.line, *values))
        with self._at_once():
            self._database.executemany(_INSERT_SOLD, sold)
            self._database.executemany(_INSERT_RETURNED, returned)
            self._database.executemany(_INSERT_REFUSED, refused)

    def _match_returns(self) -> None:
        if self._mapping.returns is None:
            return
        named = not self._mapping.returns.match_returns
        self._database.execute(_STATEMENTS["index_receipts" if named else "index_customers"])
        look = _STATEMENTS["sold_on_receipt" if named else "sold_to_customer"]
        columns = ("row", "source", "receipt", "at", "customer", "product", "quantity", "minor", "currency",
                   "sale_receipt")  # fmt: skip
        for values in self._database.execute(_STATEMENTS["returns_in_order"]).fetchall():
            wanted = dict(zip(columns, values, strict=True))
            try:
                sold_row = self._sale_of(look, wanted, named=named)
            except _RefusedError as error:
                self._database.execute("DELETE FROM returned WHERE row = ?", (wanted["row"],))
                self._database.execute(_INSERT_REFUSED, (wanted["row"], error.reason, error.column, error.detail))
            else:
                self._database.execute(
                    _STATEMENTS["take_back"],
                    {"quantity": wanted["quantity"], "minor": wanted["minor"], "row": sold_row},
                )
                self._database.execute(_STATEMENTS["match"], {"sold_row": sold_row, "row": wanted["row"]})

    def _sale_of(self, look: str, wanted: dict[str, Any], *, named: bool) -> int:
        """Return the row of the sale that a returned row belongs to."""
        if not named and wanted["customer"] is None:
            raise _RefusedError("return_of_a_guest", None, "nobody is named whose sale it could be")
        found = self._database.execute(look, wanted | {"looked_at_max": _LOOKED_AT_MAX}).fetchall()
        if not found:
            where = f"receipt {wanted['sale_receipt']}" if named else "that customer"
            raise _RefusedError("return_without_sale", None, f"no earlier sale of {wanted['product']} on {where}"
                                if named else f"no earlier sale of {wanted['product']} to {where}")  # fmt: skip
        enough = [row for row in found if row[1] >= wanted["quantity"]]
        if not enough:
            left = max(row[1] for row in found)
            raise _RefusedError("return_larger_than_sale", None, f"{wanted['quantity']} back, {left} not returned yet")
        for row, _, minor_left, currency in enough:
            if minor_left >= wanted["minor"] and currency == wanted["currency"]:
                return int(row)
        raise _RefusedError("return_worth_more_than_sale", None, f"{wanted['minor']} back, {enough[0][2]} paid for it")

    def _sales(self) -> Iterator[tuple[Event, list[int]]]:
        found = self._database.execute(_STATEMENTS["sales"])
        for (at, source, receipt), group in itertools.groupby(found, key=lambda row: row[:3]):
            lines = list(group)
            _, _, _, _, store, customer, currency, *_ = lines[0]
            data: dict[str, Any] = {"receipt": receipt}
            if store is not None:
                data["store"] = store
            if customer is not None and self._mapping.customer is not None:
                data["customer"] = {"kind": self._mapping.customer.kind, "value": customer}
            data["currency"] = currency
            data["total"] = sum(line[10] for line in lines)
            data["lines"] = [
                {"product": product}
                | ({"category": category} if category is not None else {})
                | ({"gtin": gtin} if gtin is not None else {})
                | {"quantity": quantity, "amount": minor}
                | ({"discount": discount} if discount is not None else {})
                for *_, product, category, quantity, minor, gtin, discount in lines
            ]
            event = Event(id=f"sale-{receipt}", source=source, type="sale.closed", time=_moment(at), data=data)
            yield event, [line[3] for line in lines]

    def _returns(self) -> Iterator[tuple[Event, list[int]]]:
        found = self._database.execute(_STATEMENTS["returns"])
        for key, group in itertools.groupby(found, key=lambda row: (*row[:3], row[6], row[7])):
            at, source, receipt, sale_source, sale_receipt = key
            lines = list(group)
            # Two rows about the same line of the sale are one line of the return.
            merged: dict[int, list[int]] = collections.defaultdict(lambda: [0, 0])
            for *_, line, quantity, minor in lines:
                merged[line][0] += quantity
                merged[line][1] += minor
            name = _return_receipt(receipt, sale_receipt)
            data: dict[str, Any] = {
                "receipt": name,
                "sale": {"receipt": sale_receipt} | ({"source": sale_source} if sale_source != source else {}),
            }
            if lines[0][4] is not None:
                data["store"] = lines[0][4]
            data["currency"] = lines[0][5]
            data["total"] = sum(minor for _, minor in merged.values())
            data["lines"] = [
                {"line": line, "quantity": quantity, "amount": minor}
                for line, (quantity, minor) in sorted(merged.items())
            ]
            event = Event(id=f"return-{name}", source=source, type="sale.returned", time=_moment(at), data=data)
            yield event, [line[3] for line in lines]

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[None]:
        self._database.execute("BEGIN")
        yield
        self._database.execute("COMMIT")

    def _run(self, name: str) -> None:
        self._database.executescript(_STATEMENTS[name])

    def _count(self, statement: str) -> int:
        return int(self._database.execute(statement).fetchone()[0])


@contextlib.contextmanager
def opened(path: Path, mapping: Mapping) -> Iterator[Export]:
    """Have an export ready to be read, with a scratch file that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="comptoir-import-") as folder:
        scratch = sqlite3.connect(Path(folder) / "scratch.sqlite", isolation_level=None, check_same_thread=False)
        try:
            # Nothing here has to survive anything.
            scratch.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;")
            scratch.executescript(_STATEMENTS["tables"])
            yield Export(path, mapping, scratch)
        finally:
            scratch.close()


class _Understanding:
    """Turns the cells of one row into the values of a sold or of a returned line."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._zone = zoneinfo.ZoneInfo(mapping.time.zone)
        # The rows of a receipt share their time, and neighbours often do.
        self._at = functools.lru_cache(maxsize=4096)(self._parse_time)
        self._number = functools.lru_cache(maxsize=65_536)(functools.partial(_parse_number, mapping.line))

    def __call__(self, cells: dict[str, str]) -> tuple[bool, tuple[Any, ...]]:
        sale, line, returns = self._mapping.sale, self._mapping.line, self._mapping.returns
        receipt = _text(cells, sale.receipt)
        is_return = self._is_return(cells, receipt)
        store = _text(cells, sale.store) if sale.store else None
        source = sale.source.replace("{store}", urllib.parse.quote(store or "", safe=""))
        currency = sale.currency or self._currency(cells)
        at = self._at(" ".join(cells[column].strip() for column in self._mapping.time.columns))
        customer = self._customer(cells)
        product = _text(cells, line.product)
        quantity = self._quantity(cells)
        minor = self._minor(cells, currency)
        if is_return:
            assert returns is not None
            quantity, minor = self._turned(quantity, minor)
            named = _text(cells, returns.sale_receipt) if returns.sale_receipt else None
            return True, (source, receipt, at, store, customer, product, quantity, minor, currency, named)
        if quantity < 0:
            raise _RefusedError("negative_quantity", line.quantity, str(quantity))
        if minor < 0 and line.negative_amounts == "refuse":
            raise _RefusedError("negative_amount", line.amount or line.unit_price, str(minor))
        category = cells[line.category].strip()[:TEXT_CHARACTERS_MAX] or None if line.category else None
        number = int(self._number(cells[line.number], line.number)) if line.number else 0
        values = (source, receipt, number, at, store, customer, product, category, quantity, minor, currency)
        return False, (*values, self._gtin(cells), self._discount(cells, currency))

    def _is_return(self, cells: dict[str, str], receipt: str) -> bool:
        returns = self._mapping.returns
        if returns is None:
            return False
        if returns.recognised_by == "receipt_prefix":
            return receipt.startswith(returns.prefix or "")
        if returns.recognised_by == "column":
            return cells[returns.column or ""].strip() in returns.values
        return cells[self._mapping.line.quantity].strip().startswith("-")

    def _turned(self, quantity: int, minor: int) -> tuple[int, int]:
        """Return what came back as figures above zero, whichever way the export writes them."""
        returns, line = self._mapping.returns, self._mapping.line
        assert returns is not None
        if returns.quantities == "negative":
            quantity, minor = -quantity, -minor
        if quantity <= 0:
            raise _RefusedError("return_without_quantity", line.quantity, f"{quantity} came back")
        if minor < 0:
            raise _RefusedError("return_below_zero", line.amount or line.unit_price, f"worth {minor}")
        return quantity, minor

    def _currency(self, cells: dict[str, str]) -> str:
        column = self._mapping.sale.currency_column or ""
        currency = cells[column].strip().upper()
        if not re.fullmatch(r"[A-Z]{3}", currency):
            raise _RefusedError("not_a_currency", column, currency)
        return currency

    def _customer(self, cells: dict[str, str]) -> str | None:
        columns = self._mapping.customer
        if columns is None:
            return None
        value = cells[columns.column].strip().removesuffix(columns.remove_suffix)
        if len(value) > CUSTOMER_CHARACTERS_MAX:
            raise _RefusedError("text_too_long", columns.column, f"{len(value)} characters")
        return value or None

    def _quantity(self, cells: dict[str, str]) -> int:
        line = self._mapping.line
        quantity = self._number(cells[line.quantity], line.quantity)
        whole = int(quantity)
        if whole != quantity:
            if line.fractional_quantities == "refuse":
                raise _RefusedError("quantity_not_whole", line.quantity, cells[line.quantity])
            whole = 1 if quantity > 0 else -1
        if abs(whole) > QUANTITY_MAX:
            raise _RefusedError("quantity_too_large", line.quantity, cells[line.quantity])
        return whole

    def _minor(self, cells: dict[str, str], currency: str) -> int:
        line = self._mapping.line
        if line.amount is not None:
            column = line.amount
            amount = self._number(cells[column], column)
        else:
            assert line.unit_price is not None
            column = line.unit_price
            times = self._number(cells[line.quantity], line.quantity)
            amount = self._number(cells[column], column) * times
        return self._in_minor(amount, currency, column, cells)

    def _gtin(self, cells: dict[str, str]) -> str | None:
        column = self._mapping.line.gtin
        value = cells[column].strip() if column else ""
        if value and not _GTIN.fullmatch(value):
            raise _RefusedError("not_a_gtin", column, value)
        return value or None

    def _discount(self, cells: dict[str, str], currency: str) -> int | None:
        column = self._mapping.line.discount
        if column is None or not cells[column].strip():
            return None
        return abs(self._in_minor(self._number(cells[column], column), currency, column, cells))

    def _in_minor(self, amount: decimal.Decimal, currency: str, column: str, cells: dict[str, str]) -> int:
        scaled = amount.scaleb(money.exponent(currency))
        minor = scaled.to_integral_value(decimal.ROUND_HALF_UP)
        if minor != scaled and self._mapping.line.rounding == "refuse":
            raise _RefusedError("amount_not_in_minor_units", column, cells[column])
        if abs(minor) > MINOR_MAX:
            raise _RefusedError("amount_too_large", column, cells[column])
        return int(minor)

    def _parse_time(self, text: str) -> int:
        """Return microseconds since 1970; a time that the shop's clock never showed is refused."""
        rule = self._mapping.time
        column = rule.columns[0]
        try:
            local = dt.datetime.fromisoformat(text) if rule.format == "iso" else dt.datetime.strptime(text, rule.format)  # noqa: DTZ007 - the zone follows
        except ValueError:
            raise _RefusedError("not_a_time", column, text) from None
        if local.tzinfo is None:
            local = local.replace(tzinfo=self._zone)
            # In the hour that is left out in spring, the way to UTC and back leads elsewhere.
            if local.astimezone(dt.UTC).astimezone(self._zone).replace(tzinfo=None) != local.replace(tzinfo=None):
                raise _RefusedError("not_a_time", column, f"{text} did not exist in {rule.zone}")
        try:
            return (local - _EPOCH) // dt.timedelta(microseconds=1)
        except OverflowError:
            raise _RefusedError("not_a_time", column, text) from None


def _text(cells: dict[str, str], column: str) -> str:
    value = cells[column].strip()
    if not value:
        raise _RefusedError("empty_cell", column)
    if len(value) > TEXT_CHARACTERS_MAX:
        raise _RefusedError("text_too_long", column, f"{len(value)} characters")
    return value


def _parse_number(line: LineColumns, cell: str, column: str) -> decimal.Decimal:
    text = cell.strip()
    if line.thousands:
        text = text.replace(line.thousands, "")
    if line.decimal != ".":
        if "." in text:
            raise _RefusedError("not_a_number", column, cell)
        text = text.replace(line.decimal, ".")
    if not _NUMBER.fullmatch(text):
        raise _RefusedError("not_a_number" if text else "empty_cell", column, cell)
    return decimal.Decimal(text)


def _moment(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)


def _return_receipt(receipt: str, sale_receipt: str) -> str:
    """Return the name of one return of a receipt, which may have several: the sale's receipt is added, or a hash."""
    name = f"{receipt}/{sale_receipt}"
    if len(name) <= TEXT_CHARACTERS_MAX:
        return name
    return f"{receipt[:47]}~{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
