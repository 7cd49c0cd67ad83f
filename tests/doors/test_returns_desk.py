"""The returns desk: what was bought anywhere comes back piece by piece, for what it cost, and each click once."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.replaying.phone import SHOWN
from comptoir.foundation.rooms.commands import set_up_django
from support.carding import issued, new_code
from support.gateway import Gateway
from support.pages import accepted, card, customer_of, event, posted_by, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.utils import timezone

from comptoir.config.rebuilding import rebuild
from comptoir.counter.giftcards.rules import parts_back
from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, letters, paying
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.payments import jobs
from support.buying import AT, STORE, Buyer, Cashier, basket_with, follow, pay
from support.payers import Payer
from support.paying import let_pay, simulator
from support.promoting import code_for, published
from support.returning import LEFT, TILL, came_back, carded, credited, found, seen, sold

SAFE = {"host": f"{host_of(VAULT)}:8000", "accept-language": "en"}


def test_a_tills_sale_comes_back_piece_by_piece_for_exactly_what_it_cost(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    sold(gateway, ("tea-1", 3, 1000), ("cup-1", 1, 800))
    follow(shop)
    customer = customer_of(gateway, "1")
    points = shop.value("select available from loyalty_account where customer = %s", customer)
    assert points > 0
    place = found(desk, "0001")
    text, _ = seen(desk, place)
    assert "A piece gives back" in text
    assert "$3.33" in text
    assert "the last one $3.34" in text
    given = []
    for pieces in ({"n1": 1}, {"n1": 1, "n2": 1}, {"n1": 1}):
        with shop.unchanged():
            text, form = seen(desk, place, **pieces)
        assert "The money is given back at the till." in text
        answer = desk.post(place, form, follow=True)
        assert answer.status_code == 200
        total = re.search(r"It is booked. Give \$([\d.]+) back at the till.", words(answer.content.decode()))
        assert total is not None, words(answer.content.decode())
        given.append(total[1])
    assert given == ["3.33", "11.33", "3.34"]
    assert shop.value("select sum(total_minor) from sales_return") == 1800
    assert shop.value("select available from loyalty_account where customer = %s", customer) == 0
    assert "All of it came back." in words(desk.get(place).content.decode())
    follow(shop)
    assert shop.value("select counted + moved from stock_article where sku = 'tea-1'") == 10
    with shop.unchanged("sales_sale", "sales_return"):
        rebuild()


def test_what_gift_cards_had_paid_of_a_tills_sale_goes_back_onto_them_and_the_rest_at_the_till(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    codes, at = (new_code(), new_code()), timezone.now() - dt.timedelta(days=1)
    accepted(gateway.post([issued(code, 500) for code in codes], touchpoint="till"))
    for number, code in enumerate(codes):
        held = {"code": code, "currency": "USD", "amount": 500, "reservation": f"h{number}", "expires_in": 600}
        spent = {"reservation": f"h{number}", "receipt": "0001"}
        said = [
            event("gift_card.reserve", held, source=TILL, at=at),
            event("gift_card.post", spent, source=TILL, at=at),
        ]
        accepted(gateway.post(said, touchpoint="till"))
    sold(gateway, ("tea-1", 3, 1000), ("cup-1", 1, 801))
    place = found(desk, "0001")
    cards = "select coalesce(sum(available), 0) from giftcards_card"
    given, onto = [], []
    for pieces in ({"n1": 1}, {"n1": 1, "n2": 1}, {"n1": 1}):
        before = shop.value(cards)
        with shop.unchanged():
            text, form = seen(desk, place, **pieces)
        assert "What a gift card or points had paid goes back as that" in text
        answer = words(desk.post(place, form, follow=True).content.decode())
        total = re.search(r"It is booked. Give \$([\d.]+) back at the till.", answer)
        assert total is not None, answer
        assert "went back onto the gift card" in answer
        assert "has not gone back" not in answer
        onto.append(int(shop.value(cards) - before))
        given.append(round(float(total[1]) * 100) + onto[-1])
        desk.post(place, form)
        assert shop.value(cards) == before + onto[-1], "the same click gives nothing back twice"
    assert given == [333, 1134, 334]
    assert (onto, sum(onto)) == ([185, 630, 185], 1000)
    assert [each["available"] for each in shop.rows("select available from giftcards_card")] == [500, 500]


def test_what_has_not_gone_back_is_said_and_given_back_by_a_button(desk: Client, shop: Shop, gateway: Gateway) -> None:
    carded(gateway, ("tea-1", 1, 1250), amount=500)
    place = found(desk, "0001")
    # The desk died after the goods were booked.
    came_back(gateway, "R-1", 1250)
    answer = words(desk.get(place).content.decode())
    assert "Something of the return R-1 has not gone back yet. $5.00 onto the gift card" in answer
    for _ in range(2):
        answer = words(desk.post(place, {"does": "credit", "receipt": "R-1"}, follow=True).content.decode())
        assert "has not gone back" not in answer
        assert shop.value(LEFT) == 500


def test_what_is_to_be_handed_out_is_said_also_when_the_rest_does_not_go_back(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    carded(gateway, ("tea-1", 1, 1250), amount=500)
    place = found(desk, "0001")
    came_back(gateway, "R-1", 1250)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        answer = desk.post(place, {"does": "credit", "receipt": "R-1"})
    text = words(answer.content.decode())
    assert answer.status_code == 503
    assert "Give $7.50 back at the till." in text
    assert "Something of the return R-1 has not gone back yet." in text
    assert "went back onto" not in text
    assert shop.value(LEFT) == 0


def test_what_a_till_put_onto_a_card_by_itself_does_not_go_onto_it_again(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    carded(gateway, ("tea-1", 2, 1000), amount=500)
    place = found(desk, "0001")
    # A till takes a piece back and credits its part; then it credits more, for which nothing came back yet.
    came_back(gateway, "T-1", 500, source=TILL)
    assert credited(gateway, 250)["status"] == "accepted"
    assert credited(gateway, 100)["status"] == "accepted"
    text, form = seen(desk, place, n1=1)
    assert "of it on its gift card already $1.00" in text
    assert "at the till $2.50" in text
    answer = words(desk.post(place, form, follow=True).content.decode())
    assert "It is booked. Give $2.50 back at the till. $1.50 went back onto the gift card" in answer
    assert shop.value(LEFT) == 500


def test_a_credit_that_was_refused_is_no_credit_and_can_be_asked_for_again(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    carded(gateway, ("tea-1", 1, 1250), amount=500)
    place = found(desk, "0001")
    came_back(gateway, "R-1", 1250)
    spending = shop.value("select position from giftcards_draw")
    first = str(uuid.uuid5(uuid.UUID("9c3b6c52-7f0e-5a6b-8f1d-637265646974"), f"R-1 {spending}"))
    assert credited(gateway, 501, source="/console", id=first)["status"] == "refused"
    answer = words(desk.get(place).content.decode())
    assert "Something of the return R-1 has not gone back yet." in answer
    answer = words(desk.post(place, {"does": "credit", "receipt": "R-1"}, follow=True).content.decode())
    assert "has not gone back" not in answer
    assert shop.value(LEFT) == 500


def test_a_return_of_before_is_not_credited_with_the_next_one(desk: Client, shop: Shop, gateway: Gateway) -> None:
    carded(gateway, ("tea-1", 2, 1000), amount=500)
    place = found(desk, "0001")
    came_back(gateway, "R-1", 500)
    _, form = seen(desk, place, n1=1)
    answer = words(desk.post(place, form, follow=True).content.decode())
    assert shop.value(LEFT) == 250
    assert "Something of the return R-1 has not gone back yet." in answer


def test_what_goes_back_onto_a_stopped_card_is_said_with_what_to_do(desk: Client, shop: Shop, gateway: Gateway) -> None:
    carded(gateway, ("tea-1", 1, 500), amount=500)
    number = shop.value("select number from giftcards_card")
    stop = event("gift_card.stop", {"number": number, "because": "lost"}, source="/console")
    accepted(gateway.post([stop], touchpoint="console"))
    place = found(desk, "0001")
    text, form = seen(desk, place, n1=1)
    assert f"of it onto the gift card {number} stopped" in text
    page = desk.post(place, form, follow=True).content.decode()
    assert "It is booked. Give nothing from the till. $5.00 went back onto the gift card" in words(page)
    assert "nobody can spend it until it is moved onto a new one" in page
    assert f'href="/gift-cards/{number}"' in page
    assert shop.rows("select available, stopped_at is null as is_good from giftcards_card") == [
        {"available": 500, "is_good": False}
    ]


def test_tax_on_top_and_points_of_a_tills_sale_go_back_as_they_were_paid(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    """Three pots for 10.00, tax 0.83 on top: 2.50 by points (250 of them), 5.00 by card, the rest in cash."""
    sold(gateway, ("cup-1", 1, 100_000), receipt="0000")  # what the points come from
    code, at = new_code(), timezone.now() - dt.timedelta(days=1)
    before = shop.value("select available from loyalty_account")
    said = [
        issued(code, 500),
        event("points.redeem", {"customer": card("1"), "points": 250, "receipt": "0001", "proof": SHOWN}, source=TILL),
        event("gift_card.redeem", {"code": code, "currency": "USD", "amount": 500, "receipt": "0001"}, source=TILL),
    ]
    accepted(gateway.post(said, touchpoint="till"))
    line = {
        "product": "tea-1", "quantity": 3, "amount": 1000, "tax": 83, "tax_on_top": True, "paid_with_points": 250,
    }  # fmt: skip
    sale = {"receipt": "0001", "store": STORE, "customer": card("1"), "currency": "USD", "total": 1000}
    too_much = event("sale.closed", {**sale, "lines": [{**line, "paid_with_points": 1084}]}, source=TILL, at=at)
    refused = gateway.post([too_much], touchpoint="till").json()["outcomes"][0]["problem"]
    assert (refused["type"].split(":")[-1], refused["field"]) == ("field_invalid", "data.lines[0].paid_with_points")
    accepted(gateway.post([event("sale.closed", {**sale, "lines": [line]}, source=TILL, at=at)], touchpoint="till"))
    earned = shop.value("select available from loyalty_account") - before + 250
    place = found(desk, "0001")
    assert "$10.83 paid" in words(desk.get(place).content.decode())
    cash = points = 0
    for left in (2, 1, 0):
        text, form = seen(desk, place, n1=1)
        assert f"Take it back for {'$3.60' if left else '$3.63'}" in text
        answer = words(desk.post(place, form, follow=True).content.decode())
        told = re.search(
            r"Give \$([\d.]+) back at the till. \$([\d.]+) went back onto .* (\d+) points went back", answer
        )
        assert told is not None, answer
        cash += round(float(told[1]) * 100)
        points += int(told[3])
        assert "has not gone back" not in answer
    assert (cash, points, shop.value(LEFT)) == (1083 - 250 - 500, 250, 500)
    assert shop.value("select available from loyalty_account") == before
    assert earned > 0, "what the sale had brought went back, too"


@given(st.data())
def test_cards_have_back_exactly_what_they_paid_once_all_has_come_back(data: st.DataObject) -> None:
    amounts = data.draw(st.lists(st.integers(0, 10_000), max_size=8))
    total = sum(amounts)
    spent: list[int] = []
    for _ in range(data.draw(st.integers(0, 3))):
        spent.append(data.draw(st.integers(0, total - sum(spent))))
    parts = parts_back(spent, total, amounts)
    assert [sum(each) for each in zip(*parts, strict=True)] == (spent if parts and spent else [])
    for amount, each in zip(amounts, parts, strict=True):
        assert all(part >= 0 for part in each)
        assert sum(each) <= amount


def test_whatever_was_taken_off_the_receipt_as_a_line_is_kept_back_in_its_share(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    sold(gateway, ("tea-1", 2, 1000), ("cup-1", 1, 500), ("off", 1, -100))
    place = found(desk, "0001")
    amounts = []
    for pieces in ({"n1": 1}, {"n2": 1}, {"n1": 1}):
        _, form = seen(desk, place, **pieces)
        assert desk.post(place, form).status_code == 302
        amounts.append(shop.value("select total_minor from sales_return order by position desc limit 1"))
    assert sum(amounts) == 1400
    assert amounts == [467, 466, 467]


def test_a_double_click_is_one_return_also_at_once(desk: Client, shop: Shop, gateway: Gateway) -> None:
    sold(gateway, ("tea-1", 1, 1250))
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)

    def click(_: int) -> int:
        try:
            return int(desk.post(place, form).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as both:
        assert set(both.map(click, range(2))) == {302}
    answer = desk.post(place, form, follow=True)
    assert "Give $12.50 back at the till." in words(answer.content.decode())
    assert shop.value("select count(*) from sales_return") == 1


BAD = (
    ({"take-1": "2"}, "So many of it were not bought"),
    ({"take-1": "0"}, "Say how many pieces come back"),
    ({"take-1": "x"}, "Say how many pieces come back"),
    ({"reason": "because"}, "Say why it comes back"),
    ({"store": ""}, "Say in which store it goes back on the shelf"),
    ({"store": "999"}, "Choose a store"),
)


def test_what_cannot_come_back_is_refused_and_changes_nothing(desk: Client, shop: Shop, gateway: Gateway) -> None:
    sold(gateway, ("tea-1", 1, 1250))
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    for wrong, said in BAD:
        with shop.unchanged("sales_return", "events_event"):
            answer = desk.post(place, {**form, **wrong})
        assert answer.status_code == 422, wrong
        assert said in words(answer.content.decode())
    # Another sum than the pieces cost: the gateway refuses it by name, whoever sends it.
    answer = desk.post(place, {**form, "amount-1": "1249"})
    assert answer.status_code == 409
    assert "Other pieces came back meanwhile" in words(answer.content.decode())
    assert shop.value("select count(*) from sales_return") == 0
    data = {
        "receipt": "R", "sale": {"receipt": "0001", "source": TILL}, "currency": "USD", "total": 1249,
        "lines": [{"line": 1, "quantity": 1, "amount": 1249}], "refund": "by_hand",
    }  # fmt: skip
    refused = gateway.post([event("sale.returned", data, source="/console", at=AT)], touchpoint="console").json()
    problem = refused["outcomes"][0]["problem"]
    assert (problem["type"].rsplit(":", 1)[-1], problem["amount"]) == ("refund_mismatch", 1250)
    unknown = {**data, "sale": {"receipt": "nobody", "source": TILL}}
    refused = gateway.post([event("sale.returned", unknown, source="/console", at=AT)], touchpoint="console").json()
    assert refused["outcomes"][0]["problem"]["type"].endswith(":sale_unknown")
    assert shop.value("select count(*) from sales_return") == 0
    assert "No sale has this number." in words(desk.get("/returns", {"receipt": "nobody"}).content.decode())
    assert desk.get(f"/returns/{uuid.uuid4()}").status_code == 404


def test_several_sales_with_one_number_are_told_apart(desk: Client, shop: Shop, gateway: Gateway) -> None:
    for till in (1, 2):
        sold(gateway, ("tea-1", till, 1250 * till), source=f"/stores/324/tills/{till}")
    text = words(desk.get("/returns", {"receipt": "0001"}).content.decode())
    assert "Which of these?" in text
    assert "/stores/324/tills/2" in text
    assert "$25.00" in text


def test_a_hurried_cashier_types_small_letters_and_takes_all_of_it(desk: Client, gateway: Gateway) -> None:
    """The number as it comes off the keys, one press for all pieces, and the total that stands on the receipt."""
    tax = {"tax": 21, "tax_on_top": True}
    lines = ({"product": "tea-1", "quantity": 2, "amount": 2500, **tax}, ("cup-1", 1, 800), ("off", 1, -100))
    for till in (1, 2):
        sold(gateway, *lines, receipt="4C3C-000001", source=f"/stores/324/tills/{till}")
    assert words(desk.get("/returns", {"receipt": "4c3c-000001"}).content.decode()).count("$32.21") == 2
    sold(gateway, *lines, receipt="4C3C-000002")
    place = found(desk, " 4c3c-000002 ")
    page = desk.get(place, {"all": "1", "reason": "unwanted", "goods": "on_shelf", "store": STORE}).content.decode()
    assert "Take it back for $32.21" in words(page)
    answer = words(desk.post(place, posted_by(page[page.find('method="get"') :]), follow=True).content.decode())
    assert "Give $32.21 back at the till." in answer
    assert "All of it came back." in answer


def test_goods_that_are_put_aside_are_not_sold_again(desk: Client, shop: Shop, gateway: Gateway) -> None:
    sold(gateway, ("tea-1", 2, 2500))
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    assert desk.post(place, {**form, "goods": "aside", "store": ""}).status_code == 302
    follow(shop)
    assert shop.value("select counted + moved from stock_article where sku = 'tea-1'") == 8
    assert "put aside" in words(desk.get(place).content.decode())


def ordered(gateway: Gateway, **goods: int) -> uuid.UUID:
    """A stranger's order, placed."""
    basket = str(uuid.uuid4())
    put = [{"product": f"{product}-1", "quantity": quantity} for product, quantity in goods.items()]
    changed = event("basket.changed", {"basket": basket, "put": put}, source="/storefront", at=AT)
    accepted(gateway.post([changed], touchpoint="storefront"))
    buyer = Buyer(Client(), basket)
    buyer.come()
    assert buyer.place() == "placed"
    return buyer.order


def handed_over(gateway: Gateway, order: uuid.UUID) -> None:
    code = {"code": pickup_code_of(order), "store": STORE}
    accepted(gateway.post([event("order.hand_over", code, source=TILL, at=AT)], touchpoint="till"))


@pytest.mark.parametrize("in_order", [(1, 1, 1, 2), (2, 1, 1, 1), (1, 2, 1, 1)])
def test_an_orders_pieces_give_back_what_was_paid_in_any_order(
    desk: Client, shop: Shop, gateway: Gateway, in_order: tuple[int, ...]
) -> None:
    """Three tea and a cup, a dollar off: an odd sum, split over lines and pieces when it was sold."""
    offer = published(str(uuid.uuid4()), benefit={"kind": "Amount", "amount": 100}, at=AT)
    accepted(gateway.post([offer], touchpoint="console"))
    order = ordered(gateway, tea=3, cup=1)
    assert pay(order)
    place = found(desk, number_of(order))
    assert "call the order off instead" in words(desk.get(place).content.decode())
    handed_over(gateway, order)
    cashier = Cashier()
    assert found(desk, pickup_code_of(order)) == place
    for line in in_order:
        text, form = seen(desk, place, **{f"n{line}": 1})
        assert "The money goes back by itself, the way it was paid." in text
        assert desk.post(place, form).status_code == 302
        for _ in range(2):
            cashier.look(now=timezone.now())
    assert [len(cashier), sum(amount for _, amount in cashier)] == [4, 4450]
    assert shop.value("select sum(amount) from checkout_repayment") == 4450
    shown = words(Client(headers=SAFE).get(receipt_page(order)).content.decode())
    assert shown.count("goes back to you the way you paid.") == 4


def receipt_page(order: uuid.UUID) -> str:
    """Return the address of an order's page, as its receipt says it."""
    with entered(VAULT):
        row = Checkout.objects.get(order=order)
        _, key = letters._recipient(row, "receipt", now=timezone.now())
    return f"/checkout/orders/{order}/{key}/"


def test_money_goes_back_through_the_provider_once(desk: Client, shop: Shop, gateway: Gateway, tmp_path: Path) -> None:
    """Two orders: of one a piece comes back, the other is called off after a piece came back; never more than came."""
    with simulator(tmp_path) as provider:
        orders = [ordered(gateway, tea=2), ordered(gateway, tea=1), ordered(gateway, cup=1)]
        for order in orders:
            let_pay(shop, provider, order)
        handed_over(gateway, orders[0])
        place = found(desk, number_of(orders[0]))
        _, form = seen(desk, place, n1=1)
        for _ in range(2):
            assert desk.post(place, form).status_code == 302
        for order in orders[1:]:
            off = event("order.cancel", {"order": str(order), "because": "by_staff"}, source="/console", at=AT)
            accepted(gateway.post([off], touchpoint="console"))
        for _ in range(3):
            with entered(VAULT):
                commands.look_at_due(money=paying.MONEY, now=timezone.now())
            jobs.tend(now=timezone.now(), should_stop=lambda: False)
        assert [provider.money(order) for order in orders] == [1250, 0, 0]
    assert shop.rows("select amount, why from checkout_repayment") == [{"amount": 1250, "why": ""}]


def test_what_came_back_before_an_order_is_called_off_is_given_back_once(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    order = ordered(gateway, tea=3)
    assert pay(order)
    data = {
        "receipt": "B1", "sale": {"receipt": number_of(order), "source": "/vault"}, "currency": "USD", "total": 1250,
        "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
    }  # fmt: skip
    accepted(gateway.post([event("sale.returned", data, source="/console", at=AT)], touchpoint="console"))
    off = event("order.cancel", {"order": str(order), "because": "by_staff"}, source="/console", at=AT)
    accepted(gateway.post([off], touchpoint="console"))
    cashier = Cashier()
    for _ in range(3):
        cashier.look(now=timezone.now())
    assert sorted(amount for _, amount in cashier) == [1250, 2500]
    assert shop.value("select sum(total_minor) from sales_return") == 3750


def test_what_a_gift_card_paid_as_a_whole_goes_back_onto_it(desk: Client, shop: Shop, gateway: Gateway) -> None:
    """With a coupon that can be used again once the last piece is back, and not before."""
    number, code = str(uuid.uuid4()), new_code()
    offer = published(number, benefit={"kind": "Amount", "amount": 300}, codes="each", at=AT)
    accepted(gateway.post([offer], touchpoint="console"))
    sold(gateway, ("tea-1", 1, 1250))
    shown = code_for(shop, number, str(customer_of(gateway, "1")))
    accepted(gateway.post([issued(code, 2500)], touchpoint="till"))
    basket, filling = basket_with("tea", "cup", codes=(shown,))
    accepted(gateway.post([filling], touchpoint="storefront"))
    payer = Payer(Client(), basket)
    payer.come()
    assert "The gift card pays $17.50." in payer.shows(code)
    assert payer.place() == "placed"
    handed_over(gateway, payer.order)
    place, cashier = found(desk, number_of(payer.order)), Cashier()
    used = "select status from offers_redemption where promotion is not null"
    for line, state in ((1, "redeemed"), (2, "returned")):
        text, form = seen(desk, place, **{f"n{line}": 1})
        assert "The money goes back by itself, the way it was paid." in text
        assert desk.post(place, form).status_code == 302
        for _ in range(2):
            cashier.look(now=timezone.now())
        assert [row["status"] for row in shop.rows(used)] == [state]
    assert cashier == []
    assert shop.rows("select available, held from giftcards_card") == [{"available": 2500, "held": 0}]
