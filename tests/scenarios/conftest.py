"""What every scenario has: a counter that gives a point for each cent, and a look at the books at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import invariants
from support.casting import Counter
from support.shop import Shop


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter of a fresh shop; whatever the story was, its books are right in the end."""
    counter = Counter(shop)
    yield counter
    invariants.check(counter.connection)
    counter.close()
