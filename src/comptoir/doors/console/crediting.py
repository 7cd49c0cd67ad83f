"""What goes back onto gift cards when goods of a till's sale come back at the desk.

The log does not know what else a till's sale was paid with, but which cards were spent for its receipt. Their part of
each return goes onto them, once, under an id that follows from the return; whatever dies in between, the desk's page
says what has not gone back yet. Not here: an order's, of which the vault sees to it, and how much a piece gives back.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.counter.giftcards import queries
from comptoir.counter.giftcards.contracts import CREDIT
from comptoir.counter.giftcards.rules import parts_back
from comptoir.counter.sales.rules import Return, Sale
from comptoir.doors.console.acting import with_key
from comptoir.foundation.events import queries as events
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Trouble

_REQUESTS: Final = uuid.UUID("9c3b6c52-7f0e-5a6b-8f1d-637265646974")


class Part(msgspec.Struct, frozen=True):
    """So much (minor units) of a return that goes onto the card with a number, off which a position took it.

    ``returned`` is the number of the return's receipt.
    """

    returned: str
    number: str
    amount: int
    position: uuid.UUID
    at: dt.datetime

    @property
    def request(self) -> uuid.UUID:
        """Return the id under which it is asked for."""
        return uuid.uuid5(_REQUESTS, f"{self.returned} {self.position}")


def parts_of(sale: Sale, returns: Sequence[Return]) -> list[Part]:
    """Return what of a sale's returns goes back onto cards, the first return first."""
    spent = queries.spent(sale.receipt, sale.source)
    if not spent:
        return []
    shares = parts_back([each.amount for each in spent], sale.total, [each.total for each in returns])
    return [
        Part(back.receipt, card.number, amount, uuid.UUID(card.position), back.occurred_at)
        for back, amounts in zip(returns, shares, strict=True)
        for card, amount in zip(spent, amounts, strict=True)
        if amount
    ]


def outstanding(sale: Sale, returns: Sequence[Return]) -> list[Part]:
    """Return those parts of the desk's own returns that nobody has asked for yet."""
    source = house.source_of(house.CONSOLE)
    own = {each.receipt for each in returns if each.key[0] == source}
    parts = [each for each in parts_of(sale, returns) if each.returned in own]
    asked = events.positions_of_ids(source or "", [str(each.request) for each in parts]) if parts else {}
    return [each for each in parts if str(each.request) not in asked]


def credit(parts: Sequence[Part]) -> Trouble | None:
    """Have parts go back onto their cards, each once; returns what is wrong with the first that does not."""
    known = events.find([each.position for each in parts])
    for each in parts:
        spending = known[each.position]
        data = {"spending": {"id": spending.id, "source": spending.source}, "amount": each.amount,
                "receipt": each.returned}  # fmt: skip
        answer: Answer = with_key(
            lambda data=data, each=each: house.send(
                CREDIT, data, touchpoint=house.CONSOLE, request=each.request, at=each.at
            )
        )
        if answer.problem is not None:
            return answer.problem
    return None
