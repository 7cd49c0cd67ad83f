"""What waits and must not leave any more: lists whose segment was left, and journeys of which an exit was taken.

One job for both, by the clock and as soon as somebody is heard to have left a segment. Needs Django. Not here: who has
left (``office/campaigns/asking.py``, ``office/journeys/asking.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection

from comptoir.office.campaigns import jobs as campaigns
from comptoir.office.journeys import jobs as journeys


def withdraw_left(
    *,
    now: dt.datetime,
    customers: Collection[uuid.UUID] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Take back what is about to leave to whoever has left, of these ``customers`` or of everybody; how many it was."""
    return sum(
        each.withdraw_left(now=now, customers=customers, should_stop=should_stop) for each in (campaigns, journeys)
    )
