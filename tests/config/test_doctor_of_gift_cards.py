"""What the doctor says of gift cards that get something back: nothing, until one is credited twice for one return."""

from __future__ import annotations

import psycopg

from comptoir.config.checking import check_house
from comptoir.foundation.kernel import database
from support.carding import issued, new_code
from support.gateway import Gateway
from support.pages import accepted, event
from support.shop import Shop

NAME = "gift_cards_get_nothing_twice"
TILL = "/stores/324/tills/1"


def test_the_doctor_names_a_card_that_was_credited_twice_for_one_return(shop: Shop, gateway: Gateway) -> None:
    code = new_code()
    accepted(gateway.post([issued(code, 500)], touchpoint="till"))
    for spent in ("one", "other"):
        said = {"code": code, "currency": "USD", "amount": 250, "receipt": "0001"}
        accepted(gateway.post([{**event("gift_card.redeem", said, source=TILL), "id": spent}], touchpoint="till"))

    def credit(spent: str, receipt: str | None) -> int:
        back = {"spending": {"id": spent, "source": TILL}, "amount": 50, **({"receipt": receipt} if receipt else {})}
        accepted(gateway.post([event("gift_card.credit", back, source=TILL)], touchpoint="till"))
        with psycopg.connect(database.owner_conninfo()) as owner:
            row = owner.execute(database.load_statements("comptoir.config", "checking.sql")[NAME]).fetchone()
        assert row is not None
        return int(row[0])

    # Two returns, two spendings, and what names no return.
    parts = [("one", "R-1"), ("other", "R-1"), ("one", "R-2"), ("one", None), ("one", None)]
    assert [credit(*part) for part in parts] == [0] * len(parts)
    assert credit("other", "R-1") == 1
    verdict = next(each for each in check_house().checks if each.name == NAME)
    assert (verdict.holds, verdict.broken) == (False, 1)
    assert shop.value("select sum(available) from giftcards_card") == 300
