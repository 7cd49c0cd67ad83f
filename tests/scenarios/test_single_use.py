"""``single-use``: a one-time voucher was used many times, https://github.com/saleor/saleor/issues/544.

And https://github.com/diefenbach/django-lfs/issues/202, https://github.com/shopware/shopware/issues/11245,
https://github.com/fossasia/eventyay/issues/1398, https://github.com/BrainWise-DEV/POSNext/issues/198; fixed in 2017
and back in 2026: https://github.com/django-oscar/django-oscar/issues/2101 and 4580. Tills and the web shop race for one
code through two gateways; one row says that it was redeemed, and a unique key holds it, not a count. The same race with
code that counts is lost.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from comptoir.foundation.kernel import database
from support import casting, clients, promoting
from support.casting import ALICE, TILL, WEBSHOP, Counter
from support.gateway import Gateway, running_gateway, written
from support.shop import Shop


@pytest.fixture
def gateways(shop: Shop, tmp_path: Path) -> Iterator[list[Gateway]]:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_gateway(tmp_path))
        yield [first, stack.enter_context(running_gateway(tmp_path, keys=first.keys))]


def test_tills_and_the_web_shop_race_for_one_code(shop: Shop, gateways: list[Gateway]) -> None:
    promotion = promoting.new()
    assert gateways[0].post(casting.sale("r1", 100)).status_code == 200
    published = promoting.published(promotion, codes="each")
    assert gateways[0].post(published, touchpoint="console").status_code == 200
    customer = shop.value("select customer from customers_customer")
    code = promoting.code_for(shop, promotion, str(customer))
    tasks = []
    for number in range(16):
        source, touchpoint = (WEBSHOP, "webshop") if number % 2 else (TILL, "till")
        port = int(gateways[number // 2 % 2].url.rsplit(":", 1)[1])
        body = json.loads(written(promoting.taken(code, source=source, at=casting.NOON)))
        tasks.append({"how": "http", "port": port, "key": gateways[0].keys[touchpoint], "body": body})
    told = clients.race(tasks)
    assert sorted(told) == ["accepted", *["coupon_unusable"] * 15]
    assert shop.rows("select use, status from offers_redemption") == [{"use": 1, "status": "redeemed"}]


def test_the_key_holds_even_if_the_code_is_wrong(shop: Shop, counter: Counter) -> None:
    promotion = promoting.new()
    counter.send(casting.sale("r1", 100), promoting.published(promotion, codes="each"))
    counter.tell(promoting.taken(promoting.issued(shop, promotion, ALICE)["alice"]))
    with psycopg.connect(database.owner_conninfo()) as owner, pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute(
            "insert into offers_redemption select gen_random_uuid(), ordinal, promotion, coupon, customer, use, turn,"
            " discount, status, touchpoint, source, name, receipt, redeemed_at, expires_at from offers_redemption"
        )


def test_code_that_counts_and_then_writes_fails_the_same_race(shop: Shop) -> None:
    """If this one passed, the race above would prove nothing."""
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner:
        for _ in range(10):
            owner.execute("drop table if exists naive_redemption")
            owner.execute("create table naive_redemption (code text)")
            task = {"how": "naive coupon", "conninfo": database.owner_conninfo(), "code": "x", "most": 1}
            told = clients.race([task] * 10)
            row = owner.execute("select count(*) from naive_redemption").fetchone()
            assert row is not None
            if row[0] > 1:
                assert told.count("accepted") == row[0]
                return
    pytest.fail("the naive code redeemed it once, ten times: this is no race")
