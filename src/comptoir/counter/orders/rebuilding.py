"""Deriving orders from the log: every accepted step in the order of the log makes of them what it made live."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.orders import rules, store
from comptoir.counter.orders.codes import pickup_codes
from comptoir.counter.orders.contracts import (
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


_placed: Final = msgspec.json.Decoder(_Placed)
_step: Final = msgspec.json.Decoder(_Step)
_STEPS: Final = frozenset({PAID, PACK, HAND_OVER, CANCEL})


class OrdersDeriver:
    """Orders out of the log."""

    tables = ("orders_order",)

    def __init__(self) -> None:
        """Start with none."""
        self._orders: dict[Id, Order] = {}
        self._by_code: dict[Id, Id] = {}
        self._codes: CouponCodes | None = None

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Follow the next events."""
        for event in events:
            if not event.is_accepted:
                continue
            if event.type == PLACED:
                self._place(event)
            elif event.type in _STEPS:
                self._follow(event)

    def finish(self, connection: Connection) -> None:
        """Write them."""
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
