"""Baskets of somebody who is forgotten: they are a random customer's, until their time is over.

Not here: the order of things (``counter/customers/forgetting.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.counter.baskets import store
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class BasketsSeverer:
    """Severs baskets."""

    tables = ("baskets_basket",)

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place, also where an event's id had named somebody; take short numbers away."""
        store.sever(connection, fresh)
