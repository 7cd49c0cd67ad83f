"""What begins a journey, and what ends a trip: read from the log and the sales, now and for the past year.

What is still being written when the clock looks belongs to the next look. Not here: who enters (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from comptoir.counter.customers import queries as customers
from comptoir.counter.sales import queries as sales
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.foundation.events import queries as events
from comptoir.office.campaigns.commands import Segments
from comptoir.office.journeys.contracts import FirstVisit, Happening, Happens, Joins, Trigger, Version

JOINED: Final = "segment.joined"
_WEEK: Final = dt.timedelta(weeks=1)


class _Identifier(msgspec.Struct):
    value: str = ""


class _Data(msgspec.Struct):
    customer: _Identifier | None = None
    segment: str = ""
    because: str = ""
    store: str = ""


_data = msgspec.json.Decoder(_Data)


def position_at(moment: dt.datetime) -> uuid.UUID:
    """Return the least place in the log that an event of a moment can have."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def between(trigger: Trigger, *, after: uuid.UUID, until: uuid.UUID) -> list[Happening]:
    """Return what begins a journey between two places in the log, in its order; about persons."""
    kind = {Joins: JOINED, FirstVisit: SALE_CLOSED}.get(type(trigger))
    told = list(_about_somebody(events.told_between([kind or trigger.event], after=after, until=until), trigger))  # type: ignore[union-attr]
    persons = customers.persons_of({customer for customer, _, _, _ in told})
    if not isinstance(trigger, FirstVisit):
        return [Happening(str(persons[customer]), event, at) for customer, event, at, _ in told]
    firsts = _first_visits(trigger.store, persons)
    return [
        Happening(str(persons[customer]), event, at)
        for customer, event, at, store in told
        if at <= firsts.get((persons[customer], store if trigger.store else ""), at)
    ]


def _about_somebody(told: Iterable[events.Told], trigger: Trigger) -> Iterator[tuple[uuid.UUID, str, dt.datetime, str]]:
    for each in told:
        data = _data.decode(each.data)
        customer = each.customer
        if customer is None and data.customer is not None:
            customer = _uuid(data.customer.value)
        if customer is None:
            continue
        # Whom a new expression names has done nothing.
        if isinstance(trigger, Joins) and (data.segment != trigger.segment or data.because == "defined"):
            continue
        if isinstance(trigger, FirstVisit) and (not data.store or (trigger.store and data.store != trigger.store)):
            continue
        yield customer, str(each.position), each.occurred_at, data.store


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _first_visits(
    store: str, persons: Mapping[uuid.UUID, uuid.UUID] | None
) -> dict[tuple[uuid.UUID, str], dt.datetime]:
    """Return when each person was at a store for the first time; without a store (empty), at any."""
    asked = None
    if persons is not None:
        asked = {customer for members in customers.members_of(set(persons.values())).values() for customer in members}
    visits = sales.first_visits(store=store, customers=asked)
    called = customers.persons_of({customer for customer, _ in visits})
    firsts: dict[tuple[uuid.UUID, str], dt.datetime] = {}
    for (customer, where), at in visits.items():
        key = (called[customer], where if store else "")
        firsts[key] = min(at, firsts.get(key, at))
    return firsts


def of_the_past(trigger: Trigger, *, since: dt.datetime, until: dt.datetime, segments: Segments) -> list[Happening]:
    """Return what would have begun a journey in a span of time, in the order in which it happened.

    Who joined a segment is seen week by week, by what was known of each day then: a segment of today has no past of its
    own.
    """
    if isinstance(trigger, Happens):
        found = between(trigger, after=position_at(since), until=position_at(until))
    elif isinstance(trigger, FirstVisit):
        found = [
            Happening(str(person), f"{person} {store}", at)
            for (person, store), at in _first_visits(trigger.store, None).items()
            if since < at <= until
        ]
    else:
        found = list(_joined(uuid.UUID(trigger.segment), since, until, segments))
    return sorted(found, key=lambda each: (each.at, each.person))


def _joined(segment: uuid.UUID, since: dt.datetime, until: dt.datetime, segments: Segments) -> Iterator[Happening]:
    before = _members(segment, since, segments)
    at = since + _WEEK
    while at <= until:
        now = _members(segment, at, segments)
        for person in sorted(now - before):
            yield Happening(str(person), f"{person} {at.date()}", at)
        before, at = now, at + _WEEK


def _members(segment: uuid.UUID, at: dt.datetime, segments: Segments) -> set[uuid.UUID]:
    return {person for batch in segments.members(segment, at=at) for person in batch}


class Exits:
    """When exits were taken by some persons in a span of time."""

    def __init__(
        self, version: Version, persons: Collection[uuid.UUID], *, since: dt.datetime, until: dt.datetime
    ) -> None:
        """Read them, all at once."""
        self._taken: dict[uuid.UUID, list[dt.datetime]] = {}
        if not version.exit_events or not persons:
            return
        members = customers.members_of(persons)
        called = {customer: person for person, those in members.items() for customer in those}
        found = [events.heard_of(called, version.exit_events, since=since, until=until)]
        if SALE_CLOSED in version.exit_events:
            found.append(sales.bought(called, since=since, until=until))
        for each in found:
            for customer, moments in each.items():
                self._taken.setdefault(called[customer], []).extend(moments)
        for moments in self._taken.values():
            moments.sort()

    def is_taken(self, person: uuid.UUID, *, since: dt.datetime, by: dt.datetime) -> bool:
        """Tell whether somebody took one after a moment and by another."""
        moments: Sequence[dt.datetime] = self._taken.get(person, ())
        return bisect_right(moments, by) > bisect_right(moments, since)
