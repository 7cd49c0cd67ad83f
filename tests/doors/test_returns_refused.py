"""What does not go back onto a card at the returns desk: said, asked for again, handed out in money with a reason."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.carding import issued, new_code
from support.gateway import Gateway
from support.pages import accepted, event, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.counter.giftcards import queries as giftcards
from comptoir.counter.giftcards.store import Spent
from support.returning import LEFT, TILL, came_back, carded, credited, found, seen, sold

REQUESTS = uuid.UUID("9c3b6c52-7f0e-5a6b-8f1d-637265646974")
NOTES = "select count(*) from events_audit where content like '%%returns.handed_out%%'"


def refused_for_ever(gateway: Gateway, spending: uuid.UUID, *, returned: str = "R-1") -> None:
    """Under every id under which the desk would ask for a part, something was refused."""
    for attempt in range(5):
        name = f"{returned} {spending}{f' {attempt}' if attempt else ''}"
        answer = credited(gateway, 10**6, source="/console", id=str(uuid.uuid5(REQUESTS, name)))
        assert answer["status"] == "refused"


def refused_part(desk: Client, shop: Shop, gateway: Gateway) -> str:
    """A return of 12.50 of which 5.00 do not go onto their card; returns the page of its sale."""
    carded(gateway, ("tea-1", 1, 1250), amount=500)
    came_back(gateway, "R-1", 1250)
    refused_for_ever(gateway, shop.value("select position from giftcards_draw"))
    return found(desk, "0001")


def handed(desk: Client, place: str, why: str = "the card is closed") -> Any:
    return desk.post(place, {"does": "hand_out", "receipt": "R-1", "why": why}, follow=True)


def test_what_is_refused_is_handed_out_in_money_with_a_reason_and_once(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    place = refused_part(desk, shop, gateway)
    text = words(desk.get(place).content.decode())
    assert "Something of the return R-1 has not gone back yet. $5.00 onto the gift card" in text
    assert "give $5.00 in money instead" in text
    answer = desk.post(place, {"does": "credit", "receipt": "R-1"})
    assert answer.status_code == 409
    assert "It was refused before." in words(answer.content.decode())
    assert "Give $7.50 back at the till." in words(answer.content.decode()), "nobody was told before"
    for wrong in ("", "no", "a\x07bell", "x" * 201):
        with shop.unchanged("events_audit"):
            answer = handed(desk, place, wrong)
        assert answer.status_code == 422
        assert "Say in a line why it is handed out in money." in words(answer.content.decode())
    for said in ("Give $5.00 in money instead of the gift card", "$5.00 was given in money instead of the gift card"):
        text = words(handed(desk, place).content.decode())
        assert f"It is noted. {said}" in text
        assert text.count("Give $") == said.count("Give $")
        assert "has not gone back" not in text
        assert "$5.00 in money instead: the card is closed" in text
    assert (shop.value(NOTES), shop.value(LEFT)) == (1, 0)
    # Nobody puts onto the card what was handed out.
    desk.post(place, {"does": "credit", "receipt": "R-1"})
    assert shop.value(LEFT) == 0


def test_two_who_hand_out_at_once_do_so_once(desk: Client, shop: Shop, gateway: Gateway) -> None:
    place = refused_part(desk, shop, gateway)

    def click(_: int) -> int:
        try:
            return int(desk.post(place, {"does": "hand_out", "receipt": "R-1", "why": "closed"}).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as both:
        assert set(both.map(click, range(2))) == {302}
    assert shop.value(NOTES) == 1


def test_what_can_go_back_or_perhaps_went_is_not_handed_out(desk: Client, shop: Shop, gateway: Gateway) -> None:
    carded(gateway, ("tea-1", 1, 1250), amount=500)
    came_back(gateway, "R-1", 1250)
    place = found(desk, "0001")
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), shop.unchanged("events_audit"):
        assert handed(desk, place).status_code == 503
    with shop.unchanged("events_audit"):
        text = words(handed(desk, place).content.decode())
    assert "$5.00 went back onto the gift card" in text
    assert "in money" not in text
    assert shop.value(LEFT) == 500


def test_of_two_spendings_of_one_card_the_one_that_went_back_is_said(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    code = new_code()
    accepted(gateway.post([issued(code, 500)], touchpoint="till"))
    for name, amount in (("spent", 300), ("again", 200)):
        said = {"code": code, "currency": "USD", "amount": amount, "receipt": "0001"}
        accepted(gateway.post([{**event("gift_card.redeem", said, source=TILL), "id": name}], touchpoint="till"))
    sold(gateway, ("tea-1", 1, 1250))
    came_back(gateway, "R-1", 1250)
    refused_for_ever(gateway, shop.value("select position from giftcards_draw where amount = 300"))
    answer = desk.post(found(desk, "0001"), {"does": "credit", "receipt": "R-1"})
    text = words(answer.content.decode())
    assert "$2.00 went back onto the gift card" in text
    assert "$3.00 went back onto the gift card" not in text
    assert "$3.00 onto the gift card" in text
    assert shop.value(LEFT) == 200


def test_what_was_told_of_a_card_after_the_return_was_handed_out_and_is_not_claimed(
    desk: Client, shop: Shop, gateway: Gateway
) -> None:
    """A till was cut off: that a card had paid comes after the goods were paid back in money, and a piece is left."""
    codes = (new_code(), new_code())
    accepted(gateway.post([issued(code, 500) for code in codes], touchpoint="till"))
    held = {"code": codes[1], "currency": "USD", "amount": 500, "reservation": "h", "expires_in": 600}
    accepted(gateway.post([event("gift_card.reserve", held, source=TILL)], touchpoint="till"))
    sold(gateway, ("tea-1", 2, 2500))
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    text = words(desk.post(place, form, follow=True).content.decode())
    assert "Give $12.50 back at the till." in text
    spent = {"code": codes[0], "currency": "USD", "amount": 500, "receipt": "0001"}
    said = [
        event("gift_card.redeem", spent, source=TILL),
        event("gift_card.post", {"reservation": "h", "receipt": "0001"}, source=TILL),
    ]
    accepted(gateway.post(said, touchpoint="till"))
    text = words(desk.get(place).content.decode())
    assert "has not gone back" not in text
    assert "at the till $12.50" in text.replace(" Total", "")
    _, form = seen(desk, place, n1=1)
    text = words(desk.post(place, form, follow=True).content.decode())
    assert "Give $7.50 back at the till." in text
    assert shop.value("select sum(available) from giftcards_card") == 500


def test_how_the_money_of_former_returns_went_back_is_said(
    desk: Client, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    carded(gateway, ("tea-1", 2, 1000), amount=1000)
    place = found(desk, "0001")
    _, form = seen(desk, place, n1=1)
    assert "Came back before" in words(desk.post(place, form, follow=True).content.decode())
    read, spent = [], giftcards.spent

    def counted(receipt: str, source: str) -> list[Spent]:
        read.append(receipt)
        return spent(receipt, source)

    monkeypatch.setattr(giftcards, "spent", counted)
    page = desk.get(place, {"take-1": "1", "reason": "unwanted", "done": form["identity"]}).content.decode()
    assert len(read) == 1, "one page reckons once what goes back"
    table = words(page[page.index("<table") : page.index("</table>")])
    assert "$5.00 onto the gift card" in table
    assert "at the till" not in table
