"""What goes with what is counted as it should be, of those who allow it, and never of fewer than five people."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from comptoir.config.rebuilding import rebuild
from comptoir.counter.audiences import following
from comptoir.counter.loyalty.store import insert_programme
from comptoir.counter.recommendations import making
from comptoir.counter.recommendations.neighbours import near
from comptoir.square.companions import rules
from comptoir.square.companions.contracts import COMPANIONS_MAX, PEOPLE_MIN
from support import casting
from support.casting import HEARD, NOON, PLAIN, WEBSHOP, Counter, card_of, goods_back, line, link, objected, sale
from support.forgotten import forget
from support.shop import Shop

_DAY = dt.timedelta(days=1)
Bought = list[tuple[int, int, int]]
#: Who bought what in which basket; a basket is somebody's, so its number begins with theirs.
PURCHASES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 6)).map(
        lambda each: (each[0], 3 * each[0] + each[1], each[2])
    ),
    max_size=120,
)


class Made(Counter):
    """A counter whose sales are counted when a test says so."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        insert_programme(self.connection, PLAIN, None)
        for product in ("tea", "milk", "bread", "whisky"):
            self.tell(listed(product))

    def make(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Let figures follow, count, and return of each pair how many people and baskets had both."""
        positions = [row["position"] for row in self.shop.rows("select position::text from events_event")]
        with self.connection.transaction():
            zone = following.time_zone_of(self.connection)
            following.bring(self.connection, positions, time_zone=zone, now=HEARD)
        making.make(self.connection, now=HEARD)
        rows = self.shop.rows("select product, companion, people, baskets from companions_pair")
        return {(row["product"], row["companion"]): (row["people"], row["baskets"]) for row in rows}


def listed(product: str, *skus: str) -> dict[str, Any]:
    variants = [{"sku": sku, "options": {"size": sku}} if skus else {"sku": sku} for sku in skus or (product,)]
    said = {"product": product, "name": {"en": product}, "variants": variants}
    return casting.event("product.listed", said, source=WEBSHOP, at=NOON - 30 * _DAY)


def bought(number: int, *products: str, at: dt.datetime = NOON) -> dict[str, Any]:
    """Return that the card of this number has bought these things at once."""
    lines = [line(100, product=each) for each in products]
    return sale(f"{number} {'+'.join(products)[:40]} {at:%m%d}", of=card_of(number), lines=lines, at=at)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Made]:
    made = Made(shop)
    yield made
    made.close()


# -- the days --------------------------------------------------------------------------------------------------------


def test_a_few_purchases_long_after_all_others_do_not_end_the_year_that_is_counted(counter: Made) -> None:
    long_ago = NOON - 500 * _DAY
    for number in range(1, 7):
        counter.tell(bought(number, "tea", "milk", at=long_ago))
        counter.tell(bought(number, "bread", at=long_ago - _DAY))
    counter.tell(bought(1, "tea"))
    assert counter.make()["tea", "milk"] == (6, 6)
    assert counter.shop.value("select until from companions_making order by made_at desc limit 1") == long_ago.date()
    # As soon as a tenth was bought since, the days after count.
    counter.tell(bought(2, "milk"))
    counter.tell(bought(3, "milk", "bread"))
    assert counter.make() == {}
    assert counter.shop.value("select until from companions_making order by made_at desc limit 1") == NOON.date()


# -- the arithmetic -------------------------------------------------------------------------------------------------


@given(PURCHASES, st.integers(1, 4), st.integers(1, 7))
def test_pairs_are_what_counting_by_hand_gives(purchases: Bought, people_min: int, most: int) -> None:
    buyers: dict[int, set[int]] = {}
    baskets: dict[int, set[int]] = {}
    for person, basket, product in purchases:
        buyers.setdefault(product, set()).add(person)
        baskets.setdefault(product, set()).add(basket)
    wanted: dict[int, list[tuple[float, int, int, int]]] = {}
    for one, other in itertools.permutations(buyers, 2):
        both = len(buyers[one] & buyers[other])
        if both >= people_min:
            weight = both / math.sqrt(len(buyers[one]) * len(buyers[other]))
            wanted.setdefault(one, []).append((-weight, -len(baskets[one] & baskets[other]), other, both))
    found = near(*np.array(purchases, dtype=np.int64).reshape(-1, 3).T, people_min=people_min, most=most)
    got: dict[int, list[tuple[float, int, int, int]]] = {}
    for one, place, other, weight, people, together in zip(
        found.product, found.place, found.companion, found.weight, found.people, found.baskets, strict=True
    ):
        assert place == len(got.setdefault(int(one), []))
        got[int(one)].append((-weight, -together, int(other), int(people)))
    assert got.keys() == wanted.keys()
    for one, some in got.items():
        best = sorted(wanted[one])[:most]
        assert [each[1:] for each in some] == [each[1:] for each in _steady(best, wanted[one], most)]
        assert [each[0] for each in some] == pytest.approx([each[0] for each in best])


def _steady(best: list[Any], everything: list[Any], most: int) -> list[Any]:
    """Return the best as they stand where weights that differ in their last digit alone are alike."""
    return sorted(everything, key=lambda each: (round(each[0], 12), *each[1:3]))[:most] if best else []


def test_weights_are_those_of_implicit() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from implicit.nearest_neighbours import CosineRecommender

    chance = np.random.default_rng(7)
    person, product = chance.integers(0, 60, 900), chance.integers(0, 25, 900)
    found = near(person, person, product, people_min=1, most=25)
    cells = np.unique(np.stack([person, product]), axis=1)
    model = CosineRecommender(K=25, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(sparse.csr_matrix((np.ones(cells.shape[1]), tuple(cells)), shape=(60, 25)), show_progress=False)
    reference = sparse.csr_matrix(model.similarity).toarray()
    ours = np.zeros((25, 25))
    ours[found.product, found.companion] = found.weight
    np.fill_diagonal(reference, 0.0)
    assert ours == pytest.approx(reference)
    assert ours.max() > 0.4


@given(st.integers(PEOPLE_MIN, 3_000_000))
def test_how_many_people_is_told_roughly_and_never_too_high(people: int) -> None:
    told = rules.roughly(people)
    assert PEOPLE_MIN <= told <= people < 2.51 * told
    assert str(told).rstrip("0") in {"1", "2", "5"}


# -- out of the sales -----------------------------------------------------------------------------------------------


def test_four_people_are_too_few_and_five_are_enough(counter: Made) -> None:
    for number in range(4):
        counter.tell(bought(number, "tea", "milk"))
        counter.tell(bought(number, "tea", "milk", at=NOON - _DAY))
    assert counter.make() == {}, "eight baskets of four people are of four people"
    assert counter.shop.value("select count(*) from companions_popular") == 0
    counter.tell(bought(4, "tea", at=NOON - 3 * _DAY))
    counter.tell(bought(4, "milk"))
    assert counter.make() == {("tea", "milk"): (5, 8), ("milk", "tea"): (5, 8)}
    assert {row["product"] for row in counter.shop.rows("select product from companions_popular where store = ''")} == {
        "tea", "milk",
    }  # fmt: skip


def test_the_database_itself_refuses_what_few_people_stand_behind(counter: Made) -> None:
    pair = "insert into companions_pair values ('a', 0, 'b', 0.5, 4, 9)"
    popular = "insert into companions_popular values ('', 0, 'a', 4)"
    for statement in (pair, popular):
        with pytest.raises(psycopg.errors.CheckViolation):
            counter.connection.execute(statement)


def test_whoever_objects_is_counted_no_more(counter: Made) -> None:
    for number in range(5):
        counter.tell(bought(number, "tea", "milk"))
    assert len(counter.make()) == 2
    assert counter.tell(objected(of=card_of(3), at=NOON - _DAY)).is_accepted
    assert counter.make() == {}
    assert counter.shop.value("select left_out from companions_making") == 1
    assert counter.shop.value("select people from companions_making") == 4


def test_two_cards_of_one_person_are_one_and_goods_that_came_back_are_none(counter: Made) -> None:
    for number in range(6):
        counter.tell(bought(number, "tea", "milk"))
    counter.tell(link(card_of(0), card_of(1), at=NOON - _DAY))
    assert counter.make() == {("tea", "milk"): (5, 6), ("milk", "tea"): (5, 6)}
    counter.tell(goods_back("back", sale=f"5 tea+milk {NOON:%m%d}", lines=[(2, 1, 100)]))
    assert counter.shop.value("select status from sales_return") == "applied"
    assert counter.make() == {}


def test_who_is_forgotten_is_counted_no_more_and_no_row_names_anybody(counter: Made) -> None:
    for number in range(5):
        counter.tell(bought(number, "tea", "milk"))
    assert len(counter.make()) == 2
    assert counter.tell(forget(card_of(2))).is_accepted
    assert counter.make() == {}, "what is left of her purchases is a fact about nobody, and no fifth person"
    columns = counter.shop.rows(
        "select column_name from information_schema.columns where table_name like 'companions_%' and data_type = 'uuid'"
    )
    assert columns == []


def test_kinds_of_one_product_are_the_product_and_what_is_not_sold_any_more_is_left_out(counter: Made) -> None:
    counter.tell(listed("sencha", "sencha-100", "sencha-250"))
    for number in range(6):
        counter.tell(bought(number, "sencha-100" if number % 2 else "sencha-250", "milk", "gone"))
    assert set(counter.make()) == {("sencha", "milk"), ("milk", "sencha")}
    delisted = casting.event("product.delisted", {"product": "sencha"}, source=WEBSHOP, at=NOON - _DAY)
    assert counter.tell(delisted).is_accepted
    assert counter.make() == {}


def test_what_was_bought_a_year_ago_does_not_count_and_a_second_making_is_the_same(counter: Made) -> None:
    for number in range(5):
        counter.tell(bought(number, "tea", "milk", at=NOON - 366 * _DAY))
        counter.tell(bought(number, "tea", "bread"))
    first = counter.make()
    assert set(first) == {("tea", "bread"), ("bread", "tea")}
    with counter.shop.unchanged("companions_pair", "companions_popular", "companions_making"):
        counter.make()
    before = counter.shop.contents("companions_pair")
    rebuild()
    assert counter.shop.contents("companions_pair") == before, "a rebuild of the log leaves it alone"


def test_a_product_keeps_its_nearest_companions_alone(counter: Made) -> None:
    goods = [f"p{number:02}" for number in range(COMPANIONS_MAX + 5)]
    for each in goods:
        counter.tell(listed(each))
    for number in range(5):
        counter.tell(bought(number, *goods))
    counter.make()
    assert counter.shop.value("select max(n) from (select count(*) as n from companions_pair group by product) c") == (
        COMPANIONS_MAX
    )
