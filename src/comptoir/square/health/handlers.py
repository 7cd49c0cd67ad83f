"""What the figures do when a batch arrives: posts that were touched, and those around them, are counted anew.

That comes after all others wrote. The rows of their threads are locked by the square's own handler, so no two batches
count one thread at a time.
"""

from __future__ import annotations

from typing import Final

from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community.contracts import VOTE_CAST
from comptoir.square.health import store

#: What speaks of a post and changes nothing that counts.
_COUNTS_NOTHING: Final = frozenset({VOTE_CAST})


class HealthHandler:
    """One batch's touched threads: whatever was accepted and names a post."""

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """The threads are locked by the square."""

    def load(self, connection: Connection, batch: Batch) -> None:
        """Nothing is decided here."""

    def decide(self, batch: Batch) -> None:
        """Nothing is decided here."""

    def write(self, connection: Connection, batch: Batch) -> None:
        """Count what was touched."""
        store.count_posts(connection, touched(batch))


def touched(batch: Batch) -> set[Id]:
    """Return the posts that accepted events bring or speak of."""
    return {
        post
        for arrival in batch.accepted()
        if arrival.type not in _COUNTS_NOTHING and (post := getattr(arrival.data, "post", None)) is not None
    }
