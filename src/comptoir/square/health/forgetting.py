"""Who is forgotten counts no more: the threads in which they took part are counted anew without them. No Django."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.health import store


class HealthSeverer:
    """Comes after the square's own severer, which takes the words away."""

    tables = ("health_counted", "health_person", "health_personweek")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the square does not find."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Count what they took part in, now that their words are gone."""
        store.count_threads(connection, store.find_posts_with(connection, fresh))
