"""Sales of somebody who is forgotten: the sale stays in the books, under a random customer's id.

Returns name no customer: they belong to their sale. Not here: the order of things (``customers/forgetting.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from comptoir.counter.sales import store
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Sold(msgspec.Struct):
    receipt: str


_sold = msgspec.json.Decoder(_Sold)


class SalesSeverer:
    """Severs the customers of sales, which are found by their receipts."""

    tables = ("sales_sale",)

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Sales that moved points are found through their transfers, all others by the log itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:
        """Give the sales their fresh customers."""
        keys = [
            (event.source, _sold.decode(event.data).receipt)
            for event in named
            if event.type == SALE_CLOSED and event.is_accepted
        ]
        if keys:
            store.sever_sales(connection, keys, fresh)
