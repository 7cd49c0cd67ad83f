"""The map of personal data: complete, true to the database, and without a birth date anywhere."""

from __future__ import annotations

import json

import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from comptoir.config import privacy
from comptoir.config.command import main
from comptoir.counter.assembly import EVENT_TYPES
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms import personal
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose
from comptoir.foundation.touchpoints.contracts import EventType
from support.shop import Shop

set_up_django()


def owner() -> psycopg.Connection:
    return psycopg.connect(database.owner_conninfo(), autocommit=True)


def test_the_map_knows_every_column_of_every_table_and_no_other(shop: Shop) -> None:
    with owner() as connection:
        assert privacy.undeclared(connection) == []
        assert privacy.births(connection, EVENT_TYPES) == []


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("create table credentials_diary (id int)",
         "nobody has declared what credentials_diary says about people (foundation/rooms/personal.py)"),
        ("alter table sales_sale add column cashier text", "the column sales_sale.cashier is not in the map"),
        ("alter table loyalty_programme add column note text", "the column loyalty_programme.note is not in the map"),
        ("alter table sales_sale drop column store", "the column sales_sale.store is in the map, and gone"),
        ("drop table sales_return", "the table sales_return is in the map, and gone"),
    ],
)  # fmt: skip
def test_what_is_not_as_declared_is_named(shop: Shop, statement: str, sentence: str) -> None:
    with owner() as connection:
        connection.execute(statement.encode())
        assert privacy.undeclared(connection) == [sentence]


@pytest.mark.parametrize(
    "name", ["birth_date", "dateOfBirth", "dob", "customer_birthday", "age", "age_in_years", "born_on", "years_old"]
)
def test_a_column_with_such_a_name_is_found(shop: Shop, name: str) -> None:
    with owner() as connection:
        connection.execute(f'alter table customers_customer add column "{name}" text'.encode())
        assert privacy.births(connection, {}) == [f"the column customers_customer.{name} is a birth date or an age"]


def test_names_that_only_sound_like_it_are_left_alone(shop: Shop) -> None:
    with owner() as connection:
        for name in ("storage", "page", "language", "image", "percentage", "agent", "age_over_18"):
            connection.execute(f'alter table customers_customer add column "{name}" text'.encode())
        assert privacy.births(connection, {}) == []


def test_a_date_in_somebodys_life_is_found_by_its_type(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with owner() as connection:
        connection.execute("alter table customers_customer add column special_day date")
        declared = personal.personal_tables()["customers_customer"]
        tables = personal.declared_tables() | {
            "customers_customer": msgspec.structs.replace(
                declared, columns={**declared.columns, "special_day": "identity"}
            )
        }
        monkeypatch.setattr(personal, "declared_tables", lambda: tables)
        assert privacy.births(connection, {}) == [
            "the column customers_customer.special_day is a date of the class identity"
        ]
        assert privacy.undeclared(connection) == [
            "the counter may read customers_customer.special_day, and may not hold data of the class identity",
            "the office may read customers_customer.special_day, and may not hold data of the class identity",
        ]


def test_a_field_deep_in_json_is_found(shop: Shop) -> None:
    with owner() as connection:
        connection.execute(
            "insert into loyalty_programme (definition) values (%s)", ('{"a": [{"b": {"birthDate": "2001-02-03"}}]}',)
        )
        assert privacy.births(connection, {}) == [
            "the field birthDate in loyalty_programme.definition is a birth date or an age"
        ]


class Child(msgspec.Struct):
    """Somebody who came along."""

    age: int
    age_over_18: bool


class Visit(msgspec.Struct):
    """A visit, as a shop might declare it."""

    children: list[Child]
    since: str


def test_a_field_of_an_event_is_found(shop: Shop) -> None:
    visit = EventType("visit.made", "A visit", Visit, {"children": "public", "since": "birth"})
    with owner() as connection:
        found = privacy.births(connection, {"visit.made": visit})
    assert found == [
        "the field children.age of visit.made is a birth date or an age",
        "the field since of visit.made is a birth date or an age",
    ]


RIGHT = {
    "columns": {"person": "pseudonym", "name": "identity", "until": "time"},
    "subject": "person",
    "whose": Whose.USER,
    "exported": Export.ROWS,
    "erased": Erasure.DELETED,
    "kept": Kept("it is over"),
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "nobody"},
        {"also": ("somebody",)},
        {"sealed": frozenset({"secret"})},
        {"kept": Kept("then", days=3, since="never")},
        {"kept": Kept("then", days=3)},
        {"exported": Export.WITHHELD},
        {"exported": Export.TOLD},
        {"section": "sales"},
        {"erased": Erasure.KEPT},
        {"erased": Erasure.SHREDDED},
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    assert Personal(**RIGHT).shown() == ["person", "name", "until"]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"declared|reason|section|counted|sealed"):
        Personal(**RIGHT | wrong)  # type: ignore[arg-type]


def test_what_opens_something_is_never_shown() -> None:
    for table, declared in personal.personal_tables().items():
        shown = {declared.columns[column] for column in declared.shown()}
        assert not shown & {"credential", "session", "mechanical"}, table


def test_the_doctor_looks_at_all_of_it(shop: Shop) -> None:
    names = {"personal_data_is_declared", "no_birth_date", "audit_chain_is_intact"}
    good = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    assert {each["name"] for each in good["checks"] if each["holds"]} >= names
    with owner() as connection:
        connection.execute("alter table customers_customer add column dob date")
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert done.exit_code == 1
    broken = {each["name"]: each["details"] for each in json.loads(done.stdout)["checks"] if not each["holds"]}
    assert broken == {
        "personal_data_is_declared": ["the column customers_customer.dob is not in the map"],
        "no_birth_date": ["the column customers_customer.dob is a birth date or an age"],
    }


def test_the_verb_prints_the_map(shop: Shop) -> None:
    printed = json.loads(CliRunner().invoke(main, ["map", "personal", "--json"]).stdout)
    tables = {each["table"]: each for each in printed["tables"]}
    assert set(tables) == set(personal.declared_tables())
    assert tables["sales_sale"]["erased"] == "severed"
    assert tables["loyalty_programme"]["columns"] == {}
    told = CliRunner().invoke(main, ["map", "personal"])
    assert told.exit_code == 0
    assert "contacts_piece" in told.stdout
