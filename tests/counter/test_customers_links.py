"""Links are found by either of their ends without reading the table, however many there are."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.counter.customers import rules, store
from comptoir.foundation.kernel import database
from support.shop import Shop

LINKS = 100_000


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(each for below in plan.get("Plans", ()) for each in nodes(below))]


def test_links_are_found_by_two_indexes_among_a_hundred_thousand(shop: Shop) -> None:
    """Of one customer, of a whole person, and of as many as a batch may link."""
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute(
            "insert into customers_link (low, high, linked_at, linked_source, linked_id, linked_evidence)"
            " select least(a, b), greatest(a, b), now(), '/x', n::text, 'x'"
            " from (select n, gen_random_uuid() as a, gen_random_uuid() as b from generate_series(1, %s) n) pairs",
            (LINKS,),
        )
        connection.execute("analyze customers_link")
        ends = connection.execute("select low::text, high::text from customers_link limit 500").fetchall()
        connection.execute("set role comptoir_counter")
        statement = store._SQL["find_links"]
        for count in (1, 50, 500):
            ids = "{" + ",".join(ends[number][number % 2] for number in range(count)) + "}"
            (plans,) = connection.execute(f"explain (format json) {statement}".encode(), (ids, ids)).fetchone() or ([],)
            plan = plans if isinstance(plans, list) else json.loads(plans)
            scans = [each for each in nodes(plan[0]["Plan"]) if "Scan" in each["Node Type"]]
            assert scans
            assert [each["Node Type"] for each in scans if each["Node Type"] == "Seq Scan"] == [], count
            used = {each["Index Name"] for each in scans if "Index Name" in each}
            assert len(used) == 2, used
    with shop.connect() as connection:
        found = store.find_links(connection, [low for low, _ in ends] + [high for _, high in ends])
    assert sorted((link.low, link.high) for link in found) == sorted(ends)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1]), max_size=12),
    asked=st.sets(st.integers(0, 9)),
)
def test_every_link_that_touches_somebody_is_found_once(
    shop: Shop, pairs: set[tuple[int, int]], asked: set[int]
) -> None:
    names = [f"{number:08x}-0000-8000-8000-000000000000" for number in range(10)]
    with shop.connect(autocommit=False) as connection:
        connection.execute("delete from customers_link")
        links = [rules.Link(names[low], names[high]) for low, high in pairs]
        store.write_links(connection, links, {}, [])
        found = store.find_links(connection, [names[number] for number in asked])
        connection.rollback()
    expected = sorted((names[low], names[high]) for low, high in pairs if {low, high} & asked)
    assert sorted((link.low, link.high) for link in found) == expected
