"""What stewardship does by the clock: it says whose links get a card, and that the filter for spam has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.clock import count_fresh, said_by_clock
from comptoir.square.community import jobs as community
from comptoir.square.stewardship.contracts import FILTER_CHANGED, FilterChanged
from comptoir.square.stewardship.installed import Installed, installed
from comptoir.square.stewardship.store import find_filter, find_levels


def fetch_previews(connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Ask the pages that staff and trusted members link to what they say of themselves; returns how many were asked."""

    def trusted(asking: Connection, personas: Collection[Id]) -> Collection[Id]:
        levels = find_levels(asking, personas, now)
        return [persona for persona, level in levels.items() if level.has_previews]

    return community.fetch_previews(connection, now=now, trusted=trusted, should_stop=should_stop)


def note_filter(connection: Connection, *, now: dt.datetime, handlers: HandlerMaker) -> int:
    """Say that the filter for spam does something else, or has learned anew, since it was said last.

    Until then it is taken for what a new shop has. Returns how often it was said: once, or not at all.
    """
    found, last = installed(), find_filter(connection) or (Installed().mode, Installed().weights)
    if found is None or (found.mode, found.weights) == last:
        return 0
    data = FilterChanged(found.mode, found.weights)
    arrival = said_by_clock(FILTER_CHANGED, f"{FILTER_CHANGED}/{now.isoformat()}", data, at=now, now=now)
    record(connection, [arrival], handlers=handlers)
    return count_fresh([arrival])
