"""The segment asked again before a message leaves: who has left it since the list was frozen gets none.

Beside the sender, never in its way: whoever is moved by an event is asked as soon as it is heard, and the clock looks a
little ahead at everybody to whom something may leave soon, since days pass without events. What nobody has taken up yet
is taken back. What was frozen a moment ago is not asked again. Not here: consent, stops and terms, which the sender
asks itself (``vault/messages``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Collection
from typing import Final

from comptoir.counter.customers import queries as persons
from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.office.campaigns import queries
from comptoir.office.campaigns.commands import Segments

_log = logging.getLogger(__name__)

#: Sending is delayed if it has not begun so long after the list was frozen.
DELAYED: Final = dt.timedelta(minutes=1)
#: The clock looks every minute, and twice as far ahead: what waits is asked about at least once before it may leave.
AHEAD: Final = dt.timedelta(minutes=2)
_PORTION: Final = 5_000
LEFT_SEGMENT: Final = "left_segment"


def withdraw_left(
    *,
    now: dt.datetime,
    segments: Segments,
    customers: Collection[uuid.UUID] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Take back what may leave soon to whoever is not in its segment any more; returns how many messages that were.

    Of these ``customers``, with whichever card they were written to, or of everybody. They are asked by the definition
    that the list was frozen from: a segment that was changed since takes nothing back. Safe to call as often, and by as
    many at once, as like.
    """
    count = 0
    until = now + AHEAD
    cards = None if customers is None else _cards(customers)
    for campaign, number in messaging.delayed(before=now - DELAYED, until=until):
        frozen = queries.frozen(campaign, number)
        if frozen is None or not (content := queries.version(campaign, number).content).is_asked_again:
            continue
        segment = uuid.UUID(content.segment)
        for portion in messaging.leaving(campaign, number, until=until, portion=_PORTION, customers=cards):
            if should_stop():
                return count
            people = {person for _, person in portion}
            inside = segments.still_in(segment, people, definition=frozen.segment_hash, at=now)
            if inside is None:
                break
            left = [decision for decision, person in portion if person not in inside]
            if left:
                count += len(messages.withdraw(left, reason=LEFT_SEGMENT, at=now))
    if count:
        _log.info("%d messages do not leave: their people are not in the segment any more", count)
    return count


def _cards(customers: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return all ids of the persons that these customers are."""
    members = persons.members_of(set(persons.persons_of(set(customers)).values()))
    return {*customers, *members, *(each for those in members.values() for each in those)}
