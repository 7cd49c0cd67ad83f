"""Deriving orders from the log: every accepted step in the order of the log makes of them what it made live.

What came back of them is read in the end, from the tables of sales as they were derived before.
"""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.orders import rules, store
from comptoir.counter.orders.codes import pickup_codes
from comptoir.counter.orders.contracts import (
    BOOKED_BY,
    CANCEL,
    HAND_OVER,
    PACK,
    PAID,
    PLACED,
    By,
    Leg,
    OrderLine,
    Taken,
)
from comptoir.counter.orders.rules import Order
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.counter.sales.rules import Key, Return
from comptoir.counter.sales.store import find_returns_of
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Placed(msgspec.Struct):
    order: Id
    number: str
    currency: str
    total: int
    lines: list[OrderLine]
    by: By
    store: str | None = None
    basket: Id | None = None
    hold: Id | None = None
    delivery: Delivery | None = None
    pay_until: dt.datetime | None = None


class _Step(msgspec.Struct):
    order: Id | None = None
    code: Id | None = None
    receipt: str | None = None
    legs: list[Leg] = []
    because: str | None = None
    taken: Taken | None = None


class _Sold(msgspec.Struct):
    receipt: str


_placed: Final = msgspec.json.Decoder(_Placed)
_step: Final = msgspec.json.Decoder(_Step)
_sold: Final = msgspec.json.Decoder(_Sold)
_STEPS: Final = frozenset({PAID, PACK, HAND_OVER, CANCEL})


class OrdersDeriver:
    """Orders out of the log."""

    tables = ("orders_order",)

    def __init__(self) -> None:
        """Start with none."""
        self._orders: dict[Id, Order] = {}
        self._by_code: dict[Id, Id] = {}
        self._codes: CouponCodes | None = None
        #: Where the vault's sales are booked.
        self._sales: dict[Key, Id] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Follow the next events."""
        for event in events:
            if not event.is_accepted:
                continue
            if event.type == PLACED:
                self._place(event)
            elif event.type in _STEPS:
                self._follow(event)
            elif event.type == SALE_CLOSED and event.touchpoint == BOOKED_BY:
                self._sales[event.source, _sold.decode(event.data).receipt] = event.position

    def finish(self, connection: Connection) -> None:
        """Write them, after all that came back of them."""
        self._bring_back(connection)
        store.insert_orders(connection, self._orders.values())

    def _place(self, event: Logged) -> None:
        if self._codes is None:
            self._codes = pickup_codes()
        data: Any = _placed.decode(event.data)
        pickup = self._codes.digest(self._codes.code(data.order))
        order = rules.placed(
            data, customer=event.customer, position=event.position, at=event.occurred_at, pickup=pickup
        )
        self._orders[order.id], self._by_code[pickup] = order, order.id

    def _follow(self, event: Logged) -> None:
        data: Any = _step.decode(event.data)
        number = data.order or self._by_code[data.code]
        self._orders[number] = rules.stepped(
            self._orders[number], event.type, data, position=event.position, at=event.occurred_at, source=event.source
        )

    def _bring_back(self, connection: Connection) -> None:
        """Have orders returned that came back whole: at the last of their returns, or at the sale it waited for."""
        if not self._sales:
            return
        returns: dict[Key, list[Return]] = collections.defaultdict(list)
        for one in find_returns_of(connection, self._sales.keys()):
            # A return of no piece, such as of a part of the price, does not decide when.
            if one.status == "applied" and any(back.quantity for back in one.lines):
                returns[one.sale].append(one)
        by_number = {order.number: order for order in self._orders.values()}
        for key, found in returns.items():
            order = by_number.get(key[1])
            if order is not None and (at := rules.all_back(order.lines, found)) is not None:
                position = max(self._sales[key], *(one.position for one in found))
                self._orders[order.id] = rules.brought_back(order, position=position, at=at)
