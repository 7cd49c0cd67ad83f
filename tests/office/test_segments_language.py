"""What is an expression and what is not: read into the tree, or refused by name at the place where it goes wrong."""

from __future__ import annotations

import pytest
from sqlglot import exp, parse_one

from comptoir.office.segments.contracts import All, Arithmetic, Compare, Leaf, Not, Number, hash_of
from comptoir.office.segments.errors import ExpressionRefused
from comptoir.office.segments.facts import FACTS
from comptoir.office.segments.language import CHARACTERS_MAX, DEPTH_MAX, TOKENS_MAX, read


def refused(expression: str) -> ExpressionRefused:
    with pytest.raises(ExpressionRefused) as caught:
        read(expression)
    return caught.value


def test_the_expression_of_the_manual() -> None:
    tree = read("spend_days(90) > 100 AND bought('COFFEE', 60) AND NOT visited(store => 367, days => 30)")
    assert tree == All(
        (
            Compare(">", Leaf("spend_days", (90, None, None, None)), Number(100)),
            Leaf("bought", ("COFFEE", 60, None)),
            Not(Leaf("visited", ("367", 30))),
        )
    )


def test_arguments_by_place_and_by_name_are_the_same() -> None:
    assert read("bought('x', 3, '12')") == read("BOUGHT(store => '12', thing => 'x', days => 3)")
    assert hash_of(read("points()>3")) == hash_of(read("(points ( ) > 3.0)"))
    assert hash_of(read("points() > 3")) != hash_of(read("points() >= 3"))


def test_a_list_and_a_range_are_comparisons() -> None:
    assert read("points() IN (1, 2)") == read("points() = 1 OR points() = 2")
    assert read("points() BETWEEN 1 AND 2") == read("points() >= 1 AND points() <= 2")
    assert read("NOT points() IN (1)") == Not(read("points() = 1"))
    assert read("points() > -3") == Compare(">", Leaf("points"), Number(-3))
    assert read("-points() > 3") == Compare(">", Arithmetic("-", Number(0), Leaf("points")), Number(3))


def test_numbers_that_stand_there_are_reckoned_exactly() -> None:
    assert read("points() > 1 / 3 + 0.5") == Compare(">", Leaf("points"), Number(5, 6))


@pytest.mark.parametrize("name", FACTS)
def test_no_fact_is_a_function_of_sql(name: str) -> None:
    assert isinstance(parse_one(f"{name}()"), exp.Anonymous)


@pytest.mark.parametrize(
    ("expression", "name", "position", "nearest"),
    [
        ("spnd(90) > 100", "fact_unknown", 1, "spend"),
        ("points() > 3 AND boght('x')", "fact_unknown", 18, "bought"),
        ("points() > pg_sleep(10)", "fact_unknown", 12, None),
        ("points > 3", "argument_refused", 1, None),
        ("spend(dayz => 3) > 1", "argument_refused", 7, "days"),
        ("spend(0) > 1", "argument_refused", 7, None),
        ("spend(1.5) > 1", "argument_refused", 7, None),
        ("spend(points()) > 1", "argument_refused", 7, None),
        ("bought()", "argument_refused", 1, None),
        ("bought('x', 3, '1', 4)", "argument_refused", 21, None),
        ("bought('x', thing => 'y')", "argument_refused", 13, None),
        ("bought('')", "argument_refused", 8, None),
        ("spend(9) > points()", "kinds_differ", 1, None),
        ("spend(9) * spend(8) > 1", "kinds_differ", 1, None),
        ("points() / spend(9) > 1", "kinds_differ", 1, None),
        ("points()", "kinds_differ", 1, None),
        ("points() AND TRUE", "kinds_differ", 1, None),
        ("bought('x') > 1", "kinds_differ", 1, None),
        ("points() > 'x'", "kinds_differ", 12, None),
        ("spend(9) / 0 > 1", "divides_by_zero", 12, None),
        ("spend(9) / (1 - 1) > 1", "divides_by_zero", 13, None),
        ("points() * points() * points() > 1", "expression_too_large", 1, None),
        ("points() > 1e5", "expression_unreadable", 12, None),
        ("points() > 1234567890123", "expression_unreadable", 12, None),
        ("points() >", "expression_unreadable", 10, None),
        ("(points() > 3", "expression_unreadable", 13, None),
        ("points() > 3)", "expression_unreadable", 13, None),
        ("bought('x", "expression_unreadable", 8, None),
        ("", "expression_unreadable", 1, None),
        ("points() IS NULL", "expression_unreadable", 10, None),
        ("points() > NULL", "expression_unreadable", 12, None),
        ("points()::int > 1", "expression_unreadable", 9, None),
        ("a.points() > 1", "expression_unreadable", 2, None),
        ("points() > (SELECT 1)", "expression_unreadable", 13, None),
        ("points() > 1; DROP TABLE events_event", "expression_unreadable", 13, None),
        ("points() > 1 -- AND FALSE", "expression_unreadable", 12, None),
        ("points() > 1 /* */", "expression_unreadable", 12, None),
        ("points() > 1 UNION SELECT 1", "expression_unreadable", 14, None),
        ("points() > ?", "expression_unreadable", 12, None),
        ("points() > %(x)s", "expression_unreadable", 12, None),
        ("points() > $1", "expression_unreadable", 12, None),
        ('"points"() > 1', "expression_unreadable", 1, None),
        ("`points`() > 1", "expression_unreadable", 1, None),
        ("points() || 'x' = 'x'", "expression_unreadable", 10, None),
        ("CASE WHEN TRUE THEN points() END > 1", "expression_unreadable", 1, None),
        ("points() > 1 AND points() IS NOT NULL", "expression_unreadable", 27, None),
        ("EXISTS(points())", "expression_unreadable", 1, None),
        ("bought('x') COLLATE nocase", "expression_unreadable", 13, None),
    ],
)
def test_what_is_refused_and_where(expression: str, name: str, position: int, nearest: str | None) -> None:
    problem = refused(expression)
    assert (problem.name, problem.position, problem.nearest) == (name, position, nearest), problem.detail


def test_what_is_too_long_or_too_deep_is_refused_before_it_is_parsed() -> None:
    for expression in (
        "(" * 10_000 + "TRUE" + ")" * 10_000,
        "(" * (DEPTH_MAX + 1) + "TRUE" + ")" * (DEPTH_MAX + 1),
        "NOT " * (DEPTH_MAX + 1) + "TRUE",
        "points() > " + "- " * (DEPTH_MAX + 1) + "1",
        " AND ".join(["TRUE"] * TOKENS_MAX),
        "TRUE" + " " * CHARACTERS_MAX,
    ):
        assert refused(expression).name == "expression_too_large"
    read("(" * DEPTH_MAX + "TRUE" + ")" * DEPTH_MAX)
    read(" AND ".join(["TRUE"] * (TOKENS_MAX // 2)))
    read("points() > " + " + ".join(["1"] * (TOKENS_MAX // 2 - 3)))


def test_a_text_is_a_text_whatever_stands_in_it() -> None:
    text = "x'') ; DROP TABLE events_event -- /* % \\ ? $1"
    assert read(f"bought('{text}')") == Leaf("bought", (text.replace("''", "'"), None, None))
