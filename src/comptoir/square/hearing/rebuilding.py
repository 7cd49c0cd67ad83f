"""Deriving from the log what members want to hear of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.hearing import store
from comptoir.square.hearing.contracts import HEARING


class _Logged(msgspec.Struct):
    """What the log keeps, of any of the types."""

    persona: str
    kind: str = ""
    target: str = ""
    how: str = ""
    post: str = ""
    until: str = ""
    thread: str | None = None
    page: list[str] = []
    letters: list[str] = []
    is_following: bool = True


_reader: Final = msgspec.json.Decoder(_Logged)


class HearingDeriver:
    """Every accepted word is written again."""

    tables = ("hearing_follow", "hearing_mention", "hearing_seen", "hearing_choice")

    def __init__(self) -> None:
        """Start with nothing said."""
        self._facts: list[Accepted] = []

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the shape
        """Keep what the next events say for the end, when there are indexes again."""
        self._facts += [
            Accepted(event.position, event.occurred_at, event.type, _reader.decode(event.data))
            for event in events
            if event.type in HEARING and event.is_accepted
        ]

    def finish(self, connection: Connection) -> None:
        """Write it."""
        for start in range(0, len(self._facts), _PORTION):
            store.write(connection, self._facts[start : start + _PORTION])
        store.prune_all(connection)


_PORTION: Final = 5_000
