"""Writes to the programme. Points themselves move by events only (``handlers.py``)."""

from __future__ import annotations

import datetime as dt
from typing import Final

from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.errors import ProgrammeTooLate
from comptoir.counter.loyalty.programme import Programme, Programmes
from comptoir.foundation.kernel.connection import Connection

#: How long before its start a version has to be known, so that every gateway has read it by then.
NOTICE: Final = dt.timedelta(minutes=15)


def adopt_programme(
    connection: Connection, *, programme: Programme, now: dt.datetime, starts_at: dt.datetime | None = None
) -> Programmes:
    """Make this the newest version of the programme, unless it is already; return all versions.

    The first version reaches back to the beginning of time. A later one starts at ``starts_at``, or at the next
    midnight of the shop that is at least :data:`NOTICE` away. Raises
    :class:`~comptoir.counter.loyalty.errors.ProgrammeTooLate` for a start that is nearer, or not after the last one's.
    """
    with connection.transaction():
        store.lock_programmes(connection)
        present = store.find_programmes(connection)
        if present is None:
            store.insert_programme(connection, programme, None)
        else:
            newest = present.versions[-1]
            if newest.programme == programme:
                return present
            start = starts_at or _next_midnight(present, now + NOTICE)
            if start < now + NOTICE or (newest.starts_at is not None and start <= newest.starts_at):
                raise ProgrammeTooLate(f"It can start at {(now + NOTICE).isoformat(timespec='minutes')} or later.")
            store.insert_programme(connection, programme, start)
        programmes = store.find_programmes(connection)
    assert programmes is not None
    return programmes


def _next_midnight(programmes: Programmes, after: dt.datetime) -> dt.datetime:
    """Return the first midnight of the shop after a moment, and after the start of the newest version."""
    newest = programmes.versions[-1]
    if newest.starts_at is not None:
        after = max(after, newest.starts_at)
    day = newest.local_day(after) + dt.timedelta(days=1)
    return newest.midnight(day)
