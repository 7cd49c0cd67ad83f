"""For you: by what somebody bought once they agreed, with true reasons, by lot, and never what must not be."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.casting import WEBSHOP, card_of, line
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, customer_of, said, staff_client, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config import recommending
from comptoir.counter.audiences import following
from comptoir.doors.console import reporting
from comptoir.doors.storefront import links
from comptoir.foundation.kernel.shop import secret
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import house
from comptoir.office.recommendations import rules

MY = {"host": f"{host_of(COUNTER)}:8000"}
NOW = dt.datetime.now(dt.UTC)
AGO = NOW - dt.timedelta(days=2)
GOODS = ("tea", "milk", "honey", "bread", "jam", "salt")
FIRST = "Fits you because you bought Tea."


def listed(product: str, **more: Any) -> dict[str, Any]:
    variants = [{"sku": product, "prices": [{"currency": "USD", "amount": 400}]}]
    return casting.event(
        "product.listed", {"product": product, "name": {"en": product.title()}, "variants": variants, **more},
        source=WEBSHOP, at=AGO,
    )  # fmt: skip


def bought(number: int, *products: str) -> dict[str, Any]:
    lines = [line(100, product=each) for each in products]
    return casting.sale(f"{number} {'+'.join(products)}"[:60], of=card_of(number), lines=lines, at=AGO)


class Our:
    """Seven people bought much together; the eighth, whose pages these are, has bought tea alone."""

    def __init__(self, shop: Shop, gateway: Gateway) -> None:
        self.shop, self.gateway = shop, gateway
        store = {"store": "1", "name": "One", "zone": "UTC"}
        gone = {"store": "1", "lines": [{"sku": "gone", "quantity": 0}]}
        goods = [*(listed(each) for each in GOODS), listed("gone"), listed("whisky", asks_over=18)]
        goods.append(casting.event("store.listed", store, source=WEBSHOP, at=AGO))
        accepted(gateway.post(goods, touchpoint="webshop"))
        accepted(gateway.post([casting.event("stock.counted", gone, source=WEBSHOP, at=AGO)], touchpoint="webshop"))
        accepted(gateway.post([bought(n, "tea", "milk", "honey", "whisky", "gone") for n in range(7)]))
        accepted(gateway.post([bought(n, "bread", "jam") for n in range(7)]))
        accepted(gateway.post([bought(n, "salt") for n in range(20, 26)]))
        accepted(gateway.post([bought(7, "tea")]))
        self.follow()
        recommending.make()
        self.customer = customer_of(gateway, str(card_of(7)["value"]))
        self.client = Client(headers={**MY, "accept-language": "en"})
        assert self.client.get(f"/card/{links.card_token(self.customer)}").status_code == 302

    def follow(self) -> None:
        with self.shop.connect() as connection, connection.transaction():
            rows = self.shop.rows("select position::text from events_event")
            zone = following.time_zone_of(connection)
            following.bring(connection, [row["position"] for row in rows], time_zone=zone, now=dt.datetime.now(dt.UTC))

    def draw(self, share: str = "0") -> int:
        with self.shop.connect() as connection, environment(COMPTOIR_RECOMMENDATIONS_HOLDOUT=share):
            return recommending.draw(connection)

    def page(self) -> str:
        answer = self.client.get("/for-you")
        assert answer.status_code == 200
        return words(answer.content.decode())

    def send(self, path: str, **form: Any) -> str:
        answer = self.client.post(path, {"request": str(uuid.uuid4()), **form}, follow=True)
        assert answer.status_code == 200, answer.content.decode()[:2000]
        return words(answer.content.decode())

    def agree(self, give: str = "1") -> None:
        self.send("/consents", purpose="personalisation", channel="web", give=give)


@pytest.fixture
def our(shop: Shop, gateway: Gateway) -> Iterator[Our]:
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield Our(shop, gateway)
    house.key_path(house.STOREFRONT).unlink(missing_ok=True)


def test_nothing_goes_by_what_somebody_bought_before_they_agree_and_after_they_take_it_back(our: Our) -> None:
    page = our.page()
    assert "Fits you because" not in page
    assert "Many buy it this month. At least 5 people did." in page
    assert "Nobody looks at your purchases for this page." in page
    our.agree()
    assert "In a minute this page goes by what you bought." in our.page()
    assert our.draw() == 1
    assert our.draw() == 0, "once"
    page = our.page()
    assert f"Milk {FIRST} At least 5 people bought both." in page
    assert f"Honey {FIRST}" in page
    assert f"Bread {FIRST}" in page, "the same people bought it, in another basket"
    assert "Salt Many buy it this month." in page, "filled up with what is popular"
    assert "Tea Many buy" not in page, "it was bought just now"
    for never in ("Gone", "Whisky"):
        assert never not in page
    our.agree("0")
    page = our.page()
    assert "Fits you because" not in page, "on the very next page"
    assert "Nobody looks at your purchases for this page." in page


def test_who_has_shown_an_age_sees_what_is_sold_from_it_on(our: Our) -> None:
    our.agree()
    our.draw()
    assert "Whisky" not in our.page()
    seen = casting.seen(18, of=card_of(7), at=NOW)
    accepted(our.gateway.post([seen]))
    assert f"Whisky {FIRST}" in our.page()


def test_not_this_hides_for_good_and_can_be_taken_back(our: Our) -> None:
    our.agree()
    our.draw()
    page = our.send("/for-you/hide", product="milk")
    assert f"Milk {FIRST}" not in page
    assert f"Honey {FIRST}" in page
    assert "Show it again" in page
    rows = our.shop.rows("select product, hidden from recommendations_hidden")
    assert rows == [{"product": "milk", "hidden": True}]
    page = our.send("/for-you/hide", product="milk", show="1")
    assert f"Milk {FIRST}" in page
    with our.shop.unchanged():
        assert our.client.post("/for-you/hide", {"product": "x" * 65}).status_code == 404
        assert Client(headers=MY).post("/for-you/hide", {"product": "milk"}).status_code == 403, "a stranger"


def test_what_their_own_window_never_shows_is_not_recommended_either(our: Our) -> None:
    our.agree()
    our.draw()
    rules = [{"rule": "never", "of": "product", "value": "milk"}, {"rule": "never", "of": "product", "value": "jam"}]
    said = casting.event("window.composed", {"customer": card_of(7), "rules": rules}, source="/storefront", at=NOW)
    accepted(our.gateway.post([said], touchpoint="storefront"))
    page = our.page()
    assert "Milk" not in page
    assert f"Honey {FIRST}" in page
    our.send("/basket/put", product="bread", quantity="1")
    assert "Jam Because" not in words(our.client.get("/basket").content.decode())


def test_what_lies_in_the_basket_brings_what_goes_with_it_for_a_stranger_too(our: Our) -> None:
    stranger = Client(headers={**MY, "accept-language": "en"})
    answer = stranger.post(
        "/basket/put", {"product": "bread", "quantity": "1", "request": str(uuid.uuid4())}, follow=True
    )
    page = words(answer.content.decode())
    assert "What goes with it" in page
    assert "Jam Because Bread is in your basket." in page
    assert "Not this" not in page, "nobody is there who could hide it"
    our.send("/basket/put", product="bread", quantity="1")
    assert "Jam Because Bread is in your basket." in words(our.client.get("/basket").content.decode())
    assert "Bread Many buy" not in our.page(), "it lies in the basket already"
    our.send("/for-you/hide", product="jam", **{"from": "basket"})
    assert "Jam Because" not in words(our.client.get("/basket").content.decode())


def test_chance_holds_out_a_share_who_are_told_so_and_the_console_measures_it(our: Our) -> None:
    cards = [card_of(number) for number in range(8)]
    agreed = [casting.consented("personalisation", "web", of=each, at=NOW) for each in cards]
    accepted(our.gateway.post(agreed, touchpoint="storefront"))
    assert our.draw("50") == 8
    arms = {
        row["customer"]: row["arm"] for row in our.shop.rows("select customer::text, arm from recommendations_drawn")
    }
    assert our.draw("0") == 0, "whoever was drawn stays where they are"
    salt = secret("holdouts")
    assert arms == {each: rules.arm_of(each, share=500, salt=salt) for each in arms}
    page = our.page()
    if arms[str(our.customer)] == "holdout":
        assert "By chance you are among those who see what everybody sees" in page
        assert "Fits you because" not in page
    else:
        assert FIRST in page
    reporting.forget()
    shown, held = (list(arms.values()).count(each) for each in ("shown", "holdout"))
    report = said(staff_client(), "/campaigns/recommendations")
    assert f"{shown} people see their own recommendations, {held} see what everybody sees." in report
    assert "Held out: 50" in report
    assert "Did it pay?" in report
    assert "The message" not in report
    assert "Pairs, each of five people at least" in report


def test_two_cards_of_one_person_are_in_one_arm(our: Our) -> None:
    our.agree()
    our.draw("0")
    other = {"kind": "web_account", "value": "u-7"}
    tied = {"identifier": other, "customer": card_of(7), "evidence": "a code on the card"}
    accepted(our.gateway.post([casting.event("identifier.linked", tied, source=WEBSHOP, at=NOW)], touchpoint="webshop"))
    assert our.draw("50") <= 1
    arms = {row["arm"] for row in our.shop.rows("select arm from recommendations_drawn")}
    assert arms == {"shown"}


@pytest.mark.parametrize(
    ("written", "share"), [("", 100), ("10", 100), ("0", 0), ("2.5", 25), ("50", 500), ("51", 100), ("-1", 100),
                           ("nan", 100), ("inf", 100), ("many", 100)],
)  # fmt: skip
def test_a_share_that_is_none_counts_as_unset(written: str, share: int) -> None:
    assert rules.share_of(written) == share
