"""What goes back otherwise than in money when goods of a till's sale come back at the desk: gift cards and points.

The log does not know with what else a till's sale was paid, but which cards and which points were spent for its
receipt. Their part of each return goes back onto them, once, under an id that follows from the return; what a till has
put back onto a card by itself counts. Whatever dies in between or is refused, the desk's page says what has not gone
back yet. What the counter refuses can be handed out in money, with a reason, and points of somebody who was forgotten
are: they would go back to nobody. The audit chain knows it, once for each part, and once what is given at the till: so
the desk says once to give it. Of what was spent, and told only after the return, nobody knew at the desk: its part was
handed out in money, too.
Not here: an order's, of which the vault sees to it, and how much a piece gives back.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from django.db import connections, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from comptoir.counter.customers import queries as customers
from comptoir.counter.giftcards import queries as giftcards
from comptoir.counter.giftcards.contracts import CREDIT
from comptoir.counter.giftcards.rules import parts_back
from comptoir.counter.giftcards.store import Spent
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.sales.rules import Return, Sale, beside, paid, paid_with_points
from comptoir.doors.console import gateway
from comptoir.doors.console.acting import with_key
from comptoir.foundation.events import audit
from comptoir.foundation.events import queries as events
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Trouble

_REQUESTS: Final = uuid.UUID("9c3b6c52-7f0e-5a6b-8f1d-637265646974")
#: So often one part is asked for: what is refused once is answered so for ever under its id.
_ATTEMPTS_MAX: Final = 5
#: A return's number, and the spending of a card, or ``None`` for points.
Key = tuple[str, uuid.UUID | None]
_HANDED_OUT: Final = "returns.handed_out"
_GIVEN: Final = "returns.given"


class Part(msgspec.Struct, frozen=True):
    """What of a return goes back otherwise than in money: minor units onto a card, or points to a customer.

    ``returned`` is the number of the return's receipt, ``position`` the spending of a card. ``share`` is what the card
    gets of this return, ``amount`` what of it is still to be put onto it: a till may have done so by itself. Of points
    ``share`` is what they had paid, in minor units; where they are nobody's, so is ``amount``, unless some went back.
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

    @property
    def is_nobodys(self) -> bool:
        """Tell whether these are points of a customer who was forgotten: they can go back to nobody."""
        return self.position is None and self.customer is None

    @property
    def money(self) -> int:
        """Return what it is worth where it is handed out instead, in minor units."""
        return self.share if self.position is None else self.amount

    def request(self, attempt: int) -> uuid.UUID:
        """Return the id under which it is asked for, the first time (0) or again."""
        again = f" {attempt}" if attempt else ""
        return uuid.uuid5(_REQUESTS, f"{self.returned} {self.position or 'points'}{again}")


class HandedOut(msgspec.Struct, frozen=True):
    """A part that was given in money instead, why, and when."""

    part: Part
    why: str
    at: dt.datetime


class Back(msgspec.Struct, frozen=True):
    """What a return gives back: ``total`` (minor units) with the tax on top, of which points had paid ``by_points``.

    ``waiting`` are those of its parts that have not gone back yet, where the desk has booked it, and ``refused`` tells
    whether that was refused before. ``handed_out`` are those that were given in money instead.
    """

    returned: str
    is_own: bool
    total: int
    by_points: int
    cards: tuple[Part, ...]
    points: Part | None
    waiting: tuple[Part, ...] = ()
    refused: bool = False
    handed_out: tuple[HandedOut, ...] = ()

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
    totals = [max(0, back.total + each.tax) for back, each in zip(returns, more, strict=True)]
    money = [total - each.by_points for total, each in zip(totals, more, strict=True)]
    spent = giftcards.spent(sale.receipt, sale.source)
    of_cards = _cards(spent, returns, money, paid(sale) - sum(paid_with_points(sale)))
    points = _points(sale, returns, [each.by_points for each in more])
    booked = [
        part for back, *parts in zip(returns, points, *of_cards, strict=True) for part in parts
        if part is not None and back.receipt and _is_own(back) and (part.share or part.amount)
    ]  # fmt: skip
    asked = _asked(booked)
    points = [_less_what_went_back(part, asked) for part in points]
    left = [_less_what_others_did(card, returns, parts, asked) for card, parts in zip(spent, of_cards, strict=True)]
    found = [
        Back(back.receipt, _is_own(back), total, each.by_points, tuple(part for part in parts if part.share), of_points)
        for back, total, each, of_points, *parts in zip(returns, totals, more, points, *left, strict=True)
    ]
    return _told(found, asked)


def _told(found: Sequence[Back], asked: Mapping[Key, Asked]) -> list[Back]:
    """Return what returns give back, with what has not gone back yet, or was handed out instead."""
    ours = [back for back in found if back.is_own and back.returned]
    left = {part.key: part for back in ours for part in back.parts if part.amount and not asked[part.key].given}
    instead = _handed_out(left.values())
    told = []
    for back in found:
        parts = [part for part in back.parts if part.key in left] if back.is_own else []
        waiting = tuple(part for part in parts if part.key not in instead)
        told.append(
            msgspec.structs.replace(
                back, waiting=waiting, refused=any(asked[part.key].refused for part in waiting),
                handed_out=tuple(instead[part.key] for part in parts if part.key in instead),
            )
        )  # fmt: skip
    return told


def _cards(spent: Sequence[Spent], returns: Sequence[Return], money: Sequence[int], in_money: int) -> list[list[Part]]:
    """Return for each card its part of each return, the whole of it."""
    if not spent:
        return []
    shares = parts_back([each.amount for each in spent], in_money, money)
    found = []
    for number, card in enumerate(spent):
        known_at, parts = uuid.UUID(card.known_at), []
        for back, each in zip(returns, shares, strict=True):
            is_late = bool(back.receipt) and _is_own(back) and uuid.UUID(back.position) < known_at
            share = 0 if is_late else each[number]
            parts.append(
                Part(
                    back.receipt, back.occurred_at, share, share, number=card.number,
                    position=uuid.UUID(card.position), is_stopped=card.is_stopped,
                )
            )  # fmt: skip
        found.append(parts)
    return found


def _less_what_others_did(
    card: Spent, returns: Sequence[Return], parts: Sequence[Part], asked: Mapping[Key, Asked]
) -> list[Part]:
    """Return a card's parts, those of the desk less what a till put onto the card beyond its own returns."""
    ours = [part for part, back in zip(parts, returns, strict=True) if _is_own(back)]
    by_desk = sum(asked[part.key].given for part in ours if part.key in asked)
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
    if worth and (sale.customer is None or is_severed(sale.customer)):
        # How many they were, only whose they were would tell.
        return [
            Part(back.receipt, back.occurred_at, each, each) if each else None
            for back, each in zip(returns, by_points, strict=True)
        ]
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
        part = Part(back.receipt, back.occurred_at, due - done, each, customer=whose)
        found.append(part if due > done else None)
        done = due
    return found


def _less_what_went_back(part: Part | None, asked: Mapping[Key, Asked]) -> Part | None:
    """Return points of nobody as so many as went back before their customer was forgotten."""
    if part is None or not part.is_nobodys or part.key not in asked or not asked[part.key].given:
        return part
    return msgspec.structs.replace(part, amount=asked[part.key].given)


def outstanding(sale: Sale, returns: Sequence[Return]) -> list[Part]:
    """Return those parts of the desk's own returns that have not gone back yet."""
    return [part for back in backs(sale, returns) for part in back.waiting]


def _is_own(back: Return) -> bool:
    """Tell whether a return was booked here; one that is not booked yet will be."""
    return not back.receipt or back.key[0] == house.source_of(house.CONSOLE)


class Asked(NamedTuple):
    """How often a part was asked for and refused, and how much was given at last (minor units or points)."""

    refused: int = 0
    given: int = 0


def _asked(parts: Iterable[Part]) -> dict[Key, Asked]:
    """Return what became of parts, as the log knows it."""
    parts = list(parts)
    if not parts:
        return {}
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


# -- what is given in money -----------------------------------------------------------------------------------------


def hand_out(parts: Iterable[Part], *, why: str, actor: str, by: str) -> list[Part]:
    """Leave in the audit chain that parts are given in money instead, and why; once for each, whoever was first.

    ``why`` is one line. Returns those that nobody had given before. Raises :class:`AuditEntryInvalid`.
    """
    return [
        each for each in parts
        if _note(
            _HANDED_OUT, each.request(0), purpose=why, actor=actor,
            detail={
                "by": by, "return": each.returned, "amount": str(each.money), "instead_of": each.number or "points",
            },
        )
    ]  # fmt: skip


def give(returned: str, amount: int, *, actor: str, by: str) -> bool:
    """Leave in the audit chain that a return's money (minor units) is given at the till; returns whether it is new."""
    detail = {"by": by, "return": returned, "amount": str(amount)}
    return _note(_GIVEN, _of_money(returned), purpose="goods came back", actor=actor, detail=detail)


def given_at(returned: str) -> dt.datetime | None:
    """Return when a return's money was given at the till; ``None`` where nobody was told to."""
    found = events.accesses_of(_of_money(returned), limit=1)
    return found[0].entry.at if found else None


def _of_money(returned: str) -> uuid.UUID:
    """Return under which id the audit chain knows what a return gives at the till."""
    return uuid.uuid5(_REQUESTS, f"{returned} money")


def _note(action: str, subject: uuid.UUID, *, purpose: str, actor: str, detail: Mapping[str, str]) -> bool:
    """Append an entry about a subject that has none; returns whether it had none."""
    with transaction.atomic(using=OFFICE.name):
        # Whoever appends waits for the others, and sees what they have left.
        number = audit.append(
            connections[OFFICE.name], room=OFFICE, actor=actor, action=action, subject=subject, purpose=purpose,
            at=timezone.now(), detail=detail,
        )  # fmt: skip
        is_new = not events.accesses_of(subject, before=number, limit=1)
        if not is_new:
            transaction.set_rollback(True, using=OFFICE.name)
    return is_new


def _handed_out(parts: Iterable[Part]) -> dict[Key, HandedOut]:
    """Return which parts were given in money instead: the audit chain knows a part by its first request."""
    known = {each.request(0): each for each in parts}
    if not known:
        return {}
    found = {}
    for told in events.accesses_of(*known, limit=len(known)):
        assert told.entry.subject is not None, "these were asked for by their subjects"
        part = known[told.entry.subject]
        found[part.key] = HandedOut(part, told.entry.purpose, told.entry.at)
    return found
