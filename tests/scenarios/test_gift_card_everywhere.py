"""``card-twice``, with money: one gift card in two checkouts, and its balance is below zero.

https://github.com/medusajs/medusa/pull/16347, https://github.com/Azuriom/Plugin-Shop/issues/285,
https://github.com/spree/spree/pull/13734, https://github.com/Setono/SyliusGiftCardPlugin/issues/297.

One barrier lets twenty go: tills that spend, a web shop that holds, at two gateways; then ten who have seen at the
checkout what the card pays, in two processes with pages, and ten tills. Exactly what is on the card is taken, the
others are told what is left, and the database refuses the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms.commands import set_up_django
from support import shop as shops
from support.carding import digest, held, issued, new_code, redeemed
from support.casting import OTHER_TILL, TILL, WEBSHOP
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.vault.checkout import rules
from support.buying import Cashier, House, at_once, basket_with, counted, listed, opened, pay, step_of, two_of_each
from support.payers import Payer
from support.wire import Wire

ROUNDS: Final = int(os.environ.get("COMPTOIR_TEST_ROUNDS", "2"))
TOLD: Final = "gift_card_insufficient"
Standing = tuple[Shop, House]


@pytest.fixture(scope="module")
def standing(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with shops.copied_from(shops.TEMPLATE) as shop, two_of_each(tmp_path_factory.mktemp("cards")) as house:
        house.tell(opened(), touchpoint="webshop")
        yield shop, house
        statements = load_statements("comptoir.config", "checking.sql")
        for name in [each for each in statements if each.startswith("gift_cards")]:
            assert shop.value(statements[name]) == 0, name


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize(("amount", "share"), [(1000, 1000), (1000, 300), (999, 333)])
def test_exactly_what_is_on_a_card_is_taken(standing: Standing, round_: int, amount: int, share: int) -> None:
    shop, house = standing
    code = new_code()
    house.tell(issued(code, amount), touchpoint="till")
    tills = [
        house.asks(redeemed(code, share, source=TILL if number % 2 else OTHER_TILL), touchpoint="till")
        for number in range(10)
    ]
    holds = [
        house.asks(held(code, share, f"{code}/{number}", source=WEBSHOP), touchpoint="webshop") for number in range(10)
    ]
    told = at_once([*tills, *holds])
    count = amount // share
    assert sorted(told) == sorted(["accepted"] * count + [TOLD] * (20 - count))
    was_held = told[10:].count("accepted")
    rows = shop.rows("select available, held from giftcards_card where id = %s", digest(code))
    assert rows == [{"available": amount - count * share, "held": was_held * share}]


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("amount", [1000, 2500])
def test_one_card_in_ten_checkouts_and_at_ten_tills(standing: Standing, round_: int, amount: int) -> None:
    """An order costs $10.00, and a till takes as much: so many have it as the card can pay for."""
    shop, house = standing
    name, code = f"cup{round_}x{amount}", new_code()
    house.tell(listed(name, price=1000), touchpoint="webshop")
    house.tell(counted(name, 20), touchpoint="console")
    house.tell(issued(code, amount), touchpoint="till")
    baskets = [basket_with(name) for _ in range(10)]
    house.tell(*[filling for _, filling in baskets], touchpoint="storefront")
    payers = []
    for number, (basket, _) in enumerate(baskets):
        port = house.pages[number % len(house.pages)].port
        payer = Payer(house.wires.enter_context(Wire(port)), basket, port=port)
        payer.come()
        assert "The gift card pays $10.00." in payer.shows(code)
        payers.append(payer)
    tills = [house.asks(redeemed(code, 1000), touchpoint="till") for _ in range(10)]
    told = at_once([*[payer.place for payer in payers], *tills])
    count = amount // 1000
    here, there = told[:10], told[10:]
    assert here.count("placed") + there.count("accepted") == count, told
    # Who comes last finds less on the card than was shown: that is shown, or refused, and nothing is charged.
    assert set(here) <= {"placed", "shown", "card_not_held"}, told
    assert set(there) <= {"accepted", TOLD}, told
    placed = [payer for payer, word in zip(payers, here, strict=True) if word == "placed"]
    assert all(step_of(each.order) == ("settled", "") for each in placed), "it is paid with the card as a whole"
    assert not any(pay(each.order) for each in placed)
    cashier = Cashier()
    for _ in range(2):
        cashier.look(now=timezone.now() + 2 * rules.LOOK_AGAIN)
    assert cashier == [], "nobody's money came, and none goes back"
    rows = shop.rows("select available, held from giftcards_card where id = %s", digest(code))
    assert rows == [{"available": amount - count * 1000, "held": 0}]
    sold = "select count(*) from orders_order where state = 'paid' and lines::text like %s"
    assert shop.value(sold, f"%{name}-1%") == len(placed)
