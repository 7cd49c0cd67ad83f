"""The returns desk says once what to give in money, and points of somebody who was forgotten are given in money."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client

from comptoir.config.replaying.phone import SHOWN
from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, card, event, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from support.returning import LEFT, TILL, carded, found, seen, sold

GIVEN = "select count(*) from events_audit where content like '%%returns.given%%'"
HANDED_OUT = "select content from events_audit where content like '%%returns.handed_out%%' order by number"
POINTS = "select coalesce(sum(available), 0) from loyalty_account"
TEA = {"product": "tea-1", "quantity": 2, "amount": 2000, "paid_with_points": 800}


def paid_with_points(gateway: Gateway) -> None:
    """Two tea for 20.00, of which 8.00 were paid with 400 points."""
    sold(gateway, ("cup-1", 1, 100_000), receipt="0000")  # what the points come from
    spent = {"customer": card("1"), "points": 400, "receipt": "0001", "proof": SHOWN}
    accepted(gateway.post([event("points.redeem", spent, source=TILL)], touchpoint="till"))
    sold(gateway, TEA)


def forgotten(gateway: Gateway) -> None:
    said = event("customer.forgotten", {"customer": card("1")}, source="/vault")
    accepted(gateway.post([said], touchpoint="vault"))


def booked(desk: Client, place: str, **take: int) -> tuple[str, dict[str, str]]:
    """Take pieces back; returns what the page says then, and the form."""
    _, form = seen(desk, place, **take)
    return words(desk.post(place, form, follow=True).content.decode()), form


def at_the_till(text: str) -> list[str]:
    return re.findall(r"Give (\$[\d.]+) back at the till", text)


def test_cash_is_said_once_and_later_when_it_was_given(desk: Client, shop: Shop, gateway: Gateway) -> None:
    sold(gateway, ("tea-1", 2, 2500))
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    answer = desk.post(place, form)
    page = answer["location"]
    assert at_the_till(words(desk.get(page).content.decode())) == ["$12.50"]
    for text in (
        words(desk.get(page).content.decode()),
        words(desk.post(place, form, follow=True).content.decode()),
        words(desk.post(place, {"does": "credit", "receipt": page.rpartition("=")[2]}, follow=True).content.decode()),
    ):
        assert at_the_till(text) == []
        assert re.search(r"It is booked\. \$12\.50 was given back at the till: .*\d", text), text
        assert "Give nothing" not in text
    assert shop.value(GIVEN) == 1


def test_give_it_back_now_does_not_say_the_cash_once_more(desk: Client, shop: Shop, gateway: Gateway) -> None:
    carded(gateway, ("tea-1", 1, 1250), amount=500)
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    with pytest.MonkeyPatch.context() as patch:
        # The desk dies after it has told the cash.
        patch.setattr("comptoir.doors.console.crediting.give_back", lambda *_, **__: None)
        text = words(desk.post(place, form, follow=True).content.decode())
    assert at_the_till(text) == ["$7.50"]
    returned = re.search(r"return (R-[\w-]+) has not gone back", text)
    assert returned is not None, text
    text = words(desk.post(place, {"does": "credit", "receipt": returned[1]}, follow=True).content.decode())
    assert at_the_till(text) == []
    assert "$7.50 was given back at the till: " in text
    assert "$5.00 went back onto the gift card" in text
    assert shop.value(LEFT) == 500


def test_two_who_send_one_form_at_once_are_told_once_together(desk: Client, shop: Shop, gateway: Gateway) -> None:
    sold(gateway, ("tea-1", 1, 1250))
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)

    def click(_: int) -> Any:
        try:
            return desk.post(place, form)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(click, range(2)))
    pages = [words(desk.get(each["location"]).content.decode()) for each in answers if each.status_code == 302]
    assert [amount for page in pages for amount in at_the_till(page)] == ["$12.50"]
    assert shop.value(GIVEN) == 1


def test_points_of_somebody_who_was_forgotten_are_given_in_money(desk: Client, shop: Shop, gateway: Gateway) -> None:
    paid_with_points(gateway)
    forgotten(gateway)
    before = shop.value(POINTS)
    place = found(desk, "0001")
    text, form = seen(desk, place, n1=1)
    assert "of it in money, since the points would go back to nobody: their customer was forgotten $4.00" in text
    assert "at the till $6.00" in text
    assert "point" not in text.partition("What it gives back")[2].partition("of it in money")[0]
    page = desk.post(place, form)["location"]
    text = words(desk.get(page).content.decode())
    assert at_the_till(text) == ["$6.00"]
    assert "Give $4.00 in money instead of the points: their customer was forgotten." in text
    assert "has not gone back" not in text
    assert "$4.00 in money instead: their customer was forgotten" in text
    for _ in range(2):
        text = words(desk.get(page).content.decode())
        assert "Give" not in text.partition("What comes back")[0]
        assert "$4.00 was given in money instead of the points: " in text
        desk.post(place, form)
    text, _ = booked(desk, place, n1=1)
    assert "Give $4.00 in money instead of the points" in text
    assert [(each["content"].count('"amount":"400"')) for each in shop.rows(HANDED_OUT)] == [1, 1]
    assert shop.value(POINTS) <= before, "nobody has them"


def test_what_nobody_paid_with_points_is_handed_out_alone(desk: Client, gateway: Gateway) -> None:
    sold(gateway, ("cup-1", 1, 100_000), receipt="0000")
    spent = {"customer": card("1"), "points": 400, "receipt": "0001", "proof": SHOWN}
    accepted(gateway.post([event("points.redeem", spent, source=TILL)], touchpoint="till"))
    sold(gateway, {**TEA, "paid_with_points": 2000})
    forgotten(gateway)
    text, _ = booked(desk, found(desk, "0001"), n1=1)
    assert "Give nothing" not in text
    assert at_the_till(text) == []
    assert "Give $10.00 in money instead of the points" in text


def test_who_is_forgotten_after_the_return_gets_nothing_as_points(desk: Client, shop: Shop, gateway: Gateway) -> None:
    """Of two returns one had its points back before, of the other the desk had died: that one is given in money."""
    paid_with_points(gateway)
    place = found(desk, "0001")
    text, _ = booked(desk, place, n1=1)
    assert "200 points went back to the customer." in text
    _, form = seen(desk, place, n1=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("comptoir.doors.console.crediting.give_back", lambda *_, **__: None)
        text = words(desk.post(place, form, follow=True).content.decode())
    returned = re.search(r"return (R-[\w-]+) has not gone back", text)
    assert returned is not None, text
    forgotten(gateway)
    text = words(desk.get(place).content.decode())
    assert "$4.00 in money instead of points: their customer was forgotten" in text
    text = words(desk.post(place, {"does": "credit", "receipt": returned[1]}, follow=True).content.decode())
    assert "Give $4.00 in money instead of the points: their customer was forgotten." in text
    assert at_the_till(text) == []
    assert "has not gone back" not in text
    assert text.count("200 points") == 1, "those that went back in time"
    assert len(shop.rows(HANDED_OUT)) == 1


def test_a_forgotten_purchase_gives_what_points_had_paid_in_money(desk: Client, gateway: Gateway) -> None:
    paid_with_points(gateway)
    gone = {"customer": card("1"), "sale": {"source": TILL, "receipt": "0001"}, "points": "given_up"}
    accepted(gateway.post([event("sale.forget", gone, source="/vault")], touchpoint="vault"))
    text, _ = booked(desk, found(desk, "0001"), n1=1)
    assert "Give $4.00 in money instead of the points: their customer was forgotten." in text


def test_points_that_are_refused_are_handed_out_in_money(desk: Client, shop: Shop, gateway: Gateway) -> None:
    """The counter refuses to give them: staff hand out what they had paid."""
    paid_with_points(gateway)
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    with pytest.MonkeyPatch.context() as patch:
        refused(patch)
        answer = desk.post(place, form)
        text = words(answer.content.decode())
        assert answer.status_code == 409
        assert at_the_till(text) == ["$6.00"]
        assert "200 points" in text
        assert "give $4.00 in money instead" in text
        returned = re.search(r"return (R-[\w-]+) has not gone back", text)
        assert returned is not None, text
        hand_out = {"does": "hand_out", "receipt": returned[1], "why": "their card is closed"}
        before = shop.value(POINTS)
        text = words(desk.post(place, hand_out, follow=True).content.decode())
        assert "It is noted. Give $4.00 in money instead of the points." in text
        assert "$4.00 in money instead: their card is closed" in text
    for _ in range(2):
        text = words(desk.post(place, hand_out, follow=True).content.decode())
        assert "Give" not in text.partition("What comes back")[0]
        assert "$4.00 was given in money instead of the points: " in text
    desk.post(place, {"does": "credit", "receipt": returned[1]})
    assert shop.value(POINTS) == before, "what was handed out does not go back as points"
    assert len(shop.rows(HANDED_OUT)) == 1


def refused(patch: pytest.MonkeyPatch) -> None:
    """Have the counter refuse whatever points the desk adds."""
    from comptoir.foundation.touchpoints.house import Answer, Trouble

    trouble = Trouble(title="It is refused.", status=409, type="urn:comptoir:problem:refused")
    patch.setattr("comptoir.doors.console.gateway.adjust", lambda **_: Answer(problem=trouble))
