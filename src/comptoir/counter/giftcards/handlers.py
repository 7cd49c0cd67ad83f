"""What gift cards do when a batch arrives: they are issued, held, spent, credited, stopped. Decided on what is left.

Every card that the batch could move is locked, in one order; what was taken off it changes only under its lock. Not
here: what is decided (``rules.py``).
"""

from __future__ import annotations

from comptoir.counter.giftcards import store
from comptoir.counter.giftcards.codes import number_of
from comptoir.counter.giftcards.contracts import CLOSING, CREDIT, EXPIRE, RESERVE, SHOWING, STOP, TYPES
from comptoir.counter.giftcards.rules import Books, Said
from comptoir.counter.giftcards.terms import Terms
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.events.store import find_identities
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE


class GiftCardsHandler:
    """One batch's gift cards. A batch that names none costs nothing here."""

    def __init__(self, *, currency: str, terms: Terms) -> None:
        """Decide in the shop's currency; ``terms`` say how soon a card may run out."""
        self._currency = currency
        self._terms = terms
        self._books = Books(numbered=number_of)
        self._decided: list[store.Decided] = []

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the cards whose codes are shown, whose numbers are said, or which something was taken off."""
        concerned = [arrival for arrival in batch.arrivals if arrival.type in TYPES]
        if not concerned:
            return
        codes: set[Id] = set()
        for each in concerned:
            if each.type in SHOWING and each.data.code is not None:
                codes.add(each.data.code)
            if each.type == STOP and each.data.instead is not None:
                codes.add(each.data.instead)
        numbers = {each.data.number for each in concerned if each.type in {STOP, EXPIRE} and each.data.number}
        keys = {(each.touchpoint, each.data.reservation) for each in concerned if each.type in CLOSING | {RESERVE}}
        references = {
            (each.data.spending.source or each.source, each.data.spending.id)
            for each in concerned
            if each.type == CREDIT
        }
        events: dict[tuple[str, str], Id] = {}
        if references:
            found = find_identities(connection, sorted(references))
            events = {event: position for event, (position, _) in found.items()}
        positions = set(events.values())
        if positions or keys:
            codes |= store.find_drawn(connection, positions, keys)
        cards = store.lock_cards(connection, codes, numbers)
        locked = {each.id for each in cards}
        # What was taken since the first look, off a card that is not locked here, is not there yet for this batch.
        draws = store.find_draws(connection, positions, keys) if positions or keys else []
        self._books = Books(cards, [each for each in draws if each.card in locked], numbered=number_of)
        self._books.events = events
        for card in cards:
            batch.saw(card.position)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Everything is at hand."""

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        for arrival in batch.fresh:
            if arrival.refusal is None and arrival.type in TYPES:
                arrival.refusal = self._decide_one(arrival)

    def _decide_one(self, arrival: Arrival) -> Problem | None:
        assert arrival.position is not None
        said = Said(
            arrival.type, arrival.data, arrival.position, arrival.source, arrival.id, arrival.touchpoint,
            arrival.occurred_at, arrival.received_at, is_ours=arrival.proof is not False,
            by_clock=arrival.source == CLOCK_SOURCE,
        )  # fmt: skip
        earliest = self._terms.earliest(arrival.occurred_at)
        moves = self._books.judge(said, currency=self._currency, earliest=earliest)
        if isinstance(moves, Problem):
            return moves
        arrival.gift_card = self._books.book(said, moves)
        if moves:
            arrival.decision = moves
            self._decided.append(store.Decided(said.position, said.source, said.received_at, moves))
        return None

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what became of the cards, as sets."""
        books = self._books
        store.insert_cards(connection, [books.cards[each] for each in sorted(books.new_cards)])
        store.update_cards(connection, [books.cards[each] for each in sorted(books.touched_cards - books.new_cards)])
        store.insert_draws(connection, [books.draws[each] for each in sorted(books.new_draws)])
        store.update_draws(connection, [books.draws[each] for each in sorted(books.touched_draws - books.new_draws)])
        store.insert_transfers(connection, self._decided)
