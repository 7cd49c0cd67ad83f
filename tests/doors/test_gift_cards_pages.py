"""Gift cards on pages: staff issue, find, stop and print them; whoever types a code sees what is left."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import carding
from support.gateway import Gateway
from support.pages import accepted, staff_session, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.counter.giftcards.codes import is_well_typed, number_of
from comptoir.counter.giftcards.guessing import ADDRESS_MAX
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from support.buying import speaking

CODE = r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}"


@pytest.fixture
def office(shop: Shop, gateway: Gateway) -> Iterator[Client]:
    with speaking(gateway):
        client = Client(headers={"host": f"{host_of(OFFICE)}:8000", "accept-language": "en"})
        name, value = staff_session("Alice")
        client.cookies[name] = value
        yield client


@pytest.fixture
def street(shop: Shop) -> Client:
    """Somebody whom nobody knows, at the counter's pages."""
    return Client(headers={"host": f"{host_of(COUNTER)}:8000", "accept-language": "en"})


def issued(office: Client, amount: str, **more: str) -> tuple[str, str, str]:
    """Issue a card; returns its code, its number and what the page says."""
    form = {"amount": amount, "request": str(uuid.uuid4()), **more}
    page = office.post("/gift-cards/issue", form)
    assert page.status_code == 200, words(page.content.decode())
    (code,) = set(re.findall(CODE, words(page.content.decode())))
    assert page.headers["Cache-Control"] == "no-store"
    assert "<svg" in page.content.decode()
    return code, number_of(carding.digest(code)), words(page.content.decode())


def left(street: Client, code: str) -> str:
    return words(street.post("/gift-card", {"code": code}).content.decode())


def test_a_card_is_issued_shown_once_and_its_holder_sees_what_is_left(
    office: Client, street: Client, shop: Shop, gateway: Gateway
) -> None:
    code, number, said = issued(office, "50")
    assert "A gift card of $50.00" in said
    assert number in said
    assert "$50.00" in left(street, code)
    accepted(gateway.post([carding.redeemed(code, 1999)], touchpoint="till"))
    said = left(street, code.lower().replace("-", " "))
    assert "Left $30.01" in said
    assert "It never runs out." in said
    listed = office.get("/gift-cards").content.decode()
    assert "Owed in all $30.01" in words(listed)
    assert "on 1 card" in words(listed)
    page = office.get(f"/gift-cards/{number}").content.decode()
    assert "spent /stores/" in words(page)
    assert code not in listed + page + str(shop.contents())
    for path in ("/gift-cards/find", "/gift-cards/find"):
        for text in (number.lower(), code):
            answer = office.post(path, {"card": text})
            assert (answer.status_code, answer["location"]) == (302, f"/gift-cards/{number}")
    assert office.post("/gift-cards/find", {"card": "0000"}).status_code == 422
    assert office.get("/gift-cards/0000-0000-0000").status_code == 404


def test_a_form_that_is_sent_twice_is_one_card_and_says_so(office: Client, shop: Shop) -> None:
    form = {"amount": "12,50", "request": str(uuid.uuid4())}
    assert office.post("/gift-cards/issue", form).status_code == 200
    again = office.post("/gift-cards/issue", form)
    assert again.status_code == 422
    assert "The code was shown once" in words(again.content.decode())
    assert shop.rows("select amount, available from giftcards_card") == [{"amount": 1250, "available": 1250}]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"amount": ""}, "Write how much the card is worth."), ({"amount": "0"}, "Write how much the card is worth."),
        ({"amount": "1.005"}, "Write how much the card is worth."),
        ({"amount": "-5"}, "Write how much the card is worth."),
        ({"amount": "99999999999"}, "Write how much the card is worth."),
        ({"amount": "5", "expires": "soon"}, "Write the last day as a date."),
        ({"amount": "5", "expires": "2020-01-01"}, "a gift card may not run out so soon"),
    ],
)  # fmt: skip
def test_what_cannot_be_issued_is_told_and_issues_nothing(
    office: Client, shop: Shop, form: dict[str, str], told: str
) -> None:
    with environment(COMPTOIR_COUNTRY="US"), shop.unchanged("giftcards_card"):
        answer = office.post("/gift-cards/issue", {**form, "request": str(uuid.uuid4())})
    assert answer.status_code == 422
    assert told in words(answer.content.decode())


def test_a_lost_card_is_stopped_and_what_is_left_goes_onto_another_one(
    office: Client, street: Client, shop: Shop, gateway: Gateway
) -> None:
    code, number, _ = issued(office, "50")
    accepted(gateway.post([carding.redeemed(code, 2000)], touchpoint="till"))
    form = {"because": "lost", "instead": "yes", "request": str(uuid.uuid4())}
    page = words(office.post(f"/gift-cards/{number}/stop", form).content.decode())
    (other,) = set(re.findall(CODE, page))
    assert f"In the place of {number}, which is stopped." in page
    assert "A gift card of $30.00" in page
    assert "This code cannot be used here and now." in left(street, code)
    assert "Left $30.00" in left(street, other)
    assert "Stopped on" in words(office.get(f"/gift-cards/{number}").content.decode())
    assert shop.value("select sum(available + held) from giftcards_card") == 3000


def test_a_price_that_goes_back_is_what_was_not_spent(office: Client, shop: Shop, gateway: Gateway) -> None:
    code, number, _ = issued(office, "50")
    accepted(gateway.post([carding.redeemed(code, 2000)], touchpoint="till"))
    stop = f"/gift-cards/{number}/stop"
    page = words(office.post(stop, {"because": "refunded", "request": str(uuid.uuid4())}).content.decode())
    assert "Give back $30.00, and no more." in page
    again = office.post(stop, {"because": "refunded", "request": str(uuid.uuid4())})
    assert again.status_code == 409
    assert "Nothing is left on it." in words(again.content.decode())
    assert office.post(stop, {"because": "greed", "request": str(uuid.uuid4())}).status_code == 404
    assert shop.value("select sum(available + held) from giftcards_card") == 0


def test_blanks_are_worth_nothing_until_a_till_says_so(
    office: Client, street: Client, shop: Shop, gateway: Gateway
) -> None:
    with shop.unchanged():
        page = words(office.post("/gift-cards/blanks", {"count": "12"}).content.decode())
    codes = sorted(set(re.findall(CODE, page)))
    assert len(codes) == 12
    assert all(is_well_typed(each) for each in codes)
    assert "This code cannot be used here and now." in left(street, codes[0])
    accepted(gateway.post([carding.issued(codes[0], 700)], touchpoint="till"))
    assert "Left $7.00" in left(street, codes[0])
    for count in ("0", "49", "x", ""):
        assert office.post("/gift-cards/blanks", {"count": count}).status_code == 422


def test_whoever_types_wrong_codes_is_told_one_thing_and_then_nothing(
    office: Client, street: Client, shop: Shop
) -> None:
    code, _, _ = issued(office, "50")
    with shop.unchanged():
        for slip in ("x", code[:-1], code.replace("-", "")[::-1]):
            assert "There is a slip in the code" in left(street, slip)
    for _ in range(30):
        assert "Left $50.00" in left(street, code), "what is right costs nothing"

    def guess(_: int) -> str:
        try:
            client = Client(headers={"host": f"{host_of(COUNTER)}:8000", "accept-language": "en"})
            return left(client, carding.new_code())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as threads:
        told = list(threads.map(guess, range(2 * ADDRESS_MAX)))
    assert sum("This code cannot be used here and now." in each for each in told) == ADDRESS_MAX
    assert sum("Too many codes were wrong." in each for each in told) == ADDRESS_MAX
    assert "Too many codes were wrong." in left(street, code)
    assert shop.value("select max(count) from giftcards_guess") >= ADDRESS_MAX
