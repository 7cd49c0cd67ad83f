"""Deriving windows and answers to guesses from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.windows.contracts import ANSWERED, COMPOSED, TYPES
from comptoir.counter.windows.effects import LastWords
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.catalog.composing import Rule


class _Composed(msgspec.Struct):
    rules: list[Rule] = []
    version: int = 1


class _Answered(msgspec.Struct):
    guess: str
    answer: str


_READERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    COMPOSED: msgspec.json.Decoder(_Composed), ANSWERED: msgspec.json.Decoder(_Answered),
}  # fmt: skip


class WindowsDeriver:
    """Of each customer the last words are kept, and written at the end."""

    tables = ("windows_window", "windows_guessanswer")

    def __init__(self) -> None:
        """Start empty."""
        self._words = LastWords()

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Note what the next events say."""
        for event in events:
            if event.type in TYPES and event.is_accepted:
                assert event.customer is not None, "the type has a customer"
                data = _READERS[event.type].decode(event.data)
                self._words.add(
                    event.type, data, customer=event.customer, at=event.occurred_at, position=event.position
                )

    def finish(self, connection: Connection) -> None:
        """Write them."""
        self._words.write(connection)
