"""What loyalty does when a batch arrives: earn, spend, hold, take back; every decision with its transfers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from comptoir.counter.customers.contracts import LINKS
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.loyalty import rules, store
from comptoir.counter.loyalty.contracts import ADJUST, CLOCK_SOURCE, EXPIRE, POST, REDEEM, RESERVE, VOID
from comptoir.counter.loyalty.errors import (
    BelowMinimum,
    NothingToAdjust,
    ReservationTaken,
    ReservationUnknown,
)
from comptoir.counter.loyalty.programme import Earning, Programmes
from comptoir.counter.loyalty.rules import Ledger, Reservation
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.handlers import Fold, SalesHandler
from comptoir.counter.sales.rules import kept
from comptoir.foundation.events.contracts import Arrival, Balance, Batch, Change
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

_SALES: Final = frozenset({SALE_CLOSED, SALE_RETURNED})
_CLOSING: Final = frozenset({POST, VOID})
_ABOUT_RESERVATIONS: Final = _CLOSING | {RESERVE}


class LoyaltyHandler:
    """One batch's points."""

    def __init__(self, *, programmes: Programmes, customers: CustomersHandler, sales: SalesHandler) -> None:
        """Decide by these programmes, for the customers and the sales of the same batch."""
        self._programmes = programmes
        self._customers = customers
        self._sales = sales
        self._ledger = Ledger({})
        self._reservations: dict[tuple[str, str], Reservation] = {}
        self._opened: dict[tuple[str, str], Reservation] = {}
        self._closed: dict[tuple[str, str], Reservation] = {}

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock every account that the batch may touch, in one order."""
        keys = {(a.touchpoint, a.data.reservation) for a in batch.arrivals if a.type in _ABOUT_RESERVATIONS}
        concerned = set(self._customers.concerned)
        if keys:
            # Who is concerned by a reservation never changes, so this may be read before the locks; its state may not.
            self._reservations = store.find_reservations(connection, keys)
            holders = {
                customer
                for reservation in self._reservations.values()
                for customer in (reservation.customer, *(draw.customer for draw in reservation.draws))
            }
            self._customers.include(connection, holders)
            concerned |= self._customers.concerned
        if concerned:
            accounts = store.lock_accounts(connection, concerned)
            self._ledger = Ledger(accounts)
            batch.known |= accounts.keys()
            for each in accounts.values():
                batch.saw(each.last_position)
        if keys:
            # One that was opened since the first look is not covered by our locks: for this batch it is not there yet.
            covered = self._reservations.keys()
            found = store.find_reservations(connection, keys)
            self._reservations = {key: reservation for key, reservation in found.items() if key in covered}

    def load(self, connection: Connection, batch: Batch) -> None:
        """Everything was read with the locks."""

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        ledger = self._ledger
        for arrival in batch.fresh:
            if arrival.refusal is None:
                arrival.refusal = self._decide_one(arrival)
            transfers = ledger.take_transfers()
            if arrival.customer is None:
                continue
            members = self._customers.members(arrival.customer)
            available, held, owed = ledger.balance(members)
            arrival.balance = Balance(available, held, owed)
            if arrival.refusal is None:
                arrival.points = _worth(transfers)
            if transfers:
                assert arrival.position is not None
                arrival.decision = transfers
                for transfer in transfers:
                    ledger.accounts[transfer.customer].last_position = arrival.position
                batch.changes.append(Change(members, arrival.position, available, held, owed))
            elif arrival.refusal is None and arrival.type in LINKS:
                # Nothing moves, but what each of the two sees is another wallet now.
                assert arrival.position is not None
                for end in {members, self._customers.members(arrival.data.identifier.value)}:
                    batch.changes.append(Change(end, arrival.position, *ledger.balance(end)))

    def write(self, connection: Connection, batch: Batch) -> None:
        """Append the transfers; write the accounts and the reservations that changed."""
        decided = [(a.position, a.occurred_at, a.decision) for a in batch.fresh if a.decision]
        if decided:
            store.insert_transfers(connection, decided)  # type: ignore[arg-type]
            touched = {customer: self._ledger.accounts[customer] for customer in self._ledger.touched}
            store.write_accounts(connection, touched)
            changes = {account: points for account, points in self._ledger.programme.items() if points}
            if changes:
                store.add_to_programme(connection, changes)
        if self._opened:
            store.insert_reservations(connection, list(self._opened.values()))
        if self._closed:
            store.close_reservations(connection, list(self._closed.values()))

    def _decide_one(self, arrival: Arrival) -> Problem | None:
        kind = arrival.type
        if kind in _SALES:
            fold = self._sales.folds.get(arrival.position)
            if fold is not None:
                self._fold(fold)
            return None
        if kind == REDEEM:
            return self._redeem(arrival)
        if kind == RESERVE:
            return self._reserve(arrival)
        if kind in _CLOSING:
            return self._close(arrival)
        if kind == ADJUST:
            return self._adjust(arrival)
        assert arrival.customer is not None or kind != EXPIRE
        if kind == EXPIRE and arrival.customer is not None:
            self._ledger.expire(arrival.customer, before=dt.date.fromisoformat(arrival.data.before))
        elif arrival.customer is not None:
            for earning in self._programmes.at(arrival.occurred_at).for_event(arrival.occurred_at, kind):
                self._ledger.earn(arrival.customer, earning)
        return None

    def _fold(self, fold: Fold) -> None:
        """Make the points of a sale what its kept goods earn, by moving the difference."""
        sale, before, after = fold
        customer = sale.customer
        if customer is None:
            return
        version = self._programmes.at(sale.occurred_at)
        if before is None and not after:
            for earning in version.for_sale(sale.occurred_at, sale.lines):
                self._ledger.earn(customer, earning)
            return

        def effects(returns: list[object] | None) -> dict[tuple[Id, str], int]:
            if returns is None:
                return {}
            stages: list[tuple[Id, list[Earning]]] = [(sale.position, version.for_sale(sale.occurred_at, sale.lines))]
            for count, one in enumerate(returns, start=1):
                left = kept(sale, returns[:count])  # type: ignore[arg-type]
                stages.append((one.position, version.for_sale(sale.occurred_at, left)))  # type: ignore[attr-defined]
            return rules.effects(stages)

        happened = {sale.position: sale.occurred_at, **{one.position: one.occurred_at for one in after}}
        day = version.last_day(sale.occurred_at)
        changes = rules.differences(effects(before), effects(after))  # type: ignore[arg-type]
        # What rounds the other way now is given before the rest is taken, so that no other lot has to stand in.
        for cause, rule, change in sorted(changes, key=lambda each: each[2] < 0):
            move = self._ledger.earn if change > 0 else self._ledger.take_back
            move(customer, Earning(rule, abs(change), day), cause=cause, occurred_at=happened[cause])

    def _redeem(self, arrival: Arrival) -> Problem | None:
        version, members = self._programmes.at(arrival.received_at), self._members(arrival)
        assert members is not None
        points = arrival.data.points
        if points < version.programme.minimum:
            return BelowMinimum(f"The minimum is {version.programme.minimum}.", field="data.points")
        return self._ledger.spend(members, points, today=version.local_day(arrival.received_at))

    def _reserve(self, arrival: Arrival) -> Problem | None:
        key = (arrival.touchpoint, arrival.data.reservation)
        if key in self._reservations:
            return ReservationTaken(field="data.reservation")
        version, members = self._programmes.at(arrival.received_at), self._members(arrival)
        assert members is not None
        assert arrival.customer is not None
        assert arrival.position is not None
        points = arrival.data.points
        if points < version.programme.minimum:
            return BelowMinimum(f"The minimum is {version.programme.minimum}.", field="data.points")
        draws = self._ledger.hold(members, points, today=version.local_day(arrival.received_at))
        if isinstance(draws, Problem):
            return draws
        reservation = Reservation(
            *key, arrival.customer, arrival.position, points, draws,
            arrival.received_at + dt.timedelta(seconds=arrival.data.expires_in),
        )  # fmt: skip
        self._reservations[key] = self._opened[key] = reservation
        return None

    def _close(self, arrival: Arrival) -> Problem | None:
        key = (arrival.touchpoint, arrival.data.reservation)
        reservation = self._reservations.get(key)
        if reservation is None:
            return ReservationUnknown(field="data.reservation")
        arrival.customer = reservation.customer
        if arrival.type == POST:
            closed = self._ledger.post(reservation, arrival.data.points, at=arrival.received_at)
        else:
            by_clock = arrival.source == CLOCK_SOURCE
            closed = self._ledger.void(reservation, at=arrival.received_at, by_clock=by_clock)
        if isinstance(closed, Problem):
            return closed
        self._reservations[key] = closed
        if key in self._opened:
            self._opened[key] = closed
        else:
            self._closed[key] = closed
        return None

    def _adjust(self, arrival: Arrival) -> Problem | None:
        points, customer, members = arrival.data.points, arrival.customer, self._members(arrival)
        assert customer is not None
        assert members is not None
        if points == 0:
            return NothingToAdjust(field="data.points")
        version = self._programmes.at(arrival.received_at)
        return self._ledger.adjust(
            customer, members, points,
            day=version.last_day(arrival.received_at), today=version.local_day(arrival.received_at),
        )  # fmt: skip

    def _members(self, arrival: Arrival) -> tuple[Id, ...] | None:
        return None if arrival.customer is None else self._customers.members(arrival.customer)


def _worth(transfers: Sequence[rules.Transfer]) -> int:
    """Return what transfers mean to the customer: so many more points to spend (or fewer to owe), or fewer."""
    worth = 0
    for transfer in transfers:
        worth += (_WORTH.get(transfer.credit, 0) - _WORTH.get(transfer.debit, 0)) * transfer.points
    return worth


#: Points in these accounts count for the customer, or against.
_WORTH = {1: 1, 3: -1}
