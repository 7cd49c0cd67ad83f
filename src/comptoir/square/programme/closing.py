"""An honest end: a square that is closed can be read and taken along, and nothing more is said in it.

It is the kill switch of the whole (``programme.switched`` for the element ``square``), and can be turned on again.
Posts can still be taken back, reported, decided on and forgotten: a person's rights end with nothing that a shop does.
"""

from __future__ import annotations

from typing import Final

from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.community.contracts import (
    ANSWER_ACCEPTED,
    IDEA_MOVED,
    POST_EDITED,
    POST_PUBLISHED,
    STAFF_POSTED,
    TOPIC_OPENED,
    VOTE_CAST,
)
from comptoir.square.programme import store
from comptoir.square.programme.contracts import PROGRAMME_SWITCHED
from comptoir.square.programme.errors import SquareClosed

#: The element that is the square itself.
SQUARE: Final = "square"
#: What nobody can say in a square that is closed.
REFUSED: Final = frozenset({
    POST_PUBLISHED, POST_EDITED, STAFF_POSTED, VOTE_CAST, ANSWER_ACCEPTED, IDEA_MOVED, TOPIC_OPENED,
})  # fmt: skip


class ClosingHandler:
    """Stands before those who judge what is said: while the square is closed, it refuses."""

    def __init__(self) -> None:
        """Start empty."""
        self._is_needed = False
        self._is_closed = False

    def prepare(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Look whether anything is said at all."""
        self._is_needed = any(arrival.type in REFUSED for arrival in batch.arrivals)

    def load(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002
        """Read whether the square is closed."""
        if self._is_needed:
            self._is_closed = store.is_off(connection, SQUARE)

    def decide(self, batch: Batch) -> None:
        """Refuse what is said while it is closed, in the order of arrival."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type == PROGRAMME_SWITCHED and arrival.data.element == SQUARE:
                self._is_closed = not arrival.data.is_on
            elif self._is_closed and arrival.type in REFUSED:
                arrival.refusal = SquareClosed()

    def write(self, connection: Connection, batch: Batch) -> None:
        """The switch is written with the programme's other steps."""
