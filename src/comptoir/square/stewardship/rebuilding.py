"""Deriving stewardship from the log; what decisions do to posts is derived with the posts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.community.contracts import EVENT_TYPES as COMMUNITY_TYPES
from comptoir.square.community.rebuilding import tolerant
from comptoir.square.stewardship import store
from comptoir.square.stewardship.contracts import CLOCK_TYPES, EVENT_TYPES, STEWARDSHIP

_READERS: Final = {
    each.name: msgspec.json.Decoder(tolerant(each.data))
    for each in (*EVENT_TYPES, *CLOCK_TYPES, *COMMUNITY_TYPES)
    if each.name in STEWARDSHIP
}


class StewardshipDeriver:
    """Every accepted flag, notice, appeal and decision is written again, and what was said of the filter."""

    tables = (
        "stewardship_flag",
        "stewardship_notice",
        "stewardship_decision",
        "stewardship_appeal",
        "stewardship_filterchange",
    )

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write what the next events say."""
        store.write(
            connection,
            [
                Accepted(event.position, event.occurred_at, event.type, _READERS[event.type].decode(event.data))
                for event in events
                if event.type in STEWARDSHIP and event.is_accepted
            ],
        )

    def finish(self, connection: Connection) -> None:
        """Nothing is left to do."""
