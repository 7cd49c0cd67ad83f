"""What the start-up programme says to whoever reads: an experiment's visible rule, or that the square is an archive.

Both are asked anew every few seconds, since every page wants to know. Not here: what is decided on them.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

from django.db import connections
from django.utils import timezone

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.programme import experiments, outcomes, steps
from comptoir.square.programme.experiments import Experiment
from comptoir.square.programme.steps import Closed

SECONDS: Final = 5.0
_kept: dict[str, tuple[float, tuple[list[Experiment], Closed | None]]] = {}


def reminder_on(thread: str, *, kind: str, language: str, opened_at: dt.datetime) -> str:
    """Return what a conversation shows above its posts; of several experiments the first one's, by name."""
    now = timezone.now()
    for each in _running():
        if (each.kind, each.language) == (kind, language):
            variant = experiments.variant_for(each, thread=thread, opened_at=opened_at, now=now)
            if variant is not None:
                return each.text(variant)
    return ""


def archive() -> Closed | None:
    """Return since when and why the square is an archive; ``None`` while it is open."""
    return _asked()[1]


def _running() -> list[Experiment]:
    return _asked()[0]


def _asked() -> tuple[list[Experiment], Closed | None]:
    name = database.database_name()
    kept = _kept.get(name)
    if kept is None or time.monotonic() - kept[0] > SECONDS:
        own = connections[SQUARE.name]
        own.ensure_connection()
        found = outcomes.reminders(own.connection), steps.closed(own.connection)
        kept = _kept[name] = (time.monotonic(), found)
    return kept[1]
