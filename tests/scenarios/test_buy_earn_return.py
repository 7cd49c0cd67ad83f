"""``buy-earn-return``: buy, earn, give back, keep the points, repeat, https://github.com/odoo/odoo/pull/257854.

Returning charged the used points again: https://github.com/odoo/odoo/pull/212922,
https://github.com/odoo/odoo/pull/221928; voided items earned: https://github.com/FreeOpenSourcePOS/FloCafe/issues/720.
What was spent already is owed, and settled first from what is earned later.
"""

from __future__ import annotations

from support import casting
from support.casting import Counter


def test_going_round_ten_times_leaves_nobody_richer(counter: Counter) -> None:
    spent = 0
    for turn in range(10):
        earned = counter.tell(casting.sale(f"r{turn}", 100))
        assert earned.balance is not None
        if earned.balance[0]:
            assert counter.tell(casting.redeem(earned.balance[0])).is_accepted
            spent += earned.balance[0]
        counter.tell(casting.goods_back(f"t{turn}", sale=f"r{turn}", lines=[(1, 1, 100)]))
    assert spent == 100
    assert counter.balance(casting.ALICE) == (0, 0, 100)


def test_what_is_owed_is_paid_out_of_what_is_earned_later(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.redeem(80), casting.goods_back("t1", sale="r1", lines=[(1, 1, 100)]))
    assert counter.balance(casting.ALICE) == (0, 0, 80)
    answer = counter.tell(casting.sale("r2", 50))
    assert (answer.outcome["points"], answer.balance) == (50, (0, 0, 30))
    assert counter.tell(casting.sale("r3", 50)).balance == (20, 0, 0)


def test_what_is_held_is_not_taken_away_but_pays_when_it_comes_back(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.reserve(100, "q"))
    assert counter.tell(casting.goods_back("t1", sale="r1", lines=[(1, 1, 100)])).balance == (0, 100, 100)
    assert counter.tell(casting.void("q")).balance == (0, 0, 0)


def test_goods_that_went_back_unspent_cost_nobody_anything(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.sale("r2", 40))
    assert counter.tell(casting.goods_back("t1", sale="r1", lines=[(1, 1, 100)])).balance == (40, 0, 0)


def test_a_line_given_away_earns_nothing(counter: Counter) -> None:
    lines = [casting.line(100), casting.line(-100)]
    assert counter.tell(casting.sale("r1", lines=lines)).outcome["points"] == 0
