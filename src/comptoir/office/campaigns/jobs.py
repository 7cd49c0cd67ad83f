"""What campaigns do by the clock: lists are frozen when their moment has come; who left a segment is asked again."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import asking, commands, segmenting
from comptoir.office.campaigns.commands import Coupons


def freeze_due(*, now: dt.datetime, coupons: Coupons, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Freeze the lists that are due, as the office; returns how many."""
    with entered(OFFICE):
        return commands.freeze_due(now=now, segments=segmenting.SEGMENTS, coupons=coupons, should_stop=should_stop)


def withdraw_left(
    *,
    now: dt.datetime,
    customers: Collection[uuid.UUID] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Take back the offers that are about to leave to whoever has left the segment, as the office; returns how many.

    Of these ``customers``, or of everybody.
    """
    with entered(OFFICE):
        return asking.withdraw_left(
            now=now, segments=segmenting.SEGMENTS, customers=customers, should_stop=should_stop
        )  # fmt: skip
