"""Defining segments, changing and ending them. Each is one transaction on the caller's connection, in the office."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from msgspec import structs
from psycopg import errors

from comptoir.foundation.kernel.connection import Connection
from comptoir.office.segments import store
from comptoir.office.segments.contracts import Segment, hash_of
from comptoir.office.segments.errors import SegmentInUse, SegmentNameRefused, SegmentNameTaken, SegmentUnknown
from comptoir.office.segments.language import read, renamed, rests_on

NAME_CHARACTERS_MAX = 80
_NAMED_MAX = 5


def define(connection: Connection, *, name: str, expression: str, by: str, at: dt.datetime) -> Segment:
    """Define a segment; raises what the language refuses, :class:`SegmentNameRefused`, :class:`SegmentNameTaken`."""
    name = _checked(name)
    with connection.transaction():
        store.lock_definitions(connection)
        tree = read(expression, store.find_expressions(connection), name=name)
        segment = Segment(uuid.uuid4(), name, expression, hash_of(tree), 1)
        if not store.insert_segment(connection, segment):
            raise SegmentNameTaken("Choose another name.", field="name")
        store.insert_version(connection, segment, by=by, at=at)
    return segment


def change(
    connection: Connection, *, segment_id: uuid.UUID, name: str, expression: str, by: str, at: dt.datetime
) -> Segment:
    """Give a segment another name or expression, as a version of its own; who is in it is counted anew.

    So it is with those that rest on it: they say something else from now on. They ask for it by its new name.
    """
    name = _checked(name)
    try:
        with connection.transaction():
            store.lock_definitions(connection)
            kept = {each.segment.id: each.segment for each in store.find_segments(connection)}
            if segment_id not in kept:
                raise SegmentUnknown
            before = kept[segment_id].name
            changing = [segment_id, *_resting_on(before, list(kept.values()))]
            for each in kept.values():
                if each.id in changing[1:]:
                    kept[each.id] = structs.replace(each, expression=renamed(each.expression, before, name))
            kept[segment_id] = structs.replace(kept[segment_id], name=name, expression=expression)
            expressions = {each.name: each.expression for each in kept.values()}
            read(expression, expressions, name=name)
            changed = [_changed(connection, kept[each], expressions, by=by, at=at) for each in changing]
    except errors.UniqueViolation:
        raise SegmentNameTaken("Choose another name.", field="name") from None
    return changed[0]


def _changed(
    connection: Connection, segment: Segment, expressions: Mapping[str, str], *, by: str, at: dt.datetime
) -> Segment:
    tree = read(segment.expression, expressions, name=segment.name)
    segment = structs.replace(segment, hash=hash_of(tree))
    version = store.update_segment(connection, segment)
    assert version is not None
    segment = structs.replace(segment, version=version)
    store.insert_version(connection, segment, by=by, at=at)
    return segment


def _resting_on(name: str, segments: Sequence[Segment]) -> list[uuid.UUID]:
    """Return the segments that rest on one, directly or through others, those nearer to it first."""
    found: dict[uuid.UUID, None] = {}
    names = [name]
    while names:
        asked = names.pop(0)
        for each in segments:
            if each.id not in found and asked in rests_on(each.expression):
                found[each.id] = None
                names.append(each.name)
    return list(found)


def end(connection: Connection, *, segment_id: uuid.UUID, at: dt.datetime) -> None:
    """End a segment: it is counted no more, and its name is free. Its versions stay.

    Raises :class:`SegmentInUse` while another one rests on it.
    """
    with connection.transaction():
        store.lock_definitions(connection)
        kept = {each.segment.id: each.segment for each in store.find_segments(connection)}
        if segment_id not in kept:
            raise SegmentUnknown
        resting = [kept[each].name for each in _resting_on(kept[segment_id].name, list(kept.values()))]
        if resting:
            raise SegmentInUse(f"{', '.join(resting[:_NAMED_MAX])} would not know who is in it.")
        store.end_segment(connection, segment_id, at=at)


def _checked(name: str) -> str:
    name = name.strip()
    if not (1 <= len(name) <= NAME_CHARACTERS_MAX and name.isprintable()):
        raise SegmentNameRefused(field="name")
    return name
