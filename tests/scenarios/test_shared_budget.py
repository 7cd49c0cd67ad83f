"""``shared-budget``: different codes of one promotion with one common limit took different locks.

https://github.com/shopware/shopware/pull/18716. Fifty-six codes, a common limit of ten, eight processes: ten are
accepted, since the lock is on what is limited.
"""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import psycopg
import pytest

from comptoir.foundation.kernel import database
from support import casting, clients, promoting
from support.gateway import running_gateway, written
from support.shop import Shop

CODES, LIMIT = 56, 10


def test_fifty_codes_have_ten_uses_between_them(shop: Shop, tmp_path: Path) -> None:
    promotion = promoting.new()
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_gateway(tmp_path))
        second = stack.enter_context(running_gateway(tmp_path, keys=first.keys))
        sales = [casting.sale(f"r{number}", 100, of=casting.card_of(number)) for number in range(CODES)]
        assert first.post(sales).json()["accepted"] == CODES
        published = promoting.published(promotion, codes="each", budget={"redemptions_max": LIMIT})
        assert first.post(published, touchpoint="console").status_code == 200
        customers = [str(row["customer"]) for row in shop.rows("select customer from customers_customer")]
        codes = [promoting.code_for(shop, promotion, each) for each in customers]
        luck = random.Random(18716)
        told: list[str] = []
        for _ in range(CODES // 8):
            shown = [codes.pop(luck.randrange(len(codes))) for _ in range(8)]
            told += clients.race(
                [
                    {
                        "how": "http",
                        "port": int((first, second)[number % 2].url.rsplit(":", 1)[1]),
                        "key": first.keys["till"],
                        "body": json.loads(written(promoting.taken(code))),
                    }
                    for number, code in enumerate(shown)
                ]
            )
    assert sorted(told) == [*["accepted"] * LIMIT, *["coupon_unusable"] * (CODES - LIMIT)]
    assert shop.value("select redemptions from offers_promotion") == LIMIT
    assert shop.value("select count(*) from offers_redemption") == LIMIT


def test_code_that_counts_a_budget_and_then_writes_fails_the_same_race(shop: Shop) -> None:
    """Eight with codes of their own, and one use left: if this one passed, the race above would prove nothing."""
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner:
        for _ in range(10):
            owner.execute("drop table if exists naive_redemption")
            owner.execute("create table naive_redemption (code text)")
            owner.execute("insert into naive_redemption select 'used' from generate_series(1, %s)", (LIMIT - 1,))
            clients.race(
                [
                    {"how": "naive coupon", "conninfo": database.owner_conninfo(), "code": str(number), "most": LIMIT}
                    for number in range(8)
                ]
            )
            row = owner.execute("select count(*) from naive_redemption").fetchone()
            assert row is not None
            if row[0] > LIMIT:
                return
    pytest.fail("the naive code kept the budget, ten times: this is no race")
