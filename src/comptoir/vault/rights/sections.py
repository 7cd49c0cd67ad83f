"""The sections of a copy: what is told in a form that people and other systems understand, file by file.

Each file is a set of columns and a function that gives its rows one by one, in the vault, in one snapshot. Nothing is
gathered in memory but a portion of the log at a time. A table of the map that is ``told`` names its section here. Not
here: the rows of all other tables, and how a file is written (``copying.py``).
"""

from __future__ import annotations

import collections
import itertools
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.sales import queries as sales
from comptoir.foundation.events import queries as events
from comptoir.foundation.events.queries import LoggedEvent
from comptoir.foundation.rooms.models import VaultSession
from comptoir.vault.rights.rules import amount

Row = Mapping[str, Any]
_PORTION: Final = 500


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose copy it is: a user, the customers at the counter that are theirs, what was opened of their contact data.

    ``personas`` are the public names that they have or had, ``channels`` gives the channel of each touchpoint,
    ``positions`` the places in the log of everything about them, ``devices`` where they hear of what is new.
    """

    user: uuid.UUID
    customers: tuple[uuid.UUID, ...]
    personas: tuple[uuid.UUID, ...] = ()
    positions: tuple[uuid.UUID, ...] = ()
    contact: tuple[Row, ...] = ()
    devices: tuple[uuid.UUID, ...] = ()
    channels: Mapping[str, str] = {}
    titles: Mapping[str, Mapping[str, str]] = {}


class Section(msgspec.Struct, frozen=True):
    """One file of a copy: its name, what it tells, what each column means, and what gives its rows."""

    name: str
    title: str
    columns: Mapping[str, str]
    rows: Callable[[Holder], Iterator[Row]]


def _portions(places: Iterable[uuid.UUID]) -> Iterator[dict[uuid.UUID, LoggedEvent]]:
    """Give the events at these places, a portion at a time, in the order of the places."""
    left = iter(places)
    while some := list(itertools.islice(left, _PORTION)):
        yield events.find(some)


def _deals(holder: Holder) -> Iterator[list[tuple[LoggedEvent, sales.Booked]]]:
    for portion in _portions(holder.positions):
        told = [(event, sales.booked(event)) for event in portion.values() if event.status == "accepted"]
        deals = [(event, deal) for event, deal in told if deal is not None]
        yield sorted(deals, key=lambda pair: pair[0].position)


def _where(event: LoggedEvent, store: str | None, holder: Holder) -> dict[str, Any]:
    return {"store": store, "channel": holder.channels.get(event.touchpoint), "touchpoint": event.touchpoint}


def _lines(holder: Holder) -> Iterator[Row]:
    for deals in _deals(holder):
        sold = sales.lines_of({deal.sale for _, deal in deals if deal.sale is not None})
        for event, deal in deals:
            for index, line in enumerate(deal.lines):
                yield _line(event, deal, line, index, sold, holder)


def _line(
    event: LoggedEvent,
    deal: sales.Booked,
    line: sales.SoldLine,
    index: int,
    sold: Mapping[tuple[str, str], tuple[sales.SoldLine, ...]],
    holder: Holder,
) -> Row:
    number, what = index + 1, line
    if deal.sale is not None:
        number = line.line or 0
        lines = sold.get(deal.sale, ())
        what = lines[number - 1] if 0 < number <= len(lines) else line
    before = None if line.discount is None else line.amount + line.discount
    return {
        "time": event.occurred_at,
        "kind": "sale" if deal.sale is None else "return",
        "receipt": deal.receipt,
        "sale_receipt": None if deal.sale is None else deal.sale[1],
        "line": number,
        "product": what.product or None,
        "gtin": what.gtin,
        "category": what.category,
        "quantity": line.quantity,
        "currency": deal.currency,
        "price_before_promotion": amount(before, deal.currency),
        "promotion_amount": amount(line.discount, deal.currency),
        "price_paid": amount(line.amount, deal.currency),
        **_where(event, deal.store, holder),
    }


def _receipts(holder: Holder) -> Iterator[Row]:
    points = _points_by_cause(holder)
    for deals in _deals(holder):
        for event, deal in deals:
            yield {
                "time": event.occurred_at,
                "kind": "sale" if deal.sale is None else "return",
                "receipt": deal.receipt,
                "lines": len(deal.lines),
                "currency": deal.currency,
                "total": amount(deal.total, deal.currency),
                "points": points.get(event.position, 0),
                **_where(event, deal.store, holder),
            }


def _points_by_cause(holder: Holder) -> Mapping[uuid.UUID, int]:
    """Return what each event has moved for the person, net, with all that was counted anew later."""
    points: dict[uuid.UUID, int] = collections.defaultdict(int)
    for each in loyalty.movements(holder.customers):
        points[each.cause] += each.points * (_COUNTS.get(each.credit, 0) - _COUNTS.get(each.debit, 0))
    return points


#: The accounts of a customer: what they owe counts against what they have.
_COUNTS: Final = {"available": 1, "held": 1, "owed": -1}


def _points(holder: Holder) -> Iterator[Row]:
    moves = loyalty.movements(holder.customers)
    while some := list(itertools.islice(moves, _PORTION)):
        log = events.find(each.cause for each in some)
        for each in some:
            event = log.get(each.cause)
            deal = None if event is None else sales.deal_of(event.type, event.data)
            yield {
                "time": each.occurred_at,
                "points": each.points,
                "from_account": each.debit,
                "to_account": each.credit,
                "reason": each.rule,
                "reason_title": holder.titles.get(each.rule, {}).get("en"),
                "last_day": each.last_day,
                "cause": None if event is None else event.type,
                "receipt": None if deal is None else deal.receipt,
                "is_correction": each.position != each.cause,
                **({} if event is None else _where(event, None if deal is None else deal.store or None, holder)),
            }


def _balance(holder: Holder) -> Iterator[Row]:
    wallet = loyalty.wallet(holder.customers)
    for account, points in (("available", wallet.available), ("held", wallet.held), ("owed", wallet.owed)):
        yield {"account": account, "points": points}
    for lot in wallet.lots:
        yield {"account": "available", "of_which": lot.points, "last_day": lot.last_day}


def _events(holder: Holder) -> Iterator[Row]:
    for portion in _portions(holder.positions):
        for event in sorted(portion.values(), key=lambda each: each.position):
            if event.status == "accepted" and sales.deal_of(event.type, event.data) is not None:
                continue  # told line by line
            yield {
                "time": event.occurred_at,
                "received_at": event.received_at,
                "type": event.type,
                "status": event.status,
                "data": json.loads(event.data),
                "source": event.source,
                "channel": holder.channels.get(event.touchpoint),
                "touchpoint": event.touchpoint,
            }


def _contact(holder: Holder) -> Iterator[Row]:
    yield from holder.contact


def _accesses(holder: Holder) -> Iterator[Row]:
    before = None
    while page := events.accesses_of(holder.user, *holder.devices, before=before, limit=_PORTION):
        for each in page:
            entry = each.entry
            yield {
                "number": each.number,
                "time": entry.at,
                "room": entry.room,
                "who": entry.actor,
                "what": entry.action,
                "why": entry.purpose,
                "detail": entry.detail,
            }
        before = page[-1].number


def _visits(holder: Holder) -> Iterator[Row]:
    for session in VaultSession.objects.filter(content__contains=str(holder.user)).order_by("begun_at"):
        visit = json.loads(session.content).get("visit") or {}
        if visit.get("subject") == str(holder.user):
            yield {
                "room": "vault",
                "begun_at": session.begun_at,
                "seen_at": session.seen_at,
                "means": visit.get("means") or [],
            }


_WHERE: Final = {
    "store": "where it was, as the shop calls the store",
    "channel": "the channel, as the shop's map calls it",
    "touchpoint": "the system that told the shop",
}

#: Every file that tells something, by its section's name. The moment is in UTC, an amount in the currency's main unit.
SECTIONS: Final[Mapping[str, tuple[Section, ...]]] = {
    "sales": (
        Section(
            "sale-lines",
            "Everything bought and returned, line by line",
            {
                "time": "when it was",
                "kind": "sale, or return",
                "receipt": "the receipt's number",
                "sale_receipt": "of a return: the sale's receipt",
                "line": "the line's number on the sale's receipt",
                "product": "the shop's own number of the product",
                "gtin": "the product's barcode (GTIN)",
                "category": "the product's category",
                "quantity": "units",
                "currency": "ISO 4217",
                "price_before_promotion": "the line's price before promotions; empty where the till did not say",
                "promotion_amount": "what promotions took off the line; empty where the till did not say",
                "price_paid": "what was paid for the line, or refunded",
                **_WHERE,
            },
            _lines,
        ),
        Section(
            "receipts",
            "Every receipt with its total and its points",
            {
                "time": "when it was",
                "kind": "sale, or return",
                "receipt": "the receipt's number",
                "lines": "how many lines it has",
                "currency": "ISO 4217",
                "total": "the sum of its lines",
                "points": "points that it brought, less what returns took back",
                **_WHERE,
            },
            _receipts,
        ),
    ),
    "points": (
        Section(
            "points",
            "Every movement of points, and why",
            {
                "time": "when it was",
                "points": "how many",
                "from_account": "where they were before",
                "to_account": "where they went",
                "reason": "the earning rule, or the ledger's word for it",
                "reason_title": "what the shop calls that rule",
                "last_day": "until when they can be spent; empty if for ever",
                "cause": "the type of event that it rests on",
                "receipt": "the receipt that it rests on",
                "is_correction": "whether it counts something earlier anew",
                **_WHERE,
            },
            _points,
        ),
        Section(
            "balance",
            "The points there are, and until when",
            {
                "account": "available, held for a sale, or owed",
                "points": "the whole account",
                "of_which": "a part of it",
                "last_day": "until when that part can be spent",
            },
            _balance,
        ),
    ),
    "events": (
        Section(
            "events",
            "Everything else that a channel told the shop",
            {
                "time": "when it was",
                "received_at": "when the shop heard of it",
                "type": "what it was",
                "status": "accepted, or refused",
                "data": "what was told, with opaque ids in place of card numbers",
                "source": "who told it",
                "channel": _WHERE["channel"],
                "touchpoint": _WHERE["touchpoint"],
            },
            _events,
        ),
    ),
    "contact": (
        Section(
            "contact",
            "Names and addresses, opened for this copy",
            {
                "face": "the person itself, one of its public names, a device, or the old list that says so",
                "field": "what it is",
                "value": "what was given",
                "purpose": "what it was given for",
                "given_at": "when it was given",
                "is_proven": "whether it was shown to be theirs",
            },
            _contact,
        ),
    ),
    "accesses": (
        Section(
            "accesses",
            "Who did what with these data, and why",
            {
                "number": "the entry's number in the audit chain",
                "time": "when it was",
                "room": "in which room of the house",
                "who": "who it was",
                "what": "what was done",
                "why": "what for",
                "detail": "which kinds of data",
            },
            _accesses,
        ),
    ),
    "visits": (
        Section(
            "visits",
            "Visits that are going on",
            {
                "room": "in which room of the house",
                "begun_at": "since when",
                "seen_at": "when somebody was last there",
                "means": "how it was shown who it is",
            },
            _visits,
        ),
    ),
}
