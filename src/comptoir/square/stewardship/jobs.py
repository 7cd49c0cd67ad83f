"""What stewardship does by the clock: it says whose links get a card, as pages are asked what they say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import jobs as community
from comptoir.square.stewardship.store import find_levels


def fetch_previews(connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Ask the pages that staff and trusted members link to what they say of themselves; returns how many were asked."""

    def trusted(asking: Connection, personas: Collection[Id]) -> Collection[Id]:
        levels = find_levels(asking, personas, now)
        return [persona for persona, level in levels.items() if level.has_previews]

    return community.fetch_previews(connection, now=now, trusted=trusted, should_stop=should_stop)
