"""What happens to messages when somebody is forgotten: nothing waits for them, and what was decided is about nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.counter.messages import store
from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class MessagesSeverer:
    """Puts the fresh ids in the place of the old ones; what was said to whom in particular is gone."""

    tables = ("messages_decision",)

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place."""
        store.sever(connection, fresh)
