"""Reads for the console: what tills have leased, what waits to be settled, and how the last ones ended.

Runs in the current room. Not here: what a lease may be (``leases.py``), and who may settle one.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

import msgspec

from comptoir.counter.loyalty.models import Lease as LeaseRow
from comptoir.foundation.kernel.ids import millisecond_of

#: So many are told of at once, of each kind.
SHOWN_MAX: Final = 200
SETTLED_SHOWN_MAX: Final = 20


class Leased(msgspec.Struct, frozen=True):
    """A lease as staff see it: whose points, at which till, since when and until when, and what was spent of it.

    ``state`` is ``running``, ``waiting`` (it has run out, and nobody has said what was spent), ``returning`` (the till
    or staff have, and something has not arrived), ``closed`` or ``lost``. ``arrived`` are the numbers of what was spent
    and is here; ``spends`` how many there are, if that is known.
    """

    touchpoint: str
    name: str
    holder: str
    customer: uuid.UUID
    points: int
    spent: int
    arrived: tuple[int, ...]
    spends: int | None
    status: str
    leased_at: dt.datetime
    expires_at: dt.datetime
    state: str

    @property
    def left(self) -> int:
        """Return the points that are held of it."""
        return self.points - self.spent if self.status == "open" else 0

    @property
    def missing(self) -> int:
        """Return how many spendings have been told of and are not here; none while nobody has."""
        return 0 if self.spends is None else self.spends - len(self.arrived)

    @property
    def spends_min(self) -> int:
        """Return how often it was spent from at least: the highest number that is here."""
        return max(self.arrived, default=0)


def open_leases(*, now: dt.datetime) -> list[Leased]:
    """Return what tills have leased and not returned, whatever ends first first."""
    rows = LeaseRow.objects.filter(status="open").order_by("expires_at", "touchpoint", "name")[:SHOWN_MAX]
    return [_told(each, now=now) for each in rows]


def settled_leases(*, now: dt.datetime) -> list[Leased]:
    """Return those that are over, the latest lease first."""
    rows = LeaseRow.objects.exclude(status="open").order_by("-position")[:SETTLED_SHOWN_MAX]
    return [_told(each, now=now) for each in rows]


def lease(touchpoint: str, name: str, *, now: dt.datetime) -> Leased | None:
    """Return one lease by the touchpoint that has it and the name that it was given there."""
    row = LeaseRow.objects.filter(touchpoint=touchpoint, name=name).first()
    return None if row is None else _told(row, now=now)


def _told(row: LeaseRow, *, now: dt.datetime) -> Leased:
    leased_at = dt.datetime.fromtimestamp(millisecond_of(str(row.position)) / 1000, dt.UTC)
    state = row.status
    if state == "open":
        state = "returning" if row.spends is not None else "waiting" if now >= row.expires_at else "running"
    return Leased(
        row.touchpoint, row.name, row.holder, row.customer, row.points, row.spent, tuple(row.sequences), row.spends,
        row.status, leased_at, row.expires_at, state,
    )  # fmt: skip
