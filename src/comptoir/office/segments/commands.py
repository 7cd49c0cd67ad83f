"""Defining segments, changing and ending them. Each is one transaction on the caller's connection, in the office."""

from __future__ import annotations

import datetime as dt
import uuid

from psycopg import errors

from comptoir.foundation.kernel.connection import Connection
from comptoir.office.segments import store
from comptoir.office.segments.contracts import Segment, hash_of
from comptoir.office.segments.errors import SegmentNameRefused, SegmentNameTaken, SegmentUnknown
from comptoir.office.segments.language import read

NAME_CHARACTERS_MAX = 80


def define(connection: Connection, *, name: str, expression: str, by: str, at: dt.datetime) -> Segment:
    """Define a segment; raises what the language refuses, :class:`SegmentNameRefused`, :class:`SegmentNameTaken`."""
    segment = Segment(uuid.uuid4(), _checked(name), expression, hash_of(read(expression)), 1)
    with connection.transaction():
        if not store.insert_segment(connection, segment):
            raise SegmentNameTaken("Choose another name.", field="name")
        store.insert_version(connection, segment, by=by, at=at)
    return segment


def change(
    connection: Connection, *, segment_id: uuid.UUID, name: str, expression: str, by: str, at: dt.datetime
) -> Segment:
    """Give a segment another name or expression, as a version of its own; who is in it is counted anew."""
    changed = Segment(segment_id, _checked(name), expression, hash_of(read(expression)), 0)
    try:
        with connection.transaction():
            version = store.update_segment(connection, changed)
            if version is None:
                raise SegmentUnknown
            changed = Segment(segment_id, changed.name, expression, changed.hash, version)
            store.insert_version(connection, changed, by=by, at=at)
    except errors.UniqueViolation:
        raise SegmentNameTaken("Choose another name.", field="name") from None
    return changed


def end(connection: Connection, *, segment_id: uuid.UUID, at: dt.datetime) -> None:
    """End a segment: it is counted no more, and its name is free. Its versions stay."""
    with connection.transaction():
        if not store.end_segment(connection, segment_id, at=at):
            raise SegmentUnknown


def _checked(name: str) -> str:
    name = name.strip()
    if not (1 <= len(name) <= NAME_CHARACTERS_MAX and name.isprintable()):
        raise SegmentNameRefused(field="name")
    return name
