"""Whoever ordered is told once that it lies ready or has left; by its number, nobody learns where a parcel goes."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, staff_session, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import OFFICE
from support.buying import STORE, Buyer, Cashier, basket_with, counted, follow, listed, opened, pay, speaking, step_of
from support.gifting import SAFE, Giver, gifting, look, packer
from support.mailing import mailed

MINUTE = dt.timedelta(minutes=1)
ADDRESS = {"line1": "12 rue des Lilas", "city": "Lyon", "postcode": "69003", "country": "FR"}
NUMBER = "6A 123/456-FR"
WAITING = "select count(*) from checkout_checkout where tells_at is not null"


@pytest.fixture
def selling(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """The shop sells cups, and brings them."""
    accepted(gateway.post([listed("cup", price=800), opened()], touchpoint="webshop"))
    accepted(gateway.post([counted("cup", 9)], touchpoint="console"))
    with (
        speaking(gateway),
        environment(
            COMPTOIR_SHIPS_FROM=STORE, COMPTOIR_PAY_IN_STORE_HOURS="48", COMPTOIR_PAY_IN_STORE_GUESTS="2",
            COMPTOIR_PARCEL_URL="https://carrier.example/follow?parcel={number}",
        ),
    ):  # fmt: skip
        yield gateway


def ordered(gateway: Gateway, **more: str) -> tuple[Buyer, Client]:
    """Have a guest order a cup; returns them with their browser."""
    browser = Client()
    basket, filled = basket_with("cup")
    accepted(gateway.post([filled], touchpoint="storefront"))
    one = Buyer(browser, basket)
    one.come()
    assert one.place(**more) == "placed"
    return one, browser


def staff() -> Client:
    client = Client(headers={"host": f"{host_of(OFFICE)}:8000", "accept-language": "en"})
    name, key = staff_session()
    client.cookies[name] = key
    return client


def to_be_picked_up(gateway: Gateway, paid: str) -> Buyer:
    """Have an order that waits in its store, and is paid ``now`` or ``in the store``."""
    one, _ = ordered(gateway, **({} if paid == "now" else {"pay": "store"}))
    if paid == "now":
        assert pay(one.order)
    return one


def lay_ready(order: uuid.UUID) -> None:
    assert staff().post(f"/orders/{order}", {"does": "pack"}, follow=True).status_code == 200


@pytest.mark.parametrize("paid", ["now", "in the store"])
def test_whoever_picks_up_is_told_once_that_it_lies_ready(shop: Shop, selling: Gateway, paid: str) -> None:
    till = Cashier()
    one = to_be_picked_up(selling, paid)
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        till.look(now=timezone.now())
        lay_ready(one.order)
        follow(shop)
        for minutes in (1, 2, 20):
            till.look(now=timezone.now() + minutes * MINUTE)
        found = [(to, str(letter["Subject"]), str(letter.get_content())) for to, letter in mailbox.letters]
    ready = [each for each in found if "lies ready" in each[1]]
    assert len(ready) == 1, [each[1] for each in found]
    ((to, subject, text),) = ready
    assert to == ["alice@example.org"]
    assert subject == f"Order {number_of(one.order)} lies ready for you"
    assert "at The Mill" in text
    assert ("You pay $8.00 there" in text) == (paid != "now")
    assert "Alice" not in text
    assert shop.value(WAITING) == 0


def test_a_parcel_is_followed_by_its_number_and_only_by_whoever_ordered_it(shop: Shop, selling: Gateway) -> None:
    one, browser = ordered(selling, by="delivery", **ADDRESS)
    assert pay(one.order)
    till, packs, path = Cashier(), packer(), f"/checkout/parcels/{one.order}/"
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        till.look(now=timezone.now())
        assert "Number of the parcel" in words(packs.get(path).content.decode())
        for wrong in ("<b>", "x" * 61, "№ 7"):
            refused = packs.post(path, {"does": "hand_over", "number": wrong})
            assert refused.status_code == 422
            assert "That is no number of a parcel" in words(refused.content.decode())
            assert shop.value("select state from orders_order") == "paid", "nothing was given away"
        assert packs.post(path, {"does": "hand_over", "number": f" {NUMBER} "}).status_code == 302
        mailbox.refuses = True
        till.look(now=timezone.now() + MINUTE)
        mailbox.refuses = False
        for minutes in (2, 12, 30):
            till.look(now=timezone.now() + minutes * MINUTE)
        _, (to, letter) = mailbox.letters
    text = str(letter.get_content())
    assert to == ["alice@example.org"]
    assert str(letter["Subject"]) == f"Order {number_of(one.order)} is on its way"
    assert f"The number of your parcel: {NUMBER}" in text
    assert "https://carrier.example/follow?parcel=6A%20123%2F456-FR" in text
    assert "that a parcel has left is sent" in str(shop.rows("select content from events_audit"))
    link = re.search(r"http://\S+(/checkout/orders/\S+)", text)
    assert link is not None
    assert NUMBER not in str(shop.contents()), "it is sealed, as an address is"
    mine = browser.get(f"/checkout/orders/{one.order}/", headers=SAFE).content.decode()
    assert NUMBER in mine
    assert 'href="https://carrier.example/follow?parcel=6A%20123%2F456-FR"' in mine
    passed_on = Client(headers=SAFE).get(link[1])
    assert passed_on.status_code == 200
    assert NUMBER not in passed_on.content.decode(), "it shows neither a name nor, by the carrier, an address"
    # Whoever is forgotten takes the number along.
    guest = Client(headers=SAFE)
    assert guest.post(f"/checkout/orders/{one.order}/forget/", {"key": link[1].rstrip("/").rpartition("/")[2]},
                      follow=True).status_code == 200  # fmt: skip
    assert NUMBER not in str(shop.rows("select said from checkout_checkout"))


def test_a_slip_in_a_parcels_number_is_mended_before_and_after_it_has_left(shop: Shop, selling: Gateway) -> None:
    one, browser = ordered(selling, by="delivery", **ADDRESS)
    assert pay(one.order)
    till, packs, path = Cashier(), packer(), f"/checkout/parcels/{one.order}/"
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        till.look(now=timezone.now())
        packs.post(path, {"does": "pack", "number": "SOMEBODY-ELSES"})
        assert 'value="SOMEBODY-ELSES"' in packs.get(path).content.decode()
        packs.post(path, {"does": "hand_over", "number": ""})
        till.look(now=timezone.now() + MINUTE)
        assert "The number of your parcel" not in str(mailbox.letters[-1][1].get_content()), "it was taken away"
        # The page still opens from the list, without an address; pressing the old button again says nothing.
        assert path in packs.get("/checkout/parcels/").content.decode()
        page = packs.get(path).content.decode()
        assert ADDRESS["line1"] not in page
        assert "The carrier has it." in words(page)
        for number in ("WRONG-1", NUMBER, NUMBER):
            assert packs.post(path, {"does": "correct", "number": number}).status_code == 302
            packs.post(path, {"does": "hand_over", "number": "OLD-FORM"})
            till.look(now=timezone.now() + 2 * MINUTE)
        refused = packs.post(path, {"does": "correct", "number": "<b>"})
        assert refused.status_code == 422
        letters = [letter for _, letter in mailbox.letters]
    told = [re.findall(r"The number of your parcel: ([^\r\n]+)", str(each.get_content())) for each in letters]
    assert told == [[], [], ["WRONG-1"], [NUMBER]]
    assert len({str(each["Message-ID"]) for each in letters}) == 4, "a mail program shows each"
    mine = browser.get(f"/checkout/orders/{one.order}/", headers=SAFE).content.decode()
    assert NUMBER in mine
    assert "WRONG-1" not in mine


@pytest.mark.parametrize("paid", ["now", "in the store"])
def test_what_was_called_off_lies_ready_for_nobody(shop: Shop, selling: Gateway, paid: str) -> None:
    till = Cashier()
    one = to_be_picked_up(selling, paid)
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        till.look(now=timezone.now())
        lay_ready(one.order)
        staff().post(f"/orders/{one.order}", {"does": "cancel"}, follow=True)
        assert shop.value("select state from orders_order") == "cancelled"
        for minutes in (0, 1, 20):
            till.look(now=timezone.now() + minutes * MINUTE)
        subjects = [str(letter["Subject"]) for _, letter in mailbox.letters]
    assert [each for each in subjects if "lies ready" in each] == []
    assert sum("was cancelled" in each for each in subjects) == 1


def test_of_a_gift_no_number_is_kept_whatever_is_sent(shop: Shop, gateway: Gateway) -> None:
    with gifting(shop, gateway) as world, environment(COMPTOIR_PARCEL_URL="https://carrier.example/{number}"):
        world.change(does="address")
        giver = Giver(world)
        giver.confirm(giver.come(), by="gift")
        giver.pay()
        packs, path = packer(), f"/checkout/parcels/{giver.order}/"
        with mailed(COMPTOIR_GATEWAY_URL=gateway.url) as mailbox:
            look(now=timezone.now())
            asked = words(packs.get(path).content.decode())
            assert "Number of the parcel" not in asked
            assert "whoever gives it away could see where it goes" in asked
            assert packs.post(path, {"does": "hand_over", "number": NUMBER}).status_code == 302
            look(now=timezone.now() + MINUTE)
            _, (_, letter) = mailbox.letters
        assert "Your gift is on its way" in str(letter.get_content())
        assert NUMBER not in letter.as_string()
        assert NUMBER not in str(shop.contents("checkout_checkout", "checkout_gift"))
        assert NUMBER not in giver.page("safe", f"/checkout/orders/{giver.order}/")


def test_what_was_fetched_before_anybody_was_told_is_no_news(shop: Shop, selling: Gateway) -> None:
    one, _ = ordered(selling)
    assert pay(one.order)
    till = Cashier()
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        till.look(now=timezone.now())
        staff().post("/orders/hand-over", {"code": pickup_code_of(one.order), "store": STORE}, follow=True)
        assert shop.value("select state from orders_order") == "handed_over"
        till.look(now=timezone.now() + MINUTE)
        assert len(mailbox.letters) == 1, "the receipt alone"
    assert step_of(one.order) == ("settled", "")
    assert shop.value(WAITING) == 0
