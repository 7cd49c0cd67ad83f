"""What the doctor says of orders: nothing of a shop where all adds up, and the name of whatever does not.

``discount-without-coupon``: orders kept a discount and lost the voucher that gave it (Saleor 3.24, measured; see
``scenarios/test_limit_one_everywhere.py``): each discount here is a redemption's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import promoting
from support.gateway import Gateway
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
import datetime as dt

from django.utils import timezone

from comptoir.config import checking
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import jobs
from support.buying import STORE, Buyer, basket_with, counted, follow, listed, opened, speaking, step_of
from support.pages import accepted, event
from support.paying import let_pay, simulator

NAMES = (
    "orders_match_their_money", "what_is_over_keeps_nothing", "sales_match_orders", "discounts_have_redemptions",
    "returned_orders_came_back",
)  # fmt: skip


@dataclass
class Sold:
    """A shop with an order that is paid, one that is handed over, one that was called off, and one that was left."""

    shop: Shop
    paid: Buyer
    had: Buyer
    over: Buyer


@pytest.fixture
def sold(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Sold]:
    accepted(gateway.post([opened(), listed("cup", price=1000)], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 9)], touchpoint="console"))
    off = promoting.published(promoting.new(), benefit={"kind": "Amount", "amount": 200}, budget={"redemptions_max": 9})
    accepted(gateway.post([off], touchpoint="console"))
    baskets = [basket_with("cup") for _ in range(4)]
    accepted(gateway.post([filling for _, filling in baskets], touchpoint="storefront"))
    with speaking(gateway), simulator(tmp_path) as provider:
        provider.moods(reports="never")
        buyers = [Buyer(Client(), basket) for basket, _ in baskets]
        for each in buyers:
            each.come()
            assert each.place() == "placed"
        for each in buyers[:3]:
            let_pay(shop, provider, each.order, now=timezone.now())
        handed = {"order": str(buyers[1].order), "store": STORE}
        off_again = {"order": str(buyers[2].order), "because": "by_staff"}
        accepted(
            gateway.post(
                [
                    event("order.hand_over", handed, source="/console"),
                    event("order.cancel", off_again, source="/console"),
                ],
                touchpoint="console",
            )
        )
        now = timezone.now() + rules.PAY_WITHIN + dt.timedelta(minutes=1)
        for _ in range(4):
            with entered(VAULT):
                commands.look_at_due(money=MONEY, now=now)
            jobs.tend(now=now)
            now += 2 * rules.LOOK_AGAIN
        follow(shop)
        assert [step_of(each.order)[0] for each in buyers] == ["settled", "settled", "over", "over"]
        yield Sold(shop, *buyers[:3])


def test_the_doctor_finds_nothing_where_all_adds_up(sold: Sold) -> None:
    report = checking.check_house()
    assert {each.name for each in report.checks} >= set(NAMES)
    # What else it looks at holds as well, but for what a shop of a test does not have.
    assert [each.name for each in report.checks if not each.holds] == []


#: What somebody does to the tables, and what the doctor calls it.
WRONG = (
    ("update orders_order set total = total + 1 where id = %(paid)s", "orders_match_their_money"),
    ("update orders_order set paid_by = jsonb_build_object('provider', 1) where id = %(paid)s",
     "orders_match_their_money"),
    ("update orders_order set lines = jsonb_set(lines, array['0', 'quantity'], '2') where id = %(paid)s",
     "sales_match_orders"),
    ("delete from offers_redemption where name = %(paid)s::text", "discounts_have_redemptions"),
    ("update offers_redemption set discount = 100 where name = %(paid)s::text", "discounts_have_redemptions"),
    ("update offers_redemption set status = 'redeemed' where name = %(over)s::text", "what_is_over_keeps_nothing"),
    ("update stock_hold set ended = '' where hold = %(over)s", "what_is_over_keeps_nothing"),
    ("update orders_order set state = 'returned' where id = %(had)s", "returned_orders_came_back"),
    ("update orders_order set state = 'paid' where id = %(over)s", "what_is_over_keeps_nothing"),
    ("update payments_refund set state = 'refused' where capture_id in"  # noqa: ISC004 - one statement
     " (select id from payments_capture where purpose_id = %(over)s)", "what_is_over_keeps_nothing"),
)  # fmt: skip


def test_the_doctor_names_what_does_not_add_up(sold: Sold) -> None:
    ids = {"paid": sold.paid.order, "had": sold.had.order, "over": sold.over.order}
    statements = database.load_statements("comptoir.config", "checking.sql")

    def broken(connection: psycopg.Connection, name: str) -> int:
        row = connection.execute(statements[name]).fetchone()
        assert row is not None
        return int(row[0])

    with psycopg.connect(database.owner_conninfo()) as owner:
        assert [broken(owner, name) for name in NAMES] == [0] * len(NAMES)
        for statement, name in WRONG:
            done = owner.execute(statement, ids)
            assert done.rowcount == 1, statement
            assert broken(owner, name) == 1, statement
            owner.rollback()
