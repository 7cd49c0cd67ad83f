"""What becomes of gift cards. Pure; the same live and from the log.

A decision is the list of its moves: :meth:`Books.judge` makes it, live; :meth:`Books.book` lets follow what was
decided, live and from the log alike, so that the tables are the sums of the moves. Not here: what is locked and written
(``handlers.py``, ``store.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from comptoir.counter.giftcards.contracts import (
    CLOSING,
    CREDIT,
    ISSUE,
    POST,
    RESERVE,
    STOP,
    TAKING,
    Account,
    Because,
    CardTold,
    Origin,
)
from comptoir.counter.giftcards.errors import (
    UNUSABLE,
    GiftCardCreditTooLarge,
    GiftCardExpiresTooSoon,
    GiftCardHoldOver,
    GiftCardHoldTaken,
    GiftCardHoldUnknown,
    GiftCardInsufficient,
    GiftCardOver,
    GiftCardSpendingUnknown,
    GiftCardTaken,
    GiftCardUnknown,
    GiftCardUnusable,
)
from comptoir.counter.sales.errors import CurrencyNotAccepted
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.errors import FieldInvalid

Status = Literal["held", "spent", "freed", "expired"]
HELD: Final = "held"
SPENT: Final = "spent"
FREED: Final = "freed"
EXPIRED: Final = "expired"
#: From which account of the shop a card's money comes.
SOURCES: Final = {"sold": Account.SOLD, "given": Account.GIVEN, "instead": Account.STOPPED}


class Move(msgspec.Struct, frozen=True, array_like=True):
    """So much of a card from one account (``debit``) to another one (``credit``), in minor units."""

    card: Id
    debit: int
    credit: int
    amount: int


class Card(msgspec.Struct):
    """A card as it stands. ``id`` is the digest of its code, ``position`` its last event's place in the log.

    ``amount`` is what it was issued with, ``available`` what can be spent, ``held`` what is held for orders.
    """

    id: Id
    number: str
    position: Id
    currency: str
    amount: int
    available: int
    held: int
    origin: Origin
    source: str
    issued_at: dt.datetime
    expires_at: dt.datetime | None = None
    receipt: str | None = None
    stopped_at: dt.datetime | None = None
    stopped_because: Because | None = None
    instead: str | None = None

    def told(self, amount: int) -> CardTold:
        """Return what is answered after so much of it was moved."""
        left = 0 if self.stopped_at is not None else self.available
        return CardTold(self.number, self.currency, amount, left, self.expires_at)

    def has_run_out(self, at: dt.datetime) -> bool:
        """Tell whether its days are over."""
        return self.expires_at is not None and at >= self.expires_at

    def is_spendable(self, at: dt.datetime) -> bool:
        """Tell whether anything could be spent of it."""
        return self.stopped_at is None and not self.has_run_out(at)

    def good_again_until(self, at: dt.datetime) -> dt.datetime | None:
        """Return until when it is good once something came back: of a card that has run out, as long as at first."""
        if self.expires_at is None or at < self.expires_at:
            return self.expires_at
        return at + (self.expires_at - self.issued_at)


class Draw(msgspec.Struct):
    """So much of a card that an event at ``position`` took: held under a ``name``, or spent; ``returned`` came back."""

    position: Id
    card: Id
    touchpoint: str
    name: str | None
    source: str
    amount: int
    returned: int
    status: Status
    expires_at: dt.datetime | None = None
    receipt: str | None = None


def parts_back(spent: Sequence[int], total: int, amounts: Sequence[int]) -> list[list[int]]:
    """Return how much of each of these amounts goes back onto each card that paid a part of ``total``, in minor units.

    In proportion to what all cards have paid; a minor unit that does not divide goes onto a card. When all has come
    back, each card has back what it paid, exactly; the first one is filled first.
    """
    found: list[list[int]] = []
    of_cards, back, done = min(sum(spent), total), 0, [0] * len(spent)
    for amount in amounts:
        back = min(back + amount, total)
        due = -(-of_cards * back // total) if total else 0
        part: list[int] = []
        for number, each in enumerate(spent):
            now = min(each, due)
            due -= now
            part.append(now - done[number])
            done[number] = now
        found.append(part)
    return found


class Said(msgspec.Struct, frozen=True):
    """A request about gift cards: its type and content, whose it is, and when it was made and came.

    Codes are digests by now. ``is_ours`` tells whether this house has made the code of a card that is to be issued,
    ``by_clock`` whether the house's clock says so.
    """

    type: str
    data: Any
    position: Id
    source: str
    id: str
    touchpoint: str
    occurred_at: dt.datetime
    received_at: dt.datetime
    is_ours: bool = True
    by_clock: bool = False


class Books:
    """Cards and draws, as far as they are at hand."""

    def __init__(
        self, cards: Iterable[Card] = (), draws: Iterable[Draw] = (), *, numbered: Callable[[Id], str]
    ) -> None:
        """Begin with cards as they stand, and with what was taken off them; ``numbered`` gives a card its number."""
        self._numbered = numbered
        self.cards = {each.id: each for each in cards}
        self.draws = {each.position: each for each in draws}
        self._numbers = {each.number: each.id for each in self.cards.values()}
        self._names = {(each.touchpoint, each.name): each.position for each in self.draws.values() if each.name}
        #: Which draw an event made, by its source and id.
        self.events: dict[tuple[str, str], Id] = {}
        self.new_cards: set[Id] = set()
        self.new_draws: set[Id] = set()
        self.touched_cards: set[Id] = set()
        self.touched_draws: set[Id] = set()

    # -- what is decided ----------------------------------------------------------------------------------------------

    def judge(self, said: Said, *, currency: str, earliest: dt.datetime) -> list[Move] | Problem:
        """Return what a request moves, or why nothing; ``currency`` is the shop's.

        ``earliest`` is before when no card that is issued now may run out.
        """
        if said.type == ISSUE:
            return self._judge_issue(said, currency=currency, earliest=earliest)
        if said.type in TAKING:
            return self._judge_taking(said)
        if said.type in CLOSING:
            return self._judge_closing(said)
        if said.type == CREDIT:
            return self._judge_credit(said)
        return self._judge_stop(said) if said.type == STOP else self._judge_expiry(said)

    def _judge_issue(self, said: Said, *, currency: str, earliest: dt.datetime) -> list[Move] | Problem:
        data = said.data
        if not said.is_ours:
            return GiftCardUnusable(UNUSABLE, field="data.code")
        if data.currency != currency:
            return CurrencyNotAccepted(f"This shop sells in {currency}.", field="data.currency")
        if data.code in self.cards:
            return GiftCardTaken(field="data.code")
        if data.expires_at is not None and data.expires_at < earliest:
            day = earliest.isoformat(timespec="minutes")
            return GiftCardExpiresTooSoon(f"Not before {day}.", field="data.expires_at", earliest=day)
        return [Move(data.code, SOURCES[data.origin], Account.AVAILABLE, data.amount)]

    def _judge_taking(self, said: Said) -> list[Move] | Problem:
        data, at = said.data, said.received_at
        if said.type == RESERVE and (said.touchpoint, data.reservation) in self._names:
            return GiftCardHoldTaken(field="data.reservation")
        card = self.cards.get(data.code)
        if card is None or not card.is_spendable(at) or card.currency != data.currency:
            return GiftCardUnusable(UNUSABLE, field="data.code")
        taken = min(data.amount, card.available) if data.partly else data.amount
        if not taken or taken > card.available:
            return GiftCardInsufficient(f"Left: {card.available}.", field="data.amount", left=card.available)
        return [Move(card.id, Account.AVAILABLE, Account.HELD if said.type == RESERVE else Account.SPENT, taken)]

    def _judge_closing(self, said: Said) -> list[Move] | Problem:
        draw = self._named(said)
        if draw is None:
            return GiftCardHoldUnknown(field="data.reservation")
        is_overdue = draw.expires_at is not None and said.received_at >= draw.expires_at
        if draw.status != HELD or is_overdue != said.by_clock:
            is_expired = draw.status == HELD and is_overdue
            return GiftCardHoldOver(f"It is {EXPIRED if is_expired else draw.status}.", field="data.reservation")
        to = Account.SPENT if said.type == POST else Account.AVAILABLE
        return [Move(draw.card, Account.HELD, to, draw.amount)]

    def _judge_credit(self, said: Said) -> list[Move] | Problem:
        draw, amount = self._spending(said), said.data.amount
        if draw is None or draw.status != SPENT:
            return GiftCardSpendingUnknown(field="data.spending")
        left = draw.amount - draw.returned
        if amount > left:
            return GiftCardCreditTooLarge(f"Left of it: {left}.", field="data.amount", left=left)
        return [Move(draw.card, Account.SPENT, Account.AVAILABLE, amount)]

    def _judge_stop(self, said: Said) -> list[Move] | Problem:
        data = said.data
        if (data.number is None) == (data.code is None):
            return FieldInvalid("Either its number or its code.", field="data.number")
        card = self._named_card(data)
        if card is None and data.number is not None:
            return GiftCardUnknown(field="data.number")
        if card is None or (data.instead is not None and not said.is_ours):
            return GiftCardUnusable(UNUSABLE, field="data.code" if card is None else "data.instead")
        if card.stopped_at is not None and not card.available:
            return GiftCardOver(field="data.number")
        taken = [Move(card.id, Account.AVAILABLE, Account.STOPPED, card.available)] if card.available else []
        if data.instead is None:
            return taken
        if data.instead in self.cards:
            return GiftCardTaken(field="data.instead")
        if not taken or card.has_run_out(said.received_at):
            return GiftCardOver("Nothing is left that could go onto another one.", field="data.instead")
        return [*taken, Move(data.instead, Account.STOPPED, Account.AVAILABLE, card.available)]

    def _judge_expiry(self, said: Said) -> list[Move] | Problem:
        card = self._named_card(said.data)
        if card is None:
            return GiftCardUnknown(field="data.number")
        if not card.available or not card.has_run_out(said.received_at):
            return GiftCardOver(field="data.number")
        return [Move(card.id, Account.AVAILABLE, Account.EXPIRED, card.available)]

    # -- what follows -------------------------------------------------------------------------------------------------

    def book(self, said: Said, moves: Sequence[Move]) -> CardTold:
        """Let follow what was decided; returns what is answered about the card."""
        data = said.data
        if said.type == ISSUE:
            card = self._new(said, data.code, data.currency, moves[0].amount, data.origin, data.expires_at)
            card.receipt = data.receipt
        elif said.type in TAKING:
            card = self.cards[data.code]
            self._draw(said, moves[0].amount)
        elif said.type in CLOSING:
            draw = self._named(said)
            assert draw is not None, "what was decided is there"
            draw.status = SPENT if said.type == POST else EXPIRED if said.by_clock else FREED
            draw.receipt = data.receipt if said.type == POST else None
            card = self.cards[draw.card]
            self.touched_draws.add(draw.position)
        elif said.type == CREDIT:
            draw = self._spending(said)
            assert draw is not None, "what was decided is there"
            draw.returned += data.amount
            card = self.cards[draw.card]
            card.expires_at = card.good_again_until(said.received_at)
            self.touched_draws.add(draw.position)
        else:
            found = self._named_card(data)
            assert found is not None, "what was decided is there"
            card = found
            if said.type == STOP:
                self._stop(said, card, moves)
        for each in moves:
            self._move(each)
        for one in {card.id, *(each.card for each in moves)}:
            self.cards[one].position = said.position
            self.touched_cards.add(one)
        return card.told(moves[0].amount if moves else 0)

    def _new(
        self, said: Said, code: Id, currency: str, amount: int, origin: Origin, expires_at: dt.datetime | None
    ) -> Card:
        card = Card(
            code, self._numbered(code), said.position, currency, amount, 0, 0, origin, said.source, said.occurred_at,
            expires_at,
        )  # fmt: skip
        self.cards[code] = card
        self._numbers[card.number] = code
        self.new_cards.add(code)
        return card

    def _draw(self, said: Said, amount: int) -> None:
        data, is_held = said.data, said.type == RESERVE
        ends = said.received_at + dt.timedelta(seconds=data.expires_in) if is_held else None
        draw = Draw(
            said.position, data.code, said.touchpoint, data.reservation if is_held else None, said.source, amount, 0,
            HELD if is_held else SPENT, ends, None if is_held else data.receipt,
        )  # fmt: skip
        self.draws[draw.position] = draw
        self.events[said.source, said.id] = draw.position
        self.new_draws.add(draw.position)
        if draw.name is not None:
            self._names[draw.touchpoint, draw.name] = draw.position

    def _stop(self, said: Said, card: Card, moves: Sequence[Move]) -> None:
        data = said.data
        card.stopped_at, card.stopped_because = said.occurred_at, data.because
        if data.instead is not None:
            other = self._new(said, data.instead, card.currency, moves[1].amount, "instead", card.expires_at)
            card.instead = other.number

    def _move(self, move: Move) -> None:
        card = self.cards[move.card]
        for account, amount in ((move.debit, -move.amount), (move.credit, move.amount)):
            if account == Account.AVAILABLE:
                card.available += amount
            elif account == Account.HELD:
                card.held += amount
        assert card.available >= 0, "a card is never below zero"
        assert card.held >= 0, "no more is free than was held"

    # -- who is meant -------------------------------------------------------------------------------------------------

    def _named(self, said: Said) -> Draw | None:
        position = self._names.get((said.touchpoint, said.data.reservation))
        return None if position is None else self.draws[position]

    def _spending(self, said: Said) -> Draw | None:
        reference = said.data.spending
        position = self.events.get((reference.source or said.source, reference.id))
        return None if position is None else self.draws.get(position)

    def _named_card(self, data: Any) -> Card | None:
        code = getattr(data, "code", None) or self._numbers.get(data.number or "")
        return None if code is None else self.cards.get(code)
