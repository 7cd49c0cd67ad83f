"""``hold-ignored``: six reservations of 1,000 on 5,000 were accepted, and a rejected one could still be committed.

https://github.com/blnkfinance/blnk/issues/181 and https://github.com/blnkfinance/blnk/issues/182. What is available
is what was posted less what is held; what was refused, posted, voided or has expired is refused by name.
"""

from __future__ import annotations

import datetime as dt

import pytest

from support import casting
from support.casting import HEARD, Counter
from support.derived import TABLES


def test_the_sixth_hold_is_refused_and_cannot_be_posted(counter: Counter) -> None:
    counter.tell(casting.sale("r1", 5_000))
    for number in range(5):
        assert counter.tell(casting.reserve(1_000, f"q{number}")).is_accepted
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.reserve(1_000, "q5")).problem == "insufficient_points"
        assert counter.tell(casting.post("q5")).problem == "reservation_unknown"
        assert counter.tell(casting.void("q5")).problem == "reservation_unknown"
        assert counter.tell(casting.redeem(1)).problem == "insufficient_points"
    assert counter.balance(casting.ALICE) == (0, 5_000, 0)


@pytest.mark.parametrize(
    ("closing", "name"),
    [(casting.post("q"), "reservation_posted"), (casting.void("q"), "reservation_voided")],
)
def test_what_is_closed_stays_closed(counter: Counter, closing: casting.Event, name: str) -> None:
    counter.send(casting.sale("r1", 100), casting.reserve(60, "q"))
    assert counter.tell(closing).is_accepted
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.post("q")).problem == name
        assert counter.tell(casting.void("q")).problem == name
        assert counter.tell(casting.reserve(1, "q")).problem == "reservation_taken"


def test_what_has_expired_can_be_neither_posted_nor_voided(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.reserve(60, "q", seconds=60))
    late = HEARD + dt.timedelta(seconds=60)
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.post("q"), received_at=late).problem == "reservation_expired"
        assert counter.tell(casting.void("q"), received_at=late).problem == "reservation_expired"
    # Until the clock gives them back, they are still held: nobody else may have them.
    assert counter.balance(casting.ALICE) == (40, 60, 0)


def test_more_than_is_held_is_refused_and_less_gives_the_rest_back(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.reserve(60, "q"))
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.post("q", 61)).problem == "reservation_too_small"
    assert counter.tell(casting.post("q", 20)).balance == (80, 0, 0)


def test_a_reservation_belongs_to_the_touchpoint_that_made_it(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.reserve(60, "q", source=casting.WEBSHOP))
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.post("q", source=casting.TILL)).problem == "reservation_unknown"
