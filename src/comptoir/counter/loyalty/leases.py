"""Allowances that a till leases out of a customer's points, to let them be spent while it is cut off. Pure.

A *lease* is a reservation that is spent in parts, and told of late: its points are held from the moment it is granted,
so leases and free points together are never more than the balance, whoever is cut off from whom. The holder numbers
what it lets be spent, 1, 2, 3, …; each number counts once, in whichever order they arrive. When a lease expires, the
right to spend ends and nothing else: only the holder knows what was spent before. What is left comes back when the
holder returns the lease and everything that it has let be spent has arrived, or when staff reconcile it. Escrow, as
in O'Neil 1986 (https://dl.acm.org/doi/10.1145/7239.7265) and bounded counters (https://arxiv.org/abs/1503.09052).
Not here: the accounts (``rules.py``), and how a till keeps its time (docs/spending.md).
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

import msgspec

from comptoir.counter.loyalty.contracts import Account
from comptoir.counter.loyalty.errors import (
    LeaseClosed,
    LeaseExceeded,
    LeaseExpired,
    LeaseForeign,
    LeaseLost,
    LeaseMiscounted,
    LeaseRunning,
    LeaseSpendTaken,
)
from comptoir.counter.loyalty.rules import Draw, Ledger
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

_NAME: Final = "data.lease"


class Lease(msgspec.Struct, frozen=True):
    """An allowance of ``points``, drawn from certain lots, that one till (``holder``, a source) lets be spent.

    ``sequences`` are the numbers of what was spent and has arrived, ``spent`` their points. ``spends`` is how many
    there are in all, once the holder (or staff, from its journal) has said so; the last of them to arrive closes it.
    """

    touchpoint: str
    name: str
    holder: str
    customer: Id
    position: Id
    points: int
    draws: tuple[Draw, ...]
    expires_at: dt.datetime
    spent: int = 0
    sequences: tuple[int, ...] = ()
    spends: int | None = None
    status: Literal["open", "closed", "lost"] = "open"

    @property
    def key(self) -> tuple[str, str]:
        """Touchpoint and name."""
        return self.touchpoint, self.name

    @property
    def left(self) -> int:
        """Points of it that are still held."""
        return self.points - self.spent if self.status == "open" else 0

    def renewed(self, until: dt.datetime) -> Lease:
        """Return it with a later end."""
        return msgspec.structs.replace(self, expires_at=max(self.expires_at, until))

    def spent_once_more(self, points: int, sequence: int) -> Lease:
        """Return it with one more spending that has arrived."""
        sequences = tuple(sorted((*self.sequences, sequence)))
        return _when_complete(msgspec.structs.replace(self, spent=self.spent + points, sequences=sequences))

    def returned(self, spends: int) -> Lease:
        """Return it once it is said how often it was spent from."""
        return _when_complete(msgspec.structs.replace(self, spends=spends))

    def given_up(self) -> Lease:
        """Return it as lost: what has not arrived by now never counts."""
        return msgspec.structs.replace(self, status="lost")

    def not_open(self) -> Problem | None:
        """Return why nothing more can be done with it, or ``None``."""
        if self.status == "lost":
            return LeaseLost(field=_NAME)
        return LeaseClosed(field=_NAME) if self.status == "closed" else None

    def not_held_by(self, holder: str) -> Problem | None:
        """Return why this till can do nothing with it, or ``None``."""
        return LeaseForeign(field=_NAME) if holder != self.holder else self.not_open()


def _when_complete(lease: Lease) -> Lease:
    is_complete = lease.spends is not None and len(lease.sequences) == lease.spends
    return msgspec.structs.replace(lease, status="closed") if is_complete else lease


def renew(lease: Lease, *, holder: str, at: dt.datetime, until: dt.datetime) -> Lease | Problem:
    """Let a lease end later, while it has not ended yet."""
    problem = lease.not_held_by(holder)
    if problem is not None:
        return problem
    if lease.spends is not None:
        return LeaseClosed("It is being returned.", field=_NAME)
    return _expired(lease) if at >= lease.expires_at else lease.renewed(until)


def spend(ledger: Ledger, lease: Lease, *, holder: str, points: int, sequence: int, at: dt.datetime) -> Lease | Problem:
    """Settle what a till has let be spent at a moment, however late that is heard."""
    problem = lease.not_held_by(holder)
    if problem is not None:
        return problem
    if sequence in lease.sequences:
        return LeaseSpendTaken(f"Number {sequence} has arrived before.", field="data.sequence")
    if lease.spends is not None and sequence > lease.spends:
        return LeaseClosed(f"It was returned after {lease.spends}.", field="data.sequence")
    if at >= lease.expires_at:
        return _expired(lease)
    if points > lease.left:
        return LeaseExceeded(f"{lease.left} points of it are left.", field="data.points")
    ledger.release(lease.draws, lease.spent, points, to=Account.REDEEMED, reason="redeemed")
    return _close(ledger, lease.spent_once_more(points, sequence))


def give_back(ledger: Ledger, lease: Lease, *, holder: str, spends: int) -> Lease | Problem:
    """Return a lease of which so many spendings were made; the rest comes back as soon as all of them are here."""
    problem = lease.not_held_by(holder)
    if problem is not None:
        return problem
    if lease.spends is not None:
        return LeaseClosed("It is being returned.", field=_NAME)
    return _count(ledger, lease, spends)


def reconcile(ledger: Ledger, lease: Lease, *, spends: int | None, at: dt.datetime) -> Lease | Problem:
    """Settle the expired lease of a till that does not come back.

    ``spends`` is how often it was spent from, as the till's journal has it; without it the till is lost, everything
    that has not arrived is given back, and what arrives later is refused and the shop's to bear.
    """
    problem = lease.not_open()
    if problem is not None:
        return problem
    if at < lease.expires_at:
        return LeaseRunning(f"It can be spent from until {_told(lease.expires_at)}.", field=_NAME)
    if spends is not None:
        return _count(ledger, lease, spends)
    return _close(ledger, lease.given_up())


def _count(ledger: Ledger, lease: Lease, spends: int) -> Lease | Problem:
    highest = max(lease.sequences, default=0)
    if spends < max(highest, len(lease.sequences)):
        return LeaseMiscounted(f"Number {highest} has arrived.", field="data.spends")
    return _close(ledger, lease.returned(spends))


def _close(ledger: Ledger, lease: Lease) -> Lease:
    """Give back what is left of a lease that is open no more."""
    if lease.status != "open" and lease.spent < lease.points:
        left = lease.points - lease.spent
        ledger.release(lease.draws, lease.spent, left, to=Account.AVAILABLE, reason="returned")
    return lease


def _expired(lease: Lease) -> Problem:
    return LeaseExpired(f"It could be spent from until {_told(lease.expires_at)}.", field=_NAME)


def _told(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")
