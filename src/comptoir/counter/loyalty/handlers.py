"""What loyalty does when a batch arrives: earn, spend, hold, take back; every decision with its transfers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from typing import Final

from comptoir.counter.customers.contracts import LINK_UNDO, LINKS, PIECES, SALE_FORGET, PieceForgotten
from comptoir.counter.customers.errors import LinkInUse, PieceInUse, PieceUnknown
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.loyalty import forgetting, rules, spending, store
from comptoir.counter.loyalty.codes import Shown
from comptoir.counter.loyalty.contracts import (
    ADJUST,
    CONFIRMED,
    COOLED,
    EXPIRE,
    LEASE,
    LEASED,
    LEASES,
    LIMITED,
    MULTIPLIED,
    NOT_MOVING,
    POST,
    REDEEM,
    RESERVE,
    SIGNED_IN,
    STANDING,
    THANKED,
    VOID,
)
from comptoir.counter.loyalty.cooling import COOLING_MAX
from comptoir.counter.loyalty.errors import (
    BelowMinimum,
    CoolingTooLong,
    LimitsChangedTooOften,
    NothingToAdjust,
    ProofMissing,
    ReservationTaken,
    ReservationUnknown,
)
from comptoir.counter.loyalty.leases import Lease
from comptoir.counter.loyalty.leasing import Leasing
from comptoir.counter.loyalty.programme import Earning, PricedLine, Programmes, Version
from comptoir.counter.loyalty.rules import Ledger, Reservation
from comptoir.counter.loyalty.spending import Standing
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.errors import SaleStillReturnable
from comptoir.counter.sales.handlers import Fold, SalesHandler
from comptoir.counter.sales.policy import return_days
from comptoir.counter.sales.rules import Sale, kept
from comptoir.foundation.events.contracts import Arrival, Balance, Batch, Change
from comptoir.foundation.events.errors import Outdated
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id, first_of_millisecond
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE, HOUSE_SOURCE

_SALES: Final = frozenset({SALE_CLOSED, SALE_RETURNED})
_ABOUT_RESERVATIONS: Final = frozenset({POST, VOID, RESERVE})
_CLOSING: Final = LEASED | {POST, VOID}
_SPENDING: Final = frozenset({REDEEM, RESERVE, LEASE})
#: Of these live pages hear even where no points move.
_SEEN_ANYWAY: Final = LINKS | PIECES
_LIMITED_BY_STANDING: Final = _SPENDING | STANDING


class LoyaltyHandler:
    """One batch's points."""

    def __init__(
        self,
        *,
        programmes: Programmes,
        customers: CustomersHandler,
        sales: SalesHandler,
        waiting: dt.timedelta,
        without_points: Collection[str] = (),
        times: Callable[[tuple[str, str]], int] | None = None,
    ) -> None:
        """Decide by these programmes, for the customers and the sales of the same batch.

        ``waiting`` is how long limits that are wider wait, if no passkey was asked about them. Events of the types
        ``without_points`` move none and answer with none: whoever shows a coupon need not be whose points these are.
        ``times`` says how often a sale, by source and receipt, earns its points.
        """
        self._programmes = programmes
        self._waiting = waiting
        self._times = times
        self._without_points = without_points
        self._customers = customers
        self._sales = sales
        self._ledger = Ledger({})
        self._reservations: dict[tuple[str, str], Reservation] = {}
        self._opened: dict[tuple[str, str], Reservation] = {}
        self._closed: dict[tuple[str, str], Reservation] = {}
        self._leasing: Leasing | None = None
        #: Where codes were used, by digest; and those that this batch accepts.
        self._used: dict[str, str] = {}
        self._newly_used: list[tuple[str, Id, str]] = []
        #: What was said about the spending of those whom the batch lets spend, or of whom it says something.
        self._standings: dict[Id, Standing] = {}
        self._standing_before: frozenset[Id] = frozenset()
        self._standing_changed: set[Id] = set()
        #: What each has spent, or holds, by requests since this position.
        self._spent: dict[Id, int] = {}
        self._day_begins: Id = ""
        #: Where a batch undoes links: what the customers concerned hold, and what they have spent for one another.
        self._held: list[Reservation | Lease] = []
        self._across: list[rules.DrawAcross] = []
        #: What the events of a sale that is to be forgotten have moved, and whether the batch lets it go.
        self._moved: list[rules.Moved] = []
        self._is_letting_go = False
        customers.ask_before_parting(self._hold_across)
        customers.ask_before_letting_go(self._in_use)

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock every account that the batch may touch, in one order."""
        keys = {(a.touchpoint, a.data.reservation) for a in batch.arrivals if a.type in _ABOUT_RESERVATIONS}
        concerned = set(self._customers.concerned)
        if keys:
            # Who is concerned by a reservation changes only when somebody is forgotten; its state changes at any time.
            self._reservations = store.find_reservations(connection, keys)
            self._customers.include(
                connection, {holder for each in self._reservations.values() for holder in _holders(each)}
            )
            concerned |= self._customers.concerned
        if not LEASES.isdisjoint(arrival.type for arrival in batch.arrivals):
            self._leasing = Leasing(batch.arrivals)
            self._customers.include(connection, self._leasing.find(connection))
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
            if any(_holders(each) - concerned for each in self._reservations.values()):
                raise Outdated  # who held it was forgotten between the two looks
        if self._leasing is not None:
            self._leasing.find_again(connection, concerned)

    def load(self, connection: Connection, batch: Batch) -> None:
        """See which codes were used before. The accounts are locked, so nobody else is using one of theirs now."""
        digests = [arrival.proof.digest for arrival in batch.fresh if isinstance(arrival.proof, Shown)]
        if digests:
            self._used = store.find_used_codes(connection, digests)
        spending_now = [arrival for arrival in batch.fresh if arrival.type in _LIMITED_BY_STANDING]
        if spending_now:
            self._load_standings(connection, batch, spending_now)
        if any(arrival.type == LINK_UNDO for arrival in batch.fresh):
            concerned = self._customers.linkable
            self._held = [
                *store.find_open_reservations(connection, concerned),
                *store.find_open_leases(connection, concerned),
            ]
            self._across = store.find_draws_across(connection, concerned)

        if (let_go := self._sales.let_go) is not None and let_go.sale.customer is not None:
            positions = forgetting.positions_of(let_go)
            self._moved = store.find_moves_at(connection, let_go.sale.customer, positions)

    def _load_standings(self, connection: Connection, batch: Batch, arrivals: Sequence[Arrival]) -> None:
        """Read what was said about the spending of these arrivals' persons, and how much they have spent today."""
        if any(arrival.type in LINKS for arrival in batch.fresh):
            customers = set(self._customers.concerned)  # who is one person may change within the batch
        else:
            customers = {member for arrival in arrivals for member in self._members(arrival) or ()}
        said_of = {
            arrival.customer for arrival in arrivals if arrival.type in STANDING and arrival.customer is not None
        }
        if said_of:
            store.lock_standings(connection, said_of)
        self._standings = store.find_standings(connection, customers)
        self._standing_before = frozenset(self._standings)
        words = (word for each in self._standings.values() for word in each.words)
        is_daily = any(word.limits.points_per_day is not None for word in words)
        if is_daily or any(arrival.type == LIMITED for arrival in arrivals):
            at = arrivals[0].received_at
            version = self._programmes.at(at)
            midnight = version.midnight(version.local_day(at))
            self._day_begins = first_of_millisecond(int(midnight.timestamp() * 1000))
            self._spent = store.find_spent(connection, customers, since=self._day_begins)

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        ledger = self._ledger
        for arrival in batch.fresh:
            if arrival.type in self._without_points:
                continue
            if arrival.refusal is None:
                arrival.refusal = self._decide_one(arrival)
            transfers = ledger.take_transfers()
            if arrival.customer is None:
                continue
            moved = transfers
            if arrival.type == SALE_FORGET:
                arrival.reword(self._what_is_kept(arrival))
                moved = [each for each in transfers if each.reason != rules.KEPT]  # booked elsewhere, and nothing new
            members = self._customers.members(arrival.customer)
            available, held, owed = ledger.balance(members)
            arrival.balance = Balance(available, held, owed)
            if arrival.refusal is None:
                arrival.points = rules.worth(moved)
            if arrival.type == SALE_CLOSED and arrival.points:
                arrival.points_by_line = self._by_line(self._sales.folds[arrival.position])
            if transfers:
                assert arrival.position is not None
                arrival.decision = transfers
                for transfer in transfers:
                    ledger.accounts[transfer.customer].last_position = arrival.position
            if transfers and arrival.type not in LINKS:
                batch.changes.append(Change(members, arrival.position, available, held, owed))  # type: ignore[arg-type]
            elif arrival.refusal is None and arrival.type in _SEEN_ANYWAY:
                self._see_anyway(arrival, members, transfers, batch)

    def _see_anyway(
        self, arrival: Arrival, members: tuple[Id, ...], transfers: Sequence[rules.Transfer], batch: Batch
    ) -> None:
        """Tell live pages of what they see differently even where nothing moves: a wallet is another one now."""
        assert arrival.position is not None
        if arrival.type not in LINKS:
            batch.changes.append(Change(members, arrival.position, *self._ledger.balance(members)))
            return
        arrival.points = rules.worth([each for each in transfers if each.customer in members])
        for end in {members, self._customers.members(arrival.data.identifier.value)}:
            batch.changes.append(Change(end, arrival.position, *self._ledger.balance(end)))

    def write(self, connection: Connection, batch: Batch) -> None:
        """Append the transfers; write the accounts and the reservations that changed."""
        moving = (a for a in batch.fresh if a.decision and a.type not in NOT_MOVING)
        decided = [(a.position, a.occurred_at, a.decision) for a in moving]
        if decided:
            store.insert_transfers(connection, decided)  # type: ignore[arg-type]
            touched = {customer: self._ledger.accounts[customer] for customer in self._ledger.touched}
            store.write_accounts(connection, touched)
            changes = {account: points for account, points in self._ledger.programme.items() if points}
            if changes:
                store.add_to_programme(connection, changes)
        if self._is_letting_go:
            assert self._sales.let_go is not None
            forgetting.let_go(connection, self._sales.let_go, members=self._customers.concerned)
        if self._opened:
            store.insert_reservations(connection, list(self._opened.values()))
        if self._closed:
            store.close_reservations(connection, list(self._closed.values()))
        if self._leasing is not None:
            self._leasing.write(connection)
        if self._newly_used:
            store.insert_used_codes(connection, self._newly_used)
        if self._standing_changed:
            changed = {customer: self._standings[customer] for customer in self._standing_changed}
            new = {customer: each for customer, each in changed.items() if customer not in self._standing_before}
            store.insert_standings(connection, new)
            store.update_standings(connection, {c: each for c, each in changed.items() if c not in new})

    def _decide_one(self, arrival: Arrival) -> Problem | None:
        kind = arrival.type
        if kind in _SALES:
            fold = self._sales.folds.get(arrival.position)
            if fold is not None:
                self._fold(fold)
            return None
        if kind in _SPENDING:
            return self._spend(arrival)
        if kind in _CLOSING:
            return self._close(arrival)
        if kind == ADJUST:
            return self._adjust(arrival)
        if kind in STANDING:
            return self._hear(arrival)
        if kind == LINK_UNDO:
            self._part(arrival)
            return None
        if kind == SALE_FORGET:
            return self._let_go(arrival)
        assert arrival.customer is not None or kind != EXPIRE
        if kind == EXPIRE and arrival.customer is not None:
            self._ledger.expire(arrival.customer, before=dt.date.fromisoformat(arrival.data.before))
        elif arrival.customer is not None:
            self._earn(arrival.customer, arrival)
        return None

    def _earn(self, customer: Id, arrival: Arrival) -> None:
        """Give what an activity earns, or what was promised for one before."""
        at = arrival.occurred_at
        version = self._programmes.at(at)
        if arrival.type == THANKED:
            promised = arrival.data.earned
            earnings = [Earning(each.rule, each.points, version.last_day(at)) for each in promised]
        else:
            earnings = version.for_event(at, arrival.type)
        for earning in earnings:
            self._ledger.earn(customer, earning)

    def _fold(self, fold: Fold) -> None:
        """Make the points of a sale what its kept goods earn, by moving the difference."""
        sale, before, after = fold
        customer = sale.customer
        if customer is None:
            return
        version = self._programmes.at(sale.occurred_at)
        if before is None and not after:
            for earning in self._earned(version, sale, sale.lines):
                self._ledger.earn(customer, earning)
            return

        def effects(returns: list[object] | None) -> dict[tuple[Id, str], int]:
            if returns is None:
                return {}
            stages: list[tuple[Id, list[Earning]]] = [(sale.position, self._earned(version, sale, sale.lines))]
            for count, one in enumerate(returns, start=1):
                left = kept(sale, returns[:count])  # type: ignore[arg-type]
                stages.append((one.position, self._earned(version, sale, left)))  # type: ignore[attr-defined]
            return rules.effects(stages)

        happened = {sale.position: sale.occurred_at, **{one.position: one.occurred_at for one in after}}
        day = version.last_day(sale.occurred_at)
        changes = rules.differences(effects(before), effects(after))  # type: ignore[arg-type]
        # What rounds the other way now is given before the rest is taken, so that no other lot has to stand in.
        for cause, rule, change in sorted(changes, key=lambda each: each[2] < 0):
            move = self._ledger.earn if change > 0 else self._ledger.take_back
            move(customer, Earning(rule, abs(change), day), cause=cause, occurred_at=happened[cause])

    def _earned(self, version: Version, sale: Sale, lines: Sequence[PricedLine]) -> list[Earning]:
        """Return what goods of a sale earn, and once more of it for each further time that a promotion counts it."""
        earned = version.for_sale(sale.occurred_at, lines)
        times = self._times_of(sale)
        if times > 1 and earned:
            more = (times - 1) * sum(each.points for each in earned)
            earned = [*earned, Earning(MULTIPLIED, more, earned[0].day)]
        return earned

    def _by_line(self, fold: Fold) -> list[int] | None:
        """Return what each line of a sale earns, where it has several: all together what the sale earns."""
        sale, _, returns = fold
        if len(sale.lines) < 2:
            return None
        version, lines = self._programmes.at(sale.occurred_at), kept(sale, returns)
        times = self._times_of(sale)
        return [times * each for each in version.by_line(version.for_sale(sale.occurred_at, lines), lines)]

    def _times_of(self, sale: Sale) -> int:
        return 1 if self._times is None else self._times(sale.key)

    def _spend(self, arrival: Arrival) -> Problem | None:
        """Let somebody spend who may; the code that was shown is used with that, and only with that."""
        problem = self._permit(arrival)
        if problem is None:
            problem = self._take(arrival)
        if problem is None and isinstance(arrival.proof, Shown):
            assert arrival.position is not None
            self._used[arrival.proof.digest] = arrival.source
            self._newly_used.append((arrival.proof.digest, arrival.position, arrival.source))
        if problem is None:
            self._count(arrival.customer, arrival.data.points)
        return problem

    def _take(self, arrival: Arrival) -> Problem | None:
        if arrival.type == REDEEM:
            return self._redeem(arrival)
        if arrival.type == RESERVE:
            return self._reserve(arrival)
        members = self._members(arrival)
        assert members is not None
        assert self._leasing is not None
        version = self._programmes.at(arrival.received_at)
        return self._leasing.open(self._ledger, arrival, members=members, version=version)

    def _permit(self, arrival: Arrival) -> Problem | None:
        """Return why what was shown does not let somebody spend here, or ``None`` if it does."""
        members = self._members(arrival)
        assert members is not None
        points, at, code = arrival.data.points, arrival.received_at, None
        if isinstance(arrival.proof, Shown):
            code = arrival.proof.code_of(members, at=at)
            problem = spending.code_refusal(
                code, members=members, source=arrival.source, points=points, at=at,
                used_at=self._used.get(arrival.proof.digest),
            )  # fmt: skip
            if problem is not None:
                return problem
        elif arrival.proof != SIGNED_IN:
            return ProofMissing("Let the customer show a code, and send it as proof.", field="data.proof")
        standings = [self._standings[member] for member in members if member in self._standings]
        if not standings:
            return None
        return spending.limits_refusal(
            standings, source=arrival.source, points=points, at=at,
            spent=sum(self._spent.get(member, 0) for member in members),
            is_confirmed=code is not None and code.points_max is not None,
        )  # fmt: skip

    def _count(self, customer: Id | None, points: int) -> None:
        """Count what is spent today, so that the next request of the batch knows."""
        if customer is not None and self._day_begins:
            self._spent[customer] = self._spent.get(customer, 0) + points

    def _spent_less(self, lease: Lease, points: int) -> None:
        """Count what came back of a lease that was taken today."""
        if self._day_begins and lease.position >= self._day_begins:
            self._count(lease.customer, -points)

    def _hear(self, arrival: Arrival) -> Problem | None:
        """Take in what is said about a customer's spending; the next request of the batch is decided by it.

        How long limits wait is decided now, and part of the log: the setting may be another one tomorrow.
        """
        customer, heard_at = arrival.customer, arrival.received_at
        assert customer is not None
        before = self._standings.get(customer, spending.Standing())
        free_at = heard_at
        if arrival.type == LIMITED and arrival.proof != CONFIRMED:
            # A lock is always taken, or whoever fills the list would keep the customer from it.
            if before.is_full and not (arrival.data.locked and not before.wanted.locked):
                return LimitsChangedTooOften(f"{spending.WORDS_MAX} changes wait already.", field="data")
            free_at = heard_at + self._waiting
            arrival.decision = [free_at]
        if arrival.type == COOLED and arrival.data.until - arrival.occurred_at > COOLING_MAX:
            return CoolingTooLong(f"At most {COOLING_MAX.days} days after its time.", field="data.until")
        after = before.after(arrival.type, arrival.data, arrival.order, heard_at=heard_at, free_at=free_at)
        if after != before:
            self._standings[customer] = after
            self._standing_changed.add(customer)
        return None

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
        if arrival.type in LEASED:
            assert self._leasing is not None
            return self._leasing.follow(self._ledger, arrival, count=self._spent_less)
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
        if self._day_begins and reservation.position >= self._day_begins:
            self._count(reservation.customer, closed.posted - reservation.points)
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

    def _hold_across(self, one: tuple[Id, ...], other: tuple[Id, ...]) -> Problem | None:
        """Refuse to part two sides while points of one are held for the other."""
        for reservation in self._held:
            for side, far in ((one, other), (other, one)):
                if reservation.customer in side and any(draw.customer in far for draw in reservation.draws):
                    return LinkInUse("Finish the purchase or give the points back first.", field="data.identifier")
        return None

    def _part(self, arrival: Arrival) -> None:
        """Make both sides whole: what one has spent of the other's is given back, and paid by whoever spent it."""
        assert arrival.position is not None
        parting = self._customers.partings.get(arrival.position)
        if parting is None:
            return
        today = self._programmes.at(arrival.received_at).local_day(arrival.received_at)
        for payers, spenders in ((parting.one, parting.other), (parting.other, parting.one)):
            for across in self._across:
                if (
                    across.draw.customer in payers
                    and across.spender in spenders
                    and across.received_at >= parting.since
                ):
                    self._ledger.return_across(across)
                    self._ledger.pay_across(across, spenders, today=today)

    def _in_use(self, gone: Id, members: tuple[Id, ...]) -> Problem | None:
        """Return why a customer cannot be taken out of its person now: what is still open would name it again."""
        if (problem := self._held_for(members)) is not None:
            return problem
        accounts = self._ledger.accounts.get(gone)
        if accounts is not None and accounts.owed:
            return PieceInUse(f"{accounts.owed} points are owed on it.", field="data.identifier")
        return None

    def _held_for(self, members: Sequence[Id]) -> Problem | None:
        if any(self._ledger.accounts[each].held for each in members if each in self._ledger.accounts):
            return PieceInUse("Finish the purchase or give the points back first.", field="data.customer")
        return None

    def _let_go(self, arrival: Arrival) -> Problem | None:
        """Make a purchase nobody's: its points are booked once more under this request, or given up."""
        members, let_go = self._members(arrival), self._sales.let_go
        assert members is not None
        if let_go is None or let_go.sale.customer not in members:
            return PieceUnknown(field="data.sale")
        sale = let_go.sale
        assert sale.customer is not None
        # The house itself only repeats in a restored database what was decided before.
        is_asked = not arrival.source.startswith(HOUSE_SOURCE)
        if is_asked and (problem := self._held_for(members)) is not None:
            return problem
        if is_asked and arrival.data.points == "kept":
            until = sale.occurred_at + dt.timedelta(days=return_days())
            if arrival.received_at < until:
                return SaleStillReturnable(
                    f"From {until.date().isoformat()} on it can be forgotten and its points kept.", field="data.points"
                )
        arrival.customer = sale.customer
        worth = self._ledger.restate(sale.customer, self._moved)
        if arrival.data.points == "given_up" and worth > 0:
            day = self._programmes.at(sale.occurred_at).last_day(sale.occurred_at)
            self._ledger.take_back(sale.customer, Earning("given_up", worth, day))
        self._is_letting_go = True
        return None

    def _what_is_kept(self, arrival: Arrival) -> bytes:
        """Return what the log keeps of a request to forget a purchase: whose it was, and not which."""
        is_done = arrival.refusal is None and arrival.customer is not None
        return codec.encode(
            PieceForgotten(self._customers.identifier(arrival.customer) if is_done else arrival.data.customer)  # type: ignore[arg-type]
        )

    def _members(self, arrival: Arrival) -> tuple[Id, ...] | None:
        return None if arrival.customer is None else self._customers.members(arrival.customer)


def _holders(reservation: Reservation) -> set[Id]:
    """Return the customers whom a reservation concerns."""
    return {reservation.customer, *(draw.customer for draw in reservation.draws)}
