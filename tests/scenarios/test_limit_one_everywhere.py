"""``limit-one-everywhere``: a limit of one was passed by twenty who paid at once.

https://github.com/django-oscar/django-oscar/issues/4580, https://github.com/vendurehq/vendure/issues/4353,
https://github.com/medusajs/medusa/issues/13760, https://github.com/saleor/saleor/issues/544,
https://github.com/shopware/shopware/issues/11245, https://github.com/diefenbach/django-lfs/issues/202.

Twenty prepare what they buy and see the discount; one barrier lets them go. Ten confirm the checkout's form over HTTP,
in two processes with pages; ten are tills or the web shop, at two gateways. One has it. A checkout names why the others
have it not, and charges nothing; a till that shows a code is refused by name; a till that shows none has the basket's
full price, which is no refusal. A naive limit, under the same barrier, lets more than one through.

``COMPTOIR_TEST_ROUNDS`` repeats it: a few times by default, a hundred for whoever has the time.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from support import casting, invariants, promoting
from support import shop as shops
from support.casting import NOON
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.vault.checkout import rules
from support.buying import (
    STORE,
    Buyer,
    Cashier,
    House,
    at_once,
    basket_with,
    counted,
    follow,
    listed,
    opened,
    pay,
    step_of,
    two_of_each,
)
from support.pages import customer_of, event

ROUNDS: Final = int(os.environ.get("COMPTOIR_TEST_ROUNDS", "2"))
BUYERS, OTHERS = 10, 10
PRICE: Final = 1000

Standing = tuple[Shop, House]
DISCOUNTED: Final = (
    "select count(*) from sales_sale s join events_event e on e.position = s.position,"
    " json_array_elements(e.data->'lines') as line"
    " where line->>'product' = %s and (line->>'discount')::bigint > 0"
)


@pytest.fixture(scope="module")
def standing(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """One shop for all limits, each round with goods and promotions of its own."""
    with shops.copied_from(shops.TEMPLATE) as shop, two_of_each(tmp_path_factory.mktemp("limits")) as house:
        house.tell(opened(), touchpoint="webshop")
        yield shop, house
        with shop.connect() as connection:
            invariants.check(connection)


def goods(name: str) -> list[dict[str, Any]]:
    return [promoting.goods(PRICE, product=f"{name}-1")]


def ready(house: House, name: str, *, codes: tuple[str, ...] = (), shows: str = "") -> list[Buyer]:
    """Have as many strangers at the checkout as buy there, all of whom see the same page."""
    baskets = [basket_with(name, codes=codes) for _ in range(BUYERS)]
    house.tell(*[filling for _, filling in baskets], touchpoint="storefront")
    buyers = house.buyers(*[basket for basket, _ in baskets])
    for each in buyers:
        assert shows in each.come(), each.said
    return buyers


def sold_at_a_till(house: House, name: str, *, discount: int, receipt: str) -> None:
    line = {"product": f"{name}-1", "quantity": 1, "amount": PRICE - discount, "discount": discount}
    sale = {"receipt": receipt, "store": STORE, "currency": "USD", "total": PRICE - discount, "lines": [line]}
    house.tell(event("sale.closed", sale, source=casting.TILL, at=NOON), touchpoint="till")


def settle(house: House, name: str, buyers: list[Buyer], told: list[str], *, discount: int) -> None:
    """Let the one who has it pay, and look at everybody else: nothing is held, and nothing is to be paid."""
    placed = [buyer for buyer, word in zip(buyers, told, strict=False) if word == "placed"]
    if placed:
        assert pay(placed[0].order)
        assert step_of(placed[0].order)[0] == "settled"
    else:
        sold_at_a_till(house, name, discount=discount, receipt=f"{name}-till")
    cashier = Cashier()
    for _ in range(2):
        cashier.look(now=timezone.now() + 2 * rules.LOOK_AGAIN)
    assert cashier == [], "nobody's money came"


def one_has_it(told: list[str]) -> tuple[list[str], list[str]]:
    """Return what the others were told: those at the checkout, and those elsewhere."""
    here, there = told[:BUYERS], told[BUYERS:]
    assert sum(word in {"placed", "accepted"} for word in told) == 1, told
    return [word for word in here if word != "placed"], [word for word in there if word != "accepted"]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_an_automatic_promotion_that_is_given_once(standing: Standing, round_: int) -> None:
    limited(standing, f"once{round_}", {"redemptions_max": 1})


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_budget_of_money_that_suffices_for_one(standing: Standing, round_: int) -> None:
    limited(standing, f"money{round_}", {"discount_max": 399})


def limited(standing: Standing, name: str, budget: dict[str, int]) -> None:
    shop, house = standing
    promotion = promoting.new()
    house.tell(listed(name, price=PRICE), touchpoint="webshop")
    house.tell(
        promoting.published(
            promotion, benefit={"kind": "Amount", "amount": 200}, items={"products": [f"{name}-1"]}, budget=budget
        ),
        touchpoint="console",
    )
    buyers = ready(house, name, shows="$8.00")
    tills = [house.asks(promoting.taken(basket=goods(name)), touchpoint="till") for _ in range(OTHERS)]
    told = at_once([*[buyer.place for buyer in buyers], *tills])
    here, there = one_has_it(told)
    assert set(here) <= {"price_changed"}
    assert set(there) <= {"full_price"}
    settle(house, name, buyers, told, discount=200)
    given = shop.rows("select redemptions, discount from offers_promotion where id = %s", promotion)
    assert given == [{"redemptions": 1, "discount": 200}]
    is_one_sale(shop, name, promotion)
    house.tell(promoting.ended(promotion), touchpoint="console")


def is_one_sale(shop: Shop, name: str, promotion: str) -> None:
    rows = shop.rows("select status, count(*) from offers_redemption where promotion = %s group by 1", promotion)
    assert {row["status"]: row["count"] for row in rows}.get("redeemed") == 1
    assert shop.value("select count(*) from offers_redemption where promotion = %s and status = 'held'", promotion) == 0
    assert shop.value(DISCOUNTED, f"{name}-1") == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_coupon_that_is_good_once(standing: Standing, round_: int) -> None:
    shop, house = standing
    name, promotion = f"coupon{round_}", promoting.new()
    card = {"kind": "card", "value": f"coupon-{round_}"}
    house.tell(listed(name, price=PRICE), touchpoint="webshop")
    house.tell(casting.sale(f"before-{name}", 100, of=card), touchpoint="till")
    house.tell(
        promoting.published(promotion, codes="each", benefit={"kind": "Amount", "amount": 200}), touchpoint="console"
    )
    code = promoting.code_for(shop, promotion, str(customer_of(house.gateways[0], card["value"])))
    buyers = ready(house, name, codes=(code,), shows="$8.00")
    tills = [house.asks(promoting.taken(code, basket=goods(name)), touchpoint="till") for _ in range(OTHERS)]
    told = at_once([*[buyer.place for buyer in buyers], *tills])
    here, there = one_has_it(told)
    assert set(here) <= {"price_changed"}
    assert set(there) <= {"coupon_unusable"}
    settle(house, name, buyers, told, discount=200)
    is_one_sale(shop, name, promotion)


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_the_last_piece_in_stock(standing: Standing, round_: int) -> None:
    """The web shop holds it for its own buyers. A till that has it in hand always wins, and is no part of this."""
    shop, house = standing
    name = f"last{round_}"
    house.tell(listed(name, price=PRICE), touchpoint="webshop")
    house.tell(counted(name, 1), touchpoint="console")
    buyers = ready(house, name, shows="$10.00")
    holds = [str(uuid.uuid4()) for _ in range(OTHERS)]
    lines = [{"store": STORE, "sku": f"{name}-1", "quantity": 1}]
    asks = [
        house.asks(
            event("stock.hold", {"hold": hold, "lines": lines, "expires_in": 600}, source="/webshop"),
            touchpoint="webshop",
        )
        for hold in holds
    ]
    told = at_once([*[buyer.place for buyer in buyers], *asks])
    here, there = one_has_it(told)
    assert set(here) <= {"not_held"}
    assert set(there) <= {"out_of_stock"}
    article = "select held from stock_article where sku = %s"
    assert shop.value(article, f"{name}-1") == 1
    if "placed" in told:
        assert pay(buyers[told.index("placed")].order)
    else:
        line = {"product": f"{name}-1", "quantity": 1, "amount": PRICE}
        hold = holds[told.index("accepted") - BUYERS]
        sale = {"receipt": name, "store": STORE, "currency": "USD", "total": PRICE, "lines": [line], "hold": hold}
        house.tell(event("sale.closed", sale, source="/webshop"), touchpoint="webshop")
    Cashier().look(now=timezone.now() + 2 * rules.LOOK_AGAIN)
    follow(shop)
    left = "select counted + moved as quantity, held from stock_article where sku = %s"
    assert shop.rows(left, f"{name}-1") == [{"quantity": 0, "held": 0}]
    sold = "select count(*) from sales_sale s join events_event e on e.position = s.position where e.data::text like %s"
    assert shop.value(sold, f"%{name}-1%") == 1


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_points_that_suffice_once(standing: Standing, round_: int) -> None:
    """At tills with a code, and in a web shop that has signed its customer in."""
    shop, house = standing
    card = {"kind": "card", "value": f"points-{round_}"}
    house.tell(casting.sale(f"points-{round_}", 10_000, of=card), touchpoint="till")
    customer = customer_of(house.gateways[0], card["value"])
    had = shop.value("select available from loyalty_account where customer = %s", customer)
    assert had > 0
    asks = [
        *[house.asks(casting.reserve(had, f"{round_}/{number}", of=card, source=casting.WEBSHOP), touchpoint="webshop")
          for number in range(BUYERS)],
        *[house.asks(casting.redeem(had, of=card), touchpoint="till") for _ in range(OTHERS)],
    ]  # fmt: skip
    told = at_once(asks)
    assert sorted(told) == ["accepted", *["insufficient_points"] * (BUYERS + OTHERS - 1)]
    left = shop.rows("select available, held, owed from loyalty_account where customer = %s", customer)
    is_held = told.index("accepted") < BUYERS
    assert left == [{"available": 0, "held": had if is_held else 0, "owed": 0}]


def test_a_naive_limit_fails_under_the_same_barrier(shop: Shop) -> None:
    """Read, check, write, as everybody does it first. If this one passed, what is above would prove nothing."""
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner, contextlib.ExitStack() as stack:
        owner.execute("create table naive_limit (given int); create table naive_redemption (id int)")
        connections = [
            stack.enter_context(psycopg.connect(database.owner_conninfo(), autocommit=True))
            for _ in range(BUYERS + OTHERS)
        ]

        def asks(connection: psycopg.Connection) -> Callable[[], str]:
            def ask() -> str:
                row = connection.execute("select given from naive_limit").fetchone()
                assert row is not None
                if row[0] >= 1:
                    return "refused"
                connection.execute("update naive_limit set given = %s", (row[0] + 1,))
                connection.execute("insert into naive_redemption values (1)")
                return "accepted"

            return ask

        for _ in range(10):
            owner.execute("truncate naive_limit, naive_redemption; insert into naive_limit values (0)")
            told = at_once([asks(each) for each in connections])
            row = owner.execute("select count(*), max(given) from naive_redemption, naive_limit").fetchone()
            assert row is not None
            if row[0] > 1:
                assert told.count("accepted") == row[0]
                assert row[1] < row[0], "its own counter does not even tell"
                return
    pytest.fail("the naive limit held ten times: this is no race")
