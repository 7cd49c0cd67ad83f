"""Leases against a model of plain numbers: whatever tills do, in whichever order, nothing is overspent."""

from __future__ import annotations

import datetime as dt

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from comptoir.counter.loyalty import leases
from comptoir.counter.loyalty.contracts import Account
from comptoir.counter.loyalty.leases import Lease
from comptoir.counter.loyalty.programme import Earning
from comptoir.counter.loyalty.rules import CustomerAccounts, Ledger
from comptoir.foundation.kernel.problem import Problem
from support import casting

WHO = "00000000-0000-0000-0000-000000000001"
DAYS = [dt.date(2025, 1, 31), dt.date(2025, 2, 28)]
TILLS = ["/stores/1/tills/1", "/stores/1/tills/2"]
MINUTE = dt.timedelta(minutes=1)


class LeaseModel(RuleBasedStateMachine):
    """Let tills lease, spend, return and be lost; the model has for each lease what it should hold."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.ledger = Ledger({})
        self.leases: dict[str, Lease] = {}
        self.free = self.spent = 0
        #: By name: points, what arrived by number, how many there are, minutes until the end, whether it is over.
        self.known: dict[str, tuple[int, dict[int, int], int | None, int, bool]] = {}

    def pick(self, data: st.DataObject) -> str:
        """Choose a lease."""
        return data.draw(st.sampled_from(sorted(self.leases)))

    @rule(points=st.integers(1, 60), day=st.sampled_from(DAYS))
    def earn(self, points: int, day: dt.date) -> None:
        """Earn points."""
        self.ledger.earn(WHO, Earning("base", points, day))
        self.free += points

    @rule(points=st.integers(1, 60))
    def redeem(self, points: int) -> None:
        """Spend free points."""
        problem = self.ledger.spend([WHO], points, today=DAYS[0])
        assert (problem is None) == (points <= self.free)
        if problem is None:
            self.free, self.spent = self.free - points, self.spent + points

    @rule(points=st.integers(1, 60), minutes=st.integers(1, 9), till=st.sampled_from(TILLS))
    def lease(self, points: int, minutes: int, till: str) -> None:
        """Lease points."""
        draws = self.ledger.hold([WHO], points, today=DAYS[0], reason="leased")
        assert isinstance(draws, Problem) == (points > self.free)
        if isinstance(draws, Problem):
            return
        name = str(len(self.leases))
        until = casting.NOON + minutes * MINUTE
        self.leases[name] = Lease("till", name, till, WHO, WHO, points, draws, until)
        self.known[name] = points, {}, None, minutes, False
        self.free -= points

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), points=st.integers(1, 40), number=st.integers(1, 4), minutes=st.integers(0, 10),
          is_holder=st.sampled_from([True, True, True, False]))  # fmt: skip
    def spend(self, data: st.DataObject, points: int, number: int, minutes: int, is_holder: bool) -> None:
        """Tell of something that was spent."""
        name = self.pick(data)
        has, arrived, spends, ends, is_over = self.known[name]
        may = (
            is_holder and not is_over and number not in arrived and minutes < ends
            and (spends is None or number <= spends) and sum(arrived.values()) + points <= has
        )  # fmt: skip
        till = self.leases[name].holder if is_holder else "/stores/9/tills/9"
        after = leases.spend(
            self.ledger, self.leases[name], holder=till, points=points, sequence=number,
            at=casting.NOON + minutes * MINUTE,
        )  # fmt: skip
        assert isinstance(after, Problem) != may
        if not isinstance(after, Problem):
            self.spent += points
            self.after(name, after, {**arrived, number: points}, spends)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), spends=st.integers(0, 4), by_staff=st.booleans(), minutes=st.integers(0, 10))
    def give_back(self, data: st.DataObject, spends: int, by_staff: bool, minutes: int) -> None:
        """Return a lease, or reconcile it up to a number."""
        name = self.pick(data)
        _, arrived, before, ends, is_over = self.known[name]
        enough = not is_over and spends >= max(arrived, default=0)
        lease, at = self.leases[name], casting.NOON + minutes * MINUTE
        if by_staff:
            after = leases.reconcile(self.ledger, lease, spends=spends, at=at)
            assert isinstance(after, Problem) != (enough and minutes >= ends)
        else:
            after = leases.give_back(self.ledger, lease, holder=lease.holder, spends=spends)
            assert isinstance(after, Problem) != (enough and before is None)
        if not isinstance(after, Problem):
            self.after(name, after, arrived, spends)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), minutes=st.integers(0, 10))
    def lose(self, data: st.DataObject, minutes: int) -> None:
        """Staff say that a till is lost."""
        name = self.pick(data)
        has, arrived, spends, ends, is_over = self.known[name]
        after = leases.reconcile(self.ledger, self.leases[name], spends=None, at=casting.NOON + minutes * MINUTE)
        assert isinstance(after, Problem) == (is_over or minutes < ends)
        if not isinstance(after, Problem):
            assert after.status == "lost"
            self.leases[name] = after
            self.known[name] = has, arrived, spends, ends, True
            self.free += has - sum(arrived.values())

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), minutes=st.integers(0, 10), later=st.integers(1, 9))
    def renew(self, data: st.DataObject, minutes: int, later: int) -> None:
        """Let a lease end later."""
        name = self.pick(data)
        has, arrived, spends, ends, is_over = self.known[name]
        lease, at = self.leases[name], casting.NOON + minutes * MINUTE
        after = leases.renew(lease, holder=lease.holder, at=at, until=at + later * MINUTE)
        assert isinstance(after, Problem) == (is_over or spends is not None or minutes >= ends)
        if not isinstance(after, Problem):
            self.leases[name] = after
            self.known[name] = has, arrived, spends, max(ends, minutes + later), is_over

    def after(self, name: str, lease: Lease, arrived: dict[int, int], spends: int | None) -> None:
        """Note what became of a lease; complete, it gives back what is left."""
        has, _, _, ends, _ = self.known[name]
        is_over = spends is not None and len(arrived) == spends
        assert lease.status == ("closed" if is_over else "open")
        assert (lease.spent, lease.sequences) == (sum(arrived.values()), tuple(sorted(arrived)))
        self.leases[name] = lease
        self.known[name] = has, arrived, spends, ends, is_over
        if is_over:
            self.free += has - sum(arrived.values())

    @invariant()
    def the_books_are_right(self) -> None:
        """What is free and what leases hold is all there is, and what was spent is what was told."""
        mine = self.ledger.accounts.get(WHO) or CustomerAccounts()
        held = sum(has - sum(arrived.values()) for has, arrived, _, _, is_over in self.known.values() if not is_over)
        assert (mine.available, mine.held) == (self.free, held)
        assert held == sum(each.left for each in self.leases.values())
        assert sum(mine.lots.values()) == self.free >= 0
        assert self.ledger.programme.get(Account.REDEEMED, 0) == self.spent
        assert self.free + held + self.spent == -self.ledger.programme.get(Account.ISSUED, 0)


TestLeaseModel = LeaseModel.TestCase
TestLeaseModel.settings = settings(max_examples=200, stateful_step_count=40)
