"""The tree for one person, in Python: the same verdict as an engine's, with its reasons. Pure.

Not here: where the person's rows come from (``queries.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from comptoir.office.segments import contracts
from comptoir.office.segments.contracts import (
    All,
    Arithmetic,
    Compare,
    Leaf,
    Not,
    Number,
    Reason,
    Tree,
    Truth,
    Value,
    Verdict,
    Within,
    leaves,
)
from comptoir.office.segments.facts import FACTS, Fact

Known = Fraction | bool | None


class Line(msgspec.Struct, frozen=True):
    """A line of a purchase, as in ``counter/audiences``."""

    day: dt.date
    store: str | None
    category: str | None
    product: str
    quantity: int
    amount: int
    discount: int
    opens: int


class Act(msgspec.Struct, frozen=True):
    """Something that was done."""

    day: dt.date
    type: str


class Coupon(msgspec.Struct, frozen=True):
    """A coupon that somebody has: of which promotion, from when until when, and how often it can still be used."""

    promotion: str
    title: str
    since: dt.date
    until: dt.date
    uses: int


class Redemption(msgspec.Struct, frozen=True):
    """A promotion that was given to somebody's basket, and not given back."""

    day: dt.date
    promotion: str
    title: str


Row = Line | Act | Coupon | Redemption


class Figures(msgspec.Struct, frozen=True):
    """The figures of one customer, as in ``counter/audiences``; ``None`` where a past day does not know."""

    since: dt.date | None
    allows_store: bool
    allows_web: bool
    first_day: dt.date | None
    last_day: dt.date | None
    purchases: int
    spend: int
    points: int | None
    asked: int | None
    answered: int | None
    trust: int | None


class Rows(msgspec.Struct, frozen=True):
    """Everything that is known of one person, through all of its customers; ``None``: a past day does not know."""

    figures: Sequence[Figures] = ()
    lines: Sequence[Line] = ()
    acts: Sequence[Act] = ()
    coupons: Sequence[Coupon] | None = ()
    redemptions: Sequence[Redemption] = ()


def as_of(rows: Rows, today: dt.date) -> Rows:
    """Return what was known of a person at the end of a day, as :func:`~comptoir.office.segments.compiling.as_of`."""
    lines = [each for each in rows.lines if each.day <= today]
    days = [each.day for each in lines]
    is_known = any(each.since is not None and each.since <= today for each in rows.figures)
    figures = [
        msgspec.structs.replace(
            each, first_day=min(days, default=None), last_day=max(days, default=None),
            # Whose lines these are is of no matter to the person: the first of the customers has them all.
            purchases=0 if number else sum(line.opens for line in lines),
            spend=0 if number else sum(line.amount for line in lines),
            points=None, asked=None, answered=None, trust=None,
        )
        for number, each in enumerate(rows.figures if is_known else ())
    ]  # fmt: skip
    acts = [each for each in rows.acts if each.day <= today]
    return Rows(figures, lines, acts, None, [each for each in rows.redemptions if each.day <= today])


def judge(tree: Tree, rows: Rows, *, today: dt.date, minor_units: int, at: dt.datetime) -> Verdict:
    """Return whether a person is in, and why: each fact, and whether the person would be out without it."""
    asked = list(dict.fromkeys(leaves(tree)))
    allowed = {leaf: is_allowed(leaf, rows) for leaf in asked}
    values = {
        leaf: _value(leaf, rows, today=today, minor_units=minor_units) if allowed[leaf] else None for leaf in asked
    }
    member = truth(tree, values) if rows.figures else None
    reasons = []
    for leaf in asked:
        without = truth(tree, {**values, leaf: None})
        reasons.append(Reason(leaf, values[leaf], allowed[leaf], is_needed=bool(member) and without is not True))
    return Verdict(member, tuple(reasons), at)


def is_allowed(leaf: Leaf, rows: Rows) -> bool:
    """Tell whether a fact may be known: every customer of the person has to allow it."""
    return bool(rows.figures) and all(getattr(each, FACTS[leaf.fact].allows) for each in rows.figures)


# -- facts --------------------------------------------------------------------------------------------------------


def _value(leaf: Leaf, rows: Rows, *, today: dt.date, minor_units: int) -> Known:
    fact = FACTS[leaf.fact]
    if fact.source == "fact":
        return _figure(fact, rows, today, minor_units)
    given: dict[str, str | int | None] = dict(zip(fact.parameters, leaf.arguments, strict=True))
    if fact.source == "coupon" and rows.coupons is None:
        return None
    found = [each for each in _rows_of(fact, rows) if _matches(each, given, today) and _is_its(fact, each, today)]
    if fact.how == "exists":
        return bool(found)
    if fact.how == "count":
        return Fraction(len(found))
    column = [getattr(each, fact.column) for each in found]
    if fact.how == "different":
        return Fraction(len({each for each in column if each is not None}))
    return _in_units(fact, sum(column), minor_units)


def _rows_of(fact: Fact, rows: Rows) -> Sequence[Row]:
    found: dict[str, Sequence[Row]] = {
        "line": rows.lines, "act": rows.acts, "coupon": rows.coupons or (), "redemption": rows.redemptions,
    }  # fmt: skip
    return found[fact.source]


def _is_its(fact: Fact, row: Row, today: dt.date) -> bool:
    """Tell whether a row is one that the fact itself is about, whatever its arguments."""
    if isinstance(row, Coupon):
        return row.uses > 0 and row.since <= today <= row.until
    return not fact.type or (isinstance(row, Act) and row.type == fact.type)


def _figure(fact: Fact, rows: Rows, today: dt.date, minor_units: int) -> Known:
    column = [value for each in rows.figures if (value := getattr(each, fact.column)) is not None]
    if not column and rows.figures and fact.how == "column":
        return None
    if fact.how == "days_since":
        if not column:
            return None
        day: dt.date = max(column) if fact.joined == "most" else min(column)
        return Fraction((today - day).days)
    if fact.joined != "sum":
        return Fraction(max(column, default=0) if fact.joined == "most" else min(column, default=0))
    return _in_units(fact, sum(column), minor_units)


def _in_units(fact: Fact, whole: int, minor_units: int) -> Fraction:
    return Fraction(whole, minor_units if fact.kind == "money" else 1)


def _matches(row: Row, given: Mapping[str, str | int | None], today: dt.date) -> bool:
    for parameter, argument in given.items():
        if argument is None:
            continue
        if parameter == "days":
            assert isinstance(argument, int)
            assert not isinstance(row, Coupon)
            if not today - dt.timedelta(days=argument) < row.day <= today:
                return False
        elif parameter == "thing":
            assert isinstance(row, Line)
            if argument not in {row.product, row.category}:
                return False
        elif parameter == "promotion":
            assert isinstance(row, Coupon | Redemption)
            if argument not in {row.promotion, row.title}:
                return False
        elif getattr(row, parameter) != argument:
            return False
    return True


# -- the tree -----------------------------------------------------------------------------------------------------


def truth(tree: Tree, values: Mapping[Leaf, Known]) -> bool | None:
    """Return whether a tree is true (``None``: unknown), by the values of its facts."""
    match tree:
        case Truth(value):
            return value
        case Leaf():
            known = values[tree]
            assert known is None or isinstance(known, bool)
            return known
        case Not(part):
            of_part = truth(part, values)
            return None if of_part is None else not of_part
        case Within(_, part):
            return truth(part, values)
        case All(parts):
            return _all([truth(part, values) for part in parts])
        case contracts.Any(parts):
            none = _all([None if (each := truth(part, values)) is None else not each for part in parts])
            return None if none is None else not none
        case Compare(comparison, left, right):
            one, other = number(left, values), number(right, values)
            if one is None or other is None:
                return None
            return {
                "=": one == other, "<>": one != other, "<": one < other, "<=": one <= other, ">": one > other,
                ">=": one >= other,
            }[comparison]  # fmt: skip


def _all(parts: Sequence[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def number(value: Value, values: Mapping[Leaf, Known]) -> Fraction | None:
    """Return a number, exactly; ``None`` is unknown, which is also what is divided by nothing."""
    match value:
        case Number():
            return value.value
        case Leaf():
            known = values[value]
            assert known is None or isinstance(known, Fraction)
            return known
        case Arithmetic(operation, left, right):
            one, other = number(left, values), number(right, values)
            if one is None or other is None:
                return None
            if operation == "/":
                return one / other if other else None
            return one + other if operation == "+" else one - other if operation == "-" else one * other
