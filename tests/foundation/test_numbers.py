"""What counts as a whole number that somebody typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.kernel.numbers import whole


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_number_within_its_limits_is_read(number: int, most: int) -> None:
    assert whole(str(number), most) == (number if number <= most else None)


@pytest.mark.parametrize("text", ["", " 1", "+1", "-1", "1.0", "1_0", "²", "٣", "1\n", "1" * 5_000, "0001"])
def test_what_is_no_whole_number_is_none(text: str) -> None:
    assert whole(text, 999) is None


def test_what_is_below_the_least_is_none() -> None:
    assert (whole("0", 9, least=1), whole("1", 9, least=1)) == (None, 1)


def test_a_japanese_keyboard_may_type_it() -> None:
    assert whole("１２0", 999) == 120
