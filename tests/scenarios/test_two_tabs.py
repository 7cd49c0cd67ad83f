"""``two-tabs``: two tabs uploaded one till's orders under new numbers, https://github.com/odoo/odoo/issues/152259.

And https://github.com/odoo/odoo/issues/108518, https://github.com/BrainWise-DEV/POSNext/issues/97. The id is made once,
when the sale is closed, so two uploaders share it. A second copy under a new id has the same till and receipt: it is
refused as a suspected duplicate and not silently booked.
"""

from __future__ import annotations

import pytest

from support import casting
from support.casting import Counter
from support.derived import TABLES


def test_two_uploaders_of_one_queue_share_its_ids(counter: Counter) -> None:
    queue = [casting.sale(f"r{number}", 10, id=f"s{number}") for number in range(6)]
    other = Counter(counter.shop)
    first = counter.send(*queue[:4])
    second = other.send(*queue)
    other.close()
    assert [each.body for each in first] == [each.body for each in second[:4]]
    assert [each.is_repeated for each in second] == [True] * 4 + [False] * 2
    assert counter.balance(casting.ALICE) == (60, 0, 0)


@pytest.mark.parametrize("is_trusting", [False, True])
def test_a_copy_under_a_new_id_is_a_suspected_duplicate(counter: Counter, is_trusting: bool) -> None:
    counter.tell(casting.sale("r1", 10, id="s1"))
    with counter.shop.unchanged(*TABLES):
        copy = counter.send(casting.sale("r1", 10, id="new"), is_trusting=is_trusting)[0]
    assert copy.problem == "receipt_taken"
    assert "suspected duplicate" in copy.outcome["problem"]["title"]


def test_a_copy_under_a_new_id_in_the_same_batch_is_one_too(counter: Counter) -> None:
    answers = counter.send(casting.sale("r1", 10, id="s1"), casting.sale("r1", 10, id="new"))
    assert [each.problem for each in answers] == [None, "receipt_taken"]


def test_the_same_number_at_another_till_is_another_sale(counter: Counter) -> None:
    answers = counter.send(casting.sale("r1", 10), casting.sale("r1", 10, source=casting.OTHER_TILL))
    assert [each.is_accepted for each in answers] == [True, True]
