"""A product's page says what the same people bought, and what somebody says is better elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comptoir.config import recommending
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import composing
from support import casting, talking
from support.casting import WEBSHOP
from support.gateway import Gateway
from support.pages import Pages, accepted, listening_to, running_pages
from support.talking import post_of, voted, wrote

NOW = dt.datetime.now(dt.UTC)
AGO = NOW - dt.timedelta(days=2)


def listed(product: str, amount: int = 500, **more: Any) -> dict[str, Any]:
    variants = [{"sku": product, "prices": [{"currency": "USD", "amount": amount}]}]
    said = {"product": product, "name": {"en": product.title()}, "variants": variants, **more}
    return casting.event("product.listed", said, source=WEBSHOP, at=AGO)


def counted(store: str, **quantities: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    return casting.event("stock.counted", {"store": store, "lines": lines}, source=WEBSHOP, at=AGO)


def bought(card: int, *products: str) -> dict[str, Any]:
    lines = [casting.line(100, product=each) for each in products]
    made = casting.sale(f"{card} {'+'.join(products)}", of=casting.card_of(card), lines=lines, at=AGO)
    return {**made, "data": {**made["data"], "store": "1"}}


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with listening_to(gateway, house.SQUARE), running_pages(tmp_path, gateway) as running:
        yield running


@pytest.fixture
def wren(pages: Pages) -> str:
    """Seven people bought tea with much else; Wren is a member. One store has counted."""
    store = {"store": "1", "name": "One", "zone": "UTC", "hours": []}
    goods = [listed(each) for each in ("tea", "milk", "honey", "rare")]
    goods += [
        listed("whisky", asks_over=18),
        listed("gone"),
        casting.event("store.listed", store, source=WEBSHOP, at=AGO),
    ]
    accepted(pages.gateway.post(goods, touchpoint="webshop"))
    accepted(pages.gateway.post([counted("1", milk=3, gone=0)], touchpoint="webshop"))
    accepted(pages.gateway.post([bought(number, "tea", "milk", "honey", "whisky", "gone") for number in range(7)]))
    accepted(pages.gateway.post([bought(number, "tea", "rare") for number in range(4)]))
    chosen = casting.persona("Wren", of=casting.card_of(1), at=NOW)
    accepted(pages.gateway.post([chosen], touchpoint="storefront"))
    recommending.make()
    return str(chosen["data"]["persona"])


def read(pages: Pages, path: str, *, window: str = "") -> str:
    address = f"http://127.0.0.1:{pages.port}{path}"
    headers = {"Host": f"localhost:{pages.port}"} | ({"Cookie": f"comptoir-window={window}"} if window else {})
    answer = httpx.get(address, headers=headers, timeout=60, trust_env=False)
    assert answer.status_code == 200
    return answer.text


def test_what_the_same_people_bought_stands_on_a_products_page(pages: Pages, wren: str) -> None:
    assert wren
    page = read(pages, "/en/product/tea")
    part = page.partition('id="together"')[2].partition("</section>")[0]
    assert "Bought by the same people" in part
    assert 'href="/en/product/milk"' in part
    assert "Honey" in part, "what nobody has counted is taken to be there"
    assert "At least 5 people bought both." in part, "seven, told roughly"
    assert "Why do I see this?" in part
    for never in ("Whisky", "Gone", "Rare"):
        assert never not in part, "for adults, gone everywhere, or bought by four people"
    assert 'id="together"' not in read(pages, "/en/product/rare")
    here = read(pages, "/en/stores/1").partition('id="popular"')[2]
    assert "Milk" in here, "what many buy at a store stands on its page"
    assert "Whisky" not in here
    assert "Rare" not in here


def test_what_a_browsers_own_window_never_shows_goes_with_nothing_there(pages: Pages, wren: str) -> None:
    assert wren
    window = composing.written([composing.Rule("never", "product", "milk")])
    for path, after in (("/en/product/tea", 'id="together"'), ("/en/stores/1", 'id="popular"')):
        part = read(pages, path, window=window).partition(after)[2].partition("</section>")[0]
        assert "Honey" in part, path
        assert "Milk" not in part, path
    assert "/en/product/milk" in read(pages, "/en/search?q=milk")
    assert "/product/milk" not in read(pages, "/en/search?q=milk", window=window)


def test_what_is_better_elsewhere_stands_where_one_sees_it_before_buying(pages: Pages, wren: str) -> None:
    asked = wrote(wren, "Which honey is best?", product="honey", at=NOW)
    answer = wrote(wren, "Not this one.", kind="answer", thread=post_of(asked), elsewhere="The beekeeper, Hall", at=NOW)
    accepted(pages.gateway.post([asked, answer], touchpoint="square"))
    thread = post_of(asked)
    page = read(pages, "/en/product/honey")
    before, _here, after = page.partition('id="elsewhere"')
    assert "better elsewhere: The beekeeper, Hall" in after
    assert f'href="/en/threads/{thread}"' in after
    assert "<h1" in before
    part = read(pages, "/en/product/tea").partition('id="together"')[2]
    assert f'href="/en/threads/{thread}"' in part, "beside what is recommended, too"
    assert "better elsewhere: The beekeeper, Hall" in part
    assert "says a member" in part
    assert 'id="elsewhere"' not in read(pages, "/en/product/tea")
    finch = casting.persona("Finch", of=casting.card_of(2), at=NOW)
    accepted(pages.gateway.post([finch], touchpoint="storefront"))
    accepted(
        pages.gateway.post([voted(str(finch["data"]["persona"]), post_of(answer), -1, at=NOW)], touchpoint="square")
    )
    assert "The beekeeper" not in read(pages, "/en/product/tea"), "what members vote down is no advice"


def test_advice_under_a_topic_that_is_the_product_counts_as_well(pages: Pages, wren: str) -> None:
    accepted(
        pages.gateway.post(
            [talking.opened("teas", kind="product", en="Tea", reference="tea", at=NOW)], touchpoint="console"
        )
    )
    asked = wrote(wren, "Where is it fresh?", topic="teas", at=NOW)
    answer = talking.staff_wrote("At our neighbour's.", thread=post_of(asked), elsewhere="Next door", at=NOW)
    accepted(pages.gateway.post([asked], touchpoint="square"))
    accepted(pages.gateway.post([answer], touchpoint="console"))
    page = read(pages, "/en/product/tea")
    assert "better elsewhere: Next door" in page
    assert "from the shop" in page
