"""What windows do when a batch arrives: what is said is judged by itself, and the last word is written.

Nothing is read and nothing is locked: a word is later than what is there, or it changes nothing.
"""

from __future__ import annotations

from comptoir.counter.windows.contracts import COMPOSED, TYPES
from comptoir.counter.windows.effects import LastWords
from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.catalog import composing


class WindowsHandler:
    """One batch's windows and answers."""

    def __init__(self) -> None:
        """Start empty."""
        self._words = LastWords()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Nothing has to be waited for."""

    def load(self, connection: Connection, batch: Batch) -> None:
        """Nothing has to be known."""

    def decide(self, batch: Batch) -> None:
        """Judge each by itself."""
        for arrival in batch.accepted():
            if arrival.type not in TYPES:
                continue
            if arrival.type == COMPOSED:
                arrival.refusal = composing.judge(arrival.data.rules)
            if arrival.refusal is None:
                assert arrival.customer is not None, "the type has a customer"
                assert arrival.position is not None
                self._words.add(
                    arrival.type, arrival.data, customer=arrival.customer, at=arrival.occurred_at,
                    position=arrival.position,
                )  # fmt: skip

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what holds from now on."""
        self._words.write(connection)
