"""Coupons against a model of themselves that shares no code with them: whatever happens, both end the same.

The steps go through the counter and a real database: publish, issue, redeem, hold, post, release, let time pass, end.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from comptoir.counter.assembly import handlers_for
from comptoir.counter.offers.jobs import release_overdue
from support import casting, invariants, promoting
from support.casting import ALICE, BOB, CHARLIE, HEARD, PROGRAMME, Counter
from support.shop import Shop

CAST = (ALICE, BOB, CHARLIE)
NAMES = ("h1", "h2", "h3")


class _Kind(NamedTuple):
    """A promotion of the model: how many uses a coupon has, how many there are in all, how much for one basket."""

    uses: int
    all: int
    worth: int


KINDS = (_Kind(1, 99, 100), _Kind(2, 3, 50), _Kind(3, 5, 10))


class _Use(NamedTuple):
    kind: int
    who: str


class OffersModel(RuleBasedStateMachine):
    """Do the same to the counter and to the model."""

    shop: Shop

    def __init__(self) -> None:
        """Begin with a shop that has published its promotions and given everybody a coupon of each."""
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.counter = Counter(self.shop)
        self.stack.callback(self.counter.close)
        self.now = HEARD
        self.run = promoting.new()[:8]
        self.used: list[_Use] = []
        self.held: dict[str, tuple[list[_Use], dt.datetime]] = {}
        self.over: set[str] = set()
        self.ended: set[int] = set()

    @initialize()
    def open(self) -> None:
        """Publish and issue."""
        self.promotions = [promoting.new() for _ in KINDS]
        self.counter.send(*[casting.sale(f"{self.run}/{each['value']}", 1, of=each) for each in CAST])
        for kind, promotion in zip(KINDS, self.promotions, strict=True):
            self.counter.tell(
                promoting.published(
                    promotion, codes="each", uses_max=kind.uses, benefit={"kind": "Amount", "amount": kind.worth},
                    budget={"redemptions_max": kind.all},
                )
            )  # fmt: skip
        self.codes = [promoting.issued(self.shop, promotion, *CAST) for promotion in self.promotions]

    def _active(self) -> list[_Use]:
        return [*self.used, *(use for uses, _ in self.held.values() for use in uses)]

    def _is_good(self, use: _Use) -> bool:
        active = self._active()
        kind = KINDS[use.kind]
        return (
            use.kind not in self.ended
            and active.count(use) < kind.uses
            and sum(each.kind == use.kind for each in active) < kind.all
        )

    def _expected(self, shown: list[_Use]) -> tuple[str | None, int]:
        if not all(self._is_good(each) for each in shown):
            return "coupon_unusable", 0
        kinds = {each.kind for each in shown}
        return None, sum(KINDS[kind].worth for kind in kinds)

    def _taken(self, shown: list[_Use]) -> list[_Use]:
        first: dict[int, _Use] = {}
        # Of two coupons of one promotion a basket gets the one that was shown first.
        for each in shown:
            first.setdefault(each.kind, each)
        return list(first.values())

    shown = st.lists(st.builds(_Use, st.integers(0, 2), st.sampled_from([each["value"] for each in CAST])), min_size=1,
                     max_size=3, unique=True)  # fmt: skip

    @rule(shown=shown)
    def redeem(self, shown: list[_Use]) -> None:
        """Take it now."""
        problem, worth = self._expected(shown)
        answer = self.counter.tell(promoting.taken(*[self.codes[k][who] for k, who in shown]), received_at=self.now)
        self._compare(answer, problem, worth)
        if problem is None:
            self.used += self._taken(shown)

    @rule(shown=st.just([]) | shown, name=st.sampled_from(NAMES), seconds=st.sampled_from([60, 600]))
    def reserve(self, shown: list[_Use], name: str, seconds: int) -> None:
        """Hold it."""
        problem, worth = self._expected(shown)
        if name in self.held or name in self.over:
            problem = "redemption_taken"
        said = promoting.held(f"{self.run}/{name}", *[self.codes[k][who] for k, who in shown], seconds=seconds)
        self._compare(self.counter.tell(said, received_at=self.now), problem, worth)
        if problem is None:
            self.held[name] = (self._taken(shown), self.now + dt.timedelta(seconds=seconds))

    @rule(name=st.sampled_from(NAMES), is_paid=st.booleans())
    def close(self, name: str, is_paid: bool) -> None:
        """Post what is held, or release it."""
        problem = None
        if name not in self.held:
            problem = "redemption_over" if name in self.over else "redemption_unknown"
        elif self.now >= self.held[name][1]:
            problem = "redemption_over"
        said = (promoting.posted if is_paid else promoting.released)(f"{self.run}/{name}")
        assert self.counter.tell(said, received_at=self.now).problem == problem
        if problem is None:
            uses, _ = self.held.pop(name)
            self.over.add(name)
            if is_paid:
                self.used += uses

    @rule(seconds=st.sampled_from([1, 60, 300]))
    def wait(self, seconds: int) -> None:
        """Let time pass, and the house's clock look."""
        self.now += dt.timedelta(seconds=seconds)
        overdue = [name for name, (_, ends) in self.held.items() if ends <= self.now]
        handlers = handlers_for(casting.versions(PROGRAMME))
        assert release_overdue(self.counter.connection, now=self.now, handlers=handlers) == len(overdue)
        for name in overdue:
            del self.held[name]
            self.over.add(name)

    @rule(kind=st.integers(0, 2), is_sure=st.integers(0, 5))
    def end(self, kind: int, is_sure: int) -> None:
        """End a promotion, now and then."""
        if is_sure == 5:
            self.counter.tell(promoting.ended(self.promotions[kind]), received_at=self.now)
            self.ended.add(kind)

    def _compare(self, answer: Any, problem: str | None, worth: int) -> None:
        assert answer.problem == problem
        if problem is None:
            assert answer.outcome["basket"]["discount"] == worth

    @invariant()
    def holds(self) -> None:
        """What the tables have is what the model has."""
        if not hasattr(self, "codes"):
            return
        for number, promotion in enumerate(self.promotions):
            rows = self.counter.connection.execute(
                "select status, count(*) from offers_redemption where promotion = %s group by 1", (promotion,)
            ).fetchall()
            found = dict(rows)
            assert found.get("redeemed", 0) == sum(each.kind == number for each in self.used)
            held = sum(each.kind == number for uses, _ in self.held.values() for each in uses)
            assert found.get("held", 0) == held
        invariants.check_offers(self.counter.connection)

    def teardown(self) -> None:
        """Leave nothing held for the next example."""
        handlers = handlers_for(casting.versions(PROGRAMME))
        release_overdue(self.counter.connection, now=self.now + dt.timedelta(days=1), handlers=handlers)
        self.stack.close()


@pytest.fixture
def machine(shop: Shop) -> type[OffersModel]:
    return type("Machine", (OffersModel,), {"shop": shop})


def test_the_counter_does_what_the_model_does(machine: type[OffersModel]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )  # fmt: skip
