"""The ledger against a model of itself that shares no code with it: whatever happens, both end the same.

The steps are those of section "checks that trusted ledgers publish": earn, hold, post, void, expire, spend, adjust,
sell, take back, link, unlink. After each of them the books are looked at, too.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter as Count
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.customers.rules import Link, Statement, persons
from comptoir.counter.loyalty.contracts import Account
from comptoir.counter.loyalty.handlers import LoyaltyHandler
from comptoir.counter.loyalty.programme import Earning
from comptoir.counter.loyalty.rules import CustomerAccounts, Ledger, Reservation, Transfer
from comptoir.counter.sales.handlers import Fold, SalesHandler
from comptoir.counter.sales.rules import Line, Return, Returned, Sale, excess, in_order
from comptoir.foundation.kernel.problem import Problem
from support import casting, oracle


def ident(number: int) -> str:
    """Return an id."""
    return str(uuid.UUID(int=number))


CUSTOMERS = [ident(number) for number in (1, 2, 3)]
DAYS = [dt.date(2025, 1, 31), dt.date(2025, 2, 28), dt.date(2025, 3, 31), oracle.NEVER]
MOMENTS = [casting.NOON + dt.timedelta(hours=hours) for hours in (-400, -30, 0, 7, 9, 140, 160, 4000)]
TODAY = dt.date(2025, 1, 31)
RULES = casting.PROGRAMME.earn
OWN = {Account.AVAILABLE, Account.HELD, Account.OWED}

customers = st.sampled_from([CUSTOMERS[0], *CUSTOMERS])  # the first is at it more often
points = st.integers(1, 40)
days = st.sampled_from(DAYS)
todays = st.sampled_from([TODAY, dt.date(2025, 2, 1), dt.date(2025, 3, 15)])
minutes = st.sampled_from([0, 9, 10, 11])
names = st.sampled_from(["q", "r"])
lines = st.lists(
    st.builds(
        Line, st.just("goods"), st.integers(0, 4), st.sampled_from([1000, 2550, 250, 100, 99, 50, 0, -300]),
        st.sampled_from([None, "PRODUCE", "FLORAL"]),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
shares = st.sampled_from(["all", "all", "half", "cents", "half", "too much"])
#: All there is, all but one, one too many, or some number.
parts = st.sampled_from([0, 0, 0, -1, 1]) | points


class LedgerModel(RuleBasedStateMachine):
    """Do the same to the ledger and to the model."""

    def __init__(self) -> None:
        """Begin with empty books."""
        super().__init__()
        self.ledger = Ledger({})
        self.model = oracle.Model()
        self.written: list[Transfer] = []
        self.reservations: dict[str, Reservation] = {}
        self.links: dict[tuple[str, str], Link] = {}
        self.linked: dict[frozenset[str], bool] = {}
        self.sales: list[tuple[Sale, list[Return]]] = []
        self.given = Count[str]()
        self.clock = 0

    @initialize(several=st.booleans())
    def open(self, several: bool) -> None:
        """Open the shop with one version of its programme, or with two."""
        programmes = (
            casting.versions(casting.PROGRAMME, casting.RICHER, starts=[casting.RICHER_SINCE])
            if several
            else casting.versions(casting.PROGRAMME)
        )
        self.several = several
        self.handler = LoyaltyHandler(
            programmes=programmes,
            customers=CustomersHandler(),
            sales=SalesHandler(currency="USD"),
            waiting=dt.timedelta(hours=72),
        )
        self.handler._ledger = self.ledger

    # -- who is who

    def members(self, customer: str) -> tuple[str, ...]:
        """Return who is one person with a customer, by the rules; the model walks along the links instead."""
        person = persons(self.links.values())
        mine = person.get(customer, customer)
        told = tuple(sorted(each for each in CUSTOMERS if person.get(each, each) == mine))
        found, edge = {customer}, [customer]
        while edge:
            one = edge.pop()
            for other in CUSTOMERS:
                if other not in found and self.linked.get(frozenset((one, other))):
                    found.add(other)
                    edge.append(other)
        assert told == tuple(sorted(found))
        assert mine == min(found)
        return told

    @rule(pair=st.lists(customers, min_size=2, max_size=2, unique=True), holds=st.booleans())
    def link(self, pair: list[str], holds: bool) -> None:
        """Somebody says that two are one person, or that they are not."""
        low, high = sorted(pair)
        self.clock += 1
        said = Statement(casting.NOON + dt.timedelta(seconds=self.clock), "/app/x", str(self.clock), "said so")
        before = self.links.get((low, high), Link(low, high))
        self.links[low, high] = before.after(linked=said) if holds else before.after(unlinked=said)
        self.linked[frozenset(pair)] = holds

    def much(self, members: tuple[str, ...], part: int) -> int:
        """Return a number of points that is interesting: as many as there are, one fewer, one more, or any."""
        return part if part > 1 else max(1, part + sum(len(self.model.of(each).points) for each in members))

    # -- points

    @rule(customer=customers, number=points, day=days)
    def earn(self, customer: str, number: int, day: dt.date) -> None:
        """Give points."""
        self.ledger.earn(customer, Earning("base", number, day))
        self.model.earn(customer, number, day)
        self.given[customer] += number

    @rule(customer=customers, part=parts, today=todays)
    def spend(self, customer: str, part: int, today: dt.date) -> None:
        """Spend points."""
        members = self.members(customer)
        number = self.much(members, part)
        self.same(
            self.ledger.spend(members, number, today=today),
            self.model.spend(members, number, today),
        )

    @rule(customer=customers, part=parts, name=names, today=todays)
    def hold(self, customer: str, part: int, name: str, today: dt.date) -> None:
        """Hold points under a name that is free."""
        if (held := self.reservations.get(name)) is not None and held.status == "held":
            return
        members = self.members(customer)
        number = self.much(members, part)
        drawn = self.ledger.hold(members, number, today=today)
        self.same(drawn if isinstance(drawn, Problem) else None, self.model.hold(name, members, number, today))
        if not isinstance(drawn, Problem):
            until = casting.NOON + dt.timedelta(minutes=10)
            self.reservations[name] = Reservation("till", name, customer, ident(9), number, drawn, until)

    @precondition(lambda self: self.reservations)
    @rule(data=st.data(), number=st.none() | points, minutes=minutes)
    def post(self, data: st.DataObject, number: int | None, minutes: int) -> None:
        """Spend what is held, or a part of it, in time or too late."""
        name = data.draw(st.sampled_from(sorted(self.reservations)))
        reservation = self.reservations[name]
        at = casting.NOON + dt.timedelta(minutes=minutes)
        done = self.ledger.post(reservation, number, at=at)
        held = self.model.held_under(name)
        spent = held if number is None else number
        is_open = reservation.status == "held" and minutes < 10
        self.same(done if isinstance(done, Problem) else None, is_open and spent <= held)
        if isinstance(done, Problem):
            self.named(done, reservation, minutes, "reservation_too_small")
        else:
            self.model.release(name, spent)
            self.reservations[name] = done
            assert (done.status, done.posted) == ("posted", spent)

    @precondition(lambda self: self.reservations)
    @rule(data=st.data(), by_clock=st.booleans(), minutes=minutes)
    def void(self, data: st.DataObject, by_clock: bool, minutes: int) -> None:
        """Give back what is held; the clock may only when its time is over, all others only before."""
        name = data.draw(st.sampled_from(sorted(self.reservations)))
        reservation = self.reservations[name]
        done = self.ledger.void(reservation, at=casting.NOON + dt.timedelta(minutes=minutes), by_clock=by_clock)
        is_open = reservation.status == "held" and (minutes >= 10) == by_clock
        self.same(done if isinstance(done, Problem) else None, is_open)
        if isinstance(done, Problem):
            self.named(done, reservation, minutes, "reservation_expired")
        else:
            self.model.release(name, 0)
            self.reservations[name] = done
            assert done.status == ("expired" if by_clock else "voided")

    def named(self, problem: Problem, reservation: Reservation, minutes: int, otherwise: str) -> None:
        """Assert that a refusal says what became of the reservation."""
        if reservation.status != "held":
            assert problem.name == f"reservation_{reservation.status}"
        else:
            assert problem.name == ("reservation_expired" if minutes >= 10 else otherwise)

    @rule(customer=customers, number=points, sign=st.sampled_from([1, -1]), day=days, today=todays)
    def adjust(self, customer: str, number: int, sign: int, day: dt.date, today: dt.date) -> None:
        """Add or take points by hand."""
        members = self.members(customer)
        self.same(
            self.ledger.adjust(customer, members, sign * number, day=day, today=today),
            self.model.adjust(customer, members, sign * number, day, today),
        )

    @rule(customer=customers, before=todays)
    def expire(self, customer: str, before: dt.date) -> None:
        """Let time pass for one customer."""
        self.ledger.expire(customer, before=before)
        self.model.expire(customer, before)

    # -- goods

    @rule(customer=customers, sold=lines, at=st.sampled_from(MOMENTS))
    def sell(self, customer: str, sold: list[Line], at: dt.datetime) -> None:
        """Sell goods."""
        number = len(self.sales)
        sale = Sale(
            "/till", str(number), ident(1000 + number), customer, at, None, "USD",
            sum(each.amount for each in sold), tuple(sold),
        )  # fmt: skip
        self.sales.append((sale, []))
        self.handler._fold(Fold(sale, None, []))
        self.model.earn(customer, self.worth(sale, []), self.last_day(sale))

    @rule(customer=customers, sold=lines, at=st.sampled_from(MOMENTS), data=st.data())
    def sell_spend_and_take_back(self, customer: str, sold: list[Line], at: dt.datetime, data: st.DataObject) -> None:
        """Buy, spend what it earned and whatever there was, bring the goods back: what is missing is owed."""
        self.sell(customer, sold, at)
        self.the_books_are_right()
        self.spend(customer, 0, TODAY)
        self.take_back_from(self.sales[-1], data)

    @rule(customer=customers, name=names, data=st.data())
    def hold_and_take_back(self, customer: str, name: str, data: st.DataObject) -> None:
        """Hold everything, bring goods back, then let go or spend what was held."""
        self.hold(customer, 0, name, TODAY)
        self.the_books_are_right()
        if self.sales:
            self.take_back(data)
            self.the_books_are_right()
        if self.reservations:
            if data.draw(st.booleans()):
                self.post(data=data, number=None, minutes=0)
            else:
                self.void(data=data, by_clock=False, minutes=0)

    @precondition(lambda self: self.sales)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """Take goods back, now or as somebody remembers it later; more than there is left is refused."""
        self.take_back_from(data.draw(st.sampled_from(self.sales)), data)

    def take_back_from(self, sold: tuple[Sale, list[Return]], data: st.DataObject) -> None:
        """Take goods of one sale back."""
        sale, before = sold
        number = sum(len(each) for _, each in self.sales)
        back = [
            self.some_of(sale, before, *each)
            for each in data.draw(st.lists(st.tuples(st.integers(1, 3), shares), min_size=1, max_size=2))
        ]
        if excess(sale, before, back) is not None:
            assert self.exceeds(sale, before, back)
            return
        assert not self.exceeds(sale, before, back)
        one = Return(
            "/till", str(number), ident(5000 + number), *sale.key,
            sale.occurred_at + dt.timedelta(days=data.draw(st.sampled_from([0, 2, 1]))), None, "USD",
            sum(each.amount for each in back), tuple(back), "applied",
        )  # fmt: skip
        after = in_order([*before, one])
        gone = self.worth(sale, before) - self.worth(sale, after)
        assert gone >= 0, "giving goods back earned something"
        self.handler._fold(Fold(sale, in_order(before), after))
        before.append(one)
        self.model.take_back(sale.customer, gone, self.last_day(sale))

    def some_of(self, sale: Sale, before: list[Return], number: int, share: str) -> Returned:
        """Return a part of what is left of a line: all, half, a hundredth, or too much."""
        number = 1 + number % len(sale.lines)
        gone = [each for one in before for each in one.lines if each.line == number]
        line = sale.lines[number - 1]
        quantity = line.quantity - sum(each.quantity for each in gone)
        amount = max(0, line.amount) - sum(each.amount for each in gone)
        match share:
            case "all":
                return Returned(number, quantity, amount)
            case "half":
                return Returned(number, quantity // 2, amount // 2)
            case "cents":
                return Returned(number, 0, min(50, amount))
            case _:
                return Returned(number, quantity, amount + 1)

    def exceeds(self, sale: Sale, before: list[Return], back: list[Returned]) -> bool:
        """Tell whether more would come back of some line than is left of it, summed up the plain way."""
        if any(each.line > len(sale.lines) for each in back):
            return True
        for number, line in enumerate(sale.lines, start=1):
            all_back = [each for one in before for each in one.lines] + back
            quantity = sum(each.quantity for each in all_back if each.line == number)
            amount = sum(each.amount for each in all_back if each.line == number)
            if quantity > line.quantity or amount > max(0, line.amount):
                return True
        return False

    def worth(self, sale: Sale, returns: list[Return]) -> int:
        """Return what the kept goods earn, by the model."""
        left = [
            {
                "category": line.category,
                "amount": line.amount
                - sum(each.amount for one in returns for each in one.lines if each.line == number),
            }
            for number, line in enumerate(sale.lines, start=1)
        ]
        rules = casting.RICHER.earn if self.is_richer(sale) else RULES
        return sum(oracle.earned(rules, "America/New_York", sale.occurred_at, left).values())

    def is_richer(self, sale: Sale) -> bool:
        """Tell whether the second version was in force."""
        return self.several and sale.occurred_at >= casting.RICHER_SINCE

    def last_day(self, sale: Sale) -> dt.date:
        """Return the last day of a sale's points, by the model."""
        return oracle.last_day("America/New_York", sale.occurred_at, 6 if self.is_richer(sale) else 12)

    # -- the books

    def same(self, problem: Problem | None, was_possible: bool) -> None:
        """Assert that the ledger did what the model did; a refusal moves nothing and says why."""
        assert (problem is None) == was_possible
        if problem is not None:
            assert self.ledger.take_transfers() == []
            assert problem.status == 409
            assert problem.field is not None

    @invariant()
    def the_books_are_right(self) -> None:
        """After every step: nothing negative, lots add up, entries have counter-entries, and the model agrees."""
        self.written += self.ledger.take_transfers()
        sums: Count[tuple[Any, int]] = Count()
        for each in self.written:
            assert each.points > 0
            sums[each.customer if each.debit in OWN else None, each.debit] -= each.points
            sums[each.customer if each.credit in OWN else None, each.credit] += each.points
        assert sum(sums.values()) == 0
        for account in Account:
            if account not in OWN:
                assert self.ledger.programme.get(account, 0) == sums[None, account]
        for customer in CUSTOMERS:
            mine = self.ledger.accounts.get(customer) or CustomerAccounts()
            figures = (mine.available, mine.held, mine.owed)
            assert figures == tuple(sums[customer, account] for account in (1, 2, 3))
            assert figures == self.model.of(customer).figures
            assert min(figures) >= 0
            assert not (mine.available and mine.owed), "somebody has points and owes points"
            assert mine.lots == self.model.lots(customer)
            assert sum(mine.lots.values()) == mine.available
            assert all(each > 0 for each in mine.lots.values())
        # Whatever was spent, held or expired meanwhile: what was issued, less what is claimed back, is what the kept
        # goods and the other facts earn. Nobody keeps the points of goods that went back.
        kept = sum(self.worth(sale, returns) for sale, returns in self.sales) + sum(self.given.values())
        assert sums[None, Account.CLAIMS] - sums[None, Account.ISSUED] == kept


TestLedgerModel = LedgerModel.TestCase
TestLedgerModel.settings = settings(
    max_examples=150, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
