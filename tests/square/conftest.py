"""What the tests of the square share: a counter whose log tells all of it again, and two people with a name each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comptoir.config.rebuilding import rebuild
from support.casting import ALICE, BOB, Counter
from support.shop import Shop
from support.talking import named


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter; in the end a rebuild has to find everything as it is."""
    one = Counter(shop)
    yield one
    assert rebuild(keep=False).changed == []
    one.close()


@pytest.fixture
def wren(counter: Counter) -> str:
    """Have Alice's public name."""
    return named(counter, "Wren", ALICE)


@pytest.fixture
def finch(counter: Counter) -> str:
    """Have Bob's public name."""
    return named(counter, "Finch", BOB)
