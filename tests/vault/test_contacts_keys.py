"""The vault's key: made once, told from a wrong one, rotated while the house is open; in files or a transit engine."""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support.gateway import EXAMPLES
from support.processes import free_port, wait_until
from support.shop import Shop, environment
from support.transit import TransitServer, transit_server

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.test import Client

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, Room
from comptoir.vault.contacts import commands, keeping, queries, rotation
from comptoir.vault.contacts.contracts import FIELDS, ContactValues
from comptoir.vault.contacts.errors import VaultClosed

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
_COMPTOIR = (sys.executable, "-c", "from comptoir.config.command import main; main()")


@pytest.fixture
def keys(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a shop whose vault's keys lie in a folder of their own."""
    folder = tmp_path / "keys"
    folder.mkdir()
    monkeypatch.setenv("COMPTOIR_VAULT_KEYS", str(folder))
    return folder


@pytest.fixture
def engine(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TransitServer]:
    """Have a shop whose keys are wrapped by a transit engine."""
    token = tmp_path / "token"
    with transit_server() as server:
        token.write_text(server.token + "\n")
        monkeypatch.setenv("COMPTOIR_VAULT_KEYS", str(tmp_path))
        monkeypatch.setenv("COMPTOIR_KEY_KEEPER", "transit")
        monkeypatch.setenv("COMPTOIR_TRANSIT_URL", server.url)
        monkeypatch.setenv("COMPTOIR_TRANSIT_TOKEN_FILE", str(token))
        yield server


def people(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=number) for number in range(1, count + 1)]


def keep(*persons: uuid.UUID) -> None:
    for person in persons:
        values = ContactValues.of(name=f"Person {person.int}", email=f"person-{person.int}@example.org")
        commands.keep(person, values=values, purpose="delivery", actor="house", at=NOW, proven=["email"])


def name(person: uuid.UUID) -> str:
    hidden = queries.read(person, fields=["name"], purpose="parcel", actor="house", at=NOW).name
    assert hidden is not None
    return hidden.reveal()


def forget_checked() -> None:
    """Be as a process that was just started: nothing is in memory."""
    keeping._checked.clear()


def comptoir(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*_COMPTOIR, *words], check=False, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done


# -- made once ----------------------------------------------------------------------------------------------------


def test_a_vault_is_open_while_its_first_key_is_being_made(keys: Path) -> None:
    """Somebody else makes it right after its versions were counted, and none was there."""
    asked: list[str] = []

    def between(execute: Callable[..., Any], *question: Any) -> Any:
        answer = execute(*question)
        if "keyversion" in str(question[0]) and not asked:
            asked.append(str(question[0]))
            _prepare()
        return answer

    with connections[VAULT.name].execute_wrapper(between):
        state = queries.vault_state()
    assert asked
    assert (state.is_open, state.reasons) == (True, [])
    assert len(list(keys.iterdir())) == 1, "it was made meanwhile"


def _prepare() -> None:
    """Make the first key in a thread, which has a connection of its own."""

    def work() -> None:
        keeping.prepare(at=NOW)
        connections.close_all()

    with ThreadPoolExecutor(1) as one:
        one.submit(work).result(60)


def test_the_key_is_made_at_its_first_use_for_its_owner_only(keys: Path) -> None:
    assert queries.vault_state().is_open
    assert list(keys.iterdir()) == []
    assert keeping.prepare(at=NOW) == "the vault's key is ready (file 1)"
    assert keeping.prepare(at=NOW) is None
    (path,) = keys.iterdir()
    assert (path.name, path.stat().st_mode & 0o777, path.stat().st_size) == ("contacts-1.key", 0o600, 32)


@pytest.mark.parametrize("harm", ["lost", "wrong", "damaged"])
def test_a_key_that_is_not_the_right_one_closes_the_vault_and_none_is_made_anew(
    shop: Shop, keys: Path, harm: str
) -> None:
    (alice,) = people(1)
    keep(alice)
    path = keys / "contacts-1.key"
    right = path.read_bytes()
    match harm:
        case "lost":
            path.unlink()
        case "wrong":
            path.write_bytes(os.urandom(32))
        case _:
            path.write_bytes(right[:31])
    forget_checked()
    state = queries.vault_state()
    assert not state.is_open
    assert "contacts-1.key" in state.reasons[0]
    with shop.unchanged():
        assert keeping.prepare(at=NOW) is None
        for refused in (
            lambda: name(alice),
            lambda: keep(alice),
            lambda: keep(uuid.uuid4()),
            lambda: queries.find_by_email("person-1@example.org"),
            lambda: rotation.rotate(at=NOW),
        ):
            with pytest.raises(VaultClosed):
                refused()
    assert path.exists() == (harm != "lost")
    path.write_bytes(right)
    forget_checked()
    assert name(alice) == "Person 1"


def test_a_database_that_lost_its_versions_gets_no_new_key(shop: Shop, keys: Path) -> None:
    keep(*people(1))
    shop.rows("delete from contacts_keyversion returning number")
    forget_checked()
    assert not queries.vault_state().is_open
    with pytest.raises(VaultClosed):
        keeping.prepare(at=NOW)
    assert len(list(keys.iterdir())) == 1


def test_what_is_destroyed_needs_no_key(shop: Shop, keys: Path) -> None:
    (alice,) = people(1)
    keep(alice)
    (keys / "contacts-1.key").unlink()
    forget_checked()
    assert commands.destroy(alice, actor="house", at=NOW) == 1


# -- what is told -------------------------------------------------------------------------------------------------


def page(room: Any, path: str) -> Any:
    return Client().get(path, headers={"host": f"{host_of(room)}:8000"})


def test_the_pages_of_a_closed_vault_say_so_and_the_other_rooms_go_on(shop: Shop, keys: Path) -> None:
    keep(*people(1))
    assert page(VAULT, "/sign-in/").status_code == 200
    (keys / "contacts-1.key").unlink()
    forget_checked()
    for path in ("/", "/sign-in/", "/continue/office/"):
        answer = page(VAULT, path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60"), path
        assert "The vault is closed" in answer.content.decode()
        assert "contacts-1.key" not in answer.content.decode()
        assert answer.headers["Cache-Control"] == "no-store"
    assert page(VAULT, "/health").status_code == 200
    assert page(SQUARE, "/").status_code == 200
    assert page(COUNTER, "/").status_code < 500


def test_the_operator_is_told_by_every_verb(shop: Shop, keys: Path) -> None:
    assert "the vault's key is ready (file 1)" in comptoir("migrate").stdout
    keep(*people(1))
    (keys / "contacts-1.key").unlink()
    said = "The key file contacts-1.key is missing."
    assert f"THE VAULT IS CLOSED: {said}" in comptoir("migrate").stdout
    doctor = comptoir("doctor", "--json", check=False)
    assert doctor.returncode == 1
    broken = {check["name"]: check["details"] for check in json.loads(doctor.stdout)["checks"] if not check["holds"]}
    assert broken["vault_opens"] == [said]
    status = comptoir("vault", "status", "--json", check=False)
    assert status.returncode == 1
    assert json.loads(status.stdout)["versions"][0]["reason"] == said
    assert said in comptoir("vault", "status", check=False).stdout
    assert said in comptoir("vault", "rotate", check=False).stderr


@pytest.mark.xdist_group("console")  # the house's keys lie in the folder that all workers share
def test_the_shop_opens_with_a_closed_vault_and_says_so(shop: Shop, keys: Path, tmp_path: Path) -> None:
    keep(*people(1))
    (keys / "contacts-1.key").unlink()
    port, gateway_port = free_port(), free_port()
    out = tmp_path / "out"
    command = [*_COMPTOIR, "serve", "--port", str(port), "--gateway-port", str(gateway_port)]
    written_by_people = {
        "COMPTOIR_MAP": str(EXAMPLES / "touchpoints.toml"),
        "COMPTOIR_PROGRAMME": str(EXAMPLES / "programme.toml"),
    }
    with out.open("wb") as written, environment(**written_by_people, COMPTOIR_PORT=None):
        house = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: b"signing in:" in out.read_bytes(), what="the house")
        assert "THE VAULT IS CLOSED: The key file contacts-1.key is missing." in out.read_text()
        with httpx.Client(timeout=30, trust_env=False) as client:

            def status(room: Room, path: str) -> int:
                host = f"{host_of(room)}:{port}"
                return client.get(f"http://127.0.0.1:{port}{path}", headers={"Host": host}).status_code

            assert [status(VAULT, path) for path in ("/", "/sign-in/")] == [503, 503]
            assert [status(room, "/") for room in (SQUARE, COUNTER)] == [200, 200]
            assert status(OFFICE, "/") == 302
            assert client.get(f"http://127.0.0.1:{gateway_port}/health").status_code == 200
    finally:
        house.send_signal(signal.SIGTERM)
        house.wait(timeout=60)
        print(out.read_text())  # noqa: T201 - shown when the test failed
    assert not (keys / "contacts-1.key").exists()


# -- rotated ------------------------------------------------------------------------------------------------------


def test_a_rotation_wraps_every_key_anew_and_everything_opens(
    shop: Shop, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persons = people(60)
    monkeypatch.setattr(rotation, "_PORTION", 25)
    keep(*persons)
    pieces = shop.rows("select person, field, sealed from contacts_piece order by person, field")
    heard: list[tuple[int, int]] = []
    done = rotation.rotate(at=NOW, progress=lambda changed, total: heard.append((changed, total)))
    assert done == rotation.Rotation(version=2, changed=60, was_resumed=False)
    assert heard == [(0, 60), (25, 60), (50, 60), (60, 60)]
    assert shop.rows("select person, field, sealed from contacts_piece order by person, field") == pieces
    assert shop.rows("select distinct version from contacts_key union select version from contacts_indexkey") == [
        {"version": 2}
    ]
    (keys / "contacts-1.key").unlink()  # nothing here needs it any more
    forget_checked()
    assert queries.vault_state().is_open
    assert [name(person) for person in persons[::9]] == [f"Person {person.int}" for person in persons[::9]]
    assert queries.find_by_email("person-7@example.org") == persons[6]
    state = rotation.status()
    assert (state.is_open, state.is_rotating, state.persons, state.pieces) == (True, False, 60, 120)
    assert [(each.number, each.keys, each.retired_at) for each in state.versions] == [(1, 0, NOW), (2, 60, None)]


def test_data_keys_can_be_made_anew_too(shop: Shop, keys: Path) -> None:
    alice, bob = people(2)
    keep(alice, bob)
    keep(alice)
    values = ContactValues.of(email="alice@example.net")
    kept = commands.keep(alice, values=values, purpose="delivery", actor="house", at=NOW, proven=["email"])
    before = shop.rows("select id, wrapped from contacts_key order by person")
    sealed = shop.rows("select sealed from contacts_piece")
    assert rotation.rotate(at=NOW, with_data_keys=True).changed == 2
    after = shop.rows("select id, wrapped from contacts_key order by person")
    assert not {row["id"] for row in before} & {row["id"] for row in after}
    assert {row["key"] for row in shop.rows("select key from contacts_tombstone")} == {row["id"] for row in before}
    assert not {bytes(row["sealed"]) for row in sealed} & {
        bytes(row["sealed"]) for row in shop.rows("select sealed from contacts_piece")
    }
    assert (name(alice), name(bob)) == ("Person 1", "Person 2")
    assert queries.former_addresses(alice, at=NOW) == [kept.former]


_ROTATE_AND_STOP = """
import datetime as dt, os, signal, sys
from comptoir.foundation.rooms.commands import set_up_django
set_up_django()
from comptoir.vault.contacts import rotation
def stop(changed, total):
    if changed:
        print(changed, total, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
rotation._PORTION = 25
rotation.rotate(at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), progress=stop)
"""


def test_a_rotation_that_was_killed_goes_on_where_it_was(shop: Shop, keys: Path) -> None:
    persons = people(60)
    keep(*persons)
    killed = subprocess.run([sys.executable, "-c", _ROTATE_AND_STOP], capture_output=True, text=True, check=False)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "25 60\n")
    assert rotation.status().is_rotating
    assert {row["version"] for row in shop.rows("select version from contacts_key")} == {1, 2}
    forget_checked()
    assert [name(person) for person in (persons[0], persons[-1])] == ["Person 1", "Person 60"]  # both versions open
    fresh = uuid.uuid4()
    keep(fresh)
    assert shop.value("select version from contacts_key where person = %s", fresh) == 2
    status = json.loads(comptoir("vault", "status", "--json").stdout)
    assert [version["keys"] for version in status["versions"]] == [35, 26]
    done = json.loads(comptoir("vault", "rotate", "--json").stdout)
    assert done == {"version": 2, "changed": 35, "was_resumed": True}
    assert not rotation.status().is_rotating
    assert sorted(path.name for path in keys.iterdir()) == ["contacts-1.key", "contacts-2.key"]


def test_a_key_that_was_made_by_a_rotation_that_got_no_further_is_used(shop: Shop, keys: Path) -> None:
    keep(*people(1))
    keeping.chosen().make()  # and killed before it was recorded
    assert rotation.rotate(at=NOW).version == 2
    assert sorted(path.name for path in keys.iterdir()) == ["contacts-1.key", "contacts-2.key"]


_KEEP_ON = """
import datetime as dt, sys, uuid
from comptoir.foundation.rooms.commands import set_up_django
set_up_django()
from comptoir.vault.contacts import commands, queries
from comptoir.vault.contacts.contracts import ContactValues
at = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
print("begun", flush=True)
for number in range(1, 10_000):
    person = uuid.UUID(int=number % 40 + 1)
    values = ContactValues.of(name=f"Person {person.int}")
    commands.keep(person, values=values, purpose="delivery", actor="house", at=at)
    read = queries.read(person, fields=["name"], purpose="parcel", actor="house", at=at).name
    assert read.reveal() == f"Person {person.int}"
    commands.keep(uuid.uuid4(), values=values, purpose="delivery", actor="house", at=at)
"""


def has_grown(shop: Shop, before: int) -> bool:
    return bool(shop.value("select count(*) from contacts_key") > before + 3)


@pytest.mark.parametrize("with_data_keys", [False, True])
def test_the_house_is_open_while_keys_are_rotated(shop: Shop, keys: Path, with_data_keys: bool) -> None:
    keep(*people(40))
    with subprocess.Popen(
        [sys.executable, "-c", _KEEP_ON], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "begun\n"
        for round_ in range(2, 5):
            before = shop.value("select count(*) from contacts_key")
            wait_until(functools.partial(has_grown, shop, before), what="further persons")
            assert rotation.rotate(at=NOW, with_data_keys=with_data_keys).version == round_
        assert busy.poll() is None, busy.stderr.read() if busy.stderr else ""
        busy.kill()
    assert {row["version"] for row in shop.rows("select version from contacts_key")} == {4}
    assert [name(person) for person in people(40)] == [f"Person {number}" for number in range(1, 41)]


# -- a transit engine ---------------------------------------------------------------------------------------------


def test_a_transit_engine_wraps_the_keys_and_no_key_file_is_made(engine: TransitServer, tmp_path: Path) -> None:
    alice, bob = people(2)
    keep(alice, bob)
    assert [name(alice), name(bob)] == ["Person 1", "Person 2"]
    assert queries.find_by_email("person-2@example.org") == bob
    assert not list(tmp_path.glob("*.key"))
    assert len(engine.keys["comptoir-contacts"]) == 1


def test_a_transit_engine_is_rotated_by_its_own_versions(engine: TransitServer, shop: Shop) -> None:
    persons = people(3)
    keep(*persons)
    assert rotation.rotate(at=NOW).changed == 3
    assert len(engine.keys["comptoir-contacts"]) == 2
    assert {bytes(row["wrapped"])[:9] for row in shop.rows("select wrapped from contacts_key")} == {b"vault:v2:"}
    engine.keys["comptoir-contacts"][0] = os.urandom(32)  # the first version is gone, and nothing needs it
    forget_checked()
    assert [name(person) for person in persons] == ["Person 1", "Person 2", "Person 3"]


def test_going_from_key_files_to_a_transit_engine_is_a_rotation(
    engine: TransitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPTOIR_KEY_KEEPER", "file")
    persons = people(3)
    keep(*persons)
    monkeypatch.setenv("COMPTOIR_KEY_KEEPER", "transit")
    assert [name(person) for person in persons] == ["Person 1", "Person 2", "Person 3"]
    rotation.rotate(at=NOW)
    assert [(each.keeper, each.keys) for each in rotation.status().versions] == [("file", 0), ("transit", 3)]
    forget_checked()
    assert [name(person) for person in persons] == ["Person 1", "Person 2", "Person 3"]


@pytest.mark.parametrize("harm", ["away", "token", "other key", "nonsense", "elsewhere", "no token", "in clear"])
def test_a_transit_engine_that_does_not_open_closes_the_vault(
    engine: TransitServer, shop: Shop, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    (alice,) = people(1)
    keep(alice)
    match harm:
        case "away":
            monkeypatch.setenv("COMPTOIR_TRANSIT_URL", "http://127.0.0.1:1")
        case "token":
            engine.token = "s.other"  # noqa: S105 - a test's
        case "other key":
            engine.keys["comptoir-contacts"] = [os.urandom(32)]
        case "nonsense":
            monkeypatch.setattr(engine, "answer", lambda *_words: (200, {"data": {"batch_results": [{"plain": 1}]}}))
        case "elsewhere":
            engine.redirect = "http://127.0.0.1:1/"
        case "no token":
            monkeypatch.delenv("COMPTOIR_TRANSIT_TOKEN_FILE")
        case _:
            monkeypatch.setenv("COMPTOIR_TRANSIT_URL", "http://vault.example")
    forget_checked()
    assert not queries.vault_state().is_open
    with shop.unchanged(), pytest.raises(VaultClosed) as refusal:
        name(alice)
    for secret in ("s.good", "s.other", "example.org", "127.0.0.1"):
        assert secret not in str(refusal.value)


def test_an_engine_that_goes_away_while_the_house_is_open_closes_the_vault_for_so_long(
    engine: TransitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alice,) = people(1)
    keep(alice)
    monkeypatch.setenv("COMPTOIR_TRANSIT_URL", "http://127.0.0.1:1")
    forget_checked()
    with pytest.raises(VaultClosed):
        name(alice)
    monkeypatch.setenv("COMPTOIR_TRANSIT_URL", engine.url)
    assert name(alice) == "Person 1"


def test_fields_are_read_by_those_names() -> None:
    assert FIELDS == ("name", "addresses", "email", "phone", "birthday")
