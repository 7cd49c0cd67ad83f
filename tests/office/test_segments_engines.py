"""One tree, the same people: in PostgreSQL, in DuckDB, in Spark and in Python, whatever is asked and known."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings

from comptoir.counter.audiences import lake as lakes
from comptoir.office.segments import engines, store
from comptoir.office.segments.compiling import Terms
from comptoir.office.segments.contracts import Tree, leaves
from comptoir.office.segments.errors import DividesByZero, ExpressionTooLarge
from comptoir.office.segments.evaluating import Coupon, Line, Redemption, Rows, as_of, judge
from comptoir.office.segments.lake import duckdb_over, spark_over
from comptoir.office.segments.language import read
from comptoir.office.segments.writing import write
from support.expressions import TODAY, expressions, somebody
from support.shop import Shop

TERMS = Terms(TODAY, 100)
NOON = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
PHASES = (Phase.explicit, Phase.generate)
#: The people are the same for every example, and nothing writes.
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much)
#: Of so many people one is asked at a time.
SOME = 30
POSITION = "00000000-0000-7000-8000-{:012x}"
#: What has differed between engines: division of whole numbers, days between dates, texts with signs, large numbers.
CASES = (
    "purchases() / 2 = 1.5",
    "purchases() / items() < 1",
    "spend() / purchases() > 0.333333",
    "spend(90) / spend(366) >= 0.5",
    "-items() / 3 <= -1 / 3",
    "days_since_purchase() = 29",
    "days_known() / 7 > 4",
    "bought('a\\') OR bought('it''s') AND NOT bought('100 %')",
    "bought('{x}') OR bought('?') OR bought(':x')",
    "products(category => 'a\\''b') = 1",
    "NOT bought('bread')",
    "spend() * items() > spend() * points()",
    "(spend(1) + spend(2)) / (purchases(1) - purchases(2)) < 0 OR categories() = 0",
    "TRUE",
    "FALSE",
    "stores(days => 1) > 0 AND products(days => 1) > 0 AND did('points.redeem')",
    "coupons_open() = 1 AND NOT has_coupon('it''s 5 %')",
    "has_coupon('Coffee') OR has_coupon('00000000-0000-0000-0000-000000000000')",
    "redeemed('パン', 30) AND redemptions() > redemptions(30)",
    "messaged(30) > 0 AND messaged() > bounced() AND times('message.sent') = messaged()",
    "coupons_open() / redemptions() >= 0.5 OR redeemed('Coffee', days => 366) AND messaged(90) = 0",
)
#: What reads all parts of the lake, columns with nothing in them, and some days or all.
IN_STORAGE = (
    "spend(30) > 1 OR bought('it''s') AND NOT visited('367') OR categories() > 1",
    "coupons_open() > 0 OR redeemed('パン', 366) AND messaged() >= 0",
)


class World:
    """The same people in every engine."""

    def __init__(self, shop: Shop, folder: str, *, seed: int, count: int) -> None:
        chance = random.Random(seed)
        self.people: dict[str, Rows] = {}
        figures: list[Any] = []
        lines: list[Any] = []
        acts: list[Any] = []
        coupons: list[tuple[str, Coupon]] = []
        redemptions: list[tuple[str, Redemption]] = []
        for _ in range(count):
            person, customers, rows, (owned, done, has, used) = somebody(chance)
            coupons += has
            redemptions += used
            self.people[person] = rows
            for customer, each in zip(customers, rows.figures, strict=True):
                figures.append((
                    customer, person, each.since, each.allows_store, each.allows_web, each.first_day, each.last_day,
                    each.purchases, each.spend, each.points, each.asked, each.answered, each.trust,
                ))  # fmt: skip
            for customer, line in owned:
                place = POSITION.format(len(lines))
                lines.append((
                    line.day, place, 1, customer, line.store, line.category, line.product, line.quantity, line.amount,
                    line.discount, line.opens,
                ))  # fmt: skip
            acts += [
                (act.day, POSITION.format(2**40 + len(acts) + at), customer, act.type)
                for at, (customer, act) in enumerate(done)
            ]
        self.connection = shop.connect("comptoir_counter")
        self._fill("audiences_figures", figures, None)
        self._fill(
            "audiences_line",
            lines,
            "day, position, number, customer, store, category, product, quantity, amount, discount, opens",
        )
        self._fill("audiences_act", acts, "day, position, customer, type")
        self._offer(coupons, redemptions)
        self._parts: dict[str, dict[str, list[Any]]] = {
            "figures": {"": figures},
            "coupons": {"": [(who, *msgspec.structs.astuple(each)) for who, each in coupons]},
            "redemptions": {"": [(who, each.promotion, each.title, each.day) for who, each in redemptions]},
            "lines": {},
            "acts": {},
        }
        for part, rows_ in (("lines", lines), ("acts", acts)):
            for day, *row in rows_:
                self._parts[part].setdefault(day.isoformat(), []).append(tuple(row))
        self.lake = self.lake_at(folder)

    def lake_at(self, where: str) -> lakes.Lake:
        """Write a lake of these people at an address."""
        lake = lakes.Lake(where)
        lake.commit(
            lakes.Manifest(
                files={
                    part: {day: [lake.write(part, day, lakes.table_of(part, rows))] for day, rows in days.items()}
                    for part, days in self._parts.items()
                }
            )
        )
        return lake

    def _fill(self, table: str, rows: list[Any], columns: str | None) -> None:
        head = f"copy {table} {f'({columns})' if columns else ''} from stdin"
        with self.connection.cursor() as cursor, cursor.copy(head) as copy:
            for row in rows:
                copy.write_row(row)

    def _offer(self, coupons: list[tuple[str, Coupon]], redemptions: list[tuple[str, Redemption]]) -> None:
        """Publish what these coupons and redemptions are of, issue them, and use what is used."""
        for number, (who, each) in enumerate(coupons):
            starts, ends = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (each.since, each.until))
            window = {"starts_at": starts.isoformat(), "ends_at": (ends + dt.timedelta(days=1)).isoformat()}
            self._publish(each.promotion, each.title, {"conditions": window, "uses_max": max(1, each.uses)})
            coupon = POSITION.format(2**41 + number)
            self.connection.execute(
                "insert into offers_coupon (id, digest, promotion, customer, issued_at) values (%s, %s, %s, %s, %s)",
                (coupon, coupon, each.promotion, who, starts - dt.timedelta(days=1)),
            )
            if not each.uses:
                self._give(2**42 + number, each.promotion, coupon, None, "held", starts)
        for number, (who, used) in enumerate(redemptions):
            self._publish(used.promotion, used.title, {})
            at = dt.datetime.combine(used.day, dt.time(23, 59), dt.UTC)
            self._give(2**43 + number, used.promotion, None, who, "redeemed", at)
            self._give(2**44 + number, used.promotion, None, who, "returned", at)

    def _publish(self, promotion: str, title: str, more: dict[str, Any]) -> None:
        definition = {"titles": {"en": title}, "codes": "each", **more}
        self.connection.execute(
            "insert into offers_promotion (id, position, definition, codes, published_at, redemptions, discount)"
            " values (%s, %s, %s, 'each', now(), 0, 0)",
            (promotion, str(uuid.uuid4()), json.dumps(definition)),
        )

    def _give(
        self, number: int, promotion: str, coupon: str | None, who: str | None, status: str, at: dt.datetime
    ) -> None:
        self.connection.execute(
            "insert into offers_redemption (position, ordinal, promotion, coupon, customer, use, discount, status,"
            " touchpoint, source, redeemed_at) values (%s, 0, %s, %s, %s, %s, 0, %s, 'till', '/till', %s)",
            (POSITION.format(number), promotion, coupon, who, 1 if coupon else None, status, at),
        )

    def in_python(self, expression: str) -> set[str]:
        return self.in_python_of(read(expression))

    def in_python_of(self, tree: Tree) -> set[str]:
        return {
            person
            for person, rows in self.people.items()
            if judge(tree, rows, today=TODAY, minor_units=100, at=NOON).member
        }

    def in_postgres(self, expression: str) -> set[str]:
        with self.connection.transaction():
            return {
                str(each)
                for some in store.members(self.connection, read(expression), TERMS, portion=50)
                for each in some
            }

    def few_in_postgres(self, expression: str) -> set[str]:
        return store.members_of(self.connection, read(expression), TERMS, list(self.people))

    def one_by_one_in_postgres(self, expression: str) -> set[str]:
        tree = read(expression)
        return {each for each in list(self.people)[:SOME] if store.is_member(self.connection, tree, TERMS, each)}


@pytest.fixture(scope="module")
def world(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from support import shop as shops

    with shops.copied_from(shops.TEMPLATE) as copy:
        made = World(copy, str(tmp_path_factory.mktemp("lake")), seed=5, count=120)
        yield made
        made.connection.close()


@pytest.fixture(scope="module")
def duck(world: World) -> Iterator[Any]:
    with duckdb_over(world.lake) as connection:
        yield connection


@pytest.fixture(scope="module")
def spark(world: World, bucket: str) -> Iterator[Any]:
    if shutil.which("java") is None and "CI" not in os.environ:
        pytest.skip("there is no Java: nothing was tried on Spark")
    with spark_over(world.lake) as session:
        yield session
        session.stop()


def usable(expression: str) -> bool:
    try:
        read(expression)
    except (ExpressionTooLarge, DividesByZero):
        return False
    return True


def in_duckdb(connection: Any, expression: str) -> set[str]:
    return {row[0] for row in connection.execute(engines.sql_of_tree(read(expression), "duckdb", TERMS)).fetchall()}


def in_spark(session: Any, expression: str) -> set[str]:
    return {row[0] for row in session.sql(engines.sql_of_tree(read(expression), "spark", TERMS)).collect()}


@given(expressions, expressions)
@settings(max_examples=25, phases=PHASES, suppress_health_check=SHARED)
def test_a_segment_inside_another_is_what_it_says(world: World, duck: Any, inner: str, outer: str) -> None:
    assume(usable(inner))
    assume(usable(outer))
    tree = read(f"NOT in_segment('It''s') AND ({outer})", {"It's": inner})
    spelled = read(f"NOT ({inner}) AND ({outer})")
    assert read(write(tree), {"It's": inner}) == tree
    found = world.in_python_of(spelled)
    assert world.in_python_of(tree) == found
    assert store.members_of(world.connection, tree, TERMS, list(world.people)) == found
    sql = engines.sql_of_tree(tree, "duckdb", TERMS)
    assert {row[0] for row in duck.execute(sql).fetchall()} == found
    assert engines.sql_of_tree(tree, "spark", TERMS) == engines.sql_of_tree(spelled, "spark", TERMS)


@pytest.mark.parametrize("expression", CASES)
def test_cases_that_have_differed(world: World, duck: Any, expression: str) -> None:
    found = world.in_python(expression)
    assert world.in_postgres(expression) == found
    assert world.few_in_postgres(expression) == found
    assert world.one_by_one_in_postgres(expression) == found & {*list(world.people)[:SOME]}
    assert in_duckdb(duck, expression) == found


def test_cases_are_told_apart(world: World) -> None:
    sizes = {len(world.in_python(expression)) for expression in CASES}
    assert len(sizes) > 8, "cases that everybody or nobody is in would prove nothing"


@given(expressions)
@settings(max_examples=120, phases=PHASES, suppress_health_check=SHARED)
def test_postgresql_duckdb_and_python_agree(world: World, duck: Any, expression: str) -> None:
    assume(usable(expression))
    found = world.in_python(expression)
    assert world.in_postgres(expression) == found
    assert in_duckdb(duck, expression) == found
    assert world.few_in_postgres(expression) == found
    assert world.one_by_one_in_postgres(expression) == found & {*list(world.people)[:SOME]}


PAST = dt.date(2024, 2, 1)
AS_OF_PAST = Terms(PAST, 100, is_past=True)


@given(expressions)
@settings(max_examples=40, phases=PHASES, suppress_health_check=SHARED)
@example("days_since_purchase() > 0 AND purchases_ever() > 0")
@example("NOT bought('bread') AND spend_ever() >= 0")
@example("points() >= 0 OR trust() >= 0 OR asked() >= 0")
def test_of_a_past_day_all_know_what_was_known_then(world: World, duck: Any, expression: str) -> None:
    assume(usable(expression))
    tree = read(expression)
    then = {person: as_of(rows, PAST) for person, rows in world.people.items()}
    found = {person for person, rows in then.items() if judge(tree, rows, today=PAST, minor_units=100, at=NOON).member}
    with world.connection.transaction():
        portions = store.members(world.connection, tree, AS_OF_PAST, portion=50)
        assert {str(each) for some in portions for each in some} == found
    sql = engines.sql_of_tree(tree, "duckdb", AS_OF_PAST)
    assert {row[0] for row in duck.execute(sql).fetchall()} == found


def test_what_is_done_later_changes_nothing_about_a_past_day(world: World) -> None:
    later = Line(TODAY, "367", "TEA", "bread", 1, 100, 0, 1)
    for rows in world.people.values():
        more = msgspec.structs.replace(rows, lines=[*rows.lines, later])
        assert as_of(more, PAST) == as_of(rows, PAST)


@given(expressions)
@settings(max_examples=25, phases=PHASES, deadline=None, suppress_health_check=SHARED)
@example("purchases() / 2 <> 1.5 AND days_since_purchase() > 1 AND NOT bought('a\\')")
@example("spend() / purchases() > 0.333333 OR products(category => 'a\\''b') = 1")
@example("spend() * items() > spend() * points()")
@example(
    "coupons_open() = 1 AND NOT has_coupon('it''s 5 %') OR redeemed('パン', 30) AND redemptions() > redemptions(30)"
)
@example("messaged(30) > 0 AND messaged() > bounced() AND times('message.sent') = messaged()")
@example("bought('it''s') OR bought('100 %') OR bought('{x}') OR bought('?') OR bought(':x')")
def test_spark_agrees_too(world: World, spark: Any, expression: str) -> None:
    assume(usable(expression))
    assert in_spark(spark, expression) == world.in_python(expression)


def test_spark_reads_the_same_from_object_storage(world: World, spark: Any, bucket: str) -> None:
    stored = world.lake_at(f"s3://{bucket}/{uuid.uuid4()}")
    try:
        with spark_over(stored) as session, duckdb_over(stored) as duck:
            for expression in IN_STORAGE:
                found = in_spark(session, expression)
                assert found == in_duckdb(duck, expression) == world.in_postgres(expression), expression
                assert 0 < len(found) < len(world.people), "everybody or nobody would prove nothing"
    finally:
        with spark_over(world.lake):
            pass


@given(expressions)
@settings(phases=PHASES)
def test_what_is_written_is_read_as_the_same(expression: str) -> None:
    assume(usable(expression))
    tree = read(expression)
    assert read(write(tree)) == tree


@given(expressions)
@settings(max_examples=60, phases=PHASES, suppress_health_check=SHARED)
def test_a_withdrawal_lets_nobody_in_and_its_facts_are_not_used(world: World, expression: str) -> None:
    assume(usable(expression))
    tree = read(expression)
    for rows in list(world.people.values())[:30]:
        less = Rows([msgspec.structs.replace(each, allows_store=False) for each in rows.figures], rows.lines, rows.acts)
        before = judge(tree, rows, today=TODAY, minor_units=100, at=NOON)
        after = judge(tree, less, today=TODAY, minor_units=100, at=NOON)
        if after.member is not None:
            assert before.member == after.member, "what is concluded without a fact is concluded with it as well"
        assert [each.leaf for each in after.reasons] == list(dict.fromkeys(leaves(tree)))
        assert all(each.value is None for each in after.reasons if not each.is_allowed)
