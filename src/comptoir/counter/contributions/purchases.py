"""Who has bought which of some products, from the log: a sale's lines stand nowhere else.

Somebody's own sales are found through the ledger, and where they earned nothing by the log's index of customers.
Everybody's are read from the latest on, in portions. Not here: what follows from it (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from comptoir.counter.loyalty.store import find_causes
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.foundation.events import store as events
from comptoir.foundation.events.store import Said
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id

_PORTION: Final = 5_000
_PORTIONS_MAX: Final = 400


class Bought(msgspec.Struct, frozen=True):
    """That a customer bought a product, and when."""

    customer: Id
    product: str
    at: dt.datetime


class _Line(msgspec.Struct):
    product: str = ""
    gtin: str | None = None


class _Sale(msgspec.Struct):
    lines: tuple[_Line, ...] = ()


_sale = msgspec.json.Decoder(_Sale)


def sales_of(connection: Connection, customers: Collection[Id]) -> list[Said]:
    """Return every sale to these customers, as the log has it."""
    with_points = events.find_of_type(connection, find_causes(connection, customers), SALE_CLOSED)
    without = events.find_said_of(connection, customers, SALE_CLOSED)
    return [*(each for each in with_points if each.customer in customers), *without]


def bought_by(connection: Connection, customers: Collection[Id], products: Collection[str]) -> list[Bought]:
    """Return which of these products these customers have bought."""
    return list(_lines(sales_of(connection, customers), products)) if customers else []


def bought_lately(connection: Connection, products: Collection[str]) -> Iterator[list[Bought]]:
    """Give who bought which of these products, the latest sales first, in portions: two million sales at most."""
    for portion in events.read_back(connection, SALE_CLOSED, portion=_PORTION, portions_max=_PORTIONS_MAX):
        yield list(_lines(portion, products))


def _lines(sales: Iterable[Said], products: Collection[str]) -> Iterator[Bought]:
    for sale in sales:
        try:
            lines = _sale.decode(sale.data).lines
        except msgspec.DecodeError:
            continue  # what an older version recorded otherwise tells nothing here
        named = {each for line in lines for each in (line.product, line.gtin) if each is not None}
        for product in named.intersection(products):
            yield Bought(sale.customer, product, sale.occurred_at)
