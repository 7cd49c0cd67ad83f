"""Deriving what was hidden and drawn from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.counter.recommendations import rules, store
from comptoir.counter.recommendations.contracts import DRAWN, HIDDEN, Arm
from comptoir.counter.recommendations.rules import Drawn, Hidden
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Hidden(msgspec.Struct):
    product: str
    hidden: bool = True


class _Drawn(msgspec.Struct):
    arm: Arm
    share: int


_hidden: Final = msgspec.json.Decoder(_Hidden)
_drawn: Final = msgspec.json.Decoder(_Drawn)


class RecommendationsDeriver:
    """What was hidden and drawn, out of the log."""

    tables = ("recommendations_hidden", "recommendations_drawn")

    def __init__(self) -> None:
        """Start with nothing."""
        self._hidden: dict[tuple[Id, str], Hidden] = {}
        self._drawn: dict[Id, Drawn] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Follow the next events."""
        for event in events:
            if not event.is_accepted or event.customer is None:
                continue
            if event.type == HIDDEN:
                data = _hidden.decode(event.data)
                said = Hidden(event.customer, data.product, data.hidden, event.occurred_at, event.position)
                key = (said.customer, said.product)
                self._hidden[key] = rules.latest(self._hidden.get(key), said)
            elif event.type == DRAWN:
                drew = _drawn.decode(event.data)
                drawn = Drawn(event.customer, drew.arm, drew.share, event.occurred_at, event.position)
                self._drawn[drawn.customer] = rules.first(self._drawn.get(drawn.customer), drawn)

    def finish(self, connection: Connection) -> None:
        """Write them."""
        store.write_hidden(connection, list(self._hidden.values()))
        store.write_drawn(connection, list(self._drawn.values()))
