"""A till's sale with lines below zero at the returns desk: nothing is earned, and no more goes back than was paid."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from comptoir.config.replaying.phone import SHOWN
from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, card, customer_of, event, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config.rebuilding import rebuild
from support.returning import LEFT, TILL, carded, found, seen, sold

DEPOSIT = ("deposit", 1, -500)
POINTS = "select coalesce(sum(available), 0) from loyalty_account"


def taken_back(desk: Client, place: str, **take: int) -> dict[str, int]:
    """Take pieces back; returns what is said to be given: at the till and onto a card (minor units), and points."""
    _, form = seen(desk, place, **take)
    answer = words(desk.post(place, form, follow=True).content.decode())
    assert "It is booked." in answer, answer
    assert "has not gone back" not in answer
    cash = re.search(r"Give \$([\d.]+) back at the till", answer)
    onto = re.search(r"\$([\d.]+) went back onto", answer)
    points = re.search(r"(\d+) points? went back", answer)
    return {
        "cash": round(float(cash[1]) * 100) if cash else 0, "card": round(float(onto[1]) * 100) if onto else 0,
        "points": int(points[1]) if points else 0,
    }  # fmt: skip


def test_a_sale_below_zero_earns_nothing_and_nothing_of_it_is_paid_back(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    """Empties for 5.00 against tea for 4.00 and 0.33 tax: 0.67 were handed out."""
    outcome = sold(gateway, {"product": "tea-1", "quantity": 2, "amount": 400, "tax": 33, "tax_on_top": True}, DEPOSIT)
    assert outcome["status"] == "accepted"
    assert shop.value(POINTS) == 0
    place = found(desk, "0001")
    text, _ = seen(desk, place, n1=1)
    assert "-$0.67" not in text
    assert "$0.67 handed out" in text
    assert "deposit" not in text, "nothing of such a line comes back"
    assert "Take it back for $0.00" in text
    for _ in range(2):
        assert taken_back(desk, place, n1=1) == {"cash": 0, "card": 0, "points": 0}
    assert "All of it came back." in words(desk.get(place).content.decode())
    assert (shop.value(POINTS), shop.value("select sum(total_minor) from sales_return")) == (0, 0)
    with shop.unchanged("sales_sale", "sales_return", "loyalty_account"):
        rebuild()


def test_nothing_of_a_line_below_zero_is_taken_back(desk: Client, shop: Shop, gateway: Gateway) -> None:
    sold(gateway, ("tea-1", 1, 1250), DEPOSIT)
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    with shop.unchanged("sales_return", "events_event"):
        answer = desk.post(place, {**form, "take-2": "1", "amount-2": "0"})
        assert answer.status_code == 422
        assert "So many of it were not bought" in words(answer.content.decode())
    assert taken_back(desk, place, n1=1)["cash"] == 750


def test_where_only_empties_came_nothing_can_come_back(desk: Client, gateway: Gateway) -> None:
    sold(gateway, DEPOSIT)
    text = words(desk.get(found(desk, "0001")).content.decode())
    assert "Nothing on this receipt can come back." in text
    assert "All of it came back." not in text
    assert "$5.00 handed out" in text


def test_a_gift_card_that_was_spent_on_a_sale_below_zero_gets_nothing_of_it(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    carded(gateway, ("tea-1", 1, 400), DEPOSIT, amount=200)
    place = found(desk, "0001")
    text, _ = seen(desk, place, n1=1)
    assert "onto the gift card" not in text
    assert taken_back(desk, place, n1=1) == {"cash": 0, "card": 0, "points": 0}
    assert shop.value(LEFT) == 0


def test_a_card_gets_back_what_it_paid_where_the_rest_was_empties(desk: Client, shop: Shop, gateway: Gateway) -> None:
    carded(gateway, ("tea-1", 1, 700), DEPOSIT, amount=150)
    assert taken_back(desk, found(desk, "0001"), n1=1) == {"cash": 50, "card": 150, "points": 0}
    assert shop.value(LEFT) == 150


@pytest.mark.parametrize(
    ("line", "empties", "pieces", "paid"),
    [
        # An exchange: the tax of what went back is taken off, too, also where the new one has none.
        ({"amount": 1000, "tax": 83, "tax_on_top": True}, {"tax": -41, "tax_on_top": True}, 3, 542),
        ({"amount": 1000}, {"tax": -41, "tax_on_top": True}, 3, 459),
        ({"amount": 480, "tax": 40, "tax_on_top": True}, {}, 3, 20),
        ({"amount": 502}, {"tax": -1, "tax_on_top": True}, 3, 1),
    ],
)
def test_tax_on_top_of_lines_below_zero_is_not_paid_back(
    desk: Client, gateway: Gateway, line: dict[str, Any], empties: dict[str, Any], pieces: int, paid: int
) -> None:
    sold(
        gateway, {"product": "tea-1", "quantity": pieces, **line},
        {"product": "deposit", "quantity": 1, "amount": -500, **empties},
    )  # fmt: skip
    place = found(desk, "0001")
    assert sum(taken_back(desk, place, n1=1)["cash"] for _ in range(pieces)) == paid


def test_no_more_goes_back_as_points_than_a_piece_gives_back(desk: Client, shop: Shop, gateway: Gateway) -> None:
    """Tea for 10.00 that 4.00 in points paid, with empties for 8.00: a third of 2.00 each goes back, and as points."""
    sold(gateway, ("cup-1", 1, 100_000), receipt="0000")  # what the points come from
    spent = {"customer": card("1"), "points": 400, "receipt": "0001", "proof": SHOWN}
    accepted(gateway.post([event("points.redeem", spent, source=TILL)], touchpoint="till"))
    tea = {"product": "tea-1", "quantity": 3, "amount": 1000, "paid_with_points": 400}
    sold(gateway, tea, ("deposit", 1, -800))
    before = shop.value("select available from loyalty_account where customer = %s", customer_of(gateway, "1"))
    place = found(desk, "0001")
    given = [taken_back(desk, place, n1=1) for _ in range(3)]
    assert [each["cash"] for each in given] == [0, 0, 0]
    assert sum(each["points"] for each in given) == 200
    assert shop.value(POINTS) == before + 200 - 2, "what it had earned went back, too"
