"""A part is paid with points: held with the goods, spent with the sale, back in proportion; the sums always match."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

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
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints.errors import FieldInvalid
from comptoir.vault.checkout import commands, receipts, rules
from comptoir.vault.checkout.contracts import Recipient, Tender, Wish
from comptoir.vault.checkout.errors import PointsNotHeld
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts.contracts import Hidden
from support.buying import AT, STORE, Cashier, counted, listed, opened, pay, speaking, step_of

TILL = "/stores/324/tills/1"


@given(
    points=st.integers(0, 40), worth=st.sampled_from([1, 3, 100]), provider=st.integers(0, 500),
    cuts=st.lists(st.integers(0, 10_000), max_size=6),
)  # fmt: skip
def test_whatever_comes_back_in_whichever_pieces_goes_back_where_it_came_from(
    points: int, worth: int, provider: int, cuts: list[int]
) -> None:
    total = points * worth + provider
    tenders = rules.tenders_of(total, points=points, worth=worth)
    assert sum(each.amount for each in tenders) == total
    places = sorted({cut % (total + 1) for cut in cuts} | {0, total})
    amounts = [after - before for before, after in itertools.pairwise(places)]
    left, owed = {each.means: each.amount for each in tenders}, 0
    for amount, parts in zip(amounts, rules.split_back(tenders, amounts), strict=True):
        owed += amount - sum(parts.values())
        assert 0 <= owed < worth, "less than a point waits, and nothing is given before it is due"
        for each in tenders:
            assert 0 <= parts[each.means] <= left[each.means]
            assert parts[each.means] % each.unit == 0
            left[each.means] -= parts[each.means]
    assert set(left.values()) <= {0}


def test_odd_amounts_go_back_in_proportion_and_whole_points() -> None:
    tenders = [Tender("points", 300, 100), Tender("provider", 701)]
    assert rules.split_back(tenders, [334, 333, 334]) == [
        {"points": 100, "provider": 234}, {"points": 0, "provider": 333}, {"points": 200, "provider": 134},
    ]  # fmt: skip
    assert rules.split_back([Tender("points", 100, 100)], [50, 50]) == [{"points": 0}, {"points": 100}]


@pytest.fixture
def alice(shop: Shop, gateway: Gateway) -> Iterator[uuid.UUID]:
    """Somebody who is signed in and has 1,000 points, worth ten dollars."""
    user = uuid.uuid4()
    accepted(gateway.post([listed("tea", price=1250), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("tea", 10)], touchpoint="console"))
    sale = {
        "receipt": "r-1", "store": STORE, "customer": {"kind": USER_KIND, "value": str(user)}, "currency": "USD",
        "total": 100_000, "lines": [{"product": "x", "quantity": 1, "amount": 100_000}],
    }  # fmt: skip
    accepted(gateway.post([event("sale.closed", sale, source=TILL, at=AT)], touchpoint="till"))
    with speaking(gateway):
        yield user


def begun(gateway: Gateway, user: uuid.UUID, *, points: int, tea: int = 2) -> Checkout:
    """Confirm a basket of somebody's who pays a part with points."""
    basket = str(uuid.uuid4())
    put = event("basket.changed", {"basket": basket, "put": [{"product": "tea-1", "quantity": tea}]},
                source="/storefront", at=AT)  # fmt: skip
    accepted(gateway.post([put], touchpoint="storefront"))
    now = timezone.now()
    with entered(VAULT):
        _, priced = commands.quote(basket, customers=[customer_of_user(user)], now=now)
        wish = Wish(
            order=uuid.uuid4(), basket=basket, digest=priced.digest, by="pickup", store=STORE, user=user, points=points,
            recipient=Recipient(Hidden("Alice Martin"), Hidden("alice@example.org")),
        )  # fmt: skip
        row, _ = commands.begin(wish, now=now)
        return commands.advance(row.order, now=now)


def points_of(shop: Shop, user: uuid.UUID) -> tuple[int, int]:
    row: Any = shop.rows(
        "select available, held from loyalty_account where customer = %s", str(customer_of_user(user))
    )[0]  # fmt: skip
    return row["available"], row["held"]


def test_points_are_held_spent_and_given_back_in_proportion(shop: Shop, gateway: Gateway, alice: uuid.UUID) -> None:
    order = begun(gateway, alice, points=501).order
    assert step_of(order) == ("placed", "")
    assert points_of(shop, alice) == (499, 501)
    with entered(VAULT):
        row = Checkout.objects.get(order=order)
    assert pay(order)
    earned = 25
    assert points_of(shop, alice) == (499 + earned, 0)
    paid_by = shop.value("select paid_by from orders_order where id = %s", str(order))
    assert paid_by == {"points": 501, "provider": 1999}
    with entered(VAULT):
        _, text = receipts.composed(Checkout.objects.get(order=order), key="")
    assert "paid with 501 points: $5.01" in text
    # One of two comes back at a till that says "as it was paid", then the other one.
    cashier = Cashier()
    for number, (points, money) in enumerate(((250, 1000), (251, 999))):
        data = {
            "receipt": f"B{number}", "sale": {"receipt": number_of(order), "source": "/vault"}, "currency": "USD",
            "total": 1250, "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
        }  # fmt: skip
        accepted(gateway.post([event("sale.returned", data, source="/console", at=timezone.now())],
                              touchpoint="console"))  # fmt: skip
        before = points_of(shop, alice)[0]
        for _ in range(2):
            cashier.look(now=timezone.now())
        assert cashier[-1] == (order, money)
        assert points_of(shop, alice)[0] == before + points
    assert len(cashier) == 2
    assert points_of(shop, alice) == (1000, 0)
    assert row.total == 2500


def test_what_comes_to_nothing_frees_the_points(shop: Shop, gateway: Gateway, alice: uuid.UUID) -> None:
    order = begun(gateway, alice, points=600).order
    cashier = Cashier()
    for _ in range(3):
        cashier.look(now=timezone.now() + rules.PAY_WITHIN + dt.timedelta(minutes=1))
    assert step_of(order) == ("over", "not_paid")
    assert points_of(shop, alice) == (1000, 0)
    assert cashier == []


def test_an_order_that_is_called_off_gives_back_points_and_money(
    shop: Shop, gateway: Gateway, alice: uuid.UUID
) -> None:
    order = begun(gateway, alice, points=600).order
    assert pay(order)
    off = event("order.cancel", {"order": str(order), "because": "by_staff"}, source="/console", at=AT)
    accepted(gateway.post([off], touchpoint="console"))
    cashier = Cashier()
    for _ in range(3):
        cashier.look(now=timezone.now())
    assert cashier == [(order, 1900)]
    assert points_of(shop, alice) == (1000, 0)


def test_money_that_comes_too_late_gives_back_the_points_that_were_spent(
    shop: Shop, gateway: Gateway, alice: uuid.UUID
) -> None:
    """The coupons' hold is gone, the points' is not: nothing is sold, and both go back."""
    order = begun(gateway, alice, points=600).order
    accepted(gateway.post([event("coupon.release", {"reservation": str(order)}, source="/vault", at=AT)],
                          touchpoint="vault"))  # fmt: skip
    assert pay(order)
    assert step_of(order) == ("over", "too_late")
    cashier = Cashier()
    cashier.look(now=timezone.now())
    assert cashier == [(order, 1900)]
    assert points_of(shop, alice) == (1000, 0)
    assert shop.value("select count(*) from sales_sale where receipt = %s", number_of(order)) == 0


def test_what_cannot_be_spent_is_refused_and_holds_nothing(shop: Shop, gateway: Gateway, alice: uuid.UUID) -> None:
    with shop.unchanged("checkout_checkout"), pytest.raises(FieldInvalid):
        begun(gateway, alice, points=2501)
    with pytest.raises(PointsNotHeld):
        begun(gateway, alice, points=1001)
    assert points_of(shop, alice) == (1000, 0)
    assert shop.value("select coalesce(sum(held), 0) from stock_article") == 0
    assert shop.value("select count(*) from orders_order") == 0
