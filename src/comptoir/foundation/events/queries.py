"""Reads of the log for pages, by place in the log only: the log has no other order. In the current room.

Not here: what an event means; the package that declares its type knows (``counter/sales/queries.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

import msgspec
from django.db.models import TextField
from django.db.models.functions import Cast

from comptoir.foundation.events.models import Event


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event as it stands in the log. ``data`` is its JSON text; ``status`` is ``accepted`` or ``refused``."""

    position: uuid.UUID
    source: str
    id: str
    type: str
    touchpoint: str
    occurred_at: dt.datetime
    received_at: dt.datetime
    status: str
    data: str


def find(positions: Iterable[uuid.UUID]) -> dict[uuid.UUID, LoggedEvent]:
    """Return the events at these positions; positions that the log does not have are left out."""
    rows = (
        Event.objects.filter(position__in=set(positions))
        .annotate(written=Cast("data", TextField()))
        .values_list(
            "position", "source", "id", "type", "touchpoint", "occurred_at", "received_at", "status", "written"
        )
    )
    return {row[0]: LoggedEvent(*row) for row in rows}
