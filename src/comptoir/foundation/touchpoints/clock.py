"""What the house's clock says by itself: events that jobs make, how many of them were news, and what is overdue.

Whatever is held too long goes through the log as an event of the clock, with an id that is the same in every run: what
runs twice, or in two workers at once, happens once. Not here: which jobs there are, and when they run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import CLOCK, CLOCK_SOURCE

#: So many events of the clock are one transaction, and so many transactions one run.
BATCH_EVENTS: Final = 500
BATCHES_MAX: Final = 400


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


def end_overdue(
    connection: Connection,
    find: Callable[[int], Sequence[Arrival]],
    *,
    handlers: HandlerMaker,
    should_stop: Callable[[], bool] = lambda: False,
    batches_max: int = BATCHES_MAX,
) -> int:
    """Say of everything that is overdue that it is over; returns how much was decided just now.

    ``find`` gives at most so many events as it is asked for, about what is overdue at present. What is left after
    ``batches_max`` transactions goes with the next run.
    """
    ended = 0
    for _ in range(batches_max):
        arrivals = () if should_stop() else find(BATCH_EVENTS)
        if not arrivals:
            break
        record(connection, arrivals, handlers=handlers)
        fresh = count_fresh(arrivals)
        ended += fresh
        if not fresh:
            break  # another worker has just done the same
    return ended
