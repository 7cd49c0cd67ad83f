"""What the map needs by the clock: promises judged, counts kept small.

Every job is given the time, may be run twice, and beside itself.
"""

from __future__ import annotations

import datetime as dt
import logging

import psycopg

from comptoir.foundation.touchpoints import commands
from comptoir.foundation.touchpoints.contracts import TouchpointMap

_log = logging.getLogger(__name__)


def judge_freshness(connection: psycopg.Connection, *, declared: TouchpointMap, now: dt.datetime) -> int:
    """Compare what was measured with what the map promises; returns how many promises are newly broken."""
    fresh = commands.judge_promises(connection, declared=declared, now=now)
    for breach in fresh:
        _log.warning(
            "%s, %s: %s since %s (%.3g instead of %.3g)",
            breach.touchpoint, breach.data, breach.kind, breach.since.isoformat(timespec="minutes"),
            breach.measured, breach.promised,
        )  # fmt: skip
    return len(fresh)


def thin_counts(connection: psycopg.Connection, *, now: dt.datetime) -> None:
    """Add up old minutes into hours, and forget what no comparison needs any more."""
    commands.thin_counts(connection, now=now)
