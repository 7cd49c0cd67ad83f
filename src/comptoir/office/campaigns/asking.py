"""The segment asked again before a message leaves: who has left it since the list was frozen gets none.

Beside the sender, never in its way: whoever is moved by an event is asked as soon as it is heard, and the clock looks a
little ahead at everybody to whom something may leave soon, since days pass without events: where a day ends before it
may leave, by both days. What nobody has taken up yet
is taken back. What was frozen a moment ago is not asked again. Not here: the exits of journeys
(``office/journeys/asking.py``); consent, stops and terms, which the sender asks itself (``vault/messages``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Final

from comptoir.counter.customers import queries as persons
from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import Leaving
from comptoir.office.campaigns import queries
from comptoir.office.campaigns.commands import Segments

_log = logging.getLogger(__name__)

#: Sending is delayed if it has not begun so long after the list was frozen.
DELAYED: Final = dt.timedelta(minutes=1)
#: The clock looks every minute, and twice as far ahead: what waits is asked about at least once before it may leave.
AHEAD: Final = dt.timedelta(minutes=2)
_PORTION: Final = 5_000
LEFT_SEGMENT: Final = "left_segment"


#: Returns which of these messages must not leave any more; ``None`` if that cannot be asked.
Judge = Callable[[Sequence[Leaving]], list[uuid.UUID] | None]


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

    def judge_of(campaign: uuid.UUID, number: int) -> Judge | None:
        frozen = queries.frozen(campaign, number)
        if frozen is None or not (content := queries.version(campaign, number).content).is_asked_again:
            return None
        segment = uuid.UUID(content.segment)

        def judge(portion: Sequence[Leaving]) -> list[uuid.UUID] | None:
            people = {each.customer for each in portion}
            inside = segments.still_in(segment, people, definition=frozen.segment_hash, at=now, until=now + AHEAD)
            return None if inside is None else [each.decision for each in portion if each.customer not in inside]

        return judge

    return take_back(judge_of, reason=LEFT_SEGMENT, now=now, customers=customers, should_stop=should_stop)


def take_back(
    judge_of: Callable[[uuid.UUID, int], Judge | None],
    *,
    reason: str,
    now: dt.datetime,
    customers: Collection[uuid.UUID] | None,
    should_stop: Callable[[], bool],
) -> int:
    """Take back what may leave soon and must not, as the judge of each campaign or journey and version says.

    What nobody judges is left as it is. Returns how many messages that were.
    """
    count = 0
    cards = None if customers is None else cards_of(customers)
    for origin, number in messaging.delayed(before=now - DELAYED, until=now + AHEAD):
        judge = judge_of(origin, number)
        if judge is None:
            continue
        for portion in messaging.leaving(origin, number, until=now + AHEAD, portion=_PORTION, customers=cards):
            if should_stop():
                return count
            left = judge(portion)
            if left is None:
                break
            if left:
                count += len(messages.withdraw(left, reason=reason, at=now))
    if count:
        _log.info("%d messages do not leave (%s)", count, reason)
    return count


def cards_of(customers: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return all ids of the persons that these customers are."""
    members = persons.members_of(set(persons.persons_of(set(customers)).values()))
    return {*customers, *members, *(each for those in members.values() for each in those)}
