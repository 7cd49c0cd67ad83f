"""Whatever dies in a checkout, an order is paid and booked in the end, or neither, and nothing is charged twice.

The pages, the gateway, the worker, the provider's simulator and the database's server are killed (``kill -9``) at
moments that a seed chooses, while strangers buy over HTTP and pay at the provider's, who reports once, twice, late or
never; some pay a part, or all, with one gift card. Then the time goes by.
``COMPTOIR_TEST_KILLS`` asks for more kills, ``COMPTOIR_TEST_SEED`` for other moments.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import carding, invariants, promoting
from support.killing import kill_server
from support.processes import free_port, wait_until
from support.shop import Shop, close_django, environment
from support.whole_house import World, whole_house

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.config import checking
from comptoir.foundation.kernel.outbound import trusted
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import jobs
from support.buying import basket_with, counted, follow, listed, opened
from support.pages import event
from support.payers import Payer
from support.paying import Simulator
from support.wire import Wire

pytestmark = pytest.mark.exclusive
KILLS: Final = int(os.environ.get("COMPTOIR_TEST_KILLS", "10"))
SEED: Final = int(os.environ.get("COMPTOIR_TEST_SEED", "20260302"))
VICTIMS: Final = ("pages", "gateway", "worker", "pretend", "database")
PRICE, OFF, LIMIT, PIECES, ON_CARD = 1000, 200, 4, 500, 5500


def kill(world: World, victim: str) -> None:
    """Kill a part of the house with its children; the house starts it again."""
    if victim == "database":
        kill_server()
        return
    number = world.house.process_id(victim)
    if number is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)


def is_up(world: World, port: int) -> bool:
    """Tell whether everybody answers again, the database too."""
    with contextlib.suppress(httpx.HTTPError, psycopg.Error, AssertionError):
        answers = [
            httpx.get(f"http://127.0.0.1:{world.house.port}/health", headers={"host": "localhost"}, timeout=5),
            httpx.get(f"http://127.0.0.1:{world.house.gateway_port}/health", timeout=5),
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=5),
        ]
        up = all(each.status_code < 500 for each in answers)
        return up and world.shop.value("select 1") == 1 and world.house.process_id("worker") is not None
    return False


def tries(luck: random.Random, buyer: Payer, provider: Simulator, code: str) -> str:
    """Come, confirm and pay, as far as the house lets somebody; some give up, some send the page again.

    Every other one has the same gift card, which pays a part, or all of it as long as it lasts.
    """
    patience = luck.choice([1, 2, 4])
    has_card = luck.random() < 0.5
    with contextlib.suppress(httpx.HTTPError, AssertionError):
        buyer.come()
    for _ in range(patience):
        if not buyer.form:
            return "never came"
        if has_card and "card_seen" not in buyer.form:
            with contextlib.suppress(httpx.HTTPError, AssertionError, KeyError):
                buyer.shows(code)
            if "digest" not in buyer.form:
                return "was shown nothing"
        with contextlib.suppress(httpx.HTTPError, AssertionError, KeyError):
            told = buyer.place()
            if told == "placed":
                break
            if told == "card_not_held":  # it is used up, or somebody else holds the rest of it
                buyer.form["card"], has_card = "", False
            if "digest" not in buyer.form:
                return "was shown nothing"
    for _ in range(patience):
        if luck.random() < 0.2:
            return "left at the provider"
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            for session in provider.sessions(buyer.order):
                if session["state"] == "open":
                    provider.pay(session["id"])
                    return "paid"
    return "could not pay"


def test_whatever_dies_an_order_is_paid_and_booked_or_neither(
    shop_on_own_server: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    luck, port = random.Random(SEED), free_port()
    with (
        environment(COMPTOIR_PAYMENTS="pretend", COMPTOIR_PRETEND_PORT=str(port)),
        whole_house(shop_on_own_server, tmp_path) as world,
        httpx.Client(timeout=30, trust_env=False, verify=trusted()) as client,
    ):
        provider, shop, enough = Simulator(port, client), world.shop, threading.Event()
        tending = threading.Thread(target=world.house.run_until, args=(enough,))
        tending.start()
        try:
            for said, touchpoint in (
                (opened(), "webshop"), (listed("cup", price=PRICE), "webshop"), (counted("cup", PIECES), "console"),
                (promoting.published(promoting.new(), benefit={"kind": "Amount", "amount": OFF},
                                     budget={"redemptions_max": LIMIT}), "console"),
                (carding.issued(code := carding.new_code(), ON_CARD), "till"),
            ):  # fmt: skip
                assert world.tell(said, touchpoint=touchpoint)["status"] == "accepted"
            orders: set[uuid.UUID] = set()
            ends: dict[str, int] = {}
            for turn in range(KILLS):
                victim = VICTIMS[turn % len(VICTIMS)]
                provider.moods(reports=luck.choice(["once", "twice", "late", "never"]), late_seconds=2)
                baskets = [basket_with("cup") for _ in range(3)]
                for _, filling in baskets:
                    assert world.tell(filling, touchpoint="storefront")["status"] == "accepted"
                with contextlib.ExitStack() as wires, ThreadPoolExecutor(3) as threads:
                    buyers = [
                        Payer(wires.enter_context(Wire(world.house.port)), basket, port=world.house.port)
                        for basket, _ in baskets
                    ]
                    own = [random.Random(f"{SEED}/{turn}/{number}") for number in range(3)]
                    going = [
                        threads.submit(tries, lucky, buyer, provider, code)
                        for lucky, buyer in zip(own, buyers, strict=True)
                    ]
                    time.sleep(luck.random() * 1.5)  # the moment that the seed chooses
                    kill(world, victim)
                    for each in going:
                        word = each.result()
                        ends[word] = ends.get(word, 0) + 1
                orders |= {buyer.order for buyer in buyers if buyer.form.get("order")}
                close_django()
                wait_until(lambda: is_up(world, port), what=f"the house after the death of {victim}", seconds_max=120)
            paid = [order for order in orders if provider.money(order)]
            called_off(world, luck)
            kill(world, "worker")  # who was about to give the money back
            settled(shop, provider)
            adds_up(shop, provider, orders)
        finally:
            enough.set()
            tending.join()
        assert paid, "with nothing bought, everything adds up"
        assert shop.value("select count(*) from checkout_checkout where step = 'settled'") > 0
        with capsys.disabled():
            print(f"\ncheckout: seed {SEED}, {KILLS} kills, {len(orders)} orders, {len(paid)} paid, {ends}")  # noqa: T201


def called_off(world: World, luck: random.Random) -> None:
    """Let staff call off some of the orders that are paid: their money, goods and promotions go back."""
    booked = world.shop.rows("select id from orders_order where state = 'paid' order by id")
    for row in luck.sample(booked, len(booked) // 3):
        off = event("order.cancel", {"order": str(row["id"]), "because": "by_staff"}, source="/console")
        assert world.tell(off, touchpoint="console")["status"] == "accepted"


def settled(shop: Shop, provider: Simulator) -> None:
    """Let the time go by, until the clock has nothing more to do."""
    provider.moods(reports="never")
    now = timezone.now() + rules.PAY_WITHIN + dt.timedelta(minutes=1)
    for _ in range(12):
        close_django()
        jobs.tend(now=now)
        with entered(VAULT):
            commands.look_at_due(money=MONEY, now=now)
        now += dt.timedelta(minutes=11)
    open_ = "select count(*) from checkout_checkout where step not in ('settled', 'over')"
    assert shop.value(open_) == 0
    follow(shop)


def adds_up(shop: Shop, provider: Simulator, orders: set[uuid.UUID]) -> None:
    """Money, goods, promotions and points are what the orders say, and each is all or nothing."""
    known = {row["order"]: row["step"] for row in shop.rows('select "order", step from checkout_checkout')}
    booked = {row["id"]: row for row in shop.rows("select id, state, total, receipt, paid_by from orders_order")}
    by_card = 0
    sales = {row["receipt"] for row in shop.rows("select receipt from sales_sale where source = '/vault'")}
    returned = {row["sale_receipt"] for row in shop.rows("select sale_receipt from sales_return")}
    for order in orders | set(known):
        money = provider.money(order)
        if known.get(order) == "settled":
            row = booked[order]
            spent = row["paid_by"].get("gift_card", 0)
            assert (money + spent, row["state"]) == (row["total"], "paid"), (order, row, money)
            by_card += spent
            assert row["receipt"] in sales
            assert row["receipt"] not in returned
        else:
            assert money == 0, (order, known.get(order))
            assert booked.get(order, {"state": "cancelled"})["state"] == "cancelled"
        charged = [each for each in provider.sessions(order) if each["captured"]]
        assert len(charged) <= 1, "nobody pays twice"
    count = list(known.values()).count("settled")
    assert len(sales) - len(returned) == count
    left = shop.rows("select counted + moved as quantity, held from stock_article where sku = 'cup-1'")
    assert left == [{"quantity": PIECES - count, "held": 0}]
    card = shop.rows("select available, held from giftcards_card")
    assert card == [{"available": ON_CARD - by_card, "held": 0}]
    (given,) = shop.rows("select redemptions, discount from offers_promotion")
    discounted = shop.value("select count(*) from orders_order where state = 'paid' and total = %s", PRICE - OFF)
    assert given == {"redemptions": discounted, "discount": discounted * OFF}
    assert discounted <= LIMIT
    assert shop.value("select count(*) from offers_redemption where status = 'held' and promotion is not null") == 0
    with shop.connect() as connection:
        # The log and its outbox are the doctor's to compare: a house at work has emptied what was delivered.
        for check in (invariants.check_ledger, invariants.check_persons, invariants.check_sales):
            check(connection)
        invariants.check_offers(connection)
    broken = [each.name for each in checking.check_house().checks if not each.holds]
    assert [name for name in broken if name not in LEFT_OUT] == []


#: What a house of a test does not have.
LEFT_OUT: Final = frozenset({"messages_have_somebody_who_takes_them"})
