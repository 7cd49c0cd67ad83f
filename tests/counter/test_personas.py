"""Public names: chosen, given up, never confused with another; and nobody outside the counter can join two of them."""

from __future__ import annotations

import itertools
import unicodedata
import uuid
from collections.abc import Iterator

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import given
from psycopg import sql

from comptoir.counter.customers.rules import PERSONAS_MAX
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import SQUARE, VAULT
from comptoir.square.community import rules, store
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, Counter
from support.shop import Shop

UNTOUCHED = ("community_persona", "customers_personaholder")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


# -- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Nightingale",
        "José",
        "reader of books",
        "O’Brien",
        "緑茶の人",
        "ユリ",
        "Жанна",
        "Ελένη",
        "x2",
        "Anne-Marie",
        "猫cat",
    ],
)
def test_honest_names_can_be_taken(name: str) -> None:
    assert rules.judge(name) is None


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("", "persona_name_invalid"),
        ("x" * 41, "persona_name_invalid"),
        (" Nora", "persona_name_invalid"),
        ("No  ra", "persona_name_invalid"),
        ("Nora\u202ekcatta", "persona_name_invalid"),
        ("No\u200bra", "persona_name_invalid"),
        ("No\u2060ra", "persona_name_invalid"),
        ("No\u00adra", "persona_name_invalid"),
        ("Nora\ufe0f\ufe0f\ufe0f", "persona_name_invalid"),
        ("N" + "\u0301" * 4, "persona_name_invalid"),
        ("<b>Nora</b>", "persona_name_invalid"),
        ("Nora\n", "persona_name_invalid"),
        ("\u3164", "persona_name_invalid"),
        ("Nоra", "persona_name_invalid"),  # a Cyrillic letter among Latin ones
        ("-Nora", "persona_name_invalid"),
        ("Store Staff", "persona_name_reserved"),
        ("St4ff", "persona_name_reserved"),
        ("ＳＴＡＦＦ", "persona_name_reserved"),
        ("s.t.a.f.f", "persona_name_reserved"),
        ("Équipe", "persona_name_reserved"),
        ("店員さん", "persona_name_reserved"),
        ("ｽﾀｯﾌ", "persona_name_reserved"),
        ("Comptoir", "persona_name_reserved"),
        ("Adm1n", "persona_name_reserved"),
    ],
)
def test_names_that_deceive_are_refused(name: str, refusal: str) -> None:
    problem = rules.judge(unicodedata.normalize("NFC", name) if name.strip() == name else name)
    assert problem is not None, name
    assert problem.name == refusal


@given(st.text(max_size=60))
def test_whatever_is_asked_for_is_judged_and_looks_the_same_twice(text: str) -> None:
    rules.judge(text)
    assert rules.skeleton(text.upper()) == rules.skeleton(text.upper())
    if rules.judge(text) is None:
        assert not {unicodedata.category(character) for character in text} & {"Cf", "Cc", "Cn", "Co", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("one", "other"),
    [("Nora", "NORA"), ("Nora", "N0ra"), ("Jose", "José"), ("reader", "r-e-a-d-e-r"), ("corn", "com"), ("Paul", "Раul"),
     ("ユリ", "ﾕﾘ"), ("scope", "ѕсоре")],
)  # fmt: skip
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert rules.skeleton(one) == rules.skeleton(other)


def test_names_that_only_sound_alike_are_two() -> None:
    assert rules.skeleton("かき") != rules.skeleton("がき")


# -- requests -----------------------------------------------------------------------------------------------------


def test_a_name_is_taken_once_and_given_up_and_never_given_again(counter: Counter, shop: Shop) -> None:
    own = str(uuid.uuid4())
    assert counter.tell(casting.persona("Nightingale", persona=own)).is_accepted
    for name in ("nightingale", "Night1ngale", "Night-ingale"):
        with shop.unchanged(*UNTOUCHED):
            assert counter.tell(casting.persona(name, of=BOB)).problem == "persona_name_taken"
    with shop.unchanged(*UNTOUCHED):
        assert counter.tell(casting.give_up(own, of=BOB)).problem == "persona_unknown"
        assert counter.tell(casting.persona("Wren", of=BOB, persona=own)).problem == "persona_name_taken"
        assert counter.tell(casting.persona("Staff", of=BOB)).problem == "persona_name_reserved"
    assert counter.tell(casting.give_up(own)).is_accepted
    assert shop.value("select count(*) from community_persona") == 0
    with shop.unchanged(*UNTOUCHED):
        assert counter.tell(casting.give_up(own)).problem == "persona_unknown"
        assert counter.tell(casting.persona("Nightingale", of=BOB)).problem == "persona_name_taken"


def test_a_person_has_several_through_any_of_its_customers_up_to_a_limit(counter: Counter, shop: Shop) -> None:
    counter.tell(casting.link(ALICE_ONLINE, ALICE))
    for number in range(PERSONAS_MAX):
        who = (ALICE, ALICE_ONLINE)[number % 2]
        assert counter.tell(casting.persona(f"Bird {chr(65 + number)}x", of=who)).is_accepted
    with shop.unchanged(*UNTOUCHED):
        assert counter.tell(casting.persona("One more", of=ALICE)).problem == "personas_too_many"
    persona = shop.value(
        "select persona::text from customers_personaholder where customer = %s", casting.identify(ALICE)
    )
    assert counter.tell(casting.give_up(persona, of=ALICE_ONLINE)).is_accepted
    assert counter.tell(casting.persona("One more", of=ALICE)).is_accepted


def test_two_in_one_batch_cannot_have_the_same_name(counter: Counter) -> None:
    own = str(uuid.uuid4())
    answers = counter.send(
        casting.persona("Wren", persona=own), casting.persona("wren", of=BOB), casting.give_up(own),
        casting.persona("WREN", of=BOB),
    )  # fmt: skip
    assert [answer.problem for answer in answers] == [None, "persona_name_taken", None, "persona_name_taken"]
    assert counter.shop.value("select count(*) from community_persona") == 0


def test_what_staff_are_called_nobody_else_is(counter: Counter, shop: Shop) -> None:
    with shop.connect(VAULT.role) as vault:
        store.reserve_names(vault, ["Marie Dupont"])
    with shop.unchanged(*UNTOUCHED):
        assert counter.tell(casting.persona("marie-dup0nt")).problem == "persona_name_reserved"


# -- nobody can join two ------------------------------------------------------------------------------------------


def attempts(columns: list[str]) -> Iterator[str]:
    """Return queries with which somebody who may say anything to the database might tie names to each other."""
    names = (
        "community_persona", "community_publicname", "customers_personaholder", "customers_customer", "events_event",
        "events_identity", "events_outbox", "customers_membership", "customers_choice", "events_audit",
    )  # fmt: skip
    for table, column in itertools.product(names, columns):
        yield f"select id, {column} from {table} order by {column}"
    yield "select * from pg_stats where tablename like 'community%' or tablename like 'customers%'"
    yield "select * from pg_stat_activity where query ilike '%persona%' and usename <> current_user"
    yield "copy community_persona to stdout"
    yield "select pg_read_file('global/pg_control')"
    yield "select query_to_xml('select * from community_persona', true, true, '')"
    yield "select * from community_reservedname"
    yield "table customers_personaholder"


def test_the_squares_own_role_finds_ids_and_names_and_nothing_that_ties_two(counter: Counter, shop: Shop) -> None:
    mine = {str(uuid.uuid4()): name for name in ("Nightingale", "Wren")}
    counter.send(*(casting.persona(name, persona=persona) for persona, name in mine.items()))
    others = {str(uuid.uuid4()): name for name in ("Heron", "Robin", "Finch")}
    for persona, name in others.items():
        counter.tell(casting.persona(name, of=BOB, persona=persona))
    seen: list[tuple[str, ...]] = []
    columns = [
        "ctid",
        "xmin",
        "xmax",
        "cmin",
        "tableoid",
        "customer",
        "skeleton",
        "created_at",
        "position",
        "received_at",
        "data",
    ]
    with psycopg.connect(database.conninfo(SQUARE.role), autocommit=True) as square:
        for attempt in attempts(columns):
            try:
                rows = square.execute(attempt.encode()).fetchall()
            except psycopg.Error:
                continue
            seen += [tuple(map(str, row)) for row in rows]
        assert seen == []
        visible = square.execute("select * from community_publicname").fetchall()
        assert {str(row[0]): row[1] for row in visible} == mine | others
        # In the order of random ids, whatever the order of creation was.
        assert [row[0] for row in visible] == sorted(row[0] for row in visible)
        tables = square.execute(
            "select relname, has_table_privilege(oid, 'select') from pg_class where relkind in ('r', 'p', 'v')"
            " and relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (name,) in [(name,) for name, may_read in tables if may_read]:
            text = str(square.execute(sql.SQL("select * from {}").format(sql.Identifier(name))).fetchall())
            if name != "community_publicname":
                assert not any(persona in text for persona in mine | others), name
        functions = square.execute(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace"
            " and has_function_privilege(oid, 'execute')"
        ).fetchall()
        assert not [name for (name,) in functions if "customers" in name or "community" in name]


def test_an_id_of_a_persona_says_nothing(counter: Counter) -> None:
    answer = counter.read  # the door refuses whatever is not random
    for wrong in (str(uuid.uuid1()), "0192f4c0-0000-7000-8000-000000000000", str(uuid.uuid5(uuid.NAMESPACE_DNS, "x"))):
        with pytest.raises(AssertionError, match="field_invalid"):
            answer(casting.persona("Wren", persona=wrong))
