"""Gift cards against a model of themselves that shares no code with them: whatever happens, both end the same.

The steps go through the counter and a real database: issue, spend, hold, post, free, give back, stop, let time pass, in
batches and one by one. After each, every figure is the model's, and the doctor's sums hold.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from comptoir.counter.giftcards.codes import number_of
from comptoir.counter.giftcards.jobs import end_what_is_over
from comptoir.foundation.kernel.database import load_statements
from support.carding import credited, digest, held, issued, new_code, posted, redeemed, stopped, voided
from support.casting import HEARD, NOON, Counter, Event
from support.shop import Shop

NAMES = ("a", "b", "c")
GOOD_FOR = dt.timedelta(minutes=20)
STATEMENTS = load_statements("comptoir.config", "checking.sql")
CHECKED = [name for name in STATEMENTS if name.startswith("gift_cards")]


@dataclass
class Kept:
    """A card of the model: what is on it, when it ends, whether it was stopped, what was spent by which request."""

    code: str
    left: int
    ends: dt.datetime | None
    is_stopped: bool = False
    held: dict[str, tuple[int, dt.datetime]] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)


class GiftCardsModel(RuleBasedStateMachine):
    """Do the same to the counter and to the model."""

    shop: Shop

    def __init__(self) -> None:
        """Begin with an empty ledger of this run's own cards."""
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.counter = Counter(self.shop)
        self.stack.callback(self.counter.close)
        self.now, self.count = HEARD, 0
        self.cards: list[Kept] = []
        self.run = new_code()[:6]
        self.over: set[str] = set()
        self.held_by: dict[str, str] = {}

    def tell(self, said: Event, problem: str | None) -> None:
        assert self.counter.tell(said, received_at=self.now).problem == problem

    def id(self) -> str:
        self.count += 1
        return f"{self.run}/{self.count}"

    def card(self, number: int) -> Kept:
        return self.cards[number % len(self.cards)]

    def refusal(self, card: Kept, amount: int) -> str | None:
        if card.is_stopped or (card.ends is not None and self.now >= card.ends):
            return "gift_card_unusable"
        return "gift_card_insufficient" if amount > card.left else None

    @initialize()
    def begin(self) -> None:
        """Two cards to begin with, one of which runs out."""
        self.issue(100, runs_out=False)
        self.issue(60, runs_out=True)

    @rule(amount=st.integers(1, 120), runs_out=st.booleans())
    def issue(self, amount: int, runs_out: bool) -> None:
        """Sell one more."""
        if len(self.cards) >= 4:
            return
        code, ends = new_code(), self.now + GOOD_FOR if runs_out else None
        more: dict[str, Any] = {"expires_at": ends.isoformat()} if ends else {}
        self.tell(issued(code, amount, **more), None)
        self.cards.append(Kept(code, amount, ends))

    @rule(number=st.integers(0, 3), amounts=st.lists(st.integers(1, 80), min_size=1, max_size=3))
    def redeem(self, number: int, amounts: list[int]) -> None:
        """Spend, several times in one batch."""
        card, said, expected = self.card(number), [], []
        for amount in amounts:
            said.append(redeemed(card.code, amount, id=self.id()))
            expected.append(self.refusal(card, amount))
            if expected[-1] is None:
                card.left -= amount
                card.spent[str(said[-1]["id"])] = amount
        answers = self.counter.send(*said, received_at=self.now)
        assert [each.problem for each in answers] == expected

    @rule(number=st.integers(0, 3), amount=st.integers(1, 80), name=st.sampled_from(NAMES), minutes=st.integers(1, 9))
    def hold(self, number: int, amount: int, name: str, minutes: int) -> None:
        """Hold under a name that is the touchpoint's, whichever card it is of."""
        card = self.card(number)
        problem = self.refusal(card, amount)
        if name in self.over or any(name in each.held for each in self.cards):
            problem = "gift_card_hold_taken"
        self.tell(held(card.code, amount, f"{self.run}/{name}", seconds=60 * minutes, id=self.id()), problem)
        if problem is None:
            card.left -= amount
            card.held[name] = (amount, self.now + dt.timedelta(minutes=minutes))
            card.spent[f"{self.run}/{self.count}"] = 0
            self.held_by[name] = f"{self.run}/{self.count}"

    @rule(name=st.sampled_from(NAMES), is_sold=st.booleans())
    def close(self, name: str, is_sold: bool) -> None:
        """Spend what is held, or free it."""
        card = next((each for each in self.cards if name in each.held), None)
        problem = None
        if card is None:
            problem = "gift_card_hold_over" if name in self.over else "gift_card_hold_unknown"
        elif self.now >= card.held[name][1]:
            problem = "gift_card_hold_over"
        self.tell((posted if is_sold else voided)(f"{self.run}/{name}"), problem)
        if problem is None and card is not None:
            amount, _ = card.held.pop(name)
            self.over.add(name)
            if is_sold:
                card.spent[self.held_by[name]] = amount
            else:
                card.left += amount

    @rule(number=st.integers(0, 3), which=st.integers(0, 5), amount=st.integers(1, 80))
    def give_back(self, number: int, which: int, amount: int) -> None:
        """Let something that was spent come back."""
        card = self.card(number)
        if not card.spent:
            return
        spending = sorted(card.spent)[which % len(card.spent)]
        rest = card.spent[spending]
        given = self.shop.value(
            "select status from giftcards_draw d join events_identity i on i.position = d.position where i.id = %s",
            spending,
        )
        problem = None
        if given != "spent":
            problem = "gift_card_spending_unknown"
        elif amount > rest:
            problem = "gift_card_credit_too_large"
        self.tell(credited(spending, amount), problem)
        if problem is None:
            card.spent[spending] -= amount
            card.left += amount
            if card.ends is not None and self.now >= card.ends:
                card.ends = self.now + GOOD_FOR_AT_FIRST[card.code]

    @rule(number=st.integers(0, 3), is_replaced=st.booleans(), is_sure=st.integers(0, 3))
    def stop(self, number: int, is_replaced: bool, is_sure: int) -> None:
        """Stop a card, now and then; what is left of it may go onto another one."""
        card = self.card(number)
        if is_sure:
            return
        code, problem = new_code(), None
        has_run_out = card.ends is not None and self.now >= card.ends
        if (card.is_stopped and not card.left) or (is_replaced and (not card.left or has_run_out)):
            problem = "gift_card_over"
        more: dict[str, Any] = {"instead": code} if is_replaced else {}
        self.tell(stopped(number=number_of(digest(card.code)), **more), problem)
        if problem is None:
            if is_replaced:
                self.cards.append(Kept(code, card.left, card.ends))
            card.left, card.is_stopped = 0, True

    @rule(minutes=st.sampled_from([1, 5, 15]))
    def wait(self, minutes: int) -> None:
        """Let time pass, and the house's clock look."""
        self.now += dt.timedelta(minutes=minutes)
        freed = 0
        for card in self.cards:
            for name, (amount, ends) in list(card.held.items()):
                if ends <= self.now:
                    del card.held[name]
                    self.over.add(name)
                    card.left += amount
                    freed += 1
        ended = 0
        for card in self.cards:
            if card.ends is not None and card.ends <= self.now and card.left:
                card.left = 0
                ended += 1
        connection, handlers = self.counter.connection, self.counter.handlers
        assert end_what_is_over(connection, now=self.now, handlers=handlers) == (freed, ended)

    @invariant()
    def agrees(self) -> None:
        """What the tables have is what the model has, and the sums are the doctor's."""
        for card in self.cards:
            (row,) = self.shop.rows(
                "select available, held, expires_at from giftcards_card where id = %s", digest(card.code)
            )
            assert (row["available"], row["held"]) == (card.left, sum(amount for amount, _ in card.held.values()))
            assert row["expires_at"] == card.ends
            if card.ends is not None:
                GOOD_FOR_AT_FIRST.setdefault(card.code, card.ends - NOON)
        for name in CHECKED:
            assert self.shop.value(STATEMENTS[name]) == 0, name

    def teardown(self) -> None:
        """Leave nothing for the next run's clock."""
        connection, handlers = self.counter.connection, self.counter.handlers
        end_what_is_over(connection, now=self.now + dt.timedelta(days=400), handlers=handlers)
        self.stack.close()


#: How long a card was good at first: what comes back to one that has run out is good for as long.
GOOD_FOR_AT_FIRST: dict[str, dt.timedelta] = {}


@pytest.fixture
def machine(shop: Shop) -> type[GiftCardsModel]:
    return type("Machine", (GiftCardsModel,), {"shop": shop})


def test_the_counter_does_what_the_model_does(machine: type[GiftCardsModel]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )  # fmt: skip
