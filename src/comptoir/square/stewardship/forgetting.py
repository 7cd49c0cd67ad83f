"""What stays in stewardship of somebody who is forgotten: what was decided, and no word. No Django.

Not here: the posts themselves (``community/forgetting.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from comptoir.foundation.events.store import Named
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.stewardship import store


class StewardshipSeverer:
    """Severs public names, which are handed to it together with the customers behind them."""

    tables = ("stewardship_flag", "stewardship_decision", "stewardship_appeal")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """What is said under a name or to one is found with what is written under it."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place and take the words away."""
        store.sever(connection, fresh)
