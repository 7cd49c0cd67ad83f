"""Contact data: kept sealed, read with a purpose, found by a proven address, destroyed with its key.

Alice and Bob are customers who became known; Camille works for the shop.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import ROOMS, VAULT
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.foundation.events.errors import AuditEntryInvalid
from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.contacts import commands, queries
from comptoir.vault.contacts.contracts import FIELDS, Birthday, ContactValues, PostalAddress
from comptoir.vault.contacts.errors import ContactInUse, ContactInvalid, SealBroken

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
ALICE, BOB = uuid.UUID(int=0xA11CE), uuid.UUID(int=0xB0B)
HOME = PostalAddress(lines=("12 rue des Lilas",), postcode="21000", city="Dijon", country="FR")
EVERYTHING: dict[str, Any] = {
    "name": "Alice Öztürk-Canary",
    "addresses": (HOME,),
    "email": "Alice.Canary@Example.org",
    "phone": "+33 1 42 68 53 00",
    "birthday": Birthday(month=2, day=29),
}


def keep(person: uuid.UUID = ALICE, *, proven: tuple[Any, ...] = (), **values: Any) -> Any:
    return commands.keep(
        person,
        values=ContactValues.of(**values),
        purpose="delivery",
        actor=f"customer:{person}",
        at=NOW,
        proven=proven,
    )


def read(person: uuid.UUID = ALICE, *, face: uuid.UUID | None = None) -> dict[str, Any]:
    values = queries.read(person, fields=FIELDS, purpose="parcel", actor="staff:camille", at=NOW, face=face)
    return {field: hidden.reveal() for field, hidden in values.given().items()}


# -- kept and read ------------------------------------------------------------------------------------------------


def test_what_is_kept_is_read_and_the_rest_stays_as_it_was(shop: Shop) -> None:
    assert not queries.is_known(ALICE)
    assert keep(**EVERYTHING).became_known
    assert queries.is_known(ALICE)
    assert read() == {**EVERYTHING, "addresses": (HOME,), "phone": "+33142685300"}
    assert not keep(name="Alice").became_known
    assert read()["name"] == "Alice"
    assert read()["email"] == EVERYTHING["email"]
    assert read(BOB) == {}
    assert [piece.field for piece in queries.kept_pieces(ALICE)] == list(FIELDS)


def test_a_face_has_a_key_of_its_own(shop: Shop) -> None:
    persona = uuid.uuid4()
    keep(name="Alice")
    values = ContactValues.of(name="Lilac")
    commands.keep(ALICE, values=values, purpose="delivery", actor="house", at=NOW, face=persona)
    assert read() == {"name": "Alice"}
    assert read(face=persona) == {"name": "Lilac"}
    assert shop.value("select count(distinct wrapped) from contacts_key") == 2
    assert commands.destroy(ALICE, actor="house", at=NOW, face=persona) == 1
    assert read(face=persona) == {}
    assert read() == {"name": "Alice"}


def test_an_address_finds_its_person_once_it_is_proven(shop: Shop) -> None:
    keep(email="Alice.Canary@Example.org")
    assert queries.find_by_email("alice.canary@example.org") is None
    keep(email="Alice.Canary@Example.org", proven=("email",))
    for written in ("alice.canary@example.org", " ALICE.CANARY@EXAMPLE.ORG ", "ａlice.canary@example.org"):
        assert queries.find_by_email(written) == ALICE
    assert queries.find_by_email("bob@example.org") is None
    assert queries.find_by_email("no address") is None
    with shop.unchanged(), pytest.raises(ContactInUse) as refusal:
        keep(BOB, email="alice.canary@EXAMPLE.org", proven=("email",))
    assert refusal.value.field == "email"
    keep(BOB, email="alice.canary@example.org")  # said, not shown: it is nobody's proof
    assert queries.find_by_email("alice.canary@example.org") == ALICE


def test_an_address_said_again_stays_proven_and_another_one_is_not(shop: Shop) -> None:
    keep(email="alice@example.org", proven=("email",))
    keep(email="Alice@example.org")
    assert queries.find_by_email("alice@example.org") == ALICE
    keep(email="alice@example.net")
    assert queries.find_by_email("alice@example.net") is None
    assert queries.find_by_email("alice@example.org") is None


@pytest.mark.parametrize(
    ("field", "value", "at_fault"),
    [
        ("email", "no address", "email"),
        ("email", "alice@example", "email"),
        ("email", "alice@example.org\nBcc: mallory@example.org", "email"),
        ("email", "a" * 65 + "@example.org", "email"),
        ("email", "a@" + "b" * 250 + ".org", "email"),
        ("phone", "0142685300", "phone"),
        ("phone", "+33 1", "phone"),
        ("phone", "+99999999999", "phone"),
        ("name", " ", "name"),
        ("name", "a" * 101, "name"),
        ("name", "Alice\x00", "name"),
        ("name", "Alice\ud800", "name"),
        ("birthday", Birthday(month=13, day=1), "birthday.month"),
        ("birthday", Birthday(month=2, day=30), "birthday.day"),
        ("addresses", (), "addresses"),
        ("addresses", (HOME,) * 6, "addresses"),
        ("addresses", (HOME, PostalAddress(lines=("x",), city="Dijon", country="France")), "addresses[1].country"),
        ("addresses", (PostalAddress(lines=(), city="Dijon", country="FR"),), "addresses[0].lines"),
        ("addresses", (PostalAddress(lines=("x",), city="x" * 121, country="FR"),), "addresses[0].city"),
    ],
)
def test_what_is_no_contact_data_is_refused_by_its_field(shop: Shop, field: str, value: Any, at_fault: str) -> None:
    with shop.unchanged(), pytest.raises(ContactInvalid) as refusal:
        keep(name="Alice", **{field: value}) if field != "name" else keep(name=value)
    assert refusal.value.field == at_fault
    assert not isinstance(value, str) or not value.strip() or value not in str(refusal.value)


def test_a_number_without_a_plus_is_from_the_shops_country(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPTOIR_COUNTRY", "JP")
    keep(phone="03-3211-2880")
    assert read() == {"phone": "+81332112880"}


# -- destroyed ----------------------------------------------------------------------------------------------------


def test_stepping_back_destroys_the_data_and_the_key(shop: Shop) -> None:
    keep(**EVERYTHING, proven=("email",))
    key = shop.value("select id from contacts_key")
    copy = shop.rows("select * from contacts_piece")
    keep(BOB, name="Bob")
    assert commands.destroy(ALICE, actor=f"customer:{ALICE}", at=NOW) == 1
    assert not queries.is_known(ALICE)
    assert read() == {}
    assert queries.find_by_email(EVERYTHING["email"]) is None
    assert shop.rows("select key, shredded_at from contacts_tombstone") == [{"key": key, "shredded_at": NOW}]
    assert commands.destroy(ALICE, actor=f"customer:{ALICE}", at=NOW) == 0
    for row in copy:  # a copy of the table from before opens nothing
        shop.rows("insert into contacts_piece values (%s, %s, %s, %s, %s, %s, %s) returning field", *row.values())
    assert read() == {}
    keep(name="Alice")  # and a new key is another key
    with pytest.raises(SealBroken):
        read()
    assert read(BOB) == {"name": "Bob"}


def test_with_the_last_piece_goes_the_key(shop: Shop) -> None:
    keep(name="Alice", phone="+33142685300")
    assert commands.remove(ALICE, fields=["phone"], actor="house", at=NOW)
    assert read() == {"name": "Alice"}
    assert not commands.remove(ALICE, fields=["name"], actor="house", at=NOW)
    assert shop.value("select count(*) from contacts_key") == 0
    assert shop.value("select count(*) from contacts_tombstone") == 1


# -- races --------------------------------------------------------------------------------------------------------


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do several things in threads of their own, let go in one moment; returns what came of each."""
    barrier = threading.Barrier(len(works))

    def do(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return work()
        except Problem as problem:
            return problem.name
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(do, works))


def test_a_person_who_gives_everything_at_once_gets_one_key(shop: Shop) -> None:
    for person in (uuid.uuid4() for _ in range(5)):
        kept = at_once(*(functools.partial(keep, person, **{field: EVERYTHING[field]}) for field in EVERYTHING))
        assert [each.became_known for each in kept].count(True) == 1
        assert read(person).keys() == EVERYTHING.keys()
        assert shop.value("select count(*) from contacts_key where person = %s", person) == 1
    assert shop.value("select count(*) from announcements_announcement") == 5
    assert shop.value("select count(*) from contacts_keyversion") == 1


def test_of_two_who_prove_one_address_at_once_one_has_it(shop: Shop) -> None:
    for number in range(5):
        email = f"shared-{number}@example.org"
        persons = [uuid.uuid4(), uuid.uuid4()]
        came = at_once(*(functools.partial(keep, each, email=email, proven=("email",)) for each in persons))
        assert came.count("contact_in_use") == 1
        holder = queries.find_by_email(email)
        assert holder == persons[1 - came.index("contact_in_use")]
        assert {row["person"] for row in shop.rows("select person from contacts_piece")} >= {holder}
        assert not queries.is_known(next(each for each in persons if each != holder))


def test_who_steps_back_while_giving_ends_as_one_or_the_other(shop: Shop) -> None:
    for person in (uuid.uuid4() for _ in range(5)):
        keep(person, name="Alice")
        at_once(
            functools.partial(commands.destroy, person, actor="house", at=NOW),
            functools.partial(keep, person, phone="+33142685300"),
            functools.partial(read, person),
        )
        assert read(person) in ({}, {"phone": "+33142685300"})
        pieces = shop.value("select count(*) from contacts_piece where person = %s", person)
        assert shop.value("select count(*) from contacts_key where person = %s", person) == min(pieces, 1)


# -- who gets at it -----------------------------------------------------------------------------------------------


def test_no_other_room_reads_anything_of_it(shop: Shop) -> None:
    import psycopg

    keep(**EVERYTHING)
    tables = [name for name in shop.contents() if name.startswith("contacts_")]
    assert len(tables) == 10
    for room in ROOMS.values():
        for table in tables:
            with shop.connect(room.role) as connection:
                if room == VAULT:
                    connection.execute(f"select * from {table}")
                    continue
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"select * from {table}")


def test_every_access_is_in_the_audit_chain_with_its_purpose_and_no_value(shop: Shop) -> None:
    keep(name="Alice Canary", email="alice.canary@example.org")
    queries.read(ALICE, fields=["name"], purpose="parcel", actor="staff:camille", at=NOW)
    commands.remove(ALICE, fields=["name"], actor=f"customer:{ALICE}", at=NOW)
    commands.destroy(ALICE, actor=f"customer:{ALICE}", at=NOW)
    entries = [json.loads(row["content"]) for row in shop.rows("select content from events_audit order by number")]
    assert [(entry["action"], entry["actor"], entry["purpose"], entry["detail"]) for entry in entries] == [
        ("contacts.keep", f"customer:{ALICE}", "delivery", {"fields": "name email"}),
        ("contacts.read", "staff:camille", "parcel", {"fields": "name"}),
        ("contacts.remove", f"customer:{ALICE}", "removed", {"fields": "name"}),
        ("contacts.destroy", f"customer:{ALICE}", "destroyed", {}),
    ]
    assert {(entry["room"], entry["subject"]) for entry in entries} == {("vault", str(ALICE))}
    assert "anary" not in str(entries)


def test_an_access_without_a_purpose_opens_nothing(shop: Shop) -> None:
    keep(name="Alice")
    with shop.unchanged(), pytest.raises(AuditEntryInvalid):
        queries.read(ALICE, fields=["name"], purpose=" ", actor="staff:camille", at=NOW)
    with shop.unchanged(), pytest.raises(AuditEntryInvalid):
        commands.keep(BOB, values=ContactValues.of(name="Bob"), purpose="", actor="house", at=NOW)
