"""Expressions and rows that chance makes, for engines that have to agree on them.

Not here: the engines, and what they have to agree with.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, Final

import hypothesis.strategies as st

from comptoir.office.segments.evaluating import Act, Coupon, Figures, Line, Redemption, Rows
from comptoir.office.segments.facts import FACTS, Fact, Parameter

#: A leap day, near which a window's end lies.
TODAY: Final = dt.date(2024, 3, 1)
PRODUCTS: Final = ("bread", "it's", "a\\", "100 %", "パン", "é", "é", "", "Bread", "'; select 1 --", "{x}", "?", ":x")
CATEGORIES: Final = ("COFFEE", "TEA", "a\\'b", None)
STORES: Final = ("367", "0367", "12", None)
TYPES: Final = ("newsletter.subscribed", "coupon.redeemed", "points.redeem", "message.sent", "message.bounced")
#: The English titles of promotions; each coupon is of a promotion of its own, since each has its own days.
TITLES: Final = ("Coffee", "it's 5 %", "パン")
DAYS: Final = (1, 2, 30, 90, 366, 3_660)
_AMOUNTS: Final = (0, 1, -1, 99, 100, 101, 333, 10_000, 10**12, -(10**12))


def somebody(chance: random.Random) -> tuple[str, list[str], Rows, list[list[Any]]]:
    """Return a person's id, their customers, everything that is known of them, and which rows are whose."""
    customers = [str(_uuid(chance)) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
    store, web = chance.random() < 0.8, chance.random() < 0.8
    figures, lines, acts = [], [], []
    owned: list[list[Any]] = [[], [], [], []]
    coupons, redemptions = [], []
    for customer in customers:
        mine = [_line(chance) for _ in range(chance.choice((0, 0, 1, 2, 5)))]
        done = [Act(_day(chance), chance.choice(TYPES)) for _ in range(chance.choice((0, 1, 3)))]
        days = [each.day for each in mine]
        figures.append(
            Figures(
                chance.choice((None, _day(chance))), store, web, min(days, default=None), max(days, default=None),
                sum(each.opens for each in mine), sum(each.amount for each in mine), chance.choice((0, 5, 10**12)),
                chance.randrange(3), chance.randrange(3), chance.randrange(4),
            )
        )  # fmt: skip
        has = [_coupon(chance) for _ in range(chance.choice((0, 0, 1, 2)))]
        used = [
            Redemption(_day(chance), _uuid(chance), chance.choice(TITLES)) for _ in range(chance.choice((0, 0, 1, 3)))
        ]
        coupons += has
        redemptions += used
        owned[2] += [(customer, each) for each in has]
        owned[3] += [(customer, each) for each in used]
        lines += mine
        acts += done
        owned[0] += [(customer, each) for each in mine]
        owned[1] += [(customer, each) for each in done]
    return min(customers), customers, Rows(figures, lines, acts, coupons, redemptions), owned


def _uuid(chance: random.Random) -> str:
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-8{text[17:20]}-{text[20:]}"


def _day(chance: random.Random) -> dt.date:
    return TODAY - dt.timedelta(days=chance.choice((-1, 0, 0, 1, 2, 29, 30, 31, 89, 90, 366, 3_659, 3_660, 4_000)))


def _coupon(chance: random.Random) -> Coupon:
    since = TODAY - dt.timedelta(days=chance.choice((-1, 0, 1, 30)))
    until = max(since, TODAY + dt.timedelta(days=chance.choice((-1, 0, 1, 30))))
    return Coupon(_uuid(chance), chance.choice(TITLES), since, until, chance.choice((0, 1, 3)))


def _line(chance: random.Random) -> Line:
    return Line(
        _day(chance), chance.choice(STORES), chance.choice(CATEGORIES), chance.choice(PRODUCTS),
        chance.choice((0, 1, 2, 10**9)), chance.choice(_AMOUNTS), chance.choice((0, 50)), chance.choice((0, 1)),
    )  # fmt: skip


# -- expressions --------------------------------------------------------------------------------------------------

_TEXTS: Final[dict[Parameter, tuple[str, ...]]] = {
    "thing": tuple(filter(None, (*PRODUCTS, *CATEGORIES))),
    "product": tuple(filter(None, PRODUCTS)),
    "category": tuple(filter(None, CATEGORIES)),
    "store": tuple(filter(None, STORES)),
    "type": TYPES,
    "promotion": TITLES,
}


@st.composite
def _fact(draw: st.DrawFn, facts: list[Fact]) -> str:
    fact = draw(st.sampled_from(facts))
    given = []
    for parameter in fact.parameters:
        if parameter in fact.required or draw(st.booleans()):
            text = str(draw(st.sampled_from(DAYS))) if parameter == "days" else _quoted(draw, parameter)
            given.append(f"{parameter} => {text}")
    return f"{fact.name}({', '.join(given)})"


def _quoted(draw: st.DrawFn, parameter: Parameter) -> str:
    return "'" + draw(st.sampled_from(_TEXTS[parameter])).replace("'", "''") + "'"


_number = st.sampled_from(["0", "1", "-1", "2", "3", "0.5", "1.01", "99.999", "100", "365", "1000000", "0.000001"])
_of_kind = {
    kind: [fact for fact in FACTS.values() if fact.kind == kind] for kind in ("truth", "number", "money")
}  # fmt: skip


def _values(kind: str, depth: int) -> st.SearchStrategy[str]:
    simple = _fact(_of_kind[kind])
    if depth == 0:
        return simple
    same, number = _values(kind, depth - 1), _values("number", depth - 1)
    both = [
        st.tuples(same, st.sampled_from("+-"), st.one_of(same, _number)),
        st.tuples(same, st.sampled_from("*/"), st.one_of(number, _number)),
    ]
    if kind == "number":
        money = _values("money", depth - 1)
        both.append(st.tuples(money, st.just("/"), money))
    return st.one_of(simple, *(each.map(lambda three: f"({three[0]} {three[1]} {three[2]})") for each in both))


@st.composite
def _comparison(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["number", "money"]))
    left = draw(_values(kind, draw(st.integers(0, 2))))
    form = draw(st.sampled_from(["compare", "compare", "compare", "between", "in"]))
    if form == "between":
        return f"{left} BETWEEN {draw(_number)} AND {draw(_number)}"
    if form == "in":
        return f"{left} IN ({draw(_number)}, {draw(_number)})"
    right = draw(st.one_of(_number, _values(kind, 1)))
    return f"{left} {draw(st.sampled_from(['=', '<>', '<', '<=', '>', '>=']))} {right}"


_leaf = st.one_of(_fact(_of_kind["truth"]), _comparison(), st.sampled_from(["TRUE", "FALSE"]))
expressions: Final[st.SearchStrategy[str]] = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        inner.map(lambda one: f"NOT ({one})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda three: f"({three[0]}) {three[1]} ({three[2]})"
        ),
    ),
    max_leaves=6,
)
