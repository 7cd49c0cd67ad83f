"""The segments that a list can be frozen from. Not here: what they are (``office/segments``)."""

from __future__ import annotations

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

    def members(self, segment: uuid.UUID, /) -> Iterator[Sequence[uuid.UUID]]:
        """Give everybody who is in it now."""
        raise CampaignInvalid(f"There is no segment {segment}.", field="segment")


SEGMENTS: Final[Segments] = _OfTheOffice()


def named_segments() -> list[Named]:
    """Return every segment, by name."""
    return []
