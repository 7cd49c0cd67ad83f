"""What stays of somebody who is forgotten of what they wanted to hear: rows that are nobody's. No Django."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.foundation.events.store import Named, find_followed
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.hearing import store


class HearingSeverer:
    """Severs public names, which are handed to it together with the customers behind them."""

    tables = ("hearing_follow", "hearing_mention", "hearing_seen", "hearing_choice")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:
        """Return where in the log others have said that they follow these names, or mute them."""
        return find_followed(connection, customers)

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place."""
        store.sever(connection, fresh)
