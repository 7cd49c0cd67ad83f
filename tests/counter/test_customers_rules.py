"""Who is who: derived ids, and the persons that links make, in any order."""

from __future__ import annotations

import datetime as dt
import random
import uuid

import hypothesis.strategies as st
from hypothesis import given, settings

from comptoir.counter.customers.rules import Link, Statement, customer_id, persons

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
IDS = [str(uuid.UUID(int=number)) for number in range(1, 8)]
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)

statements = st.builds(
    Statement,
    st.integers(0, 3).map(lambda minute: dt.datetime(2024, 1, 1, 0, minute, tzinfo=dt.UTC)),
    st.sampled_from(["/app/a", "/app/b"]),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["signed in", "asked"]),
)


@given(kind=st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), value=texts)
@settings(max_examples=200)
def test_an_id_is_a_uuid_of_version_8_that_depends_on_kind_value_and_key(kind: str, value: str) -> None:
    made = customer_id(KEY, kind, value)
    read = uuid.UUID(str(made))
    assert (read.version, read.variant) == (8, uuid.RFC_4122)
    assert str(read) == str(made)
    assert made == customer_id(KEY, kind, value)
    assert made != customer_id(OTHER_KEY, kind, value)
    assert made != customer_id(KEY, kind + "x", value)
    assert made != customer_id(KEY, kind, value + "x")


def test_kind_and_value_cannot_run_into_each_other() -> None:
    assert customer_id(KEY, "card", "s1") != customer_id(KEY, "cards", "1")


def test_the_ids_of_the_first_release_stay_what_they_were() -> None:
    """Derived ids stand in every log; a change of the derivation would make strangers of all customers."""
    assert str(customer_id(KEY, "card", "alice")) == "97988435-d666-8220-89a2-6bee7eddd0fc"


@given(
    said=st.lists(st.tuples(st.booleans(), statements), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_what_is_said_of_a_link_may_come_in_any_order_and_twice(said: list[tuple[bool, Statement]], seed: int) -> None:
    def told(order: list[tuple[bool, Statement]]) -> Link:
        link = Link(IDS[0], IDS[1])
        for holds, statement in order:
            link = link.after(linked=statement) if holds else link.after(unlinked=statement)
        return link

    luck = random.Random(seed)
    shuffled = [*said, *luck.choices(said, k=3)] if said else []
    luck.shuffle(shuffled)
    assert told(shuffled) == told(said)
    linked = [each.occurred_at for holds, each in said if holds]
    undone = [each.occurred_at for holds, each in said if not holds]
    # The latest word counts, and on equal times the one that undoes.
    assert told(said).is_active == (bool(linked) and (not undone or max(linked) > max(undone)))


@given(
    pairs=st.lists(st.tuples(st.sets(st.sampled_from(IDS), min_size=2, max_size=2), st.booleans()), max_size=12),
    seed=st.integers(0, 2**32),
)
def test_persons_are_what_the_active_links_connect_named_after_the_smallest(
    pairs: list[tuple[set[str], bool]], seed: int
) -> None:
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    links = []
    for pair, holds in pairs:
        low, high = sorted(pair)
        link = Link(low, high, linked=Statement(at, "/app/a", "1", "x"))
        links.append(link if holds else link.after(unlinked=Statement(at, "/app/a", "2", "x")))
    found = persons(links)
    random.Random(seed).shuffle(links)
    assert persons(links) == found
    neighbours: dict[str, set[str]] = {}
    for pair, holds in pairs:
        if holds:
            for each in pair:
                neighbours.setdefault(each, set()).update(pair)
    assert set(found) == set(neighbours)
    for customer in neighbours:
        reached, edge = {customer}, [customer]
        while edge:
            new = neighbours[edge.pop()] - reached
            reached |= new
            edge += new
        assert found[customer] == min(reached)
