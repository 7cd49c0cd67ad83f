"""``refund-meets-capture``: a payment's story in every order, each part of it up to twice, ends in one of two ways.

A late report of a capture made an order out of one that was refunded, or doubled its money:
https://github.com/saleor/saleor/pull/9504. A session is asked for, paid, refunded and ended, and reported, in all 120
orders and, each up to twice, in as many as Hypothesis draws. What was paid is paid once, what went back is no more
than that, and the shop and the provider count the same money in the end; or no money ever came, and none goes.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.foundation.rooms.commands import set_up_django
from support import shop as shops
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.payments import commands, jobs, queries
from comptoir.vault.payments.errors import (
    PaymentDone,
    PaymentOver,
    PaymentUnclear,
    RefundTooLarge,
)
from support import paying
from support.paying import Simulator, begin, hear, kept_as_told, listening, simulator, told

MINUTE: Final = dt.timedelta(minutes=1)
PRICE, BACK = 1_250, 500
PARTS: Final = ("create", "captured", "refund", "refunded", "expired")
Standing = tuple[Shop, Simulator]


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paying, "NOW", paying.moment())


@pytest.fixture(scope="module")
def standing(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """One shop and one provider, which tells nothing by itself, for all stories; each has a purpose of its own."""
    with (
        shops.copied_from(shops.TEMPLATE) as shop,
        simulator(tmp_path_factory.mktemp("simulator")) as provider,
        listening(),
    ):
        provider.moods(reports="never")
        yield shop, provider


class Story:
    """One purpose, to which all this happens."""

    def __init__(self, shop: Shop, provider: Simulator) -> None:
        self.shop, self.provider, self.purpose = shop, provider, uuid.uuid4()
        self.is_paid_at_provider = False

    def tell(self, parts: Sequence[str]) -> None:
        for part in parts:
            getattr(self, part)()
            self.holds()
        # The clock goes on until nothing waits any more.
        for minutes in (3, 61, 200):
            jobs.tend(now=paying.NOW + minutes * MINUTE)
            self.holds()

    def create(self) -> None:
        with contextlib.suppress(PaymentDone, PaymentOver):
            begin(self.purpose, amount=PRICE)

    def _lost(self) -> None:
        """Have a session at the provider of whose opening the shop has had no answer, if there is none at all."""
        if not self.provider.sessions(self.purpose):
            self.provider.moods(reports="never", calls="closes", on=["open"])
            with contextlib.suppress(PaymentUnclear, PaymentDone, PaymentOver):
                begin(self.purpose, amount=PRICE)
            self.provider.moods(reports="never")

    def captured(self) -> None:
        self._lost()
        for session in self.provider.sessions(self.purpose):
            if session["state"] == "open" and not self.is_paid_at_provider:
                self.provider.pay(session["id"])
                self.is_paid_at_provider = True
        self._hear("paid")

    def refund(self) -> None:
        with contextlib.suppress(RefundTooLarge):
            commands.want_refund(self.purpose, amount=BACK, key=f"back {self.purpose}", now=paying.NOW)
        jobs.send_refunds(now=paying.NOW)

    def refunded(self) -> None:
        """A refund is reported: ours, or else one that was made at the provider itself."""
        for session in self.provider.sessions(self.purpose):
            if session["state"] == "paid" and not self.provider.state(self.purpose)["refunds"]:
                self.provider.call("POST", f"/control/payments/{session['payment']}/refund", {"amount": BACK})
        self._hear("refund_done", "refund_failed")

    def expired(self) -> None:
        self._lost()
        for session in self.provider.sessions(self.purpose):
            if session["state"] == "open":
                self.provider.end(session["id"])
        self._hear("expired")

    def _hear(self, *kinds: str) -> None:
        for report in self.provider.state(self.purpose)["reports"]:
            if report["body"]["kind"] in kinds:
                hear(report)

    # -- what holds

    def holds(self) -> None:
        """After each part: paid once, and no more goes back than came."""
        words = [what for what, _ in told(self.shop, self.purpose)]
        assert words.count("paid") <= 1, words
        rows = self.shop.rows(
            "select amount, given_back, wanted from payments_capture where purpose_id = %s", self.purpose
        )
        assert all(0 <= row["given_back"] <= row["amount"] for row in rows), rows
        assert sum(row["wanted"] > 0 for row in rows) <= 1
        assert kept_as_told(self.shop, self.purpose) >= 0

    def ends(self) -> None:
        """One of two ends; the shop, the provider and whoever listens count the same money."""
        state = queries.state_of(self.purpose)
        words = [what for what, _ in told(self.shop, self.purpose)]
        money = self.provider.money(self.purpose)
        assert state.kept == money == kept_as_told(self.shop, self.purpose), (state, money, words)
        if self.is_paid_at_provider:
            back = sum(each["amount"] for each in self.provider.state(self.purpose)["refunds"])
            assert back <= PRICE
            assert (state.standing, state.captured, state.kept) == ("paid", PRICE, PRICE - back)
            assert words.count("paid") == 1
        else:
            assert (state.captured, state.kept, state.refunding) == (0, 0, 0)
            assert set(words) <= {"over"}
        assert not queries.unresolved(paying.NOW + 300 * MINUTE)


def is_told(standing: Standing, parts: Sequence[str]) -> Story:
    story = Story(*standing)
    story.tell(parts)
    story.ends()
    return story


@pytest.mark.parametrize("first", PARTS)
def test_in_every_order(standing: Standing, first: str) -> None:
    for rest in itertools.permutations([part for part in PARTS if part != first]):
        parts = (first, *rest)
        story = is_told(standing, parts)
        at = {part: number for number, part in enumerate(parts)}
        # After its end, it can be paid if it was begun anew.
        can_be_paid = at["captured"] < at["expired"] or at["expired"] < at["create"] < at["captured"]
        assert story.is_paid_at_provider == can_be_paid, parts


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(parts=st.permutations([*PARTS, *PARTS]), length=st.integers(1, 10))
def test_each_up_to_twice(standing: Standing, parts: list[str], length: int) -> None:
    is_told(standing, parts[:length])


def test_a_closed_purpose_takes_no_more_sessions(standing: Standing) -> None:
    """Whatever the order, closing is the end of asking: what was paid before it is paid."""
    for parts in itertools.permutations(["create", "captured", "refund"]):
        story = Story(*standing)
        for part in parts[:2]:
            getattr(story, part)()
        commands.close(story.purpose, now=paying.NOW + 61 * MINUTE)
        getattr(story, parts[2])()
        story.tell(())
        story.ends()
        with pytest.raises(Problem):
            begin(story.purpose, amount=PRICE)
