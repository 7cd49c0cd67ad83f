"""What recommendations do when a batch arrives: what somebody hid is noted, and what chance has drawn.

Of what was said of one product the last word holds, by when it was said; of what was drawn the first. So both end the
same in whatever order they arrive.
"""

from __future__ import annotations

from comptoir.counter.recommendations import rules, store
from comptoir.counter.recommendations.contracts import DRAWN, HIDDEN, HIDDEN_MAX
from comptoir.counter.recommendations.errors import HiddenFull
from comptoir.counter.recommendations.rules import Drawn, Hidden
from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class RecommendationsHandler:
    """One batch's recommendations. A batch that names none costs nothing here."""

    def __init__(self) -> None:
        """Start empty."""
        self._counts: dict[Id, set[str]] = {}
        self._hidden: dict[tuple[Id, str], Hidden] = {}
        self._drawn: dict[Id, Drawn] = {}

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock whoever hides something, and see how much they have hidden."""
        hiding = {each.customer for each in batch.arrivals if each.type == HIDDEN and each.customer is not None}
        if hiding:
            store.lock_hiding(connection, hiding)
            self._counts = store.find_hidden(connection, hiding)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Everything is at hand."""

    def decide(self, batch: Batch) -> None:
        """Let the last word and the first draw hold."""
        for arrival in batch.accepted():
            if arrival.type not in {HIDDEN, DRAWN}:
                continue
            assert arrival.customer is not None, "both types have a customer"
            assert arrival.position is not None
            data = arrival.data
            if arrival.type == DRAWN:
                drawn = Drawn(arrival.customer, data.arm, data.share, arrival.occurred_at, arrival.position)
                self._drawn[drawn.customer] = rules.first(self._drawn.get(drawn.customer), drawn)
                continue
            known = self._counts.setdefault(arrival.customer, set())
            if data.product not in known and len(known) >= HIDDEN_MAX:
                arrival.refusal = HiddenFull(f"{HIDDEN_MAX} are hidden already.", field="product")
                continue
            known.add(data.product)
            said = Hidden(arrival.customer, data.product, data.hidden, arrival.occurred_at, arrival.position)
            key = (said.customer, said.product)
            self._hidden[key] = rules.latest(self._hidden.get(key), said)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what holds, unless what is there holds against it."""
        store.write_hidden(connection, [self._hidden[key] for key in sorted(self._hidden)])
        store.write_drawn(connection, [self._drawn[key] for key in sorted(self._drawn)])
