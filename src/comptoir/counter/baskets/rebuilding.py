"""Deriving baskets from the log: what was changed, what sales took out, what the clock has ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.baskets import rules, store
from comptoir.counter.baskets.contracts import CHANGED, EMPTIED, EXPIRED, Keep, PutIn
from comptoir.counter.baskets.rules import Basket
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Changed(msgspec.Struct):
    basket: Id
    customer: Any = None
    put: list[PutIn] = []
    keep: list[Keep] = []
    show: list[str] = []
    hide: list[str] = []


class _Line(msgspec.Struct):
    product: str = ""
    quantity: int = 0


class _Sold(msgspec.Struct):
    basket: Id | None = None
    lines: list[_Line] = []
    basket_at: dt.datetime | None = None


class _Ended(msgspec.Struct):
    basket: Id
    since: Id


_changed: Final = msgspec.json.Decoder(_Changed)
_sold: Final = msgspec.json.Decoder(_Sold)
_ended: Final = msgspec.json.Decoder(_Ended)


class BasketsDeriver:
    """Every accepted event in the order of the log makes of the baskets what it made of them live."""

    tables = ("baskets_basket",)

    def __init__(self) -> None:
        """Start with none."""
        self._baskets: dict[Id, Basket] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Follow the next events."""
        for event in events:
            if not event.is_accepted:
                continue
            if event.type == CHANGED:
                data = _changed.decode(event.data)
                if data.basket == EMPTIED:
                    continue
                operations = rules.operations_of(data, at=event.occurred_at, source=event.source, event=event.id)
                self._put(
                    rules.joined(
                        self._baskets.get(data.basket), data.basket, operations, position=event.position,
                        customer=event.customer,
                    )
                )  # fmt: skip
            elif event.type == SALE_CLOSED and '"basket":' in event.data:
                sold = _sold.decode(event.data)
                if sold.basket is None:
                    continue
                at = rules.sold_at(sold.basket_at, event.occurred_at)
                taken = rules.sold(sold.lines, at=at, source=event.source, position=event.position)
                if taken:
                    self._put(rules.joined(self._baskets.get(sold.basket), sold.basket, taken))
            elif event.type == EXPIRED:
                self._baskets.pop(_ended.decode(event.data).basket, None)

    def finish(self, connection: Connection) -> None:
        """Write them."""
        store.write_baskets(connection, self._baskets.values())

    def _put(self, basket: Basket) -> None:
        self._baskets[basket.id] = basket
