"""Deriving gift cards from the log: the decisions are part of it, so nothing is decided again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.counter.giftcards import store
from comptoir.counter.giftcards.codes import number_of
from comptoir.counter.giftcards.contracts import TYPES, Because, Origin
from comptoir.counter.giftcards.rules import Books, Move, Said
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE


class _Reference(msgspec.Struct):
    id: str
    source: str | None = None


class _Data(msgspec.Struct):
    """What an event says, of whichever type."""

    code: Id | None = None
    number: str | None = None
    currency: str = ""
    amount: int = 0
    origin: Origin = "sold"
    expires_at: dt.datetime | None = None
    reservation: str = ""
    expires_in: int = 0
    receipt: str | None = None
    spending: _Reference = msgspec.field(default_factory=lambda: _Reference(""))
    because: Because = "mistake"
    instead: Id | None = None


_data: Final = msgspec.json.Decoder(_Data)
_moves: Final = msgspec.json.Decoder(list[Move])


class GiftCardsDeriver:
    """Transfers are the decisions of the log; cards and draws are what follows from them."""

    tables = ("giftcards_card", "giftcards_transfer", "giftcards_draw")

    def __init__(self) -> None:
        """Start with none."""
        self._books = Books(numbered=number_of)

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Follow the next events, and append their transfers."""
        decided = []
        for event in events:
            if not event.is_accepted or event.type not in TYPES:
                continue
            moves = _moves.decode(event.decision) if event.decision else []
            said = Said(
                event.type, _data.decode(event.data), event.position, event.source, event.id, event.touchpoint,
                event.occurred_at, event.received_at, by_clock=event.source == CLOCK_SOURCE,
            )  # fmt: skip
            self._books.book(said, moves)
            decided.append(store.Decided(event.position, event.source, event.received_at, moves))
        store.insert_transfers(connection, decided)

    def finish(self, connection: Connection) -> None:
        """Write the cards, and what was taken off them."""
        store.insert_cards(connection, self._books.cards.values())
        store.insert_draws(connection, self._books.draws.values())
