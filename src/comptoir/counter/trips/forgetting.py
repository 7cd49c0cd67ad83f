"""What happens to trips when somebody is forgotten: they end, and what stays is about nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.counter.trips import store
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class TripsSeverer:
    """Ends the trips of these customers, and puts the fresh ids in the place of the old ones."""

    tables = ("trips_trip",)

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place. The place in the log with which a trip began leads to somebody: it goes."""
        store.sever(connection, fresh)
