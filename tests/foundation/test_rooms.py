"""The rooms: what the declaration says, what each role can really do, and who gets in at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from comptoir.foundation.kernel import database, embedded, shop
from comptoir.foundation.rooms import addresses, grants
from comptoir.foundation.rooms.commands import migrate_house, set_up_django
from comptoir.foundation.rooms.current import current_room, entered
from comptoir.foundation.rooms.declaration import (
    COUNTER,
    HOMES,
    OFFICE,
    PRIVILEGES,
    ROOMS,
    SQUARE,
    VAULT,
    Access,
    Room,
)
from support.processes import wait_until
from support.shop import Shop, environment

set_up_django()

ALL = list(ROOMS.values())
_DENIED = psycopg.errors.InsufficientPrivilege


# -- the declaration ----------------------------------------------------------------------------------------------


def test_inner_rooms_look_out_and_nobody_looks_in() -> None:
    seen = {room.name: {other.name for other in ALL if room.sees(other)} for room in ALL}
    assert seen == {
        "square": {"square"},
        "counter": {"square", "counter"},
        "vault": {"square", "counter", "vault"},
        "office": {"square", "counter", "office"},
    }


def test_a_table_is_its_own_rooms_unless_it_says_otherwise() -> None:
    access = Access.at_home(COUNTER)
    assert access.of(COUNTER) == PRIVILEGES
    assert access.of(VAULT) == access.of(OFFICE) == {"SELECT"}
    assert access.of(SQUARE) == frozenset()
    assert Access.only(VAULT).of(OFFICE) == frozenset()
    assert Access.everyone("INSERT").and_for(COUNTER, "SELECT").of(COUNTER) == {"INSERT", "SELECT"}
    assert Access.nobody().of(VAULT) == frozenset()


def test_every_room_is_an_origin_of_its_own() -> None:
    with environment(COMPTOIR_DOMAIN=None, COMPTOIR_PORT=None):
        demo = [addresses.origin_of(room) for room in ALL]
    with environment(COMPTOIR_DOMAIN="Shop.Example", COMPTOIR_PORT=None):
        real = [addresses.origin_of(room) for room in ALL]
        assert addresses.room_of_host("OFFICE.shop.example") == OFFICE
        assert addresses.room_of_host("localhost") is None
        assert addresses.room_of_host("shop.example") is None
    assert demo == [
        "http://localhost:8000",
        "http://my.localhost:8000",
        "http://safe.localhost:8000",
        "http://office.localhost:8000",
    ]
    assert real == [
        "https://www.shop.example",
        "https://my.shop.example",
        "https://safe.shop.example",
        "https://office.shop.example",
    ]


@pytest.mark.parametrize("path", ["//elsewhere.example/", "/\\elsewhere.example", "https://elsewhere.example", ""])
def test_an_address_never_leads_out_of_its_room(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        addresses.url_of(OFFICE, path)


def test_a_process_answers_only_for_the_rooms_it_was_given() -> None:
    with environment(COMPTOIR_ROOMS="vault, office"):
        assert addresses.rooms_here() == (VAULT, OFFICE)
    with environment(COMPTOIR_ROOMS="cellar"), pytest.raises(ValueError, match="cellar"):
        addresses.rooms_here()


def test_a_query_in_no_room_is_refused() -> None:
    from comptoir.foundation.rooms.models import VaultSession

    assert current_room() is None
    with pytest.raises(RuntimeError, match="runs in no room"):
        VaultSession.objects.count()


def test_the_default_connection_is_the_rooms_own(shop: Shop) -> None:
    """A library's transaction, which names no connection, is one of the room's role and never the owner's."""
    from django.db import connection, connections, transaction

    for room in ALL:
        with entered(room), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (room.role,)
            assert connections[room.name].in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (database.OWNER_ROLE,)
    connections.close_all()


# -- the roles ----------------------------------------------------------------------------------------------------


def administrator() -> psycopg.Connection:
    return psycopg.connect(database.administrator_conninfo(), autocommit=True)


def attempt(connection: psycopg.Connection, privilege: str, table: str) -> bool:
    """Try what a privilege allows, on no row at all; tells whether the database let it."""
    name = sql.Identifier(table)
    row = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attidentity = '' AND attgenerated = '' ORDER BY attnum LIMIT 1",
        (f'public."{table}"',),
    ).fetchone()
    assert row is not None
    column = sql.Identifier(row[0])
    # None of these has a condition that reads, so that each needs its own privilege and no other.
    statements = {
        "SELECT": sql.SQL("SELECT * FROM {table} LIMIT 0"),
        "INSERT": sql.SQL("INSERT INTO {table} ({column}) SELECT (NULL::{table}).{column} LIMIT 0"),
        "UPDATE": sql.SQL("UPDATE {table} SET {column} = NULL"),
        "DELETE": sql.SQL("DELETE FROM {table}"),
        "TRUNCATE": sql.SQL("TRUNCATE {table}"),
    }
    connection.execute("BEGIN")
    try:
        connection.execute("SET LOCAL statement_timeout = '10s'")
        connection.execute(statements[privilege].format(table=name, column=column))
    except _DENIED:
        return False
    except psycopg.errors.IntegrityError:
        return True  # it got past the door, and only then met a constraint
    else:
        return True
    finally:
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("room", ALL, ids=lambda room: room.name)
def test_a_role_can_do_what_is_declared_and_nothing_else(shop: Shop, room: Room) -> None:
    """Every table of the database, partitions too, is tried as the role; the catalogue says which tables there are."""
    declared = grants.declared_tables()
    rows = shop.rows(
        "SELECT relname, relispartition FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    assert len(rows) > 20
    with shop.connect(room.role) as connection:
        wrong = {}
        for row in rows:
            table = row["relname"]
            allowed = frozenset() if row["relispartition"] else declared[table].of(room)
            tried = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
            can = {privilege for privilege in tried if attempt(connection, privilege, table)}
            if can != allowed:
                wrong[table] = (sorted(can), sorted(allowed))
    assert wrong == {}


def test_the_square_reads_nothing_further_in(shop: Shop) -> None:
    readable = {
        row["relname"]
        for row in shop.rows(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND has_table_privilege('comptoir_square', oid, 'SELECT')"
        )
    }
    said = {name for name in readable if HOMES.get(name.partition("_")[0]) is SQUARE}
    assert "community_persona" not in said, "names are read through their view, in no order that says anything"
    assert readable - said <= {"rooms_squaresession", "rooms_squareadmission"}


def test_office_and_vault_do_not_see_each_other(shop: Shop) -> None:
    with shop.connect(OFFICE.role) as office, shop.connect(VAULT.role) as vault:
        for table in ("credentials_user", "account_emailaddress", "mfa_authenticator", "rooms_vaultsession"):
            assert not attempt(office, "SELECT", table)
        assert not attempt(vault, "SELECT", "rooms_officesession")


def test_the_catalogue_agrees_with_the_declaration(shop: Shop) -> None:
    with administrator() as connection:
        assert grants.compare(connection) == []


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("GRANT SELECT ON credentials_user TO comptoir_office",
         "not declared: SELECT on table credentials_user for comptoir_office"),
        ("GRANT SELECT (email) ON credentials_user TO comptoir_square",
         "not declared: SELECT on column credentials_user.email for comptoir_square"),
        ("GRANT TRUNCATE ON customers_customer TO comptoir_counter",
         "not declared: TRUNCATE on table customers_customer for comptoir_counter"),
        ("GRANT SELECT ON customers_customer TO PUBLIC",
         "not declared: SELECT on table customers_customer for PUBLIC"),
        ("REVOKE SELECT ON customers_customer FROM comptoir_office",
         "missing: SELECT on table customers_customer for comptoir_office"),
        ("GRANT CREATE ON SCHEMA public TO comptoir_vault",
         "not declared: CREATE on schema public for comptoir_vault"),
    ],
)  # fmt: skip
def test_a_grant_that_nobody_declared_is_found_and_put_right(shop: Shop, statement: str, sentence: str) -> None:
    with administrator() as connection:
        connection.execute(statement.encode())
        assert sentence in [difference.sentence for difference in grants.compare(connection)]
        migrate_house()
        assert grants.compare(connection) == []


def test_every_table_says_what_it_holds_about_people(shop: Shop) -> None:
    # `personal = NOTHING_PERSONAL`, or a `Personal` with every column: see foundation/rooms/personal.py.
    from comptoir.config.privacy import undeclared

    with administrator() as connection:
        assert undeclared(connection) == []


def test_a_table_without_a_room_is_refused_before_anything_is_granted(shop: Shop) -> None:
    with administrator() as connection:
        connection.execute("SET ROLE comptoir_owner")
        connection.execute("CREATE TABLE stranger (id int)")
        connection.execute("RESET ROLE")
        assert [d.sentence for d in grants.compare(connection)] == ["no room is declared for: stranger"]
        with pytest.raises(grants.UndeclaredError, match="stranger"):
            migrate_house()


def test_a_function_with_its_owners_rights_is_found(shop: Shop) -> None:
    with administrator() as connection:
        connection.execute("SET ROLE comptoir_owner")
        connection.execute("CREATE FUNCTION rooms_all() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
        connection.execute("RESET ROLE")
        sentences = [difference.sentence for difference in grants.compare(connection)]
    assert "the function rooms_all() runs with its owner's rights and is not on the list" in sentences


def test_a_room_cannot_become_another_one(shop: Shop) -> None:
    for room in ALL:
        with shop.connect(room.role) as connection:
            for other in {*(r.role for r in ALL), database.OWNER_ROLE, embedded.SUPERUSER} - {room.role}:
                with pytest.raises(_DENIED):
                    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other)))
            for statement in ("CREATE TABLE mine (id int)", "CREATE TEMP TABLE mine (id int)", "CREATE SCHEMA mine"):
                with pytest.raises(_DENIED):
                    connection.execute(statement.encode())


def test_migrating_again_changes_nothing(shop: Shop) -> None:
    said: list[str] = []
    migrate_house(said.append)
    assert said == []


def test_several_may_migrate_at_once(server: None) -> None:
    name = f"comptoir_race_{os.getpid()}"
    program = "from comptoir.foundation.rooms.commands import migrate_house; migrate_house(print)"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "COMPTOIR_DATABASE_NAME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        results = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], results
        created = [
            line for out, _err in results for line in out.splitlines() if line.startswith("created the database")
        ]
        assert len(created) == 1
    finally:
        with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


# -- the server ---------------------------------------------------------------------------------------------------

#: Loads everything as root first: another user may not be able to read this Python.
_AS_SOMEBODY = """
import contextlib, os, pwd, sys
import psycopg
conninfo, user = sys.argv[1:]
with contextlib.suppress(psycopg.Error):
    psycopg.connect("host=/nowhere user=nobody")
entry = pwd.getpwnam(user)
os.setgroups([])
os.setgid(entry.pw_gid)
os.setuid(entry.pw_uid)
with psycopg.connect(conninfo) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0])
"""


def as_user(user: str, conninfo: str) -> subprocess.CompletedProcess[str]:
    """Try to connect as another user of the operating system; prints the role that was reached."""
    command = [sys.executable, "-c", _AS_SOMEBODY, conninfo, user]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def sockets() -> Path:
    """Return the folder of the server's socket, after opening the way to it for every user of the machine."""
    folder = embedded.socket_folder()
    for parent in folder.parents:
        if parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder


def test_nothing_of_the_server_trusts(server: None) -> None:
    lines = (shop.folder() / "postgres" / "pg_hba.conf").read_text().splitlines()
    assert [line.split()[3:] for line in lines if line and not line.startswith("#")] == [["peer", "map=comptoir"]]
    with psycopg.connect(database.administrator_conninfo(database="postgres"), autocommit=True) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("peer",)]
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
@pytest.mark.parametrize("role", [*(room.role for room in ALL), database.OWNER_ROLE, embedded.SUPERUSER])
def test_a_user_of_the_machine_who_is_not_in_the_map_is_nobody(shop: Shop, sockets: Path, role: str) -> None:
    done = as_user("nobody", f"host={sockets} port=5432 user={role} dbname={shop.database}")
    assert done.returncode != 0
    assert "Peer authentication failed" in done.stderr, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
def test_a_user_of_the_machine_may_be_one_room_alone(shop_on_own_server: Shop, sockets: Path) -> None:
    embedded.write_authentication({"root": ["all"], "nobody": [SQUARE.role]})
    with administrator() as connection:
        connection.execute("SELECT pg_reload_conf()")
    conninfo = f"host={sockets} port=5432 dbname={shop_on_own_server.database} user="
    wait_until(lambda: as_user("nobody", conninfo + SQUARE.role).returncode == 0, what="the new map")
    assert as_user("nobody", conninfo + SQUARE.role).stdout == "comptoir_square\n"
    for role in (COUNTER.role, VAULT.role, OFFICE.role, embedded.SUPERUSER):
        assert "Peer authentication failed" in as_user("nobody", conninfo + role).stderr


# -- why the house stays closed -----------------------------------------------------------------------------------


def test_the_house_opens_when_all_is_well(shop: Shop) -> None:
    from comptoir.config.refusals import reasons_to_stay_closed

    with shop.connect(SQUARE.role) as connection:
        assert reasons_to_stay_closed(connection) == []


def test_a_role_with_powers_keeps_the_house_closed(shop_on_own_server: Shop) -> None:
    from comptoir.config.refusals import HouseRefused, insist

    with administrator() as connection:
        connection.execute("ALTER ROLE comptoir_square SUPERUSER")
        connection.execute("ALTER ROLE comptoir_vault BYPASSRLS")
        connection.execute("GRANT comptoir_vault TO comptoir_office")
    with pytest.raises(HouseRefused) as refused:
        insist(OFFICE.role)
    assert str(refused.value).splitlines()[1:] == [
        "- the role comptoir_office is a member of comptoir_vault",
        "- the role comptoir_square is superuser",
        "- the role comptoir_vault is bypassrls",
    ]


def test_a_weak_key_keeps_the_house_closed(shop_on_own_server: Shop) -> None:
    from comptoir.config.refusals import reasons_to_stay_closed

    shop.secret("signing")
    (shop.folder() / "keys" / "signing.key").write_bytes(b"secretsecretsecretsecretsecretse"[:1] * 32)
    with shop_on_own_server.connect(SQUARE.role) as connection:
        assert reasons_to_stay_closed(connection) == ["the key signing is not random"]


def test_debug_and_insecure_origins_keep_the_house_closed(shop: Shop) -> None:
    from django.test import override_settings

    from comptoir.config.refusals import reasons_to_stay_closed

    with shop.connect(SQUARE.role) as connection:
        with override_settings(DEBUG=True):
            assert any(reason.startswith("DEBUG is on") for reason in reasons_to_stay_closed(connection))
        with override_settings(MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN=True):
            assert any("any site" in reason for reason in reasons_to_stay_closed(connection))
        with override_settings(SECRET_KEY="secret"):  # noqa: S106 - the very case
            assert "SECRET_KEY is not the shop's own key" in reasons_to_stay_closed(connection)
        with environment(COMPTOIR_DOMAIN="shop.example", COMPTOIR_TRUSTED_PROXIES=None):
            assert any("COMPTOIR_TRUSTED_PROXIES" in reason for reason in reasons_to_stay_closed(connection))


def test_entering_nests() -> None:
    with entered(COUNTER):
        with entered(VAULT):
            assert current_room() == VAULT
        assert current_room() == COUNTER
