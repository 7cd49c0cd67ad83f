"""Coupons, redemptions and targetings of somebody who is forgotten: they stay in the books, under a random id.

A code that the person still has goes on being good: what it is worth was promised, and leads to nobody. Not here: the
order of things (``counter/customers/forgetting.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.counter.offers import store
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class OffersSeverer:
    """Severs coupons, redemptions and targetings."""

    tables = ("offers_coupon", "offers_redemption", "offers_targeting")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:
        """Return every event that gave these customers something, or told them of it."""
        return store.find_positions(connection, customers)

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place."""
        store.sever(connection, fresh)
