"""What becomes of somebody's words on the square when they are forgotten. No Django.

Their posts stay as places in a conversation, and say that whoever wrote them has left; the words are gone from the
tables and the log. Their votes still count. Not here: whose a name was (``counter/customers``), how the log is
rewritten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.foundation.events.store import Named, find_acting
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import store


class CommunitySeverer:
    """Severs public names, which are handed to it together with the customers behind them."""

    tables = ("community_post", "community_vote")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:
        """Return where in the log these names have said or done something."""
        return find_acting(connection, customers)

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place and take the words away."""
        store.sever(connection, fresh)
