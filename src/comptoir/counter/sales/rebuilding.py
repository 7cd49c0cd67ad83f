"""Deriving sales and returns from the log."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import msgspec

from comptoir.counter.sales import rules, store
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED, Goods, Refund, SaleReference
from comptoir.counter.sales.rules import Key, Led, Return, Returned, Sale
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection


class _Sold(msgspec.Struct, gc=False):
    receipt: str
    currency: str
    total: int
    store: str | None = None
    short_link: str | None = None


class _CameBack(msgspec.Struct):
    receipt: str
    sale: SaleReference
    currency: str
    total: int
    lines: tuple[Returned, ...]
    store: str | None = None
    goods: Goods = "on_shelf"
    refund: Refund | None = None


_sold = msgspec.json.Decoder(_Sold)
_came_back = msgspec.json.Decoder(_CameBack)


class SalesDeriver:
    """Accepted sales and returns are booked; which returns have waited follows from their places in the log."""

    tables = ("sales_sale", "sales_salebylink", "sales_return")

    def __init__(self) -> None:
        """Start with an empty book."""
        self._returns: dict[Key, list[Return]] = collections.defaultdict(list)

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Book the next sales; keep the returns for the end, they are few."""
        sales = []
        led: list[Led] = []
        for event in events:
            if not event.is_accepted:
                continue
            if event.type == SALE_CLOSED:
                sold = _sold.decode(event.data)
                sales.append(
                    Sale(
                        event.source, sold.receipt, event.position, event.customer, event.occurred_at, sold.store,
                        sold.currency, sold.total, (),
                    )
                )  # fmt: skip
                if sold.short_link is not None:
                    led.append((event.source, sold.receipt, sold.short_link))
            elif event.type == SALE_RETURNED:
                back = _came_back.decode(event.data)
                sale = (back.sale.source or event.source, back.sale.receipt)
                self._returns[sale].append(
                    Return(
                        event.source, back.receipt, event.position, *sale, event.occurred_at, back.store,
                        back.currency, back.total, back.lines, "waiting", back.goods, back.refund,
                    )
                )  # fmt: skip
        if sales:
            store.insert_sales(connection, sales)
        if led:
            store.insert_led(connection, led)

    def finish(self, connection: Connection) -> None:
        """Book the returns: as waiting, or as what became of them when they met their sale."""
        if not self._returns:
            return
        sales = store.find_sales(connection, self._returns.keys())
        booked: list[Return] = []
        for key, returns in self._returns.items():
            sale = sales.get(key)
            booked.extend(returns if sale is None else _settled(sale, returns))
        store.insert_returns(connection, booked)


def _settled(sale: Sale, returns: Sequence[Return]) -> list[Return]:
    """Return what became of a sale's returns: those that waited first, in canonical order, then the later ones."""
    waited = sorted((one for one in returns if one.position < sale.position), key=lambda one: one.order)
    settled = rules.settle(sale, waited)
    later = [msgspec.structs.replace(one, status="applied") for one in returns if one.position > sale.position]
    return [*settled, *later]
