"""Sales that earn their points several times, because a promotion says so: found by their receipt.

The till takes the promotion first and then closes the sale under the same receipt; what the kept goods earn is then
multiplied, and goods that come back take their share of it along. A handler of its own, since it has to be there when
a sale closes and nothing is said of coupons. Not here: what a sale earns (``counter/loyalty``).
"""

from __future__ import annotations

from collections.abc import Mapping

from comptoir.counter.offers import store
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection

#: A sale: the source that booked it, and its receipt.
Key = tuple[str, str]


class Multiplied:
    """How often the sales of one batch earn their points."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._times: dict[Key, int] = {}

    def note(self, sale: Key, times: int) -> None:
        """Hear that a promotion was given to the basket of a sale."""
        self._times[sale] = max(times, self._times.get(sale, 1))

    def times(self, sale: Key) -> int:
        """Return how often a sale earns its points."""
        return self._times.get(sale, 1)

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Need no lock: a promotion is given before its sale is closed."""

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what was given to the baskets of these sales."""
        sales = {(a.source, a.data.receipt) for a in batch.fresh if a.type == SALE_CLOSED}
        sales |= {(a.data.sale.source or a.source, a.data.sale.receipt) for a in batch.fresh if a.type == SALE_RETURNED}
        if sales:
            found: Mapping[Key, int] = store.find_times(connection, sales)
            for sale, times in found.items():
                self.note(sale, times)

    def decide(self, batch: Batch) -> None:
        """Decide nothing."""

    def write(self, connection: Connection, batch: Batch) -> None:
        """Write nothing."""
