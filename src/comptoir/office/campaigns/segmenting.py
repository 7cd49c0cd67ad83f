"""The segments that a list can be frozen from. Not here: what they are (``office/segments``)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from comptoir.office.campaigns.commands import Segments
from comptoir.office.campaigns.errors import CampaignInvalid


class Named(msgspec.Struct, frozen=True):
    """A segment by its name."""

    id: uuid.UUID
    name: str


class _OfTheOffice:
    """The office's segments."""

    def hash_of(self, segment: uuid.UUID, /) -> str:
        """Return the hash of a segment's definition."""
        raise CampaignInvalid(f"There is no segment {segment}.", field="segment")

    def members(self, segment: uuid.UUID, /, *, at: dt.datetime | None = None) -> Iterator[Sequence[uuid.UUID]]:
        """Give everybody who is in it."""
        raise CampaignInvalid(f"There is no segment {segment} {at}.", field="segment")

    def is_in(self, segment: uuid.UUID, person: uuid.UUID, at: dt.datetime, /) -> bool:
        """Tell whether somebody is in it."""
        raise CampaignInvalid(f"There is no segment {segment} {person} {at}.", field="segment")


SEGMENTS: Final[Segments] = _OfTheOffice()


def named_segments() -> list[Named]:
    """Return every segment, by name."""
    return []
