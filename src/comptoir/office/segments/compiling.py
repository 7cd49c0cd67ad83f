"""The tree as one expression of Ibis, for everybody or for a few: the same for every engine, and no text of staff's.

Each source is summed up once for all facts that are asked of it, customers become persons, what is not allowed becomes
unknown, and the tree is what remains to be true. Numbers are fractions of whole numbers with a denominator that is
never negative; where they can outgrow 64 bits they are reckoned in ``DECIMAL(38, 0)``, and the language refuses what
could outgrow that. Not here: where an expression runs (``engines.py``).
"""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import msgspec

from comptoir.office.segments import contracts
from comptoir.office.segments.contracts import (
    All,
    Arithmetic,
    Compare,
    Comparison,
    Leaf,
    Not,
    Number,
    Operation,
    Tree,
    Truth,
    Value,
    Within,
    leaves,
)
from comptoir.office.segments.facts import FACTS, Fact, Source

#: The columns of each source, as every engine has them; ids are what the engine calls them.
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "figures": {
        "customer": "id", "person": "id", "since": "date", "allows_store": "boolean", "allows_web": "boolean",
        "first_day": "date", "last_day": "date", "purchases": "int64", "spend": "int64", "points": "int64",
        "asked": "int64", "answered": "int64", "trust": "int64",
    },
    "lines": {
        "customer": "id", "day": "date", "store": "string", "category": "string", "product": "string",
        "quantity": "int64", "amount": "int64", "discount": "int64", "opens": "int64",
    },
    "acts": {"customer": "id", "day": "date", "type": "string"},
    "coupons": {
        "customer": "id", "promotion": "string", "title": "string", "since": "date", "until": "date", "uses": "int64",
    },
    "redemptions": {"customer": "id", "promotion": "string", "title": "string", "day": "date"},
}  # fmt: skip
_WHOLE: Final = 2**62
_EXACT: Final = "decimal(38, 0)"


class Sources(msgspec.Struct, frozen=True):
    """The tables that facts are computed from; the person's own column of the result is ``person``."""

    figures: ir.Table
    lines: ir.Table
    acts: ir.Table
    coupons: ir.Table
    redemptions: ir.Table

    def of_rows(self) -> tuple[tuple[Source, ir.Table], ...]:
        """Return the sources that are summed up by customer, each with its table."""
        return (
            ("line", self.lines), ("act", self.acts), ("coupon", self.coupons), ("redemption", self.redemptions),
        )  # fmt: skip


class Terms(msgspec.Struct, frozen=True):
    """What the shop says for every expression: its day today, and how many of the smallest unit make one of money.

    ``is_past``: the day is over, and what was known on it counts; see :func:`as_of`. ``time_zone`` is that of its days.
    """

    today: dt.date
    minor_units: int
    is_past: bool = False
    time_zone: str = "UTC"


def sources(names: Mapping[str, str], *, ids: str) -> Sources:
    """Return the tables by their names in an engine; ``ids`` is what it calls the type of an opaque id."""
    return Sources(
        **{
            source: ibis.table({name: ids if kind == "id" else kind for name, kind in columns.items()}, names[source])
            for source, columns in COLUMNS.items()
        }
    )


def as_of(tables: Sources, today: dt.date) -> Sources:
    """Return the tables as they were at the end of a day: nobody who came later, and nothing that was done later.

    What is kept as a figure is summed up anew from the lines. Points, the square and what is left of coupons are kept
    as they stand now alone: of a past day they are unknown. Goods that came back since are not in the lines any more.
    """
    lines, acts, redemptions = (
        table.filter(table["day"] <= today) for table in (tables.lines, tables.acts, tables.redemptions)
    )
    sums = lines.group_by("customer").aggregate(
        first_day=lines["day"].min(), last_day=lines["day"].max(), purchases=lines["opens"].sum(),
        spend=lines["amount"].sum(),
    )  # fmt: skip
    heard_of = tables.figures.filter(tables.figures["since"] <= today).select("person").distinct()
    figures = tables.figures.semi_join(heard_of, "person")
    joined = figures.drop("first_day", "last_day", "purchases", "spend").left_join(sums, "customer")
    unknown = ibis.null().cast("int64")
    return Sources(
        figures=joined.select(
            "customer", "person", "since", "allows_store", "allows_web", "first_day", "last_day",
            purchases=joined["purchases"].coalesce(0), spend=joined["spend"].coalesce(0), points=unknown, asked=unknown,
            answered=unknown, trust=unknown,
        ).select(*COLUMNS["figures"]),
        lines=lines,
        acts=acts,
        coupons=tables.coupons,
        redemptions=redemptions,
    )  # fmt: skip


def members(tree: Tree, tables: Sources, terms: Terms) -> ir.Table:
    """Return an expression for the persons for whom the tree is true: one column, ``person``."""
    if terms.is_past:
        tables = as_of(tables, terms.today)
    asked = list(dict.fromkeys(leaves(tree)))
    found = _values(asked, tables, terms)
    values = {leaf: found[f"v{place}"] for place, leaf in enumerate(asked)}
    kept = found.filter(_Condition(values, terms).truth(tree))
    return kept.select("person")


def holds(tree: Tree, tables: Sources, terms: Terms) -> ir.Table:
    """Return an expression over the rows of one person alone: a row, ``n``, if the tree is true for them, else none.

    It says what :func:`members` says, with one sum over each source and nothing to group, sort or join by.
    """
    assert not terms.is_past, "of a past day everybody is asked, or one person in Python"
    asked = list(dict.fromkeys(leaves(tree)))
    facts = [FACTS[leaf.fact] for leaf in asked]
    allowed = sorted({fact.allows for fact in facts})
    figures: dict[str, Any] = {name: tables.figures[name].all() for name in allowed}
    for place, fact in enumerate(facts):
        if fact.source == "fact":
            figures[f"v{place}"] = _of_persons(tables.figures[fact.column], fact)
    row = tables.figures.aggregate(n=tables.figures.count(), **figures)
    for source, table in tables.of_rows():
        some = [(place, fact, asked[place]) for place, fact in enumerate(facts) if fact.source == source]
        if some:
            row = row.cross_join(_summed(some, table, terms, of_one=True))
    values = {}
    for place, (leaf, fact) in enumerate(zip(asked, facts, strict=True)):
        column = row[f"v{place}"] if fact.source == "fact" else row[f"v{place}"].coalesce(0)
        values[leaf] = ibis.ifelse(row[fact.allows], _shown(column, fact, terms), ibis.null())
    return row.filter((row["n"] > 0) & _Condition(values, terms).truth(tree)).select("n")


# -- the facts of everybody ---------------------------------------------------------------------------------------


def _values(asked: Sequence[Leaf], tables: Sources, terms: Terms) -> ir.Table:
    """Return one row for each person: ``person``, and the facts as ``v0``, ``v1``, ...; null is what is not allowed."""
    facts = [FACTS[leaf.fact] for leaf in asked]
    by_source: dict[str, list[int]] = {source: [] for source, _ in tables.of_rows()} | {"different": []}
    for place, fact in enumerate(facts):
        if fact.source != "fact":
            by_source["different" if fact.how == "different" else fact.source].append(place)
    joined = tables.figures
    for source, table in tables.of_rows():
        places = by_source[source]
        if places:
            summed = _summed([(place, facts[place], asked[place]) for place in places], table, terms)
            joined = joined.left_join(summed, joined["customer"] == summed["customer"]).drop("customer_right")
    figures: dict[str, Any] = {}
    for place, fact in enumerate(facts):
        if place in by_source["different"]:
            continue
        column: Any = joined[fact.column if fact.source == "fact" else f"v{place}"]
        figures[f"v{place}"] = _of_persons(column if fact.source == "fact" else column.coalesce(0), fact)
    allowed = sorted({fact.allows for fact in facts})
    persons = joined.group_by("person").aggregate(
        **figures,
        **{name: joined[name].all() for name in allowed},
        **({} if figures or allowed else {"n": joined.count()}),
    )
    for place in by_source["different"]:
        counted = _different(place, facts[place], asked[place], tables, terms)
        persons = persons.left_join(counted, persons["person"] == counted["person"]).drop("person_right")
    shown = {
        f"v{place}": ibis.ifelse(persons[fact.allows], _shown(persons[f"v{place}"], fact, terms), ibis.null())
        for place, fact in enumerate(facts)
    }
    return persons.select("person", **shown)


def _of_persons(column: Any, fact: Fact) -> Any:
    """Return what a person's customers have together."""
    if fact.joined == "sum":
        return column.sum()
    return column.max() if fact.joined == "most" else column.min()


def _shown(column: Any, fact: Fact, terms: Terms) -> Any:
    if fact.source == "coupon" and terms.is_past:
        return ibis.null().cast("boolean" if fact.kind == "truth" else "int64")
    if fact.how == "days_since":
        return ibis.literal(terms.today).delta(column, unit="day")
    if fact.how == "exists":
        return column > 0
    return column.coalesce(0) if fact.how == "different" else column


def _summed(
    asked: Sequence[tuple[int, Fact, Leaf]], table: ir.Table, terms: Terms, *, of_one: bool = False
) -> ir.Table:
    """Return the sums and counts that are asked of a source, one row for each customer who has any; or one row in all.

    What no fact asks for is not read: days before the widest window, and rows that no fact is about. What is so for
    every row that is read is not asked again.
    """
    windows = [_days(fact, leaf) for _, fact, leaf in asked]
    widest = None if None in windows else max(days for days in windows if days is not None)
    if widest is not None:
        table = table.filter(_window(table, terms, widest))
    if all(_about(fact, leaf, table, terms) for _, fact, leaf in asked):
        abouts = {
            (leaf.arguments, fact.parameters, fact.type): _both(_about(fact, leaf, table, terms))
            for _, fact, leaf in asked
        }
        table = table.filter(functools.reduce(operator.or_, abouts.values()))
    figures: dict[str, Any] = {}
    for (place, fact, leaf), days in zip(asked, windows, strict=True):
        conditions = _about(fact, leaf, table, terms) if len(asked) > 1 else []
        if days is not None and days != widest:
            conditions += [table["day"] > terms.today - dt.timedelta(days=days)]
            conditions += [] if widest is not None else [table["day"] <= terms.today]
        where = _both(conditions) if conditions else None
        if fact.how == "sum":
            figures[f"v{place}"] = table[fact.column].sum(where=where)
        elif fact.how == "different":
            figures[f"v{place}"] = table[fact.column].nunique(where=where)
        else:
            figures[f"v{place}"] = table.count(where=where)
    return table.aggregate(**figures) if of_one else table.group_by("customer").aggregate(**figures)


def _different(place: int, fact: Fact, leaf: Leaf, tables: Sources, terms: Terms) -> ir.Table:
    """Return how many different values a column has, for each person: not a sum over its customers."""
    # Its own columns first: what an engine is given twice it reads once and keeps, which costs more than to read twice.
    given = {"category", "product"} if "thing" in fact.parameters else {*fact.parameters} - {"days"}
    lines = tables.lines.select("customer", "day", *sorted({fact.column} | given))
    conditions = _about(fact, leaf, lines, terms)
    days = _days(fact, leaf)
    if days is not None:
        conditions.append(_window(lines, terms, days))
    if conditions:
        lines = lines.filter(_both(conditions))
    figures = tables.figures.select("customer", "person")
    of_persons = lines.join(figures, lines["customer"] == figures["customer"])
    counted: Any = of_persons[fact.column].nunique()
    return of_persons.group_by("person").aggregate(**{f"v{place}": counted})


def _days(fact: Fact, leaf: Leaf) -> int | None:
    given = dict(zip(fact.parameters, leaf.arguments, strict=True))
    days = given.get("days")
    return days if isinstance(days, int) else None


def _window(table: ir.Table, terms: Terms, days: int) -> Any:
    """Return the condition that a row lies in a window that ends today."""
    return (table["day"] > terms.today - dt.timedelta(days=days)) & (table["day"] <= terms.today)


def _about(fact: Fact, leaf: Leaf, table: ir.Table, terms: Terms) -> list[Any]:
    """Return the conditions on rows that a fact and its arguments make, but for the window."""
    conditions: list[Any] = []
    if fact.type:
        conditions.append(table["type"] == fact.type)
    if fact.source == "coupon":
        conditions += [table["uses"] > 0, table["since"] <= terms.today, table["until"] >= terms.today]
    for parameter, argument in zip(fact.parameters, leaf.arguments, strict=True):
        if argument is None or parameter == "days":
            continue
        if parameter == "thing":
            conditions.append((table["product"] == argument) | (table["category"] == argument))
        elif parameter == "promotion":
            conditions.append((table["promotion"] == argument) | (table["title"] == argument))
        else:
            conditions.append(table[parameter] == argument)
    return conditions


def _both(conditions: Sequence[Any]) -> Any:
    return functools.reduce(operator.and_, conditions)


# -- what has to be true ------------------------------------------------------------------------------------------

_COMPARED: Final[Mapping[Comparison, Callable[[Any, Any], Any]]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class _Whole(msgspec.Struct, frozen=True):
    """A whole number: one that stands there, or a column's; ``bound`` is how large it can be, without its sign."""

    value: Any
    bound: int

    @property
    def is_constant(self) -> bool:
        """Tell whether it stands in the expression."""
        return isinstance(self.value, int)

    def expression(self, *, is_exact: bool) -> Any:
        """Return it for an engine, in 64 bits or as an exact decimal."""
        if is_exact:
            return ibis.literal(decimal.Decimal(self.value), _EXACT) if self.is_constant else self.value.cast(_EXACT)
        return ibis.literal(self.value, "int64") if self.is_constant else self.value


def _constant(value: int) -> _Whole:
    return _Whole(value, abs(value))


def _reckoned(operation: Callable[[Any, Any], Any], bound: int, left: _Whole, right: _Whole) -> _Whole:
    if left.is_constant and right.is_constant:
        return _constant(operation(left.value, right.value))
    is_exact = max(bound, left.bound, right.bound) > _WHOLE
    value = operation(left.expression(is_exact=is_exact), right.expression(is_exact=is_exact))
    return _Whole(value.cast(_EXACT) if is_exact else value, bound)


def _times(left: _Whole, right: _Whole) -> _Whole:
    if left.is_constant and left.value == 1:
        return right
    if right.is_constant and right.value == 1:
        return left
    return _reckoned(operator.mul, left.bound * right.bound, left, right)


def _plus(left: _Whole, right: _Whole, operation: Callable[[Any, Any], Any]) -> _Whole:
    return _reckoned(operation, left.bound + right.bound, left, right)


class _Fraction(msgspec.Struct, frozen=True):
    """A number over another that is never negative; over nothing (null) it is unknown."""

    over: _Whole
    under: _Whole


class _Condition:
    """Turns the tree into a condition on the row of a person."""

    def __init__(self, values: Mapping[Leaf, Any], terms: Terms) -> None:
        self._values = values
        self._terms = terms

    def truth(self, tree: Tree) -> Any:
        """Return the condition."""
        match tree:
            case Truth(value):
                return ibis.literal(value)
            case Leaf():
                return self._values[tree]
            case Not(part):
                return ~self.truth(part)
            case Within(_, part):
                return self.truth(part)
            case All(parts):
                return functools.reduce(operator.and_, map(self.truth, parts))
            case contracts.Any(parts):
                return functools.reduce(operator.or_, map(self.truth, parts))
            case Compare(comparison, left, right):
                return self._compared(comparison, self._fraction(left), self._fraction(right))

    def _compared(self, comparison: Comparison, one: _Fraction, other: _Fraction) -> Any:
        left, right = _times(one.over, other.under), _times(other.over, one.under)
        if left.is_constant and right.is_constant:
            return ibis.literal(_COMPARED[comparison](left.value, right.value))
        is_exact = max(left.bound, right.bound) > _WHOLE
        return _COMPARED[comparison](left.expression(is_exact=is_exact), right.expression(is_exact=is_exact))

    def _fraction(self, value: Value) -> _Fraction:
        match value:
            case Number(numerator, denominator):
                return _Fraction(_constant(numerator), _constant(denominator))
            case Leaf(name, _):
                fact = FACTS[name]
                unit = self._terms.minor_units if fact.kind == "money" else 1
                return _Fraction(_Whole(self._values[value], fact.magnitude), _constant(unit))
            case Arithmetic(operation, left, right):
                return self._arithmetic(operation, self._fraction(left), self._fraction(right))

    def _arithmetic(self, operation: Operation, one: _Fraction, other: _Fraction) -> _Fraction:
        if operation == "*":
            return _Fraction(_times(one.over, other.over), _times(one.under, other.under))
        if operation == "/":
            sign = _sign(other.over)
            over = _times(_times(one.over, other.under), sign)
            under = _times(_times(one.under, other.over), sign)
            if not under.is_constant:
                under = _Whole(under.value.nullif(0), under.bound)
            return _Fraction(over, under)
        sides = _times(one.over, other.under), _times(other.over, one.under)
        added = _plus(*sides, operator.add if operation == "+" else operator.sub)
        return _Fraction(added, _times(one.under, other.under))


def _sign(whole: _Whole) -> _Whole:
    """Return 1, or -1 for what is negative."""
    if whole.is_constant:
        return _constant(-1 if whole.value < 0 else 1)
    return _Whole(ibis.ifelse(whole.value < 0, -1, 1), 1)
