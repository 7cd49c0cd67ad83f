"""``hold-forever``: a cart that was left in the payment kept its coupon without end, and the next buyer was refused.

Vendure 3.7.3, measured. The checkout is abandoned at every step, or its process dies there; the time passes, and by
nobody's action the coupon and the goods are free, and the next one has them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import casting, promoting
from support.gateway import Gateway
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules, telling
from comptoir.vault.checkout.paying import MONEY
from comptoir.vault.payments import commands as payments
from comptoir.vault.payments import jobs
from support.buying import Buyer, basket_with, counted, listed, opened, pay, speaking, step_of
from support.pages import accepted, customer_of
from support.paying import Simulator, simulator

COUPON = "select status from offers_redemption where promotion is not null and status in ('held', 'redeemed')"
HELD = "select coalesce(sum(held), 0) from stock_article"


class Killed(BaseException):
    """The process is gone: nobody catches it."""


@pytest.fixture
def provider(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Simulator]:
    accepted(gateway.post([opened(), listed("cup", price=1000)], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 1)], touchpoint="console"))
    with speaking(gateway), simulator(tmp_path) as running:
        running.moods(reports="never")
        yield running


def coupon(shop: Shop, gateway: Gateway) -> str:
    """Somebody has a coupon that is good once."""
    promotion = promoting.new()
    card = {"kind": "card", "value": "9001"}
    accepted(gateway.post([casting.sale("before", 100, of=card)]))
    published = promoting.published(promotion, codes="each", benefit={"kind": "Amount", "amount": 200})
    accepted(gateway.post([published], touchpoint="console"))
    return promoting.code_for(shop, promotion, str(customer_of(gateway, "9001")))


def at_the_checkout(gateway: Gateway, code: str) -> Buyer:
    basket, filling = basket_with("cup", codes=(code,))
    accepted(gateway.post([filling], touchpoint="storefront"))
    buyer = Buyer(Client(), basket)
    buyer.come()
    return buyer


def dies_after(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    does = getattr(module, name)

    def done(*given: Any, **more: Any) -> Any:
        does(*given, **more)
        raise Killed

    monkeypatch.setattr(module, name, done)


@pytest.mark.parametrize(
    "where", [(telling, "hold"), (telling, "place"), (payments, "begin"), None],
    ids=["between hold and order", "between order and session", "between session and redirect", "at the provider"],
)  # fmt: skip
def test_what_an_abandoned_checkout_holds_is_free_again(
    shop: Shop, gateway: Gateway, provider: Simulator, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str] | None
) -> None:
    code = coupon(shop, gateway)
    first, second = at_the_checkout(gateway, code), at_the_checkout(gateway, code)
    assert "$8.00" in second.said
    with monkeypatch.context() as patch:
        if where is None:
            assert first.place() == "placed"
        else:
            dies_after(patch, *where)
            with pytest.raises(Killed):
                first.place()
    assert (shop.value(COUPON), shop.value(HELD)) == ("held", 1)
    assert second.place() == "price_changed", "what somebody else holds is refused by name"
    assert "$10.00" in second.said
    until = shop.value("select max(expires_at) from offers_redemption")
    assert until - timezone.now() <= rules.PAY_WITHIN + rules.HOLD_BEYOND, "the row says until when it is held"
    now = timezone.now() + rules.PAY_WITHIN + dt.timedelta(minutes=1)
    for _ in range(4):
        with entered(VAULT):
            commands.look_at_due(money=MONEY, now=now)
        jobs.tend(now=now)
        now += 2 * rules.LOOK_AGAIN
    assert step_of(first.order)[0] == "over"
    assert (shop.value(COUPON), shop.value(HELD)) == (None, 0)
    assert provider.money(first.order) == 0
    third = at_the_checkout(gateway, code)
    assert "$8.00" in third.said
    assert third.place() == "placed"
    assert pay(third.order)
    assert shop.value(COUPON) == "redeemed"
    with shop.unchanged("orders_order", "offers_redemption", "sales_sale"), entered(VAULT):
        assert commands.advance(first.order, now=now).step == "over"
