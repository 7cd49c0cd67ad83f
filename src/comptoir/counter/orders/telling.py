"""An order as a till reads it, by its pick-up code: which goods to fetch, and what is to be taken for them.

Nobody's name stands here. Reading takes nothing and decides nothing. Knows no Django. Not here: what becomes of an
order (``rules.py``), the console's pages.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec

from comptoir.counter.orders import store
from comptoir.counter.orders.contracts import OrderShown, State
from comptoir.counter.orders.errors import OrderElsewhere, OrderUnknown
from comptoir.counter.orders.rules import Order
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog.store import Goods, find_goods


class LineTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many pieces of a product, its name by language; ``amount`` is what all of them cost with their tax.

    Amounts are in minor units.
    """

    product: str
    quantity: int
    amount: int
    name: Mapping[str, str]
    options: Mapping[str, str] = {}


class OrderTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order as it stands; ``due`` is what is to be taken before it is handed over, in minor units, or 0.

    ``is_laid`` tells whether it lies ready, ``pay_until`` until when an order that is not paid is held.
    """

    order: Id
    number: str
    state: State
    store: str | None
    currency: str
    total: int
    due: int
    is_laid: bool
    lines: tuple[LineTold, ...]
    pay_until: dt.datetime | None = None


def told(connection: Connection, shown: OrderShown, digest: Id) -> OrderTold:
    """Return the order whose pick-up code has this digest.

    Raises :class:`OrderUnknown`, and :class:`OrderElsewhere` where it waits at another store than the one that asks.
    """
    order = next(iter(store.find_by_numbers(connection, [], [digest])), None)
    if order is None:
        raise OrderUnknown(field="code")
    if shown.store is not None and order.store != shown.store:
        raise OrderElsewhere(f"It waits at {order.store}.", field="store", store=order.store)
    return _told(order, find_goods(connection, {line.product for line in order.lines}))


def _told(order: Order, goods: Mapping[str, Goods]) -> OrderTold:
    lines = []
    for line in order.lines:
        known = goods.get(line.product)
        amount = line.amount + (line.tax if line.tax_on_top else 0)
        name = {"en": line.product} if known is None else known.name
        lines.append(LineTold(line.product, line.quantity, amount, name, {} if known is None else known.options))
    return OrderTold(
        order.id, order.number, order.state, order.store, order.currency, order.total,
        order.total if order.is_to_be_taken else 0, "packed" in order.moments, tuple(lines),
        order.pay_until if order.is_to_be_taken else None,
    )  # fmt: skip
