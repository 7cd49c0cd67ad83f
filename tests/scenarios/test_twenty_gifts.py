"""``twenty-gifts``: 20 concurrent gifts out of 100 points credited 2,000, https://github.com/fushengqian/fuint/issues/71.

The race itself, with twenty processes and with naive code that fails it, stands in ``counter/test_race.py``; here the
same twenty share one batch, where no lock of the database helps.
"""

from __future__ import annotations

from support import casting
from support.casting import Counter


def test_twenty_in_one_batch_spend_the_same_points_and_one_gets_them(counter: Counter) -> None:
    counter.tell(casting.sale("r1", 100))
    answers = counter.send(*[casting.redeem(100) for _ in range(20)])
    assert [each.problem for each in answers] == [None] + ["insufficient_points"] * 19
    assert counter.balance(casting.ALICE) == (0, 0, 0)
    assert counter.shop.value("select count(*) from loyalty_transfer") == 2
