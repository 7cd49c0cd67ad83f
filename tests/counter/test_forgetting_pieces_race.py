"""A purchase is forgotten while its goods come back through another process: the one or the other is first, never half.

Then the same with a card, whose purchases go on meanwhile.
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import os
import random
from pathlib import Path

import httpx
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop as shops
from support import casting, forgotten, invariants
from support.forgotten import forget_card, forget_sale
from support.gateway import Gateway, running_gateway
from support.shop import Shop

SEED = int(os.environ.get("COMPTOIR_TEST_SEED", "20240304"))
PURCHASES = 24
NOW = dt.datetime.now(dt.UTC)
SELF = {"kind": "user", "value": "racing"}
CARD = {"kind": "card", "value": "racing"}


def post(gateway: Gateway, said: casting.Event, touchpoint: str) -> httpx.Response:
    return gateway.post(said | {"time": NOW.isoformat()}, touchpoint=touchpoint)


@pytest.mark.parametrize("points", ["given_up", "kept"])
def test_goods_come_back_while_their_purchase_is_forgotten(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: str
) -> None:
    monkeypatch.setenv("COMPTOIR_RETURN_DAYS", "0")
    luck = random.Random(SEED)
    with (
        running_gateway(tmp_path) as first,
        running_gateway(tmp_path, keys=first.keys) as second,
        concurrent.futures.ThreadPoolExecutor(4) as hands,
    ):
        post(first, casting.sale("before", 10_000, of=CARD), "till")
        assert post(first, casting.link(SELF, CARD), "app").status_code == 200
        for number in range(PURCHASES):
            assert post(first, casting.sale(f"p{number}", 500, of=CARD), "till").status_code == 200
        waiting = []
        for number in range(PURCHASES):
            both = [
                (first, forget_sale(f"p{number}", of=SELF, points=points), "vault"),
                (second, casting.goods_back(f"b{number}", sale=f"p{number}", lines=[(1, 0, 300)]), "till"),
                (second, casting.sale(f"p{number}", 500, of=CARD, id=f"again-{number}"), "till"),
            ]
            luck.shuffle(both)
            waiting += [hands.submit(post, *each) for each in both]
        answers = [each.result() for each in waiting]
    for answer in answers:
        if answer.status_code != 200:
            assert answer.json()["type"].rsplit(":", 1)[1] in {"sale_forgotten", "receipt_taken"}, answer.text
    assert shop.value("select count(*) from sales_sale where customer is null") == PURCHASES
    assert shop.value("select count(*) from sales_return where status = 'applied'") == PURCHASES
    key = shops.secret("identifiers")
    ids = [customer_id(key, each["kind"], each["value"]) for each in (SELF, CARD)]
    for line in forgotten.dump(shop).splitlines():
        if forgotten.found_in(line, ids):
            assert forgotten.found_in(line, [f'"p{number}"' for number in range(PURCHASES)]) == [], line
    with shop.connect() as connection:
        invariants.check(connection)
    assert rebuild(keep=False).changed == []


def test_a_card_is_forgotten_while_it_buys(shop: Shop, tmp_path: Path) -> None:
    cards = [{"kind": "card", "value": f"racing-{number}"} for number in range(8)]
    key = shops.secret("identifiers")
    with (
        running_gateway(tmp_path) as first,
        running_gateway(tmp_path, keys=first.keys) as second,
        concurrent.futures.ThreadPoolExecutor(4) as hands,
    ):
        for number, card in enumerate(cards):
            post(first, casting.sale(f"first-{number}", 900, of=card), "till")
            assert post(first, casting.link(SELF, card), "app").status_code == 200
        waiting = []
        for number, card in enumerate(cards):
            wish = forget_card(card, of=SELF)
            wish["data"]["identifier"]["value"] = customer_id(key, "card", card["value"])
            said = [(first, wish, "vault")]
            said += [(second, casting.sale(f"n{number}-{each}", 100, of=card), "till") for each in range(5)]
            said += [(second, casting.goods_back(f"b{number}", sale=f"first-{number}", lines=[(1, 0, 50)]), "till")]
            waiting += [hands.submit(post, *each) for each in said]
        for answer in [each.result() for each in waiting]:
            assert answer.status_code == 200 or answer.json()["type"].endswith("customer_forgotten"), answer.text
    ids = [customer_id(key, "card", card["value"]) for card in cards]
    assert forgotten.found_in(forgotten.dump(shop), ids) == []
    assert shop.value("select count(*) from customers_forgotten") == len(cards)
    with shop.connect() as connection:
        invariants.check(connection)
    assert rebuild(keep=False).changed == []
