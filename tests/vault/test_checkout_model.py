"""Baskets, payments, refunds, points, coupons, gift cards and stock against a model: whatever happens, both agree.

The steps go through the pages, a real gateway, the provider's simulator and a real database: fill a basket with pieces
of two products, change it, leave it, confirm, pay, also with points, a gift card, both, or in the store, hear of it
once or twice, give up, let the time go by, call off, bring pieces back to the desk, have a refund refused and asked for
once more, spend points and the card, sell at a till. After each step every figure is the model's, and what the doctor
looks at holds. In the end all comes back, piece by piece, and everybody has what they had, less what they spent.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

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
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import attending, jobs
from support.buying import STORE, basket_with, counted, follow, listed, opened, speaking
from support.pages import accepted, event, posted_by, staff_client, words
from support.payers import Payer
from support.paying import Simulator, hear, reference_of, simulator
from support.visitors import vault_session

T = TypeVar("T")
NUMBERS: Final = st.integers(0, 5)
CUP, POT, OFF, MORE, PIECES, LIMIT = 1000, 730, 200, 300, 6, 2
ON_CARD: Final = 1250
IN_STORE_MAX: Final = 3
READY_MAX: Final = 3
#: The programme lets no fewer points be spent at once.
POINTS_MIN: Final = 10
#: How somebody pays: a part of them with points, with the card, with both, or all of it in the store.
How = Literal["provider", "points", "card", "both", "store"]
#: Where the money of an order is.
MEANS: Final = ("provider", "gift_card", "points", "cash")
#: What the doctor counts of all that, after every step.
HOLD: Final = (
    "orders_match_their_money", "sales_match_orders", "discounts_have_redemptions", "orders_match_their_points",
    "stock_matches_movements", "stock_held_matches_holds", "no_coupon_is_used_too_often",
    "no_promotion_gives_too_much", "redemptions_match_log", "refunds_match_captures", "purposes_are_paid_once",
    "accounts_match_transfers", "held_matches_reservations", "nobody_has_and_owes", "repayments_within_orders",
    "repayments_go_back", "what_came_back_went_back", "points_of_orders_went_back",
    "ledger_sums_to_zero", "sales_match_log", "returns_match_log", "gift_cards_match_log", "gift_cards_match_transfers",
    "gift_cards_owed_adds_up", "gift_cards_held_matches_reservations", "gift_cards_spent_matches_draws",
    "returned_orders_came_back",
)  # fmt: skip
#: What holds as long as the provider gives back what it is asked for.
HOLD_UNLESS_REFUSED: Final = ("what_is_over_keeps_nothing", "unwanted_money_goes_back")
STATEMENTS: Final = database.load_statements("comptoir.config", "checking.sql")


@dataclass
class Wanted:
    """What somebody wants to buy: so many cups and pots, with a coupon's code or not, and how it is to be paid."""

    cups: int
    pots: int
    shows_code: bool
    how: How
    points: int


WANTED: Final = st.builds(
    Wanted, cups=st.integers(0, 3), pots=st.integers(0, 2), shows_code=st.booleans(),
    how=st.sampled_from(get_args(How)), points=st.integers(1, 400),
)  # fmt: skip


IN_PARTS: Final = st.builds(
    Wanted, cups=st.integers(1, 3), pots=st.integers(0, 2), shows_code=st.booleans(),
    how=st.sampled_from(["points", "both"]), points=st.integers(10, 400),
)  # fmt: skip


@dataclass
class Line:
    """What is left of a line of an order: pieces, and what they cost; ``each`` is what one of them gives back."""

    product: str
    pieces: int
    amount: int
    each: int


@dataclass
class Bought:
    """An order of the model: what was bought, what it was given, how far it is, and what of it is where.

    ``parts`` is what each means has paid and has not got back; ``refused`` what the provider should have given back.
    """

    buyer: Payer
    total: int
    pieces: Counter[str]
    has_off: bool
    has_coupon: bool
    parts: dict[str, int]
    is_in_store: bool
    lines: list[Line] = field(default_factory=list)
    state: str = "placed"
    earned: int = 0
    came_back: int = 0
    refused: list[int] = field(default_factory=list)


@dataclass
class Ready:
    """Somebody who has seen a price, and has a coupon's code in the basket or not."""

    buyer: Payer
    basket: str
    pieces: Counter[str]
    shows_code: bool
    how: How
    points: int
    shown: int = 0


class CheckoutModel(RuleBasedStateMachine):
    """Do the same to the house and to the model."""

    shop: Shop
    gateway: Gateway
    provider: Simulator
    run = 0

    @initialize(first=IN_PARTS, second=WANTED)
    def open(self, first: Wanted, second: Wanted) -> None:
        """Two products of its own for each run, two promotions, a coupon, and a customer with points and a card.

        Two orders stand, one of them paid, and not at the provider alone: then most of what can happen, can happen.
        """
        type(self).run += 1
        self.provider.moods(reports="never", refunds="done")
        self.prices = {f"cup{self.run}": CUP, f"pot{self.run}": POT}
        self.cup, self.pot = self.prices
        self.user = uuid.uuid4()
        self.reference = {"kind": USER_KIND, "value": str(self.user)}
        self.customer = customer_of_user(self.user)
        off, coupon = promoting.new(), promoting.new()
        cups, both = ([f"{each}-1" for each in products] for products in ((self.cup,), self.prices))
        self.tell("webshop", *(listed(name, price=price) for name, price in self.prices.items()))
        self.tell("console", *(counted(name, PIECES) for name in self.prices))
        self.tell("till", casting.sale(f"before-{self.run}", 50_000, of=self.reference))
        self.tell(
            "console",
            promoting.published(off, benefit={"kind": "Amount", "amount": OFF}, items={"products": cups},
                                budget={"redemptions_max": LIMIT}),
            promoting.published(coupon, benefit={"kind": "Amount", "amount": MORE}, items={"products": both},
                                codes="each"),
        )  # fmt: skip
        self.desk = staff_client()
        self.promotion, self.coupon = off, coupon
        self.code = promoting.code_for(self.shop, coupon, str(self.customer))
        self.points = self.points_to_spend = self._points()[0]
        self.gift_card = carding.new_code()
        self.tell("till", carding.issued(self.gift_card, ON_CARD))
        self.on_card = self.card_to_spend = ON_CARD
        self.on_hand = Counter(dict.fromkeys(self.prices, PIECES))
        self.ready, self.orders = list[Ready](), list[Bought]()
        # What a run before this one has broken is its own, so that a failing one can be made shorter.
        self.broken_before = _broken()
        self.buy(first, is_paid=True)
        self.buy(second, is_paid=False)

    def tell(self, touchpoint: str, *said: casting.Event) -> None:
        accepted(self.gateway.post(list(said), touchpoint=touchpoint))

    # -- the model ----------------------------------------------------------------------------------------------------

    def among(self, *states: str) -> list[Bought]:
        return [each for each in self.orders if each.state in states]

    def unpaid(self) -> list[Bought]:
        """Whom the provider waits for."""
        return [each for each in self.among("placed") if not each.is_in_store]

    def in_store(self) -> list[Bought]:
        """Who pays when they fetch it."""
        return [each for each in self.among("placed") if each.is_in_store]

    def refused(self) -> list[Bought]:
        return [each for each in self.orders if each.refused]

    def given(self) -> list[Bought]:
        """Whose coupon and promotion are used; an order that came back whole frees them."""
        return self.among("placed", "paid", "handed over")

    def has_off(self) -> bool:
        return sum(each.has_off for each in self.given()) < LIMIT

    def has_coupon(self) -> bool:
        return not any(each.has_coupon for each in self.given())

    def held(self) -> Counter[str]:
        return sum((each.pieces for each in self.among("placed")), Counter[str]())

    def price(self, one: Ready) -> int:
        full = sum(self.prices[product] * count for product, count in one.pieces.items())
        is_off = self.has_off() and one.pieces[self.cup] > 0
        return full - OFF * is_off - MORE * (one.shows_code and self.has_coupon())

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(wanted=WANTED, is_paid=st.booleans())
    def buy(self, wanted: Wanted, is_paid: bool) -> None:
        """Come, confirm what is shown, and pay, as far as that goes without a second thought."""
        if len(self.ready) < READY_MAX:
            self.come(wanted)
            self.confirm(len(self.ready) - 1)
            if is_paid and self.unpaid() and self.orders[-1] is self.unpaid()[-1]:
                self.pay(len(self.unpaid()) - 1, times=1, is_told=True)

    @precondition(lambda self: len(self.ready) < READY_MAX)
    @rule(wanted=WANTED)
    def come(self, wanted: Wanted) -> None:
        cups = wanted.cups if wanted.cups + wanted.pots else 1
        pieces = Counter({self.cup: cups, self.pot: wanted.pots})
        basket, filling = basket_with(*pieces.elements(), codes=(self.code,) if wanted.shows_code else ())
        self.tell("storefront", filling)
        client = Client()
        name, key = vault_session(self.user)
        client.cookies[name] = key
        buyer = Payer(client, basket, customer=self.customer)
        points = wanted.points if wanted.how in {"points", "both"} else 0
        one = Ready(buyer, basket, pieces, wanted.shows_code, wanted.how, points)
        one.shown = self.price(one)
        assert f"Order and pay ${one.shown / 100:.2f}" in buyer.come()
        self.ready.append(one)

    @precondition(lambda self: self.ready)
    @rule(number=NUMBERS, is_cup=st.booleans())
    def add_a_piece(self, number: int, is_cup: bool) -> None:
        """In another window, after the price was seen."""
        one, product = _chosen(self.ready, number), self.cup if is_cup else self.pot
        put = {"basket": one.basket, "put": [{"product": f"{product}-1", "quantity": 1}]}
        self.tell("storefront", event("basket.changed", put, source="/storefront"))
        one.pieces[product] += 1

    @precondition(lambda self: self.ready)
    @rule(number=NUMBERS)
    def walk_away(self, number: int) -> None:
        """A basket is left where it is."""
        self.ready.remove(_chosen(self.ready, number))

    @precondition(lambda self: self.ready)
    @rule(number=NUMBERS)
    def confirm(self, number: int) -> None:
        one = _chosen(self.ready, number)
        now = self.price(one)
        points = min(one.points, now)
        one.buyer.form["points"] = str(points or "")
        by_card = min(self.on_card, now - points) if one.how in {"card", "both"} else 0
        if one.how in {"card", "both"}:
            said, before, one.shown = one.buyer.shows(self.gift_card), one.shown, now
            assert (now != before) == ("The price has changed." in said) or not by_card
            if not by_card:
                assert "This gift card cannot be used here and now." in said
                one.how = "points" if one.points else "provider"
                one.buyer.form.pop("card")
                return
            assert f"The gift card pays ${by_card / 100:.2f}." in said
        told = one.buyer.place(**({"pay": "store"} if one.how == "store" else {}))
        if now != one.shown:
            assert told == "price_changed"
            assert f"Order and pay ${now / 100:.2f}" in one.buyer.said
            one.shown = now
        elif one.how == "store" and len(self.in_store()) == IN_STORE_MAX:
            assert told == "shown"
            one.how = "provider"
        elif any(self.on_hand[each] - self.held()[each] < count for each, count in one.pieces.items()):
            assert told == "not_held"
        elif points and not POINTS_MIN <= points <= self.points:
            assert told == "points_not_held"
        else:
            assert told == "placed"
            self._placed(one, now, points=points, by_card=by_card)

    def _placed(self, one: Ready, total: int, *, points: int, by_card: int) -> None:
        self.ready.remove(one)
        rest = total - points - by_card
        parts = {"provider": rest, "gift_card": by_card, "points": points, "cash": 0}
        if one.how == "store":
            parts |= {"provider": 0, "cash": rest}
        has_off = self.has_off() and one.pieces[self.cup] > 0
        has_coupon = one.shows_code and self.has_coupon()
        bought = Bought(one.buyer, total, one.pieces, has_off, has_coupon, parts, one.how == "store")
        self.orders.append(bought)
        self.on_card -= by_card
        self.points -= points
        if not rest:
            self._paid(bought)  # nobody else is asked for anything

    @precondition(lambda self: self.unpaid())
    @rule(number=NUMBERS, times=st.integers(1, 2), is_told=st.booleans())
    def pay(self, number: int, times: int, is_told: bool) -> None:
        """At the provider; the shop hears of it, or asks by itself."""
        one = _chosen(self.unpaid(), number)
        reference = reference_of(self.shop, one.buyer.order)
        self.provider.pay(reference)
        if is_told:
            for _ in range(times):
                for report in self.provider.reports(reference, "paid"):
                    hear(report, now=timezone.now())
        else:
            jobs.tend(now=timezone.now() + dt.timedelta(minutes=3))
        self._paid(one)

    @precondition(lambda self: self.in_store())
    @rule(number=NUMBERS)
    def fetch(self, number: int) -> None:
        """Somebody pays in cash and has it in hand; the sale is booked by the clock."""
        one = _chosen(self.in_store(), number)
        taken = {"means": "cash", "amount": one.total}
        self._hand_over(one, taken=taken)
        self._clock(dt.timedelta(minutes=1))
        self._paid(one, state="handed over")

    def _hand_over(self, one: Bought, **more: object) -> None:
        handed = {"code": pickup_code_of(one.buyer.order), "store": STORE, **more}
        touchpoint, source = ("console", "/console") if more else ("till", casting.TILL)
        self.tell(touchpoint, event("order.hand_over", handed, source=source))

    def _paid(self, one: Bought, *, state: str = "paid") -> None:
        with entered(VAULT):
            row = Checkout.objects.get(order=one.buyer.order)
        assert row.step == "settled"
        one.state, one.earned = state, _earned(one.total)
        assert row.said["earned"] == one.earned
        one.lines = [
            Line(each["product"][:-2], each["quantity"], each["amount"], each["amount"] // each["quantity"])
            for each in row.said["lines"]
        ]
        assert sum((Counter({each.product: each.pieces}) for each in one.lines), Counter()) == +one.pieces
        assert sum(each.amount for each in one.lines) == one.total
        self.points += one.earned
        self.on_hand -= one.pieces

    @precondition(lambda self: self.among("placed"))
    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        one = _chosen(self.among("placed"), number)
        with entered(VAULT):
            commands.give_up(one.buyer.order, money=MONEY, now=timezone.now())
        self._over(one)
        self._clock(dt.timedelta(minutes=1))

    @rule()
    def let_the_time_go_by(self) -> None:
        """The time to pay is over for everybody who has not, but for who pays in the store."""
        self._clock(rules.PAY_WITHIN + dt.timedelta(minutes=1))
        for each in self.unpaid():
            self._over(each)

    def _over(self, one: Bought, *, state: str = "over") -> None:
        one.state = state
        self.on_card += one.parts["gift_card"]
        self.points += one.parts["points"]
        one.parts = dict.fromkeys(MEANS, 0)

    @precondition(lambda self: self.among("paid"))
    @rule(number=NUMBERS, is_refused=st.booleans())
    def call_off(self, number: int, is_refused: bool) -> None:
        """Staff do; the money goes back unless the provider refuses to, and so does everything else."""
        one = _chosen(self.among("paid"), number)
        off = {"order": str(one.buyer.order), "because": "by_staff"}
        self.tell("console", event("order.cancel", off, source="/console"))
        self._clock(dt.timedelta(minutes=1), is_refused=is_refused)
        one.refused += [one.parts["provider"]] if is_refused and one.parts["provider"] else []
        self.points -= one.earned
        self.on_hand += one.pieces
        self._over(one, state="called off")

    @precondition(lambda self: self.among("paid", "handed over"))
    @rule(
        number=NUMBERS, takes=st.tuples(st.integers(0, 3), st.integers(0, 2)), is_aside=st.booleans(),
        is_refused=st.booleans(),
    )  # fmt: skip
    def bring_back(self, number: int, takes: tuple[int, int], is_aside: bool, is_refused: bool) -> None:
        """Somebody has it in hand, and brings pieces of it to the desk; by the same form twice."""
        one = _chosen(self.among("paid", "handed over"), number)
        if one.state == "paid":
            self._hand_over(one)
            one.state = "handed over"
        taken = {n: min(take, each.pieces) for n, (each, take) in enumerate(zip(one.lines, takes, strict=False), 1)}
        if not any(taken.values()):
            taken = {next(n for n, each in enumerate(one.lines, 1) if each.pieces): 1}
        place = self.desk.get("/returns", {"receipt": number_of(one.buyer.order)})["location"]
        chosen = {f"take-{n}": str(pieces) for n, pieces in taken.items()}
        more = {"reason": "unwanted", "goods": "aside" if is_aside else "on_shelf", "store": STORE}
        page = self.desk.get(place, chosen | more).content.decode()
        by_itself = "The money is given back at the till." if one.is_in_store else (
            "The money goes back by itself, the way it was paid."
        )  # fmt: skip
        assert by_itself in words(page)
        form = posted_by(page)
        for _ in range(2):
            assert self.desk.post(place, form).status_code == 302
        self._clock(dt.timedelta(minutes=1), is_refused=is_refused)
        amount = 0
        for n, pieces in taken.items():
            if pieces:
                gives, line = int(form[f"amount-{n}"]), one.lines[n - 1]
                assert gives == (pieces * line.each if pieces < line.pieces else line.amount), "a part like any other"
                line.pieces, line.amount, amount = line.pieces - pieces, line.amount - gives, amount + gives
                self.on_hand[line.product] += 0 if is_aside else pieces
                assert line.pieces or not line.amount, "the last piece has what is left"
        self._came_back(one, amount, is_refused=is_refused)

    def _came_back(self, one: Bought, amount: int, *, is_refused: bool) -> None:
        """Look where the money of some pieces went: in proportion to what each means has left."""
        one.came_back += amount
        was_earned, one.earned = one.earned, _earned(one.total - one.came_back)
        self.points -= was_earned - one.earned
        back = {
            "points": self._points()[0] - self.points, "gift_card": self._on_card()[0] - self.on_card,
            "cash": amount if one.is_in_store else 0,
        }  # fmt: skip
        back["provider"] = amount - sum(back.values())
        whole = sum(one.parts.values())
        for means, part in back.items():
            assert abs(part * whole - amount * one.parts[means]) <= 2 * whole, (means, back, one.parts)
            assert 0 <= part <= one.parts[means]
            one.parts[means] -= part
        self.points += back["points"]
        self.on_card += back["gift_card"]
        one.refused += [back["provider"]] if is_refused and back["provider"] else []
        if not any(each.pieces for each in one.lines):
            one.state = "brought back"
            assert not any(one.parts.values())

    @precondition(lambda self: self.refused())
    @rule(number=NUMBERS, is_refused=st.booleans())
    def ask_once_more(self, number: int, is_refused: bool) -> None:
        """Staff have the provider asked again for what it refused to give back."""
        one = _chosen(self.refused(), number)
        waiting = """select r.id from payments_refund r join payments_capture c on c.id = r.capture_id
          where c.purpose_id = %s and r.state = 'refused' and r.again is null"""
        rows = self.shop.rows(waiting, one.buyer.order)
        assert len(rows) == len(one.refused)
        self.provider.moods(refunds="refused" if is_refused else "done")
        for row in rows:
            attending.ask_now("refused", row["id"], now=timezone.now())
        self.provider.moods(refunds="done")
        if not is_refused:
            one.refused.clear()

    @rule(points=st.integers(10, 400))
    def spend(self, points: int) -> None:
        """At a till."""
        told = self.gateway.post(casting.redeem(points, of=self.reference)).json()
        if points <= self.points:
            assert told["status"] == "accepted", told
            self.points -= points
            self.points_to_spend -= points
        else:
            assert told["type"].endswith(":insufficient_points")

    @rule(amount=st.integers(1, 600))
    def spend_the_card(self, amount: int) -> None:
        """At a till, by whoever else has its code."""
        told = self.gateway.post(carding.redeemed(self.gift_card, amount), touchpoint="till").json()
        if amount <= self.on_card:
            assert told["status"] == "accepted", told
            self.on_card -= amount
            self.card_to_spend -= amount
        else:
            assert told["type"].endswith(":gift_card_insufficient")
            assert told["left"] == self.on_card

    @precondition(lambda self: self.on_hand[self.cup] > self.held()[self.cup])
    @rule()
    def sell(self) -> None:
        """Somebody else buys a cup at a till, at its price."""
        line = {"product": f"{self.cup}-1", "quantity": 1, "amount": CUP}
        sale = {"receipt": uuid.uuid4().hex, "store": STORE, "currency": "USD", "total": CUP, "lines": [line]}
        self.tell("till", event("sale.closed", sale, source=casting.TILL))
        self.on_hand[self.cup] -= 1

    def _clock(self, after: dt.timedelta, *, is_refused: bool = False) -> None:
        self.provider.moods(refunds="refused" if is_refused else "done")
        now = timezone.now() + after
        for _ in range(3):
            with entered(VAULT):
                commands.look_at_due(money=MONEY, now=now)
            jobs.tend(now=now)
            now += 2 * rules.LOOK_AGAIN
        self.provider.moods(refunds="done")

    def teardown(self) -> None:
        """All comes back, one piece after the other: everybody has what they had, less what they spent."""
        if sys.exc_info()[0] is not None or not hasattr(self, "broken_before"):
            return
        while self.among("placed"):
            self.leave(0)
        turn = 0
        while self.among("paid", "handed over"):
            self.bring_back(0, (turn % 2, 1 - turn % 2), is_aside=False, is_refused=False)
            turn += 1
        self.agrees()
        assert (self.points, self.on_card) == (self.points_to_spend, self.card_to_spend)

    # -- what has to be so --------------------------------------------------------------------------------------------

    def _points(self) -> tuple[int, int]:
        """Return what the customer has, less what they owe, and what is held."""
        account = "select available - owed as has, held from loyalty_account where customer = %s"
        (row,) = self.shop.rows(account, self.customer)
        return int(row["has"]), int(row["held"])

    def _on_card(self) -> tuple[int, int]:
        card = "select available, held from giftcards_card where id = %s"
        (row,) = self.shop.rows(card, carding.digest(self.gift_card))
        return row["available"], row["held"]

    @invariant()
    def agrees(self) -> None:
        """Every figure of the house is the model's."""
        if not hasattr(self, "broken_before"):
            return
        follow(self.shop)
        article = "select counted + moved as quantity, held from stock_article where sku = %s"
        for product in self.prices:
            known = {"quantity": self.on_hand[product], "held": self.held()[product]}
            assert self.shop.rows(article, f"{product}-1") == [known]
        off = sum(each.has_off for each in self.given())
        given = "select redemptions, discount from offers_promotion where id = %s"
        assert self.shop.rows(given, self.promotion) == [{"redemptions": off, "discount": off * OFF}]
        used = "select status from offers_redemption where promotion = %s and status in ('held', 'redeemed')"
        statuses = ["held" if each.state == "placed" else "redeemed" for each in self.given() if each.has_coupon]
        assert [row["status"] for row in self.shop.rows(used, self.coupon)] == statuses
        held = self.among("placed")
        assert self._points() == (self.points, sum(each.parts["points"] for each in held))
        assert self._on_card() == (self.on_card, sum(each.parts["gift_card"] for each in held))
        for each in self.orders:
            self._has_its_money(each)
        refused = sum(len(each.refused) for each in self.orders)
        for name, count in _broken().items():
            if name == "payments_are_answered":
                assert count - self.broken_before[name] == refused, "each refused refund is shown, and nothing else"
            elif name in HOLD or not refused:
                assert count == self.broken_before[name], name

    def _has_its_money(self, one: Bought) -> None:
        """What is at the provider, on the card, in points and in the drawer is what the order costs and has kept."""
        (row,) = self.shop.rows("select state, total, taken from orders_order where id = %s", one.buyer.order)
        assert (row["state"], row["total"]) == (_STATES.get(one.state, "cancelled"), one.total)
        is_paid = one.state in {"paid", "handed over", "brought back"}
        assert sum(one.parts.values()) == (
            one.total - one.came_back if is_paid else one.total * (one.state == "placed")
        )
        assert self.provider.money(one.buyer.order) == one.parts["provider"] * is_paid + sum(one.refused)
        drawn = (
            "select coalesce(sum(amount - returned), 0)::int from giftcards_draw where name = %s and status = 'spent'"
        )
        assert self.shop.value(drawn, str(one.buyer.order)) == one.parts["gift_card"] * is_paid
        by_hand = """select coalesce(sum(r.total_minor), 0)::int from sales_return r
          join orders_order o on o.receipt = r.sale_receipt where o.id = %s and r.refund = 'by_hand'"""
        in_cash = row["taken"]["amount"] if row["taken"] else 0
        assert in_cash - self.shop.value(by_hand, one.buyer.order) == one.parts["cash"] * is_paid


def _chosen(those: list[T], number: int) -> T:
    return those[number % len(those)]


def _earned(paid: int) -> int:
    """Return what a purchase earns, whatever it was paid with: a point for each whole dollar."""
    return paid // 100


def _broken() -> dict[str, int]:
    """Return what the doctor counts."""
    with psycopg.connect(database.owner_conninfo()) as owner:
        return {
            name: owner.execute(STATEMENTS[name]).fetchone()[0]  # type: ignore[index]
            for name in (*HOLD, *HOLD_UNLESS_REFUSED, "payments_are_answered")
        }


_STATES: Final = {"placed": "placed", "paid": "paid", "handed over": "handed_over", "brought back": "returned"}


@pytest.fixture
def world(server: None, tmp_path: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        CheckoutModel.shop = stack.enter_context(shops.copied_from(shops.TEMPLATE))
        CheckoutModel.gateway = stack.enter_context(running_gateway(tmp_path))
        stack.enter_context(speaking(CheckoutModel.gateway))
        stack.enter_context(environment(COMPTOIR_PAY_IN_STORE_HOURS="48"))
        CheckoutModel.provider = stack.enter_context(simulator(tmp_path))
        CheckoutModel.provider.moods(reports="never")
        accepted(CheckoutModel.gateway.post([opened()], touchpoint="webshop"))
        yield


def test_whatever_happens_the_house_and_its_model_agree(world: None) -> None:
    run_state_machine_as_test(
        CheckoutModel,
        settings=settings(
            max_examples=5, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
