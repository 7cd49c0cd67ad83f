"""``label-not-date``: lots with an unexpected label never expired; five test files missed it, built from rows by hand.

https://github.com/liberusoftware/ecommerce-laravel/pull/1056; a setting that nobody read:
https://github.com/FreeOpenSourcePOS/FloCafe/issues/62. Expiry goes by the shape of a lot (it is positive, it has a
day), however it came to be: earned, given by hand, given back, left over. And every field of a programme is read by
the code that decides.
"""

from __future__ import annotations

import ast
import datetime as dt
from pathlib import Path

import msgspec

import comptoir.counter.loyalty.handlers as package
from comptoir.counter.loyalty.jobs import expire_points
from comptoir.counter.loyalty.programme import EarningRule, Programme
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, HEARD, Counter

YEAR = dt.timedelta(days=400)


def test_every_lot_whose_day_has_passed_goes_however_it_came_to_be(counter: Counter) -> None:
    lasting = casting.versions(msgspec.structs.replace(casting.PLAIN, expires_after_months=12))
    counter = Counter(counter.shop, lasting, connection=counter.connection)
    counter.send(
        casting.sale("r1", 100, of=ALICE),
        casting.adjust(30, of=BOB),
        casting.sale("r2", 70, of=ALICE_ONLINE),
        casting.reserve(20, "q", of=ALICE_ONLINE),
        casting.void("q"),
        casting.redeem(5, of=ALICE),
        casting.goods_back("t1", sale="r1", lines=[(1, 1, 10)]),
    )
    expired = expire_points(counter.connection, programmes=lasting, handlers=counter.handlers, now=HEARD + YEAR)
    assert [counter.balance(each) for each in (ALICE, ALICE_ONLINE, BOB)] == [(0, 0, 0)] * 3
    assert expired == 3
    assert counter.shop.value("select sum(points) from loyalty_transfer where credit = 13") == 85 + 70 + 30


def test_every_field_of_a_programme_is_read_by_the_code_that_decides() -> None:
    folder = Path(package.__file__).parent
    read = {
        node.attr
        for name in ("programme.py", "handlers.py", "leasing.py", "jobs.py")
        for node in ast.walk(ast.parse((folder / name).read_text()))
        if isinstance(node, ast.Attribute)
    }
    declared = {field.name for struct in (Programme, EarningRule) for field in msgspec.structs.fields(struct)}
    assert declared - {"name"} <= read
