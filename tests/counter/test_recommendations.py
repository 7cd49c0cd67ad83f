"""What somebody hid and what chance has drawn: the last word holds, and the first draw; the log tells it again."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import handlers_for
from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.recommendations import rules
from comptoir.counter.recommendations.contracts import DRAWN, HIDDEN, HIDDEN_MAX, RecommendationDrawn
from comptoir.counter.recommendations.rules import Companion
from comptoir.foundation.events.commands import record
from comptoir.foundation.touchpoints.clock import said_by_clock
from support import casting
from support.casting import ALICE, BOB, HEARD, NOON, PLAIN, STOREFRONT, Counter, Event, Reference, identify, sale
from support.forgotten import dump, forget
from support.shop import Shop

TABLES = ("recommendations_hidden", "recommendations_drawn")
_MINUTE = dt.timedelta(minutes=1)
NAMES = st.sampled_from(["tea", "milk", "bread", "honey", "jam", "whisky"])
COMPANIONS = st.lists(
    st.builds(Companion, NAMES, NAMES, st.floats(0.01, 1.0), st.integers(5, 99)).filter(
        lambda each: each.product != each.companion
    ),
    max_size=30,
    unique_by=lambda each: (each.product, each.companion),
)


def hidden(product: str, *, of: Reference = ALICE, is_hidden: bool = True, at: dt.datetime = NOON) -> Event:
    return casting.event(HIDDEN, {"customer": of, "product": product, "hidden": is_hidden}, source=STOREFRONT, at=at)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    made = Counter(shop)
    made.tell(sale("1", 100))
    made.tell(sale("2", 100, of=BOB))
    yield made
    made.close()


def draw(counter: Counter, of: Reference, arm: Any, *, at: dt.datetime = NOON, name: str = "") -> None:
    customer = identify(of)
    said = RecommendationDrawn(Identifier(CUSTOMER_KIND, customer), arm, 100)
    event = said_by_clock(DRAWN, name or f"recommendations/{customer}", said, at=at, now=HEARD, customer=customer)
    record(counter.connection, [event], handlers=handlers_for(casting.versions(PLAIN)))


def told(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows("select product, hidden from recommendations_hidden order by product")


def test_the_last_word_on_a_product_holds_whichever_comes_first(counter: Counter) -> None:
    said = [
        hidden("tea", at=NOON - 3 * _MINUTE),
        hidden("tea", at=NOON - 2 * _MINUTE, is_hidden=False),
        hidden("tea", at=NOON - _MINUTE),
        hidden("milk", at=NOON - 2 * _MINUTE),
        hidden("milk", at=NOON - _MINUTE, is_hidden=False),
    ]
    for order in itertools.islice(itertools.permutations(range(5)), 0, 120, 17):
        chosen = [dict(said[place], id=f"{place} {order}") for place in order]
        for each in chosen:
            assert counter.tell(each).is_accepted
        assert told(counter.shop) == [{"product": "milk", "hidden": False}, {"product": "tea", "hidden": True}]
    chance = random.Random(3)
    batch = [dict(each, id=f"batch {number}") for number, each in enumerate(said)]
    chance.shuffle(batch)
    assert all(each.is_accepted for each in counter.send(*batch))
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


def test_the_first_draw_holds_and_is_told_by_the_log(counter: Counter) -> None:
    draw(counter, ALICE, "holdout", at=NOON - _MINUTE, name="second")
    draw(counter, ALICE, "shown", at=NOON - 2 * _MINUTE, name="first")
    draw(counter, ALICE, "holdout", at=NOON, name="third")
    draw(counter, BOB, "holdout")
    rows = counter.shop.rows("select arm, share from recommendations_drawn order by arm")
    assert rows == [{"arm": "holdout", "share": 100}, {"arm": "shown", "share": 100}]
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


def test_nobody_but_the_clock_draws(counter: Counter) -> None:
    assert DRAWN not in casting.reader().map.touchpoint("storefront").sends
    with counter.shop.unchanged(*TABLES), pytest.raises(AssertionError, match="refused at the door"):
        counter.tell(casting.event(DRAWN, {"customer": ALICE, "arm": "shown", "share": 1}, source=STOREFRONT))


def test_there_is_an_end_to_what_is_hidden(counter: Counter) -> None:
    for start in range(0, HIDDEN_MAX, 100):
        assert all(each.is_accepted for each in counter.send(*(hidden(f"p{start + n}") for n in range(100))))
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(hidden("one more")).problem == "hidden_full"
    assert counter.tell(hidden("p7", is_hidden=False)).is_accepted, "what is known can change"
    assert counter.tell(hidden("one more", of=BOB)).is_accepted
    assert counter.shop.value("select count(*) from recommendations_hidden") == HIDDEN_MAX + 1


def test_who_is_forgotten_has_hidden_and_drawn_nothing(counter: Counter) -> None:
    assert counter.tell(hidden("tea")).is_accepted
    assert counter.tell(hidden("milk", of=BOB)).is_accepted
    draw(counter, ALICE, "holdout")
    assert counter.tell(forget(ALICE)).is_accepted
    assert identify(ALICE) not in dump(counter.shop)
    assert counter.shop.value("select count(*) from recommendations_hidden where customer = %s", identify(BOB)) == 1
    before = counter.shop.contents(*TABLES)
    rebuild()
    assert counter.shop.contents(*TABLES) == before


# -- what fits whom --------------------------------------------------------------------------------------------------


@given(COMPANIONS, st.sets(NAMES), st.sets(NAMES))
def test_reasons_are_true_and_nothing_is_shown_that_must_not_be(
    companions: list[Companion], own: set[str], never: set[str]
) -> None:
    found = rules.choose(companions, kind="bought", never=never, own=own)
    known = {(each.product, each.companion): each for each in companions}
    for each in found:
        assert each.because in own, "it names what they really have"
        assert each.product not in own | never
        pair = known[each.because, each.product]
        assert each.people == pair.people
        sources = [one for one in companions if one.companion == each.product and one.product in own]
        assert pair.weight == max(one.weight for one in sources)
        assert each.score == pytest.approx(sum(one.weight for one in sources))
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert {each.product for each in found} == {
        each.companion for each in companions if each.product in own and each.companion not in own | never
    }
