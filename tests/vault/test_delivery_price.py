"""Delivery that costs something: shown before anybody orders, in the order, on the receipt, and back with the rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, event, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import receipts
from comptoir.vault.checkout.models import Checkout
from support.buying import AT, STORE, Buyer, Cashier, basket_with, listed, opened, pay, speaking, step_of

ADDRESS = {"by": "delivery", "line1": "12 rue des Lilas", "city": "Lyon", "postcode": "69003", "country": "FR"}
PRICES = """
[[prices]]
countries = ["FR"]
currency = "USD"
amount = 490
free_from = 3000

[[prices]]
countries = ["DE", "JP"]
currency = "USD"
amount = 1490
on_withdrawal = "kept"
"""

BESIDE = """
[[prices]]
countries = ["US"]
currency = "USD"
amount = 500
includes_tax = false
"""


@pytest.fixture
def selling(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Gateway]:
    """The shop is in France, sells tea and cups, and takes something for delivery to three countries."""
    goods = [listed("tea", price=1250, tax="reduced"), listed("cup", price=2000), opened()]
    accepted(gateway.post(goods, touchpoint="webshop"))
    (tmp_path / "delivery.toml").write_text(PRICES)
    (tmp_path / "taxes.toml").write_text('country = "FR"\n')
    with speaking(gateway), environment(
        COMPTOIR_SHIPS_FROM=STORE, COMPTOIR_COUNTRY="FR", COMPTOIR_DELIVERY=str(tmp_path / "delivery.toml"),
        COMPTOIR_TAXES=str(tmp_path / "taxes.toml"),
    ):  # fmt: skip
        yield gateway


def buyer(gateway: Gateway, *products: str) -> Buyer:
    basket, filled = basket_with(*products)
    accepted(gateway.post([filled], touchpoint="storefront"))
    one = Buyer(Client(), basket)
    one.come()
    return one


def back(order: str, *lines: tuple[int, int], source: str = "/console") -> dict[str, object]:
    """Staff take goods of an order back: (line, amount)."""
    data = {
        "receipt": f"back-{lines}", "sale": {"receipt": order, "source": house.vault_source()}, "currency": "USD",
        "total": sum(amount for _, amount in lines), "reason": "unwanted", "goods": "aside", "refund": "as_paid",
        "lines": [{"line": line, "quantity": 1, "amount": amount} for line, amount in lines],
    }  # fmt: skip
    return event("sale.returned", data, source=source, at=timezone.now())


def test_it_is_shown_charged_told_and_given_back_with_the_last_piece(shop: Shop, selling: Gateway) -> None:
    one = buyer(selling, "tea", "cup")
    free = buyer(selling, "tea", "cup", "cup")
    assert "Delivery France free" in free.said
    assert "free from $30.00 on" in free.said
    assert "Order and pay $37.40" not in one.said, "it is free from 30 dollars on"
    assert "Order and pay $32.50" in one.said
    cheap = buyer(selling, "tea")
    assert "Delivery France $4.90" in cheap.said
    assert "Order and pay $17.40" in cheap.said
    assert "Order and pay $12.50" in cheap.said, "picked up, it costs nothing"
    assert cheap.place(**ADDRESS) == "placed"
    row = shop.rows("select total, delivery, lines from orders_order where id = %s", cheap.order)[0]
    # Tea is under 5.5 %, and so is what is brought with it: (1250 + 490) * 5.5 / 105.5 is 91 cents.
    assert (row["total"], row["delivery"]) == (1740, {"amount": 490, "tax": 26})
    assert row["lines"][0]["tax"] == 65
    assert pay(cheap.order)
    assert shop.value("select data->'total' from events_event where type = 'sale.closed'") == 1250, (
        "a sale is what the goods cost"
    )
    with entered(VAULT):
        _, text = receipts.composed(Checkout.objects.get(order=cheap.order), key="")
    assert "Delivery: $4.90" in text
    assert "Total: $17.40" in text
    assert "of which 5.5 % tax: $0.91 on $16.49" in text
    number = number_of(cheap.order)
    accepted(selling.post([event("order.hand_over", {"order": str(cheap.order)}, source="/console", at=AT)],
                          touchpoint="console"))  # fmt: skip
    accepted(selling.post([back(number, (1, 1250))], touchpoint="console"))
    till = Cashier()
    till.look(now=timezone.now())
    assert till == [(cheap.order, 1740)]
    statement = database.load_statements("comptoir.config", "checking.sql")["orders_match_their_money"]
    assert shop.value(statement.replace("o.receipt is not null", "false")) == 0
    shop.rows("update orders_order set delivery = jsonb_build_object('amount', 489) returning id")
    assert shop.value(statement.replace("o.receipt is not null", "false")) == 1


def test_a_part_gives_back_none_of_it_and_kept_is_kept(shop: Shop, selling: Gateway) -> None:
    one = buyer(selling, "tea", "cup")
    assert one.place(**ADDRESS | {"country": "JP"}) == "price_changed"
    assert "Delivery Japan $14.90" in one.said
    assert shop.value("select count(*) from checkout_checkout") == 0
    assert one.place(**ADDRESS | {"country": "JP"}) == "placed"
    assert shop.value("select total from orders_order") == 3250 + 1490
    assert pay(one.order)
    number = number_of(one.order)
    accepted(selling.post([event("order.hand_over", {"order": str(one.order)}, source="/console", at=AT)],
                          touchpoint="console"))  # fmt: skip
    till = Cashier()
    accepted(selling.post([back(number, (1, 1250))], touchpoint="console"))
    till.look(now=timezone.now())
    accepted(selling.post([back(number, (2, 2000))], touchpoint="console"))
    till.look(now=timezone.now())
    assert till == [(one.order, 1250), (one.order, 2000)]


def test_where_nothing_is_brought_and_at_a_pickup_nothing_is_charged(shop: Shop, selling: Gateway) -> None:
    one = buyer(selling, "tea")
    assert one.place(**ADDRESS | {"country": "BR"}).startswith("422 ")
    assert "We bring nothing to this country." in one.said
    with shop.unchanged():
        # Whoever takes the pick-up's sum for a delivery's, or makes one up, is shown the right one.
        assert one.place(**ADDRESS | {"digest_delivery": one.form["digest"]}) == "price_changed"
        assert one.place(**ADDRESS | {"digest_delivery": "", "total": "1"}) == "price_changed"
    assert one.place() == "placed"
    assert shop.rows("select total, delivery from orders_order") == [{"total": 1250, "delivery": None}]


def test_called_off_gives_all_of_it_back_and_the_doctor_says_nothing(shop: Shop, selling: Gateway) -> None:
    one = buyer(selling, "tea")
    assert one.place(**ADDRESS) == "placed"
    assert pay(one.order)
    accepted(selling.post([event("order.cancel", {"order": str(one.order), "because": "by_staff"}, source="/console",
                                 at=AT)], touchpoint="console"))  # fmt: skip
    till = Cashier()
    till.look(now=timezone.now() + dt.timedelta(minutes=1))
    assert till == [(one.order, 1740)]
    assert step_of(one.order) == ("over", "cancelled")


def test_tax_that_comes_on_top_is_said_where_the_lines_are_added_up(
    shop: Shop, selling: Gateway, tmp_path: Path
) -> None:
    us = 'country = "US"\nstate = "XX"\n\n[states.XX]\nstandard = "5.75"\nreduced = "0"\n'
    (tmp_path / "taxes.toml").write_text(us)
    (tmp_path / "delivery.toml").write_text(BESIDE)
    price = {"currency": "USD", "amount": 2000, "includes_tax": False}
    accepted(selling.post([listed("bowl", price=0, variants=[{"sku": "bowl-1", "prices": [price]}])],
                          touchpoint="webshop"))  # fmt: skip
    basket, filled = basket_with("bowl")
    accepted(selling.post([filled], touchpoint="storefront"))
    wire = Client(headers={"host": f"{host_of(VAULT)}:8000", "accept-language": "en"})
    one = Buyer(wire, basket)
    ways = {"country": "US", "line1": "1 Main Street", "city": "Springfield", "region": "IL", "postcode": "62701"}
    with environment(COMPTOIR_COUNTRY="US"):
        one.come()
        assert one.place(by="delivery", **ways) == "placed"
    assert pay(one.order)
    with entered(VAULT):
        row = Checkout.objects.get(order=one.order)
        _, text = receipts.composed(row, key="")
    # 20.00 and 5.75 % of it; five dollars for delivery, and as much of that.
    assert "1 x Bowl: $20.00" in text
    assert "Tax on top: $1.15" in text
    assert "Delivery: $5.29" in text
    assert "Total: $26.44" in text
    page = words(wire.get(f"/checkout/orders/{one.order}/").content.decode())
    assert "Tax on top $1.15 Delivery $5.29 Total $26.44" in page


def test_a_receipt_says_the_registration_number_and_which_goods_have_which_rate(
    shop: Shop, selling: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "taxes.toml").write_text('country = "FR"\nregistration = "FR 40 303 265 045"\n')
    one = buyer(selling, "tea", "cup")
    assert one.place() == "placed"
    assert pay(one.order)
    with entered(VAULT):
        _, text = receipts.composed(Checkout.objects.get(order=one.order), key="")
    assert "VAT number: FR40303265045" in text
    assert "1 x Tea: $12.50 (5.5 %)" in text
    assert "1 x Cup: $20.00 (20 %)" in text
    (tmp_path / "taxes.toml").write_text('country = "JP"\nregistration = "T7000012050002"\n')
    with entered(VAULT):
        _, text = receipts.composed(Checkout.objects.get(order=one.order), key="")
    assert "Registration number: T7000012050002" in text
