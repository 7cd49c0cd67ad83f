"""``batch-twins``: two copies of one event inside one batch, as batching invites them.

One is applied, both are answered alike. No peer publishes such a test.
"""

from __future__ import annotations

import pytest

from support import casting
from support.casting import Counter


@pytest.mark.parametrize("is_trusting", [False, True])
def test_twins_happen_once_and_are_answered_alike(counter: Counter, is_trusting: bool) -> None:
    said = casting.sale("r1", 100, id="s1")
    answers = counter.send(said, casting.sale("r2", 5), said, said, is_trusting=is_trusting)
    assert [each.is_repeated for each in answers] == [False, False, True, True]
    assert len({answers[number].body for number in (0, 2, 3)}) == 1
    assert counter.balance(casting.ALICE) == (105, 0, 0)
    assert counter.shop.value("select count(*) from events_event") == 2


def test_twins_of_something_old_get_the_old_answer(counter: Counter) -> None:
    said = casting.sale("r1", 100, id="s1")
    first = counter.tell(said)
    with counter.shop.unchanged():
        assert [each.body for each in counter.send(said, said)] == [first.body, first.body]


def test_a_false_twin_is_refused_and_the_true_ones_are_not(counter: Counter) -> None:
    said = casting.sale("r1", 100, id="s1")
    answers = counter.send(said, casting.sale("r1", 999, id="s1"), said)
    assert [each.problem for each in answers] == [None, "id_reused", None]
    assert counter.balance(casting.ALICE) == (100, 0, 0)


def test_a_twin_of_a_refused_one_is_refused_alike(counter: Counter) -> None:
    said = casting.redeem(1, id="d1")
    one, other = counter.send(said, said)
    assert one.body == other.body
    assert other.problem == "insufficient_points"
