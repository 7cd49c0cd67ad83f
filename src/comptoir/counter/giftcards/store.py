"""The statements of ``store.sql``, on the caller's connection. Nothing here decides anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from comptoir.counter.giftcards.rules import Card, Draw, Move
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import Appending, load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__ or "")
#: A reservation is known by the touchpoint and the name that this has chosen.
Key = tuple[str, str]
_card: Final = msgspec.json.Decoder(Card)
_draw: Final = msgspec.json.Decoder(Draw)
_transfers = Appending(
    "giftcards_transfer", position="uuid", ordinal="smallint", card="uuid", debit="smallint", credit="smallint",
    amount="bigint", source="text", moved_at="timestamptz",
)  # fmt: skip


class Spent(NamedTuple):
    """So much of a card that was spent by the event at a position, and how much of that has come back.

    What comes back onto a card that is stopped is owed, and nobody can spend it before it is moved onto another one.
    ``known_at`` is the position at which it was told for what it was spent: later than ``position`` where it was held.
    """

    position: Id
    number: str
    amount: int
    returned: int
    is_stopped: bool
    known_at: Id


class Moved(NamedTuple):
    """A transfer, as a page shows it."""

    position: Id
    ordinal: int
    debit: int
    credit: int
    amount: int
    source: str
    moved_at: dt.datetime


class Owed(NamedTuple):
    """What cards of a currency can still be spent for (``owed``), what of it is held, and how many cards that are."""

    currency: str
    owed: int
    held: int
    cards: int


class Decided(NamedTuple):
    """The moves of one event."""

    position: Id
    source: str
    at: dt.datetime
    moves: Sequence[Move]


def find_drawn(connection: Connection, positions: Collection[Id], keys: Collection[Key]) -> set[Id]:
    """Return of which cards these draws are, without a lock."""
    return {str(row[0]) for row in connection.ask(_SQL["find_drawn"], *_draws_by(positions, keys))}


def lock_cards(connection: Connection, cards: Collection[Id], numbers: Collection[str]) -> list[Card]:
    """Return these cards, locked in one order until the transaction's end."""
    return [
        _card.decode(row[0] or "")
        for row in connection.ask(_SQL["lock_cards"], value_array(sorted(cards)), text_array(sorted(numbers)))
    ]


def find_draws(connection: Connection, positions: Collection[Id], keys: Collection[Key]) -> list[Draw]:
    """Return these draws as they stand."""
    return [_draw.decode(row[0] or "") for row in connection.ask(_SQL["find_draws"], *_draws_by(positions, keys))]


def _draws_by(positions: Collection[Id], keys: Collection[Key]) -> tuple[str, str, str]:
    ordered = sorted(keys)
    return (
        value_array(sorted(positions)),
        text_array([touchpoint for touchpoint, _ in ordered]),
        text_array([name for _, name in ordered]),
    )


def insert_cards(connection: Connection, cards: Iterable[Card]) -> None:
    """Insert cards as they stand."""
    _tell(connection, "insert_cards", cards)


def update_cards(connection: Connection, cards: Iterable[Card]) -> None:
    """Write cards after their moves."""
    _tell(connection, "update_cards", cards)


def insert_draws(connection: Connection, draws: Iterable[Draw]) -> None:
    """Insert what was taken."""
    _tell(connection, "insert_draws", draws)


def update_draws(connection: Connection, draws: Iterable[Draw]) -> None:
    """Write what became of what was taken."""
    _tell(connection, "update_draws", draws)


def _tell(connection: Connection, statement: str, rows: Iterable[Card | Draw]) -> None:
    if found := list(rows):
        connection.tell(_SQL[statement], msgspec.json.encode(found).decode())


def insert_transfers(connection: Connection, decided: Iterable[Decided]) -> None:
    """Append the moves of events."""
    rows = [
        (each.position, ordinal, move.card, move.debit, move.credit, move.amount, each.source, each.at)
        for each in decided
        for ordinal, move in enumerate(each.moves)
    ]
    if rows:
        _transfers.rows(connection, *zip(*rows, strict=True))


def find_overdue(connection: Connection, now: dt.datetime, *, limit: int) -> list[tuple[str, str, Id, dt.datetime]]:
    """Return touchpoint, name and position of reservations whose time is over, and when that was."""
    return connection.execute(_SQL["find_overdue"], (now, limit)).fetchall()


def find_run_out(connection: Connection, now: dt.datetime, *, limit: int) -> list[tuple[str, Id, dt.datetime]]:
    """Return number and last position of cards whose days are over, and when that was."""
    return connection.execute(_SQL["find_run_out"], (now, limit)).fetchall()


def find_cards(connection: Any, cards: Collection[Id] = (), numbers: Collection[str] = ()) -> list[Card]:
    """Return these cards as they stand."""
    rows = connection.execute(_SQL["find_cards"], (value_array(sorted(cards)), text_array(sorted(numbers))))
    return [_card.decode(row[0]) for row in rows]


def find_spent(connection: Any, receipt: str, source: str) -> list[Spent]:
    """Return what was spent of cards for a source's receipt, the first one first."""
    return [Spent(*row) for row in connection.execute(_SQL["find_spent"], (receipt, source))]


def find_latest(connection: Any, *, limit: int) -> list[Card]:
    """Return the cards that were issued last."""
    return [_card.decode(row[0]) for row in connection.execute(_SQL["find_latest"], (limit,))]


def find_history(connection: Any, card: Id, *, limit: int) -> list[Moved]:
    """Return what was moved on a card, the latest first."""
    return [Moved(*row) for row in connection.execute(_SQL["find_history"], (card, limit))]


def sum_owed(connection: Any) -> list[Owed]:
    """Return what all cards can still be spent for, by currency."""
    return [Owed(*row) for row in connection.execute(_SQL["sum_owed"])]


def count_guess(connection: Any, keys: Collection[Id], *, hour: dt.datetime) -> dict[Id, int]:
    """Count one more wrong code under each of these keys; returns how many that are in this hour."""
    return dict(connection.execute(_SQL["count_guess"], (hour, value_array(sorted(keys)))).fetchall())


def uncount_guess(connection: Any, keys: Collection[Id], *, hour: dt.datetime) -> None:
    """Take one back under each of these keys."""
    connection.execute(_SQL["uncount_guess"], (hour, value_array(sorted(keys))))


def drop_guesses(connection: Connection, before: dt.datetime) -> None:
    """Drop counts from before a moment."""
    connection.execute(_SQL["drop_guesses"], (before,))
