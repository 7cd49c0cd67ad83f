"""Somebody's own shop window: never means never, order stays, new keeps its share; Python and the database agree."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.catalog import composing, queries
from comptoir.square.catalog.composing import ADDRESS_BYTES_MAX, Composed, Rule
from comptoir.square.catalog.queries import Asked
from support import casting
from support.casting import NOON, WEBSHOP
from support.casting import Counter as AtTheCounter
from support.shop import Shop

set_up_django()
CATEGORIES = {"drinks": None, "tea": "drinks", "coffee": "drinks", "meat": None, "ham": "meat"}
MAKERS = ("Ōi & fils", "Acme", 'O\'Neil "2"')
values = {"category": st.sampled_from(list(CATEGORIES)), "maker": st.sampled_from(MAKERS),
          "product": st.integers(0, 30).map(str)}  # fmt: skip
sentences = st.one_of(
    *(
        st.builds(Rule, st.just(rule), st.just(of), values[of])
        for rule, kinds in (
            ("first", ("category", "maker")),
            ("never", ("category", "maker", "product")),
            ("only", ("category", "maker")),
        )
        for of in kinds
    ),
    st.just(Rule("never", "adults")),
    st.builds(lambda every: Rule("new", every=every), st.integers(2, 20)),
    st.builds(lambda by: Rule("order", by=by), st.sampled_from(["newest", "cheapest"])),
)
windows = (
    st.lists(sentences, max_size=8, unique=True).map(tuple).filter(lambda rules: composing.judge(rules) is None)
)  # fmt: skip
things = st.lists(
    st.fixed_dictionaries(
        {
            "category": st.sampled_from([*CATEGORIES, None]), "maker": st.sampled_from([*MAKERS, None]),
            "asks_over": st.sampled_from([None, None, None, 18]), "amount": st.integers(0, 5),
        }
    ),
    max_size=30,
)  # fmt: skip


def below(category: str) -> tuple[str, ...]:
    found = [category]
    for each, within in CATEGORIES.items():
        if within in found:
            found.append(each)
    return tuple(found)


def known(thing: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: thing[name] for name in names}


def arranged(window: Composed, goods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return goods, which are in their order, as a window shows them."""
    shown = [each for each in goods if window.admits(**known(each, "product", "category", "maker", "asks_over"))]
    first = [each for each in shown if window.puts_first(**known(each, "category", "maker"))]
    rest = [each for each in shown if each not in first]
    return composing.arranged(first, rest, window.every) if window.has_first else shown


@given(rules=windows, goods=things)
def test_never_is_never_and_the_order_stays(rules: tuple[Rule, ...], goods: list[dict[str, Any]]) -> None:
    window = composing.compose(rules, below)
    goods = [{**each, "product": str(number)} for number, each in enumerate(goods)]
    shown = arranged(window, goods)
    assert len({each["product"] for each in shown}) == len(shown)
    for each in shown:
        for rule in rules:
            if rule.rule == "never":
                assert each["asks_over"] is None or rule.of != "adults"
                assert rule.of != "maker" or each["maker"] != rule.value
                assert rule.of != "product" or each["product"] != rule.value
                assert rule.of != "category" or each["category"] not in below(rule.value or "")
    for kind in ("category", "maker"):
        only = [rule.value or "" for rule in rules if rule.rule == "only" and rule.of == kind]
        wanted = {one for each in only for one in (below(each) if kind == "category" else (each,))}
        assert not only or all(each[kind] in wanted for each in shown)
    # What is left out is left out for a reason, and within both groups the order is the one that it had.
    assert {each["product"] for each in goods} - {each["product"] for each in shown} == {
        each["product"]
        for each in goods
        if not window.admits(**known(each, "product", "category", "maker", "asks_over"))
    }
    for group in (True, False):
        of_group = [each for each in shown if window.puts_first(**known(each, "category", "maker")) is group]
        numbers = [int(each["product"]) for each in of_group]
        assert not window.has_first or numbers == sorted(numbers)


@given(first=st.integers(0, 60), rest=st.integers(0, 60), every=st.one_of(st.none(), st.integers(2, 20)))
def test_something_new_keeps_to_its_share(first: int, rest: int, every: int | None) -> None:
    placed = composing.arranged([True] * first, [False] * rest, every)
    assert (placed.count(True), placed.count(False)) == (first, rest)
    if every is None:
        assert placed == [True] * first + [False] * rest
        return
    for length in range(1, len(placed) + 1):
        new = placed[:length].count(False)
        if placed[:length].count(True) < first:  # as long as there is more of what comes first
            assert new <= length // every
        if new < rest:  # and as long as there is something new left
            assert new >= min(length // every, length)


@given(rules=windows)
def test_an_address_says_the_whole_window(rules: tuple[Rule, ...]) -> None:
    assert composing.read(composing.written(rules)) == rules
    for words in (composing.sentence(rule, {}) for rule in rules):
        assert set(words) == {"en", "fr", "ja"}
        assert all(words.values())


@given(text=st.one_of(st.text(max_size=200), st.sampled_from([
    "first=category%3Atea", "v=2&first=category%3Atea", "v=1&new=0", "v=1&new=21", "v=1&new=%C2%B2", "v=1&order=best",
    "v=1&never=category", "v=1&first=adults", "v=1&first=maker%3A%00", "v=1&never=product:%20", "v=1&" + "a=b&" * 100,
    "v=1&first=maker%3A" + "a" * ADDRESS_BYTES_MAX, "v=1&first=maker%3A%ff",
])))  # fmt: skip
def test_what_is_no_window_says_nothing(text: str) -> None:
    rules = composing.read(text)
    assert rules == () or composing.read(composing.written(rules)) == rules


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=windows, goods=things, by=st.sampled_from(["fitting", "newest", "cheapest"]))
def test_the_database_shows_the_same(
    shop: Shop, rules: tuple[Rule, ...], goods: list[dict[str, Any]], by: queries.Order
) -> None:
    window = composing.compose(rules, below)
    goods = [{**each, "product": f"{number:02}"} for number, each in enumerate(goods)]
    for table in ("catalog_product", "catalog_variant", "catalog_price"):
        shop.value(f"with gone as (delete from {table} returning 1) select count(*) from gone")
    with contextlib.closing(AtTheCounter(shop)) as counter:
        told = [
            casting.event(
                "product.listed",
                {
                    "product": each["product"], "name": {"en": f"Thing {each['product']}"},
                    "variants": [{"sku": each["product"], "prices": [{"currency": "USD", "amount": each["amount"]}]}],
                    **{name: each[name] for name in ("category", "maker", "asks_over") if each[name] is not None},
                },
                source=WEBSHOP, at=NOON - dt.timedelta(hours=int(each["product"]) + 1),
            )
            for each in goods
        ]  # fmt: skip
        listed = [
            casting.event(
                "category.listed",
                {"category": name, "name": {"en": name}, **({"within": within} if within else {})},
                source=WEBSHOP, at=NOON,
            )
            for name, within in CATEGORIES.items()
        ]  # fmt: skip
        assert {each.problem for each in counter.send(*listed, *told)} == {None}
    order = window.by if window.by and by == "fitting" else by
    in_order = sorted(goods, key=lambda each: (each["amount"] if order == "cheapest" else 0, each["product"]))
    with entered(SQUARE):
        found: list[str] = []
        for page in (1, 2, 3):
            asked = Asked(currency="USD", order=by, window=window, page=page)
            found += [each.product for each in queries.wares(asked, limit=13)[0]]
        makers = queries.makers(Asked(currency="USD", window=window))
    assert found == [each["product"] for each in arranged(window, in_order)]
    assert {name for name, _ in makers} == {each["maker"] for each in arranged(window, goods)} - {None}
