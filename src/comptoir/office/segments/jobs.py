"""Keeping members current: of those whom a batch has touched, at once; of everybody, when the shop's day changes.

Joining and leaving are events of the house's clock, each told once: the row and the event are one transaction. Every
job is given the time, and may be run twice. Not here: figures, on which this rests (``counter/audiences``).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from comptoir.counter.customers import store as customers
from comptoir.foundation.events.commands import record
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.clock import said_by_clock
from comptoir.office.segments import store
from comptoir.office.segments.compiling import Terms
from comptoir.office.segments.contracts import JOINED, LEFT, Because, Moved, Segment
from comptoir.office.segments.queries import readable, terms
from comptoir.office.segments.store import Kept

_log = logging.getLogger(__name__)

_PORTION: Final = 1_000


def follow(connection: Connection, customers: Collection[Id], *, now: dt.datetime) -> int:
    """Let those of these customers' persons join and leave for whom that has changed; returns how many did.

    The cost grows with the customers given, not with all there are.
    """
    if not customers:
        return 0
    kept = store.find_segments(connection)
    if not kept:
        return 0
    of_now = terms(connection, at=now)
    persons = store.find_persons(connection, customers)
    expressions = {each.segment.name: each.segment.expression for each in kept}
    concerned = {*customers, *persons, *(each for theirs in persons.values() for each in theirs)}
    moved = 0
    for each in kept:
        # One that was never counted as a whole is counted by the clock, which knows why.
        tree = readable(each.segment, expressions)
        if tree is None or each.day is None:
            continue
        with connection.transaction():
            _lock(connection, each.segment)
            inside = store.members_of(connection, tree, of_now, customers)
            before = store.find_in_of(connection, each.segment.id, concerned)
            moved += _move(connection, each.segment, inside - before, before - inside, because="event", now=now)
    return moved


def refresh(connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Count those segments anew that have changed, or were counted on an earlier day; returns how many moved."""
    of_now = terms(connection, at=now)
    moved = 0
    for kept in store.find_segments(connection):
        if should_stop():
            break
        if kept.day != of_now.today:
            moved += refresh_one(connection, kept, of_now, now=now, should_stop=should_stop)
    return moved


def refresh_one(
    connection: Connection, kept: Kept, of_now: Terms, *, now: dt.datetime,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """Count a segment as a whole; returns how many moved. Stopped in between, it goes on where it was next time."""
    segment = kept.segment
    tree = readable(segment, store.find_expressions(connection))
    if tree is None:
        return 0
    with connection.transaction():
        inside = {str(each) for portion in store.members(connection, tree, of_now, portion=10_000) for each in portion}
    before = store.find_in(connection, segment.id)
    because: Because = "day" if kept.day is not None else "defined"
    moved = 0
    joining, leaving = sorted(inside - before), sorted(before - inside)
    for portion in _portions([(each, True) for each in joining] + [(each, False) for each in leaving]):
        if should_stop():
            return moved
        with connection.transaction():
            _lock(connection, segment)
            # Looked at once more: an event may have moved somebody since.
            some = [each for each, _ in portion]
            now_inside = store.members_of(connection, tree, of_now, some)
            coming = {each for each, joins in portion if joins and each in now_inside}
            going = {each for each, joins in portion if not joins and each not in now_inside}
            moved += _move(connection, segment, coming, going, because=because, now=now)
    with connection.transaction():
        store.note_counted(connection, segment, day=of_now.today, at=now)
    if moved:
        _log.info("segment %s: %d joined or left", segment.name, moved)
    return moved


def _portions(moves: Sequence[tuple[Id, bool]]) -> Iterator[Sequence[tuple[Id, bool]]]:
    for start in range(0, len(moves), _PORTION):
        yield moves[start : start + _PORTION]


def _lock(connection: Connection, segment: Segment) -> None:
    """Let nobody be forgotten, and nobody else refresh this segment, until the transaction ends.

    Whoever forgets has the first of these locks from the beginning: it waits for us and finds what we have written, or
    we find that somebody is gone.
    """
    customers.lock_links(connection, exclusive=False)
    store.lock_segment(connection, segment.id)


def _move(
    connection: Connection,
    segment: Segment,
    joining: Collection[Id],
    leaving: Collection[Id],
    *,
    because: Because,
    now: dt.datetime,
) -> int:
    joined, left = store.move(connection, segment, joining=joining, leaving=leaving, at=now)
    arrivals = [
        said_by_clock(
            kind,
            f"segment/{segment.id}/{each.customer}/{each.changes}",
            Moved(str(segment.id), segment.version, because),
            at=now,
            now=now,
            customer=each.customer,
        )
        for kind, moved in ((JOINED, joined), (LEFT, left))
        for each in moved
    ]
    record(connection, arrivals, handlers=lambda _types: ())
    return len(arrivals)
