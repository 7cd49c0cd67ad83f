"""A journey's exits asked again before a message leaves that waited for its hours: whoever took one gets none.

Beside the sender, and as often as the segments of campaigns are asked again (``office/campaigns/asking.py``). Not here:
trips, which ask for themselves before every step (``travelling.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Final

from comptoir.counter.customers import queries as persons
from comptoir.counter.messages.contracts import Leaving
from comptoir.counter.trips.models import Trip
from comptoir.foundation.kernel.problem import Problem
from comptoir.office.campaigns.asking import AHEAD, Judge, take_back
from comptoir.office.campaigns.commands import Segments
from comptoir.office.journeys import queries, rules
from comptoir.office.journeys.contracts import Version
from comptoir.office.journeys.errors import JourneyUnknown
from comptoir.office.journeys.happenings import Exits

_log = logging.getLogger(__name__)

LEFT_JOURNEY: Final = "left_journey"


def withdraw_left(
    *,
    now: dt.datetime,
    segments: Segments,
    customers: Collection[uuid.UUID] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Take back what may leave soon to whoever has taken an exit of the journey; returns how many messages that were.

    Of these ``customers``, with whichever card they were written to, or of everybody. The exits are those of the
    version with which somebody entered. Safe to call as often, and by as many at once, as like.
    """

    def judge_of(journey: uuid.UUID, number: int) -> Judge | None:
        try:
            content = queries.version(journey, number).content
        except JourneyUnknown:
            return None  # the list of a campaign

        def judge(portion: Sequence[Leaving]) -> list[uuid.UUID] | None:
            try:
                return _left(journey, content, portion, now=now, segments=segments)
            except Problem as problem:
                # A segment that it asks for has ended: nobody is taken to have left it. Other journeys are asked.
                _log.warning("journey %s, version %d cannot be asked: %s", journey, number, problem)
                return None

        return judge

    return take_back(judge_of, reason=LEFT_JOURNEY, now=now, customers=customers, should_stop=should_stop)


def _left(
    journey: uuid.UUID,
    content: Version,
    portion: Sequence[Leaving],
    *,
    now: dt.datetime,
    segments: Segments,
) -> list[uuid.UUID]:
    """Return the messages to whoever has taken an exit since they entered."""
    called = persons.persons_of({each.customer for each in portion})
    rows = Trip.objects.filter(journey=journey, customer__in=called)
    trips = {(who, occurrence): at for who, occurrence, at in rows.values_list("customer", "occurrence", "entered_at")}
    entered = [
        (each.decision, called[each.customer], trips[trip])
        for each in portion
        if (trip := (each.customer, rules.occurrence_of(each.occurrence))) in trips
    ]
    if not entered:
        return []
    exits = Exits(content, set(called.values()), since=min(at for _, _, at in entered), until=now)
    inside = None
    if content.exit_segment is not None:
        segment = uuid.UUID(content.exit_segment)
        inside = segments.still_in(
            segment, set(called.values()), definition=segments.hash_of(segment), at=now, until=now + AHEAD
        )  # fmt: skip
    return [
        decision
        for decision, person, at in entered
        if exits.is_taken(person, since=at, by=now) or (inside is not None and person not in inside)
    ]
