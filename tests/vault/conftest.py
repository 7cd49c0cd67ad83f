"""What the tests of the vault share: a counter whose ids are the vault's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.casting import Counter
from support.shop import Shop


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter of a fresh shop that makes ids with the shop's own key, as the vault does."""
    from support.mailing import counter_of  # needs Django, which a module of tests sets up

    one = counter_of(shop)
    yield one
    one.close()
