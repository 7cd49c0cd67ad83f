"""What stays in the charter of somebody who is forgotten: what was adopted, and their votes as nobody's. No Django."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.charter import store


class CharterSeverer:
    """Severs public names, which are handed to it together with the customers behind them."""

    tables = ("charter_proposal", "charter_ballot")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """What is said under a name is found with everything else that is."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place and take the words away."""
        store.sever(connection, fresh)
