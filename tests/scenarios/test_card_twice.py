"""``card-twice``: one gift card in two checkouts, https://github.com/medusajs/medusa/pull/16347.

Its balance ended at -10 elsewhere: https://github.com/Azuriom/Plugin-Shop/issues/285, and
https://github.com/spree/spree/pull/13734. Two channels, one stored value; and should the code ever be wrong, the
database still does not let a balance go below zero.
"""

from __future__ import annotations

import psycopg
import pytest

from support import casting
from support.casting import Counter
from support.derived import TABLES


def test_the_second_channel_finds_nothing_left(counter: Counter) -> None:
    counter.tell(casting.sale("r1", 100))
    assert counter.tell(casting.reserve(100, "basket", source=casting.WEBSHOP)).balance == (0, 100, 0)
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.redeem(100, source=casting.TILL)).problem == "insufficient_points"
    assert counter.tell(casting.post("basket", source=casting.WEBSHOP)).balance == (0, 0, 0)


@pytest.mark.parametrize("account", ["available", "held", "owed"])
def test_the_database_refuses_a_balance_below_zero_even_from_wrong_code(counter: Counter, account: str) -> None:
    counter.tell(casting.sale("r1", 100))
    with counter.shop.unchanged(), pytest.raises(psycopg.errors.CheckViolation, match="account_not_negative"):
        counter.connection.execute(f"update loyalty_account set {account} = -1".encode())
