"""Baskets, payments, refunds, points, coupons, gift cards and stock against a model: whatever happens, both agree.

The steps go through the pages, a real gateway, the provider's simulator and a real database: fill a basket, confirm,
pay, also with a gift card, hear of it once or twice, leave, let the time go by, call off, bring back to the desk, spend
points and the card, sell at a till. After each step every figure is the model's, and what the doctor looks at holds.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hypothesis.strategies as st
import psycopg
import pytest
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from comptoir.foundation.rooms.commands import set_up_django
from support import carding, casting, promoting
from support import shop as shops
from support.gateway import Gateway, running_gateway
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import jobs
from support.buying import STORE, basket_with, counted, follow, listed, opened, speaking
from support.pages import accepted, customer_of, event, posted_by, staff_client, words
from support.payers import Payer
from support.paying import Simulator, hear, reference_of, simulator

PRICE, OFF, MORE, PIECES, LIMIT = 1000, 200, 300, 5, 2
ON_CARD: Final = 1250
#: What the doctor counts of all that, after every step.
HOLD: Final = (
    "orders_match_their_money", "what_is_over_keeps_nothing", "sales_match_orders", "discounts_have_redemptions",
    "stock_matches_movements", "stock_held_matches_holds", "no_coupon_is_used_too_often",
    "no_promotion_gives_too_much", "redemptions_match_log", "refunds_match_captures", "purposes_are_paid_once",
    "unwanted_money_goes_back", "accounts_match_transfers", "held_matches_reservations", "nobody_has_and_owes",
    "ledger_sums_to_zero", "sales_match_log", "returns_match_log", "gift_cards_match_log", "gift_cards_match_transfers",
    "gift_cards_owed_adds_up", "gift_cards_held_matches_reservations", "gift_cards_spent_matches_draws",
)  # fmt: skip


@dataclass
class Bought:
    """An order of the model: what it costs, what it was given, whose it is, and how far it is."""

    buyer: Payer
    total: int
    has_off: bool
    has_coupon: bool
    state: str = "placed"
    earned: int = 0
    by_card: int = 0


@dataclass
class Ready:
    """Somebody who sees a price, and has a coupon's code in the basket or not."""

    buyer: Payer
    shows_code: bool
    shown: int
    has_card: bool = False


class CheckoutModel(RuleBasedStateMachine):
    """Do the same to the house and to the model."""

    shop: Shop
    gateway: Gateway
    provider: Simulator
    run = 0

    @initialize()
    def open(self) -> None:
        """A product of its own for each run, two promotions, a coupon, and a customer with points."""
        type(self).run += 1
        self.name, self.card = f"cup{self.run}", f"model-{self.run}"
        off, coupon = promoting.new(), promoting.new()
        only = {"products": [f"{self.name}-1"]}
        self.tell("webshop", listed(self.name, price=PRICE))
        self.tell("console", counted(self.name, PIECES))
        self.tell("till", casting.sale(f"before-{self.run}", 50_000, of={"kind": "card", "value": self.card}))
        self.tell(
            "console",
            promoting.published(off, benefit={"kind": "Amount", "amount": OFF}, items=only,
                                budget={"redemptions_max": LIMIT}),
            promoting.published(coupon, benefit={"kind": "Amount", "amount": MORE}, items=only, codes="each"),
        )  # fmt: skip
        self.customer = customer_of(self.gateway, self.card)
        self.desk = staff_client()
        self.promotion, self.coupon = off, coupon
        self.code = promoting.code_for(self.shop, coupon, str(self.customer))
        self.points = self._points()
        self.gift_card = carding.new_code()
        self.tell("till", carding.issued(self.gift_card, ON_CARD))
        self.on_card = ON_CARD
        self.on_hand, self.ready, self.orders = PIECES, list[Ready](), list[Bought]()

    def tell(self, touchpoint: str, *said: casting.Event) -> None:
        accepted(self.gateway.post(list(said), touchpoint=touchpoint))

    # -- the model ----------------------------------------------------------------------------------------------------

    def held(self) -> list[Bought]:
        return [each for each in self.orders if each.state == "placed"]

    def given(self) -> list[Bought]:
        return [each for each in self.orders if each.state in {"placed", "paid"}]

    def has_off(self) -> bool:
        return sum(each.has_off for each in self.given()) < LIMIT

    def has_coupon(self) -> bool:
        return not any(each.has_coupon for each in self.given())

    def price(self, *, shows_code: bool) -> int:
        return PRICE - OFF * self.has_off() - MORE * (shows_code and self.has_coupon())

    def some(self, states: set[str], number: int) -> Bought | None:
        found = [each for each in self.orders if each.state in states]
        return found[number % len(found)] if found else None

    # -- what happens -------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.ready) < 3)
    @rule(shows_code=st.booleans(), has_card=st.booleans())
    def come(self, shows_code: bool, has_card: bool) -> None:
        basket, filling = basket_with(self.name, codes=(self.code,) if shows_code else ())
        self.tell("storefront", filling)
        buyer = Payer(Client(), basket, customer=self.customer)
        said, shown = buyer.come(), self.price(shows_code=shows_code)
        assert f"Order and pay ${shown / 100:.2f}" in said
        self.ready.append(Ready(buyer, shows_code, shown, has_card))

    @precondition(lambda self: self.ready)
    @rule(number=st.integers(0, 5))
    def confirm(self, number: int) -> None:
        one = self.ready[number % len(self.ready)]
        now = self.price(shows_code=one.shows_code)
        by_card = min(self.on_card, now) if one.has_card else 0
        if one.has_card:
            said, before, one.shown = one.buyer.shows(self.gift_card), one.shown, now
            assert (now != before) == ("The price has changed." in said) or not by_card
            if not by_card:
                assert "This gift card cannot be used here and now." in said
                one.has_card = False
                one.buyer.form.pop("card")
                return
            assert f"The gift card pays ${by_card / 100:.2f}." in said
        told = one.buyer.place()
        if now != one.shown:
            assert told == "price_changed"
            assert f"Order and pay ${now / 100:.2f}" in one.buyer.said
            one.shown = now
        elif self.on_hand - len(self.held()) < 1:
            assert told == "not_held"
        else:
            assert told == "placed"
            self.ready.remove(one)
            bought = Bought(one.buyer, now, self.has_off(), one.shows_code and self.has_coupon())
            self.orders.append(bought)
            bought.by_card = by_card
            self.on_card -= by_card
            if by_card == now:
                self._paid(bought)  # nobody else is asked for anything

    @rule(number=st.integers(0, 5), times=st.integers(1, 2), is_told=st.booleans())
    def pay(self, number: int, times: int, is_told: bool) -> None:
        """At the provider; the shop hears of it, or asks by itself."""
        one = self.some({"placed"}, number)
        if one is None:
            return
        reference = reference_of(self.shop, one.buyer.order)
        self.provider.pay(reference)
        if is_told:
            for _ in range(times):
                for report in self.provider.reports(reference, "paid"):
                    hear(report, now=timezone.now())
        else:
            jobs.tend(now=timezone.now() + dt.timedelta(minutes=3))
        self._paid(one)

    def _paid(self, one: Bought) -> None:
        with entered(VAULT):
            row = Checkout.objects.get(order=one.buyer.order)
        assert row.step == "settled"
        one.state, one.earned = "paid", row.said["earned"]
        self.points += one.earned
        self.on_hand -= 1

    @rule(number=st.integers(0, 5))
    def leave(self, number: int) -> None:
        one = self.some({"placed"}, number)
        if one is not None:
            with entered(VAULT):
                commands.give_up(one.buyer.order, money=MONEY, now=timezone.now())
            one.state = "over"
            self.on_card += one.by_card
            self._clock(dt.timedelta(minutes=1))

    @rule()
    def let_the_time_go_by(self) -> None:
        """The time to pay is over for everybody who has not."""
        self._clock(rules.PAY_WITHIN + dt.timedelta(minutes=1))
        for each in self.held():
            each.state = "over"
            self.on_card += each.by_card

    @rule(number=st.integers(0, 5))
    def call_off(self, number: int) -> None:
        """Staff do; the money goes back, and so does everything else."""
        one = self.some({"paid"}, number)
        if one is not None:
            off = {"order": str(one.buyer.order), "because": "by_staff"}
            self.tell("console", event("order.cancel", off, source="/console"))
            self._clock(dt.timedelta(minutes=1))
            one.state = "called off"
            self.points -= one.earned
            self.on_hand += 1
            self.on_card += one.by_card

    @rule(number=st.integers(0, 5))
    def bring_back(self, number: int) -> None:
        """Somebody has it in hand, and brings it to the desk; by the same form twice."""
        one = self.some({"paid"}, number)
        if one is None:
            return
        handed = {"code": pickup_code_of(one.buyer.order), "store": STORE}
        self.tell("till", event("order.hand_over", handed, source=casting.TILL))
        place = self.desk.get("/returns", {"receipt": number_of(one.buyer.order)})["location"]
        chosen = {"take-1": "1", "reason": "unwanted", "goods": "on_shelf", "store": STORE}
        page = self.desk.get(place, chosen).content.decode()
        assert "The money goes back by itself, the way it was paid." in words(page)
        for _ in range(2):
            assert self.desk.post(place, posted_by(page)).status_code == 302
        self._clock(dt.timedelta(minutes=1))
        one.state = "brought back"
        self.points -= one.earned
        self.on_hand += 1
        self.on_card += one.by_card

    @rule(points=st.integers(10, 400))
    def spend(self, points: int) -> None:
        """At a till."""
        asked = casting.redeem(points, of={"kind": "card", "value": self.card})
        told = self.gateway.post(asked).json()
        if points <= self.points:
            assert told["status"] == "accepted", told
            self.points -= points
        else:
            assert told["type"].endswith(":insufficient_points")

    @rule(amount=st.integers(1, 600))
    def spend_the_card(self, amount: int) -> None:
        """At a till, by whoever else has its code."""
        told = self.gateway.post(carding.redeemed(self.gift_card, amount), touchpoint="till").json()
        if amount <= self.on_card:
            assert told["status"] == "accepted", told
            self.on_card -= amount
        else:
            assert told["type"].endswith(":gift_card_insufficient")
            assert told["left"] == self.on_card

    @precondition(lambda self: self.on_hand > len(self.held()))
    @rule()
    def sell(self) -> None:
        """Somebody else buys one at a till, at its price."""
        line = {"product": f"{self.name}-1", "quantity": 1, "amount": PRICE}
        sale = {"receipt": uuid.uuid4().hex, "store": STORE, "currency": "USD", "total": PRICE, "lines": [line]}
        self.tell("till", event("sale.closed", sale, source=casting.TILL))
        self.on_hand -= 1

    def _clock(self, after: dt.timedelta) -> None:
        now = timezone.now() + after
        for _ in range(3):
            with entered(VAULT):
                commands.look_at_due(money=MONEY, now=now)
            jobs.tend(now=now)
            now += 2 * rules.LOOK_AGAIN

    # -- what has to be so --------------------------------------------------------------------------------------------

    def _points(self) -> int:
        (row,) = self.shop.rows("select available, owed from loyalty_account where customer = %s", self.customer)
        return int(row["available"] - row["owed"])

    @invariant()
    def agrees(self) -> None:
        """Every figure of the house is the model's."""
        if not hasattr(self, "orders"):
            return
        follow(self.shop)
        article = "select counted + moved as quantity, held from stock_article where sku = %s"
        assert self.shop.rows(article, f"{self.name}-1") == [{"quantity": self.on_hand, "held": len(self.held())}]
        off = sum(each.has_off for each in self.given())
        given = "select redemptions, discount from offers_promotion where id = %s"
        assert self.shop.rows(given, self.promotion) == [{"redemptions": off, "discount": off * OFF}]
        used = "select status from offers_redemption where promotion = %s and status in ('held', 'redeemed')"
        statuses = ["held" if each.state == "placed" else "redeemed" for each in self.given() if each.has_coupon]
        assert [row["status"] for row in self.shop.rows(used, self.coupon)] == statuses
        assert self._points() == self.points
        held = sum(each.by_card for each in self.held())
        card = "select available, held from giftcards_card where id = %s"
        assert self.shop.rows(card, carding.digest(self.gift_card)) == [{"available": self.on_card, "held": held}]
        for each in self.orders:
            row = self.shop.rows("select state, total from orders_order where id = %s", each.buyer.order)[0]
            state = _STATES.get(each.state, "cancelled")
            assert row == {"state": state, "total": each.total}
            assert self.provider.money(each.buyer.order) == (each.total - each.by_card if each.state == "paid" else 0)
        with psycopg.connect(database.owner_conninfo()) as owner:
            for name in HOLD:
                broken = owner.execute(STATEMENTS[name]).fetchone()
                assert broken == (0,), name


_STATES: Final = {"placed": "placed", "paid": "paid", "brought back": "handed_over"}
STATEMENTS: Final = database.load_statements("comptoir.config", "checking.sql")


@pytest.fixture
def world(server: None, tmp_path: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        CheckoutModel.shop = stack.enter_context(shops.copied_from(shops.TEMPLATE))
        CheckoutModel.gateway = stack.enter_context(running_gateway(tmp_path))
        stack.enter_context(speaking(CheckoutModel.gateway))
        CheckoutModel.provider = stack.enter_context(simulator(tmp_path))
        CheckoutModel.provider.moods(reports="never")
        accepted(CheckoutModel.gateway.post([opened()], touchpoint="webshop"))
        yield


def test_whatever_happens_the_house_and_its_model_agree(world: None) -> None:
    run_state_machine_as_test(
        CheckoutModel,
        settings=settings(
            max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
