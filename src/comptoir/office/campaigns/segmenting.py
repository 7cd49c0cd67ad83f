"""The segments that a list can be frozen from. Not here: what they are (``office/segments``)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from comptoir.counter.audiences.models import Segment
from comptoir.office.campaigns.commands import Segments
from comptoir.office.segments import queries


class Named(msgspec.Struct, frozen=True):
    """A segment by its name."""

    id: uuid.UUID
    name: str


class OfTheOffice:
    """The office's segments: as they are now, or as they were at a moment."""

    def __init__(self, at: dt.datetime | None = None, *, is_past: bool = False) -> None:
        """Ask who is in them at a moment; unset: whenever it is asked. ``is_past``: by what was known then alone."""
        self._at, self._is_past = at, is_past

    def hash_of(self, segment: uuid.UUID, /) -> str:
        """Return the hash of a segment's definition."""
        return queries.named(segment).hash

    def members(self, segment: uuid.UUID, /, *, at: dt.datetime | None = None) -> Iterator[Sequence[uuid.UUID]]:
        """Give everybody who is in it."""
        return queries.members(segment, at=at or self._at, is_past=self._is_past)

    def is_in(self, segment: uuid.UUID, person: uuid.UUID, at: dt.datetime, /) -> bool:
        """Tell whether somebody is in it; whoever is unknown to it is not."""
        if self._is_past:
            return queries.verdict(segment, person, at, is_past=True).member is True
        return queries.is_in(segment, person, at)

    def still_in(
        self,
        segment: uuid.UUID,
        persons: Collection[uuid.UUID],
        /,
        *,
        definition: str,
        at: dt.datetime,
        until: dt.datetime,
    ) -> set[uuid.UUID] | None:
        """Return those who are in it from now ``until`` then, by a definition that it had."""
        return queries.still_in(segment, persons, definition=definition, at=at, until=until)


SEGMENTS: Final[Segments] = OfTheOffice()
#: For whoever walks through the past: nothing is known there that came later.
PAST_SEGMENTS: Final[Segments] = OfTheOffice(is_past=True)


def is_of_square(segments: Iterable[str]) -> bool:
    """Tell whether one of these segments asks what was said on the square, or ever did: numbers are then told roughly.

    What cannot be read any more is taken for one that did.
    """
    return bool(queries.ever_asked_square([uuid.UUID(segment) for segment in segments]))


def named_segments() -> list[Named]:
    """Return every segment, by name."""
    return [Named(each.id, each.name) for each in Segment.objects.filter(ended_at=None).order_by("name")]
