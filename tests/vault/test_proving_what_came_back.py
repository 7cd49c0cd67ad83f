"""What the doctor proves of goods that came back whose money could not be asked for: red only where it is wrong."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, event
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, paying
from support import casting
from support.buying import counted, listed, opened, speaking, two_teas_by_three_means
from support.paying import Simulator, hear, let_pay, simulator

STATEMENTS = database.load_statements("comptoir.config", "checking.sql")
WENT = ("what_came_back_went_back", "points_of_orders_went_back")
PAGES = "http://safe.localhost:8000/"


@pytest.fixture
def provider(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Simulator]:
    accepted(gateway.post([listed("tea", price=1250), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("tea", 10)], touchpoint="console"))
    with speaking(gateway), simulator(tmp_path) as running:
        running.moods(reports="never")
        yield running


def bought(shop: Shop, gateway: Gateway, provider: Simulator) -> uuid.UUID:
    """Two teas for $25.00: $5.01 in points, $7.00 of a gift card, and $12.99 at the provider."""
    row = two_teas_by_three_means(gateway, uuid.uuid4())
    assert paying.begin(row, return_url=PAGES, cancel_url=PAGES, language="en", now=timezone.now())
    let_pay(shop, provider, row.order)
    return row.order


def comes_back(gateway: Gateway, order: uuid.UUID, receipt: str) -> None:
    """One of two comes back, to be paid as it was paid: 250 points, $3.51 onto the card, and $6.49."""
    data = {
        "receipt": receipt, "sale": {"receipt": number_of(order), "source": "/vault"}, "currency": "USD",
        "total": 1250, "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
    }  # fmt: skip
    accepted(gateway.post([event("sale.returned", data, source="/console")], touchpoint="console"))
    for _ in range(2):
        with entered(VAULT):
            commands.look_at_due(money=paying.MONEY, now=timezone.now())


def red(shop: Shop, name: str) -> int:
    return int(shop.value(STATEMENTS[name]))


def test_money_that_the_provider_has_given_back_itself_leaves_the_sums_right(
    shop: Shop, gateway: Gateway, provider: Simulator
) -> None:
    order, other = bought(shop, gateway, provider), bought(shop, gateway, provider)
    comes_back(gateway, other, "B-other")
    # Somebody has given all of it back on the provider's own pages; then a piece comes back.
    (session,) = provider.sessions(order)
    provider.call("POST", f"/control/payments/{session['payment']}/refund", {"amount": 1299})
    for report in provider.reports(session["id"], "refund_done"):
        hear(report)
    comes_back(gateway, order, "B-1")
    why = shop.rows('select amount, why from checkout_repayment where "order" = %s', order)
    assert why == [{"amount": 1250, "why": "refund_too_large"}]
    assert shop.value("select sum(returned) from giftcards_draw where name = %s", str(order)) == 351
    assert [red(shop, name) for name in WENT] == [0, 0]
    # That somebody has to look at it, its own line says, until they have.
    assert red(shop, "repayments_go_back") == 1
    with psycopg.connect(database.owner_conninfo()) as owner:
        owner.execute("update checkout_repayment set by_hand = 'on the provider''s page' where why <> ''")
    assert red(shop, "repayments_go_back") == 0
    assert [red(shop, name) for name in WENT] == [0, 0]
    comes_back(gateway, order, "B-2")
    assert [red(shop, name) for name in WENT] == [0, 0]
    # And what is wrong is still called so, of either order.
    with psycopg.connect(database.owner_conninfo()) as owner:
        for whose in (order, other):
            for amount in ("1", "amount + 9999"):
                owner.execute(f'update checkout_repayment set amount = {amount} where "order" = %s', [whose])
                for name in WENT:
                    row = owner.execute(STATEMENTS[name]).fetchone()
                    assert row is not None
                    assert row[0] > 0, (whose, amount, name)
                owner.rollback()


def test_points_that_pay_what_somebody_owes_have_gone_back_all_the_same(
    shop: Shop, gateway: Gateway, provider: Simulator
) -> None:
    order = bought(shop, gateway, provider)
    user = shop.value('select person from checkout_checkout where "order" = %s', order)
    free = shop.value("select available from loyalty_account where customer = %s", customer_of_user(user))
    # All is spent, and so what the goods had earned is owed once they come back.
    told = gateway.post(casting.redeem(free, of={"kind": USER_KIND, "value": str(user)})).json()
    assert told["status"] == "accepted", told
    comes_back(gateway, order, "B-1")
    settled = "select count(*) from loyalty_transfer where customer = %s and reason = 'settled'"
    assert shop.value(settled, customer_of_user(user)) == 2
    assert [red(shop, name) for name in WENT] == [0, 0]
