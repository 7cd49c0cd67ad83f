"""What each line of a sale has earned, as the counter answers: all of the points, from where they are decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import casting, forgotten, promoting
from support.casting import ALICE, PROGRAMME, Counter
from support.shop import Shop

set_up_django()


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    opened = Counter(shop, casting.versions(PROGRAMME))
    opened.tell(casting.sale("before", 0, of=ALICE))
    yield opened
    opened.close()


def sold(counter: Counter, *lines: dict[str, Any], receipt: str = "r1", **said: Any) -> dict[str, Any]:
    return dict(counter.tell(casting.sale(receipt, lines=lines, **said)).outcome)


def test_each_line_has_its_part_and_that_of_its_category(counter: Counter) -> None:
    """A point for a dollar, of 10.98 ten; three more for every two dollars of fruit, of 6.00 nine."""
    bread, fruit = casting.line(498), casting.line(600, category="PRODUCE")
    outcome = sold(counter, bread, fruit)
    assert (outcome["points"], outcome["points_by_line"]) == (19, [5, 14])


def test_a_line_below_zero_and_one_for_nothing_have_earned_nothing(counter: Counter) -> None:
    outcome = sold(counter, casting.line(1000), casting.line(-250), casting.line(0), casting.line(1000))
    assert (outcome["points"], outcome["points_by_line"]) == (17, [9, 0, 0, 8])


def test_points_that_count_several_times_do_so_for_every_line(counter: Counter) -> None:
    promotion = promoting.new()
    counter.tell(promoting.published(promotion, codes="shared", code="TRIPLE", benefit={"kind": "Points", "times": 3}))
    counter.tell(promoting.taken("TRIPLE", of=ALICE, receipt="r1"))
    outcome = sold(counter, casting.line(250), casting.line(350))
    assert (outcome["points"], outcome["points_by_line"]) == (18, [9, 9])


def test_what_came_back_before_its_sale_was_told_has_earned_nothing(counter: Counter) -> None:
    counter.tell(casting.goods_back("b1", sale="r1", lines=[(1, 1, 300)]))
    outcome = sold(counter, casting.line(600, quantity=2), casting.line(500))
    assert (outcome["points"], outcome["points_by_line"]) == (8, [3, 5])


def test_a_repeat_is_answered_as_before_and_one_line_has_all(counter: Counter) -> None:
    said = casting.sale("r1", lines=[casting.line(250), casting.line(350)])
    first = counter.tell(said).outcome
    assert first["points_by_line"] == [3, 3]
    assert counter.tell(said).outcome == first
    assert "points_by_line" not in sold(counter, casting.line(600), receipt="r2")


def test_nobody_and_who_was_forgotten_are_told_no_points(counter: Counter) -> None:
    lines = (casting.line(250), casting.line(350))
    assert "points_by_line" not in sold(counter, *lines, of=None)
    sold(counter, *lines, receipt="r2")
    counter.tell(forgotten.forget(ALICE))
    assert "points_by_line" not in sold(counter, *lines, receipt="r3")
