"""Wish lists of somebody who is forgotten lead to nobody and say nothing; what they had claimed is somebody's.

Not here: the order of things (``counter/customers/forgetting.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.counter.wishlists import store
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class WishListsSeverer:
    """Severs wish lists and claims."""

    tables = ("wishlists_wishlist", "wishlists_claim")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place; an owner's words go, and nobody's link opens a list of theirs."""
        store.sever(connection, fresh)
