"""What pages read of gift cards: one by its code or its number, what was moved on it, and what is owed in all."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from comptoir.counter.giftcards import store
from comptoir.counter.giftcards.codes import GiftCardCodes, is_well_typed
from comptoir.counter.giftcards.models import Card as CardRow
from comptoir.counter.giftcards.rules import Card
from comptoir.counter.giftcards.store import Moved, Owed, Spent
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.borrowing import borrowed

_LATEST_MAX: Final = 50
_HISTORY_MAX: Final = 200


class Shown(msgspec.Struct, frozen=True):
    """What a code is good for at a moment: the card's digest and number, how much of it can be spent, until when."""

    card: Id
    number: str
    currency: str
    available: int
    expires_at: dt.datetime | None


def shown(code: str, *, now: dt.datetime) -> Shown | None:
    """Return what a code is good for, or ``None``, whatever is wrong with it. Counting wrong ones is the caller's."""
    if not is_well_typed(code):
        return None
    found = store.find_cards(borrowed(CardRow), [GiftCardCodes.of_shop().digest(code)])
    if not found or not found[0].is_spendable(now):
        return None
    card = found[0]
    return Shown(card.id, card.number, card.currency, card.available, card.expires_at)


def by_number(number: str) -> Card | None:
    """Return a card by its number."""
    found = store.find_cards(borrowed(CardRow), numbers=[number])
    return found[0] if found else None


def by_code(code: str) -> Card | None:
    """Return a card by its code, spendable or not: for staff."""
    found = store.find_cards(borrowed(CardRow), [GiftCardCodes.of_shop().digest(code)])
    return found[0] if found else None


def spent(receipt: str, source: str) -> list[Spent]:
    """Return what was spent of cards for a source's receipt, the first one first."""
    return store.find_spent(borrowed(CardRow), receipt, source)


def latest() -> list[Card]:
    """Return the cards that were issued last."""
    return store.find_latest(borrowed(CardRow), limit=_LATEST_MAX)


def history(card: Id) -> list[Moved]:
    """Return what was moved on a card, the latest first."""
    return store.find_history(borrowed(CardRow), card, limit=_HISTORY_MAX)


def owed() -> list[Owed]:
    """Return what all cards can still be spent for, by currency."""
    return store.sum_owed(borrowed(CardRow))
