"""Reads of journeys: versions, how they are switched, how many are on their way. In the office."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from typing import Final, Literal

import msgspec
from django.db.models import Count, Min, Q

from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import LEFT
from comptoir.counter.offers import queries as offers
from comptoir.counter.offers.queries import Promised
from comptoir.counter.trips.models import Trip
from comptoir.foundation.events import queries as events
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE
from comptoir.office.campaigns.contracts import HOLDOUT
from comptoir.office.campaigns.effects import Person
from comptoir.office.journeys.contracts import Give, Joins, Say, Version, segments_of
from comptoir.office.journeys.errors import JourneyUnknown
from comptoir.office.journeys.models import JourneyVersion, Switched
from comptoir.office.journeys.rules import GO, coupons_campaign, gift_name

State = Literal["draft", "on", "off", "killed"]
_GIFTS_A_TIME: Final = 1_000


class Written(msgspec.Struct, frozen=True):
    """A version as it was written."""

    journey: uuid.UUID
    number: int
    content: Version
    written_at: dt.datetime
    written_by: str


class Switch(msgspec.Struct, frozen=True):
    """How a journey was switched last; ``since`` is when it was switched on for the first time."""

    state: State
    version: int
    at: dt.datetime | None
    by: str
    reason: str
    since: dt.datetime | None


class Traffic(msgspec.Struct, frozen=True):
    """How many trips there were, by what became of them."""

    entered: int
    under_way: int
    held_out: int
    ended: dict[str, int]


class Refused(msgspec.Struct, frozen=True):
    """Points of a step that were refused: in which version, which step (from 0), by which problem, how often."""

    version: int
    step: int
    problem: str
    count: int


def last_number(journey: uuid.UUID) -> int:
    """Return the number of a journey's latest version, 0 if there is none."""
    row = JourneyVersion.objects.filter(journey=journey).order_by("-number").first()
    return 0 if row is None else row.number


def version(journey: uuid.UUID, number: int) -> Written:
    """Return one version. Raises :class:`JourneyUnknown`."""
    row = JourneyVersion.objects.filter(journey=journey, number=number).first()
    if row is None:
        raise JourneyUnknown
    return _written(row)


def versions(journey: uuid.UUID) -> list[Written]:
    """Return all versions of a journey, the latest first."""
    return [_written(row) for row in JourneyVersion.objects.filter(journey=journey).order_by("-number")]


def latest(journey: uuid.UUID) -> Written:
    """Return the latest version. Raises :class:`JourneyUnknown`."""
    return version(journey, last_number(journey))


def journeys() -> list[Written]:
    """Return the latest version of every journey, the latest written first."""
    rows = JourneyVersion.objects.order_by("journey", "-number").distinct("journey")
    return sorted((_written(row) for row in rows), key=lambda each: each.written_at, reverse=True)


def switch(journey: uuid.UUID) -> Switch:
    """Return how a journey is switched."""
    rows = list(Switched.objects.filter(journey=journey).order_by("number"))
    if not rows:
        return Switch("draft", 0, None, "", "", None)
    last = next((row for row in rows if row.how == "killed"), rows[-1])
    since = next((row.at for row in rows if row.how == "on"), None)
    state: State = "killed" if last.how == "killed" else "on" if last.how == "on" else "off"
    return Switch(state, last.version, last.at, last.by, last.reason, since)


def switched_on() -> list[tuple[uuid.UUID, Switch]]:
    """Return the journeys that are on."""
    named = Switched.objects.order_by("journey").values_list("journey", flat=True).distinct()
    found = [(journey, switch(journey)) for journey in named]
    return [(journey, each) for journey, each in found if each.state == "on"]


def killed_under_way() -> list[uuid.UUID]:
    """Return the journeys that were killed and have trips that have not ended."""
    open_trips = Trip.objects.filter(ended_at=None).values("journey")
    killed = Switched.objects.filter(how="killed", journey__in=open_trips)
    return sorted(set(killed.values_list("journey", flat=True)))


def in_use(journey: uuid.UUID) -> list[Written]:
    """Return the versions of a journey by which people enter or are under way, the latest first."""
    switched = switch(journey)
    numbers = set(Trip.objects.filter(journey=journey, ended_at=None).values_list("version", flat=True))
    if switched.state == "on":
        numbers.add(switched.version)
    return [version(journey, number) for number in sorted(numbers, reverse=True)]


def asking_for(segment: uuid.UUID) -> list[str]:
    """Return the names of the journeys that are on and begin with a segment, or ask for it on the way."""
    found = set()
    for journey, _ in switched_on():
        for written in in_use(journey):
            content = written.content
            begins = isinstance(content.trigger, Joins) and content.trigger.segment == str(segment)
            if begins or str(segment) in segments_of(content):
                found.add(content.name)
    return sorted(found)


def traffic(journey: uuid.UUID) -> Traffic:
    """Return how many are on a journey, and how it ended for the others."""
    trips = Trip.objects.filter(journey=journey)
    sums = trips.aggregate(
        entered=Count("id"), under_way=Count("id", filter=Q(ended_at=None)),
        held_out=Count("id", filter=Q(ended_because="held_out")),
    )  # fmt: skip
    because = trips.filter(ended_at__isnull=False).values_list("ended_because").annotate(Count("id"))
    ended = {row[0]: row[1] for row in because.order_by("ended_because")}
    return Traffic(sums["entered"], sums["under_way"], sums["held_out"], ended)


def refused(journey: uuid.UUID) -> list[Refused]:
    """Return which points of a journey were refused, the latest version first, in the order of its steps."""
    rows = Trip.objects.filter(journey=journey).exclude(refused={}).values_list("version", "refused")
    found = Counter((version, int(step), name) for version, each in rows.iterator() for step, name in each.items())
    ordered = sorted(found.items(), key=lambda each: (-each[0][0], *each[0][1:]))
    return [Refused(version, step, name, count) for (version, step, name), count in ordered]


def drawn(journey: uuid.UUID) -> list[Person]:
    """Return whom a journey has drawn into an arm, since they entered it first; whoever gets nothing at all is not."""
    left = Counter(each.customer for each in messaging.decisions_of(journey) if not LEFT.isdisjoint(each.outcomes))
    rows = Trip.objects.filter(journey=journey, arm__in=[HOLDOUT, GO, "campaign"])
    firsts = rows.values_list("customer", "arm", "version", "cluster").annotate(first=Min("entered_at"))
    found: dict[uuid.UUID, Person] = {}
    for customer, arm, number, cluster, first in firsts.order_by("customer"):
        drawn_into = GO if arm == GO else HOLDOUT
        one = Person(customer, drawn_into, first, version=number, contacts=left[customer], cluster=cluster)
        if customer not in found or first < found[customer].since:
            found[customer] = one
    return list(found.values())


def promised(journey: uuid.UUID) -> list[Promised]:
    """Return the points that a journey has given: by its steps, and by coupons that let a sale's count more."""
    contents = {each.number: each.content for each in versions(journey)}
    gifts = {
        number: [step for step, each in enumerate(content.steps) if isinstance(each, Give)]
        for number, content in contents.items()
    }
    trips = list(Trip.objects.filter(journey=journey, arm=GO).values_list("id", "version", "customer", "occurrence"))
    named = {gift_name(trip, step): person for trip, number, person, _ in trips for step in gifts[number]}
    found = []
    for start in range(0, len(named), _GIFTS_A_TIME):
        names = list(named)[start : start + _GIFTS_A_TIME]
        places = events.positions_of_ids(CLOCK_SOURCE, names)
        given = loyalty.gifts_at({named[each] for each in places}, places.values())
        found += [Promised(each.customer, each.at, each.points) for each in given]
    if any(isinstance(step, Say) and step.promotion for content in contents.values() for step in content.steps):
        found += offers.promised_by({coupons_campaign(journey, occurrence) for _, _, _, occurrence in trips})
    return found


def entered_by(journey: uuid.UUID) -> list[int]:
    """Return the versions by which somebody has entered, the latest first."""
    numbers = Trip.objects.filter(journey=journey).values_list("version", flat=True).distinct()
    return sorted(numbers, reverse=True)


def _written(row: JourneyVersion) -> Written:
    content = msgspec.convert(row.definition, Version)
    return Written(row.journey, row.number, content, row.written_at, row.written_by)
