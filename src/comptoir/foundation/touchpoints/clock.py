"""What the house's clock says by itself: events that jobs make, and how many of them were news.

Not here: which jobs there are, and when they run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import CLOCK, CLOCK_SOURCE


def said_by_clock(
    kind: str,
    event_id: str,
    data: Any,
    *,
    at: dt.datetime,
    now: dt.datetime,
    customer: Id | None = None,
    touchpoint: str = CLOCK,
) -> Arrival:
    """Make an event of the clock. Nothing that identifies it may depend on when the job ran (``now``)."""
    written = codec.encode(data)
    occurred_at = at.astimezone(dt.UTC)
    return Arrival(
        source=CLOCK_SOURCE,
        id=event_id,
        type=kind,
        touchpoint=touchpoint,
        occurred_at=occurred_at,
        received_at=now,
        data=data,
        written=written,
        fingerprint=content_fingerprint(kind, occurred_at.isoformat(), written),
        customer=customer,
    )


def count_fresh(arrivals: Iterable[Arrival]) -> int:
    """Return how many events were decided just now, and not refused."""
    return sum(not arrival.is_repeated and arrival.refusal is None for arrival in arrivals)
