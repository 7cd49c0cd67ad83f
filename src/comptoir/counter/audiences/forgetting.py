"""Whoever is forgotten has no lines, no acts, no figures, and is in no segment. Knows no Django."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.counter.audiences import store
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class AudiencesSeverer:
    """Drops what is known of customers. The follower, which may be writing, has finished or finds nobody later."""

    tables = ("audiences_line", "audiences_act", "audiences_figures", "audiences_member")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def strays(self, connection: Connection) -> Collection[Id]:
        """Return the ids that are no customers any more: of members, and of what else the office writes."""
        return store.find_strays(connection)

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Drop the rows; of facts about nobody there are none."""
        store.lock_forgetting(connection)
        store.forget(connection, fresh.keys())
