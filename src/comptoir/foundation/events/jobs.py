"""What the log needs by the clock: partitions made ahead, and an outbox that does not grow.

Every job is given the time, does a bounded amount of work, may be run twice, and beside itself.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Final

from psycopg import errors

from comptoir.foundation.events import checkpoints, store
from comptoir.foundation.kernel.connection import Connection

_log = logging.getLogger(__name__)

MONTHS_AHEAD: Final = 3
#: How long rows stay in the outbox while nobody is to hear of them.
KEPT: Final = dt.timedelta(hours=1)
_ROWS_MAX: Final = 20_000


def make_partitions(connection: Connection, *, now: dt.datetime) -> int:
    """Have a partition of the log for this month and for the next three (UTC); returns how many are new.

    Where the log is too busy to wait for, or the month's events lie elsewhere already, it is left for the next run.
    """
    made = 0
    first = now.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for month in range(MONTHS_AHEAD + 1):
        year, index = divmod(first.year * 12 + first.month - 1 + month, 12)
        at = first.replace(year=year, month=index + 1)
        try:
            with connection.transaction():
                made += store.make_partition(connection, at)
        except errors.LockNotAvailable:
            _log.info("the log was too busy for a new partition (%s)", at.date())
            break
        except errors.CheckViolation:
            _log.warning("the partition of %s cannot be made: events of that month lie in the rest", at.date())
    if made:
        _log.info("made %d partitions of the log", made)
    return made


def check_rest(connection: Connection) -> int:
    """Warn if events lie in the partition for what no month has taken; returns its size in bytes."""
    size = store.rest_bytes(connection)
    if size:
        _log.warning("events lie outside the log's months (%d bytes in events_event_rest)", size)
    return size


def prune_outbox(connection: Connection, *, now: dt.datetime) -> int:
    """Drop what every destination has passed, or, without any, what is older than an hour; returns how many rows."""
    return store.prune_outbox(connection, before=now - KEPT, limit=_ROWS_MAX)


def sign_audit(connection: Connection, *, now: dt.datetime) -> bool:
    """Sign what was appended to the audit chain since the last checkpoint; tells whether the chain goes on as signed.

    As the office's role. What does not continue is not signed, and said in the log until somebody looks.
    """
    try:
        made = checkpoints.make(connection, at=now)
    except (checkpoints.OutOfStep, checkpoints.NoteInvalid) as error:
        _log.error("the audit chain cannot be signed: %s; comptoir audit verify says more", error)
        return False
    if made is not None:
        _log.debug("signed %s entries of the audit chain", made.size)
    return True
