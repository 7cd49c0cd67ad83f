"""Reads for pages, campaigns and verbs: a segment, who is in it now, and what it says of one person and why.

Every function has a connection of its own, in the office; those with ``connection`` use the caller's. Not here: writes
(``commands.py``), keeping members current (``jobs.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from comptoir.counter.loyalty.store import find_programmes
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.money import exponent
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.segments import evaluating, store, telling
from comptoir.office.segments.compiling import Terms
from comptoir.office.segments.contracts import Segment, Tree, Verdict, hash_of
from comptoir.office.segments.errors import SegmentUnknown
from comptoir.office.segments.language import read, rests_on

PORTION: Final = 5_000
_log = logging.getLogger(__name__)


def terms(connection: Connection, *, at: dt.datetime, is_past: bool = False) -> Terms:
    """Return the shop's day at a moment, and its currency's smallest unit; without a programme, UTC and hundredths.

    ``is_past``: it is asked what was known then, and not what is known now.
    """
    programmes = find_programmes(connection)
    if programmes is None:
        return Terms(at.astimezone(dt.UTC).date(), 100, is_past)
    version = programmes.at(at)
    minor_units = int(10 ** exponent(programmes.currency))
    return Terms(version.local_day(at), minor_units, is_past, version.programme.time_zone)


def tree_of(connection: Connection, expression: str) -> Tree:
    """Return the tree of an expression, with the segments that it rests on; raises what the language refuses."""
    return read(expression, store.find_expressions(connection) if rests_on(expression) else {})


def readable(segment: Segment, expressions: Mapping[str, str]) -> Tree | None:
    """Return a segment's tree; ``None`` for one that another version of the language has allowed, which is said."""
    try:
        return read(segment.expression, expressions, name=segment.name)
    except Problem as problem:
        _log.warning("segment %s cannot be read: %s", segment.name, problem.detail)
        return None


def named(segment: uuid.UUID | str) -> Segment:
    """Return the segment with an id or a name. Raises :class:`SegmentUnknown`."""
    with _office() as connection:
        return _found(connection, segment)


def members(
    segment_id: uuid.UUID, *, at: dt.datetime | None = None, is_past: bool = False
) -> Iterator[list[uuid.UUID]]:
    """Give the persons who are in a segment now, in portions, all of one moment: by the smallest of their ids.

    ``is_past``: who was in it at a moment that is over, by what was known then.
    """
    with _office() as connection, connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        segment = _found(connection, segment_id)
        of_now = terms(connection, at=at or SYSTEM_CLOCK.now(), is_past=is_past)
        yield from store.members(connection, tree_of(connection, segment.expression), of_now, portion=PORTION)


def count(expression: str, *, at: dt.datetime | None = None) -> int:
    """Return how many persons an expression names now; raises what the language refuses."""
    with _office() as connection:
        tree = tree_of(connection, expression)
        return store.count(connection, tree, terms(connection, at=at or SYSTEM_CLOCK.now()))


def astray(*, at: dt.datetime) -> dict[str, set[str]]:
    """Return, by segment, the persons who are in it and should not be, or the other way round; none where all is well.

    Only of segments that were counted on the shop's day of that moment: the others are counted anew anyway. Whoever has
    just done something may be among them, until the follower has heard of it. What cannot be read is said and left out.
    """
    found: dict[str, set[str]] = {}
    with _office() as connection, connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        of_now = terms(connection, at=at)
        all_kept = store.find_segments(connection)
        expressions = {each.segment.name: each.segment.expression for each in all_kept}
        for kept in all_kept:
            tree = readable(kept.segment, expressions) if kept.day == of_now.today else None
            if tree is None:
                continue
            inside = {str(each) for some in store.members(connection, tree, of_now, portion=PORTION) for each in some}
            if wrong := inside ^ store.find_in(connection, kept.segment.id):
                found[kept.segment.name] = wrong
    return found


def ever_asked_square(segment_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return of which segments any version asked what was said on the square, or cannot be read any more."""
    found: set[uuid.UUID] = set()
    with _office() as connection:
        for segment, expression in store.find_said(connection, segment_ids):
            if segment in found:
                continue
            try:
                is_of_square = telling.is_of_square(tree_of(connection, expression))
            except Problem:
                is_of_square = True
            if is_of_square:
                found.add(segment)
    return found


def verdict(segment_id: uuid.UUID, customer_id: uuid.UUID, at: dt.datetime, *, is_past: bool = False) -> Verdict:
    """Return whether the person that a customer is belongs to a segment, and every reason; or whether they did then."""
    with _office() as connection:
        segment = _found(connection, segment_id)
        return judged(connection, segment.expression, customer_id, at, is_past=is_past)


def is_in(segment_id: uuid.UUID, customer_id: uuid.UUID, at: dt.datetime) -> bool:
    """Tell whether the person that a customer is belongs to a segment now; whoever is unknown to it does not."""
    with _office() as connection:
        tree = tree_of(connection, _found(connection, segment_id).expression)
        return store.is_member(connection, tree, terms(connection, at=at), str(customer_id))


def still_in(
    segment_id: uuid.UUID, customers: Collection[uuid.UUID], *, definition: str, at: dt.datetime, until: dt.datetime
) -> set[uuid.UUID] | None:
    """Return those of these customers whose persons are in a segment, as it was once defined, from now ``until`` then.

    What will happen by then is not known; that another day of the shop's begins is.
    ``definition`` is the hash of what it said then. ``None`` if that cannot be asked any more: a segment that it rests
    on has changed since, or the language has. A definition that was changed, or has ended, is asked all the same.
    """
    with _office() as connection:
        expression = store.find_definition(connection, segment_id, definition)
        if expression is None:
            return None
        try:
            tree = tree_of(connection, expression)
        except Problem as problem:
            _log.warning("a list's segment cannot be read any more: %s", problem.detail)
            return None
        if hash_of(tree) != definition:
            return None
        asked = [str(each) for each in customers]
        now, then = terms(connection, at=at), terms(connection, at=until)
        inside = store.members_of(connection, tree, now, asked)
        if then.today != now.today:
            inside &= store.members_of(connection, tree, then, asked)
        persons = store.find_persons(connection, asked)
        belonging = {each for person, theirs in persons.items() if person in inside for each in theirs}
    return {each for each in customers if str(each) in belonging}


def judged(
    connection: Connection, expression: str, customer_id: uuid.UUID, at: dt.datetime, *, is_past: bool = False
) -> Verdict:
    """Return what an expression says of one person, or said at a moment that is over."""
    of_now = terms(connection, at=at, is_past=is_past)
    rows = store.read_rows(connection, str(customer_id), time_zone=of_now.time_zone)
    if of_now.is_past:
        rows = evaluating.as_of(rows, of_now.today)
    return evaluating.judge(
        tree_of(connection, expression), rows, today=of_now.today, minor_units=of_now.minor_units, at=at
    )


def _found(connection: Connection, segment: uuid.UUID | str) -> Segment:
    kept = store.find_segment(connection, str(segment))
    if kept is None:
        raise SegmentUnknown
    return kept.segment


@contextlib.contextmanager
def _office() -> Iterator[Connection]:
    with database.connect(OFFICE.role) as connection:
        yield connection
