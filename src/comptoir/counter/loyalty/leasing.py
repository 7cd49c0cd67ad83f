"""A batch's leases: which there are, and what the ledger makes of what is said of them.

Not here: whether somebody may spend, which the handler asks first; the rules of a lease (``leases.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence

from comptoir.counter.loyalty import leases, store
from comptoir.counter.loyalty.contracts import LEASE_RECONCILE, LEASE_RENEW, LEASE_RETURN, LEASE_SPEND, LEASES
from comptoir.counter.loyalty.errors import BelowMinimum, LeaseTaken, LeaseTooLarge, LeaseUnknown
from comptoir.counter.loyalty.leases import Lease
from comptoir.counter.loyalty.programme import Version
from comptoir.counter.loyalty.rules import Ledger
from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.errors import Outdated
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

Key = tuple[str, str]


class Leasing:
    """The leases of one batch, by touchpoint and name."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        """Look at what the arrivals name."""
        self.keys: frozenset[Key] = frozenset(key_of(arrival) for arrival in arrivals if arrival.type in LEASES)
        self._found: dict[Key, Lease] = {}
        self._opened: set[Key] = set()
        self._changed: set[Key] = set()

    def find(self, connection: Connection) -> set[Id]:
        """Read them before anything is locked, and return whose accounts have to be."""
        self._found = store.find_leases(connection, self.keys)
        return {holder for each in self._found.values() for holder in customers_of(each)}

    def find_again(self, connection: Connection, covered: Collection[Id]) -> None:
        """Read them under the locks; one that was opened since the first look is not there yet for this batch."""
        found = store.find_leases(connection, self.keys)
        self._found = {key: lease for key, lease in found.items() if key in self._found}
        if any(customers_of(each) - set(covered) for each in self._found.values()):
            raise Outdated  # whose it was has been forgotten between the two looks

    def open(self, ledger: Ledger, arrival: Arrival, *, members: Sequence[Id], version: Version) -> Problem | None:
        """Lease points to the till that asks."""
        key = key_of(arrival)
        if key in self._found:
            return LeaseTaken(field="data.lease")
        points, programme = arrival.data.points, version.programme
        if points < programme.minimum:
            return BelowMinimum(f"The minimum is {programme.minimum}.", field="data.points")
        if points > programme.lease_max:
            return LeaseTooLarge(f"At most {programme.lease_max}.", field="data.points")
        draws = ledger.hold(members, points, today=version.local_day(arrival.received_at), reason="leased")
        if isinstance(draws, Problem):
            return draws
        assert arrival.customer is not None
        assert arrival.position is not None
        until = arrival.received_at + dt.timedelta(seconds=arrival.data.expires_in)
        self._found[key] = Lease(*key, arrival.source, arrival.customer, arrival.position, points, draws, until)
        self._opened.add(key)
        return None

    def follow(self, ledger: Ledger, arrival: Arrival, *, count: Callable[[Lease, int], None]) -> Problem | None:
        """Renew, spend, return or reconcile. ``count`` hears how many points are no longer spent, and of which."""
        lease = self._found.get(key_of(arrival))
        if lease is None:
            return LeaseUnknown(field="data.lease")
        arrival.customer = lease.customer
        after = _after(ledger, lease, arrival)
        if isinstance(after, Problem):
            return after
        if after.status != "open":
            count(after, after.points - after.spent)
        self._found[lease.key] = after
        self._changed.add(lease.key)
        return None

    def write(self, connection: Connection) -> None:
        """Write what was opened, and what has changed."""
        store.insert_leases(connection, [self._found[key] for key in sorted(self._opened)])
        store.update_leases(connection, [self._found[key] for key in sorted(self._changed - self._opened)])


def _after(ledger: Ledger, lease: Lease, arrival: Arrival) -> Lease | Problem:
    data, holder = arrival.data, arrival.source
    if arrival.type == LEASE_RENEW:
        until = arrival.received_at + dt.timedelta(seconds=data.expires_in)
        return leases.renew(lease, holder=holder, at=arrival.received_at, until=until)
    if arrival.type == LEASE_SPEND:
        return leases.spend(
            ledger, lease, holder=holder, points=data.points, sequence=data.sequence, at=arrival.occurred_at
        )
    if arrival.type == LEASE_RETURN:
        return leases.give_back(ledger, lease, holder=holder, spends=data.spends)
    return leases.reconcile(ledger, lease, spends=data.spends, at=arrival.received_at)


def key_of(arrival: Arrival) -> Key:
    """Return the touchpoint and the name of the lease that is meant; staff name another's touchpoint."""
    touchpoint = arrival.data.touchpoint if arrival.type == LEASE_RECONCILE else arrival.touchpoint
    return touchpoint, arrival.data.lease


def customers_of(lease: Lease) -> set[Id]:
    """Return the customers whom a lease concerns."""
    return {lease.customer, *(draw.customer for draw in lease.draws)}
