"""What goes back otherwise than in money when goods of a till's sale come back at the desk: gift cards and points.

The log does not know with what else a till's sale was paid, but which cards and which points were spent for its
receipt. Their part of each return goes back onto them, once, under an id that follows from the return; what a till has
put back onto a card by itself counts. Whatever dies in between or is refused, the desk's page says what has not gone
back yet. Not here: an order's, of which the vault sees to it, and how much a piece gives back.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from django.utils.translation import gettext as _

from comptoir.counter.customers import queries as customers
from comptoir.counter.giftcards import queries as giftcards
from comptoir.counter.giftcards.contracts import CREDIT
from comptoir.counter.giftcards.rules import parts_back
from comptoir.counter.giftcards.store import Spent
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.sales.rules import Return, Sale, beside
from comptoir.doors.console import gateway
from comptoir.doors.console.acting import with_key
from comptoir.foundation.events import queries as events
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Trouble

_REQUESTS: Final = uuid.UUID("9c3b6c52-7f0e-5a6b-8f1d-637265646974")
#: So often one part is asked for: what is refused once is answered so for ever under its id.
_ATTEMPTS_MAX: Final = 5
#: A return's number, and the spending of a card, or ``None`` for points.
Key = tuple[str, uuid.UUID | None]


class Part(msgspec.Struct, frozen=True):
    """What of a return goes back otherwise than in money: minor units onto a card, or points to a customer.

    ``returned`` is the number of the return's receipt, ``position`` the spending of a card. ``share`` is what the card
    gets of this return, ``amount`` what of it is still to be put onto it: a till may have done so by itself.
    """

    returned: str
    at: dt.datetime
    amount: int
    share: int
    number: str = ""
    position: uuid.UUID | None = None
    is_stopped: bool = False
    customer: uuid.UUID | None = None

    @property
    def key(self) -> Key:
        """Return what it is a part of: a return, and a spending of a card or points."""
        return (self.returned, self.position)

    def request(self, attempt: int) -> uuid.UUID:
        """Return the id under which it is asked for, the first time (0) or again."""
        again = f" {attempt}" if attempt else ""
        return uuid.uuid5(_REQUESTS, f"{self.returned} {self.position or 'points'}{again}")


class Back(msgspec.Struct, frozen=True):
    """What a return gives back: ``total`` (minor units) with the tax on top, of which points had paid ``by_points``."""

    returned: str
    total: int
    by_points: int
    cards: tuple[Part, ...]
    points: Part | None

    @property
    def in_cash(self) -> int:
        """Return what is given back at the till, in minor units."""
        return self.total - self.by_points - sum(each.share for each in self.cards)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return what goes back otherwise."""
        return (*self.cards, *((self.points,) if self.points is not None else ()))


def backs(sale: Sale, returns: Sequence[Return]) -> list[Back]:
    """Return what each of a till's sale's returns gives back, the first one first."""
    more = beside(sale, returns)
    totals = [back.total + each.tax for back, each in zip(returns, more, strict=True)]
    money = [total - each.by_points for total, each in zip(totals, more, strict=True)]
    in_money = sale.total + sum(line.added - line.paid_with_points for line in sale.lines)
    cards = _cards(sale, returns, money, max(0, in_money))
    points = _points(sale, returns, [each.by_points for each in more])
    return [
        Back(back.receipt, total, each.by_points, of_cards, of_points)
        for back, total, each, of_cards, of_points in zip(returns, totals, more, cards, points, strict=True)
    ]


def _cards(sale: Sale, returns: Sequence[Return], money: Sequence[int], in_money: int) -> list[tuple[Part, ...]]:
    spent = giftcards.spent(sale.receipt, sale.source)
    if not spent:
        return [()] * len(returns)
    shares = parts_back([each.amount for each in spent], in_money, money)
    of_cards = [
        [
            Part(
                back.receipt, back.occurred_at, share[number], share[number], number=card.number,
                position=uuid.UUID(card.position), is_stopped=card.is_stopped,
            )
            for back, share in zip(returns, shares, strict=True)
        ]
        for number, card in enumerate(spent)
    ]  # fmt: skip
    asked = _asked(part for parts in of_cards for part, back in zip(parts, returns, strict=True) if _is_own(back))
    left = [_less_what_others_did(card, returns, parts, asked) for card, parts in zip(spent, of_cards, strict=True)]
    return [tuple(part for part in parts if part.share) for parts in zip(*left, strict=True)]


def _less_what_others_did(
    card: Spent, returns: Sequence[Return], parts: Sequence[Part], asked: Mapping[Key, Asked]
) -> list[Part]:
    """Return a card's parts, those of the desk less what a till put onto the card beyond its own returns."""
    ours = [part for part, back in zip(parts, returns, strict=True) if _is_own(back)]
    by_desk = sum(asked[part.key].given for part in ours)
    by_tills = sum(part.share for part in parts) - sum(part.share for part in ours)
    too_much = max(0, card.returned - by_desk - by_tills)
    found = []
    for part, back in zip(parts, returns, strict=True):
        there = min(part.share, too_much) if _is_own(back) else 0
        too_much -= there
        found.append(msgspec.structs.replace(part, amount=part.share - there))
    return found


def _points(sale: Sale, returns: Sequence[Return], by_points: Sequence[int]) -> list[Part | None]:
    """Return the points that go back with each return: in proportion to what they had paid, whole ones."""
    worth = sum(line.paid_with_points for line in sale.lines)
    person = customers.person_of(uuid.UUID(sale.customer)) if worth and sale.customer is not None else None
    if person is None:
        return [None] * len(returns)
    spent = loyalty.spent_for(person.customers, source=sale.source, receipt=sale.receipt, at=sale.occurred_at)
    if not spent:
        return [None] * len(returns)
    whole, whose = sum(spent.values()), next(iter(spent))
    found: list[Part | None] = []
    paid, done = 0, 0
    for back, each in zip(returns, by_points, strict=True):
        paid = min(paid + each, worth)
        due = whole * paid // worth
        found.append(Part(back.receipt, back.occurred_at, due - done, 0, customer=whose) if due > done else None)
        done = due
    return found


def outstanding(sale: Sale, returns: Sequence[Return]) -> list[Part]:
    """Return those parts of the desk's own returns that have not gone back yet."""
    own = {back.receipt for back in returns if _is_own(back)}
    parts = [part for back in backs(sale, returns) if back.returned in own for part in back.parts if part.amount]
    asked = _asked(parts)
    return [part for part in parts if not asked[part.key].given]


def _is_own(back: Return) -> bool:
    """Tell whether a return was booked here; one that is not booked yet will be."""
    return not back.receipt or back.key[0] == house.source_of(house.CONSOLE)


class Asked(NamedTuple):
    """How often a part was asked for and refused, and how much was given at last (minor units or points)."""

    refused: int = 0
    given: int = 0


def _asked(parts: Iterable[Part]) -> dict[Key, Asked]:
    """Return what became of parts, as the log knows it."""
    ids = {str(each.request(attempt)): each.key for each in parts for attempt in range(_ATTEMPTS_MAX)}
    found = dict.fromkeys(ids.values(), Asked())
    places = events.positions_of_ids(house.source_of(house.CONSOLE) or "", ids)
    told = events.find(places.values())
    for name, position in places.items():
        event, before = told[position], found[ids[name]]
        data = json.loads(event.data)
        if event.status == "accepted":
            found[ids[name]] = before._replace(given=data.get("amount") or data["points"])
        else:
            found[ids[name]] = before._replace(refused=before.refused + 1)
    return found


def give_back(parts: Sequence[Part], *, sale: Sale) -> Trouble | None:
    """Have parts go back, each once; returns what is wrong with the first that does not. The others go all the same."""
    asked, wrong = _asked(parts), None
    for each in parts:
        before = asked[each.key]
        if before.given:
            continue
        # What was refused under an id is refused for ever: the next one is asked, as long as there is one.
        request = each.request(min(before.refused, _ATTEMPTS_MAX - 1))
        answer: Answer = with_key(lambda each=each, request=request: _ask(each, request, sale))
        wrong = wrong or answer.problem
    return wrong


def _ask(part: Part, request: uuid.UUID, sale: Sale) -> Answer:
    if part.position is None:
        assert part.customer is not None, "points are somebody's"
        reason = _("Receipt %(number)s came back") % {"number": sale.receipt}
        return gateway.adjust(
            customer=part.customer, points=part.amount, reason=reason, request=request, at=part.at
        )  # fmt: skip
    spending = events.find([part.position])[part.position]
    data: dict[str, Any] = {
        "spending": {"id": spending.id, "source": spending.source}, "amount": part.amount, "receipt": part.returned,
    }  # fmt: skip
    return house.send(CREDIT, data, touchpoint=house.CONSOLE, request=request, at=part.at)
