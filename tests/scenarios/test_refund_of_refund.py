"""``refund-of-refund``: a second refund answered 409 and moved the money back all the same.

https://github.com/blnkfinance/blnk/pull/375, https://github.com/blnkfinance/blnk/issues/152; a conflict was reported
while half of it was applied: https://github.com/blnkfinance/blnk/issues/379. A refusal leaves every table byte for
byte as it was, and a return of the whole after a part brings back exactly the rest.
"""

from __future__ import annotations

from support import casting
from support.casting import Counter
from support.derived import TABLES


def test_the_second_return_of_the_same_goods_moves_nothing(counter: Counter) -> None:
    counter.tell(casting.sale("r1", lines=[casting.line(100, quantity=2)]))
    assert counter.tell(casting.goods_back("t1", sale="r1", lines=[(1, 2, 100)])).balance == (0, 0, 0)
    with counter.shop.unchanged(*TABLES):
        again = counter.tell(casting.goods_back("t2", sale="r1", lines=[(1, 2, 100)]))
    assert again.problem == "return_exceeds_sale"
    assert again.outcome["problem"]["status"] == 422


def test_what_is_refused_half_way_leaves_the_first_half_alone(counter: Counter) -> None:
    """The first line would fit, the second does not: neither is taken back."""
    counter.tell(casting.sale("r1", lines=[casting.line(100), casting.line(50)]))
    with counter.shop.unchanged(*TABLES):
        refused = counter.tell(casting.goods_back("t1", sale="r1", lines=[(1, 1, 100), (2, 1, 51)]))
    assert refused.problem == "return_exceeds_sale"
    assert refused.outcome["problem"]["field"] == "data.lines[1].amount"
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.goods_back("t2", sale="r1", lines=[(3, 1, 1)])).problem == "line_unknown"


def test_the_whole_after_a_part_brings_back_exactly_the_rest(counter: Counter) -> None:
    counter.tell(casting.sale("r1", lines=[casting.line(100, quantity=4)]))
    assert counter.tell(casting.goods_back("t1", sale="r1", lines=[(1, 1, 33)])).balance == (67, 0, 0)
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.goods_back("t2", sale="r1", lines=[(1, 4, 100)])).problem == "return_exceeds_sale"
    assert counter.tell(casting.goods_back("t3", sale="r1", lines=[(1, 3, 67)])).balance == (0, 0, 0)
