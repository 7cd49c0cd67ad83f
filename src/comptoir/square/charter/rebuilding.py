"""Deriving the charter from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.charter import store
from comptoir.square.charter.contracts import (
    CHARTER,
    CHARTER_PROPOSED,
    CHARTER_PUBLISHED,
    CLOCK_TYPES,
    EVENT_TYPES,
)
from comptoir.square.community.rebuilding import tolerant

_READERS: Final = {each.name: msgspec.json.Decoder(tolerant(each.data)) for each in (*EVENT_TYPES, *CLOCK_TYPES)}


class CharterDeriver:
    """Every accepted event is written again; what changes something by its id comes at the end, when ids are found."""

    tables = ("charter_section", "charter_proposal", "charter_ballot")

    def __init__(self) -> None:
        """Start empty."""
        self._late: list[Accepted] = []

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write what the next events add, and keep the rest."""
        said = [
            Accepted(event.position, event.occurred_at, event.type, _READERS[event.type].decode(event.data))
            for event in events
            if event.type in CHARTER and event.is_accepted
        ]
        self._late += [each for each in said if each.type not in _ADDED]
        if added := [each for each in said if each.type in _ADDED]:
            store.write(connection, added)

    def finish(self, connection: Connection) -> None:
        """Write votes, and what became of proposals."""
        if self._late:
            store.write(connection, self._late)


_ADDED: Final = frozenset({CHARTER_PUBLISHED, CHARTER_PROPOSED})
