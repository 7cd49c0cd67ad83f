"""``paid-at-the-last-second``: the customer pays in the very second in which the time to pay is over.

It follows from paying on another site's page: a clock of the shop's alone may not let go of what somebody is paying
for. The provider is asked to end the payment first, and its word decides. Reported before, at and after the end, once
and twice: one sale and one redemption, or all money back and everything free again; no limit is passed, and no money is
kept without a sale.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from comptoir.counter.assembly import handlers_for
from comptoir.counter.offers.jobs import release_overdue
from comptoir.foundation.rooms.commands import set_up_django
from support import casting, promoting
from support.gateway import Gateway
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import jobs, queries
from support.buying import Buyer, basket_with, counted, listed, opened, speaking, step_of
from support.pages import accepted
from support.paying import Simulator, hear, reference_of, simulator

SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def provider(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Simulator]:
    """A shop that has two cups and takes something off once, and a provider that reports nothing by itself."""
    accepted(gateway.post([opened(), listed("cup", price=1000)], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 2)], touchpoint="console"))
    once = promoting.published(
        promoting.new(), benefit={"kind": "Amount", "amount": 200}, budget={"redemptions_max": 1}
    )
    accepted(gateway.post([once], touchpoint="console"))
    with speaking(gateway), simulator(tmp_path) as running:
        running.moods(reports="never")
        yield running


def at_the_provider(gateway: Gateway) -> Buyer:
    """Somebody has confirmed, and is on the provider's page."""
    basket, filling = basket_with("cup")
    accepted(gateway.post([filling], touchpoint="storefront"))
    buyer = Buyer(Client(), basket)
    buyer.come()
    assert buyer.place() == "placed"
    return buyer


def row_of(buyer: Buyer) -> Checkout:
    with entered(VAULT):
        return Checkout.objects.get(order=buyer.order)


def look(*, now: dt.datetime, times: int = 1) -> None:
    """Let the clock go by, at the checkout and at the payments."""
    for _ in range(times):
        with entered(VAULT):
            commands.look_at_due(money=MONEY, now=now)
        jobs.tend(now=now)


def is_bought(shop: Shop, provider: Simulator, buyer: Buyer, *, total: int = 800) -> None:
    assert step_of(buyer.order) == ("settled", "")
    assert provider.money(buyer.order) == queries.state_of(buyer.order).kept == total
    assert shop.value("select count(*) from sales_sale") == 1
    assert shop.rows("select redemptions, discount from offers_promotion") == [{"redemptions": 1, "discount": 200}]
    assert shop.value("select count(*) from offers_redemption where status = 'redeemed' and promotion is not null") == 1
    assert shop.value("select state from orders_order where id = %s", buyer.order) == "paid"


def is_undone(shop: Shop, provider: Simulator, buyer: Buyer, why: str) -> None:
    assert step_of(buyer.order) == ("over", why)
    assert provider.money(buyer.order) == queries.state_of(buyer.order).kept == 0
    assert shop.value("select state from orders_order where id = %s", buyer.order) == "cancelled"
    held = "select count(*) from offers_redemption where status in ('held', 'redeemed') and name = %s"
    assert shop.value(held, str(buyer.order)) == 0


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("after", [-SECOND, 0 * SECOND], ids=["1 s before", "at"])
def test_reported_in_time_it_is_bought(
    shop: Shop, gateway: Gateway, provider: Simulator, after: dt.timedelta, times: int
) -> None:
    buyer = at_the_provider(gateway)
    ends = row_of(buyer).expires_at
    reference = reference_of(shop, buyer.order)
    provider.pay(reference)
    (report,) = provider.reports(reference, "paid")
    for _ in range(times):
        hear(report, now=ends + after)
    look(now=ends + after, times=2)
    is_bought(shop, provider, buyer)


@pytest.mark.parametrize("times", [1, 2])
def test_reported_an_hour_late_it_was_bought_when_the_provider_was_asked(
    shop: Shop, gateway: Gateway, provider: Simulator, times: int
) -> None:
    buyer = at_the_provider(gateway)
    ends = row_of(buyer).expires_at
    reference = reference_of(shop, buyer.order)
    provider.pay(reference)
    look(now=ends + rules.LOOK_AGAIN, times=2)
    is_bought(shop, provider, buyer)
    (report,) = provider.reports(reference, "paid")
    for _ in range(times):
        hear(report, now=ends + HOUR)
    look(now=ends + HOUR, times=2)
    is_bought(shop, provider, buyer)


def test_what_was_ended_at_the_provider_is_free_and_the_next_one_has_it(
    shop: Shop, gateway: Gateway, provider: Simulator
) -> None:
    first = at_the_provider(gateway)
    ends = row_of(first).expires_at
    look(now=ends - SECOND)
    assert step_of(first.order) == ("placed", ""), "somebody may still be paying"
    look(now=ends + rules.LOOK_AGAIN, times=2)
    look(now=ends + 2 * rules.LOOK_AGAIN)
    is_undone(shop, provider, first, "not_paid")
    assert [each["state"] for each in provider.sessions(first.order)] == ["expired"]
    second = at_the_provider(gateway)
    assert "Order and pay $8.00" in second.said
    provider.pay(reference_of(shop, second.order))
    look(now=row_of(second).expires_at + rules.LOOK_AGAIN, times=2)
    is_bought(shop, provider, second)


@pytest.mark.parametrize("times", [1, 2])
def test_money_that_comes_when_somebody_else_has_it_goes_back_whole(
    shop: Shop, gateway: Gateway, provider: Simulator, times: int
) -> None:
    """The provider is away for so long that even the hold runs out, and the first one has paid all the same."""
    first = at_the_provider(gateway)
    ends = row_of(first).expires_at
    reference = reference_of(shop, first.order)
    provider.pay(reference)
    provider.moods(reports="never", calls="error", on=["look", "close"])
    look(now=ends + rules.LOOK_AGAIN, times=2)
    assert step_of(first.order) == ("placed", ""), "no answer is no no"
    assert queries.state_of(first.order).standing == "closing"
    free_overdue(shop, now=ends + HOUR)
    provider.moods(reports="never")
    second = at_the_provider(gateway)
    assert "Order and pay $8.00" in second.said
    provider.pay(reference_of(shop, second.order))
    (its,) = provider.reports(reference_of(shop, second.order), "paid")
    hear(its, now=timezone.now())
    (report,) = provider.reports(reference, "paid")
    for _ in range(times):
        hear(report, now=ends + 2 * HOUR)
    look(now=ends + 2 * HOUR, times=3)
    is_undone(shop, provider, first, "too_late")
    is_bought(shop, provider, second)


def free_overdue(shop: Shop, *, now: dt.datetime) -> None:
    """Let the house's clock free what is held for too long."""
    with shop.connect() as connection:
        handlers = handlers_for(casting.versions(casting.PROGRAMME))
        assert release_overdue(connection, now=now, handlers=handlers) == 1
