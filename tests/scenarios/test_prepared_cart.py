"""``prepared-cart``: the limit was checked when the cart was priced, and both of two prepared carts paid half.

Vendure 3.7.3, measured; https://github.com/vendurehq/vendure/issues/4353. Two see the discount, one pays. The other is
told the new sum and why, has nothing held and nothing charged, and pays it only after confirming it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import promoting
from support.gateway import Gateway
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from support.buying import Buyer, basket_with, listed, opened, pay, speaking
from support.pages import accepted

CODE = "SPRING"
MONEY = ("checkout_checkout", "orders_order", "offers_redemption", "offers_promotion", "stock_hold", "payments_session")


@pytest.fixture
def selling(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    accepted(gateway.post([opened(), listed("tea", price=1000)], touchpoint="webshop"))
    with speaking(gateway):
        yield gateway


def at_the_checkout(gateway: Gateway, *, codes: tuple[str, ...] = ()) -> Buyer:
    basket, filling = basket_with("tea", codes=codes)
    accepted(gateway.post([filling], touchpoint="storefront"))
    buyer = Buyer(Client(), basket)
    buyer.come()
    return buyer


@pytest.mark.parametrize("said", [{"codes": "none"}, {"codes": "shared", "code": CODE}], ids=["automatic", "code"])
def test_the_second_of_two_prepared_carts_is_told_before_it_pays(
    shop: Shop, selling: Gateway, said: dict[str, Any]
) -> None:
    promotion = promoting.new()
    published = promoting.published(
        promotion, benefit={"kind": "Amount", "amount": 200}, budget={"redemptions_max": 1}, **said
    )
    accepted(selling.post([published], touchpoint="console"))
    codes = (CODE,) if "code" in said else ()
    first, second = at_the_checkout(selling, codes=codes), at_the_checkout(selling, codes=codes)
    assert "$8.00" in first.said
    assert "$8.00" in second.said
    assert first.place() == "placed"
    assert pay(first.order)
    with shop.unchanged(*MONEY):
        assert second.place() == "price_changed"
    for words in ("Coffee week: used up, or over.", "Tea: $8.00 before, $10.00 now.", "Order and pay $10.00"):
        assert words in second.said
    assert second.place() == "placed"
    totals = {row["id"]: row["total"] for row in shop.rows("select id, total from orders_order")}
    assert totals == {first.order: 800, second.order: 1000}
    assert pay(second.order)
    given = shop.rows("select status from offers_redemption where promotion is not null")
    assert given == [{"status": "redeemed"}]
    assert shop.rows("select redemptions, discount from offers_promotion") == [{"redemptions": 1, "discount": 200}]


def test_what_a_page_claims_to_have_shown_decides_nothing(shop: Shop, selling: Gateway) -> None:
    """Words follow from it, of the shop's own: nobody's text is repeated, and nobody's price is charged."""
    buyer = at_the_checkout(selling)
    for claimed in ("", "x", "[]", '{"total":1,"lines":{"tea-1":1},"off":["<script>"]}', '{"total":1}'):
        buyer.form |= {"digest": "0" * 32, "seen": claimed}
        with shop.unchanged(*MONEY):
            assert buyer.place() == "price_changed"
        assert "<script>" not in buyer.said
        assert " before, " not in buyer.said
    buyer.form |= {"digest": "0" * 32, "seen": '{"total":1,"lines":{"tea-1":1,"<b>":2},"off":[]}'}
    with shop.unchanged(*MONEY):
        assert buyer.place() == "price_changed"
    assert "Order and pay $10.00" in buyer.said
