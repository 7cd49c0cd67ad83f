"""Somebody is in the square's connection and says to PostgreSQL whatever they like: they learn nothing of anybody.

Every relation of every schema is read and every function of every schema is called, with arguments that mean
something: names of tables that matter, queries on them, files of the shop. What comes back is looked through for what
the vault keeps of Zoé and Camille. Who hears which notification is the affair of ``test_events_live.py``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.types.string import TextLoader

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms import grants
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, SQUARE, VAULT
from support.needles import Needle, found
from support.shop import Shop
from support.vault import Visitor

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials import commands as credentials
from comptoir.vault.credentials.models import Kind, User

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
STAFF = "camille@wrenfathom.example"
#: What is kept where, and would be worth something to a thief.
WORTH = ("credentials_user", "contacts_key", "mfa_authenticator", "account_emailaddress", "contacts_piece")
#: They end or delay the connection that tries them, or the whole server, and give nothing back.
NOT_CALLED = {"pg_sleep", "pg_sleep_for", "pg_sleep_until", "pg_terminate_backend", "pg_cancel_backend"}
#: What opens other rooms, files or the server, one way after another.
STATEMENTS = (
    "copy community_persona from '/etc/hostname'",
    "create temp table stolen (line text)",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/stolen'",
    "create extension dblink",
    "create extension file_fdw",
    "create extension adminpack",
    "create extension plpython3u",
    "create function public.mine() returns int language c as '/lib/mine', 'mine'",
    "create function public.mine() returns int language sql as 'select 1'",
    "alter system set log_statement = 'all'",
    "set session authorization comptoir_vault",
    "set role comptoir_owner",
    "set log_statement = 'all'",
    "set session_preload_libraries = 'mine'",
    "load '/tmp/mine.so'",
    "alter role comptoir_square superuser",
    "create role mine superuser",
    "create publication everything for all tables",
    "create subscription mine connection 'host=localhost' publication everything",
    "create server mine foreign data wrapper postgres_fdw",
    "alter table credentials_user disable trigger all",
    "create rule mine as on select to credentials_user do instead select 1",
    "create event trigger mine on ddl_command_start execute function events_keep_as_written()",
    "lock table credentials_user in access exclusive mode",
    "truncate credentials_user",
    "explain analyze select * from credentials_user",
    "select * from credentials_user tablesample system (100)",
    "select c from credentials_user c",
    "insert into community_persona (name) select email from credentials_user",
    "merge into credentials_user using credentials_user o on false when matched then delete",
    "prepare mine as select email from credentials_user; execute mine",
    "declare mine cursor for select * from contacts_key; fetch all from mine",
    "do $$ begin perform * from contacts_key; end $$",
    "do $$ begin execute 'copy contacts_key to ''/tmp/stolen'''; end $$",
    "security label on table credentials_user is 'mine'",
    "comment on table credentials_user is 'mine'",
)
_ARGUMENTS_MAX = 6
_DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def kept(shop: Shop) -> list[Needle]:
    """Have a vault with something in it; returns what nobody else may read of it."""
    zoe = Visitor()
    assert zoe.make_passkey().status_code == 302
    with entered(VAULT):
        user = User.objects.get(kind=Kind.CUSTOMER).pk
    values = ContactValues.of(email="zoe@moorlantern.example", name="Zoé Moorlantern")
    contacts.keep(user, values=values, purpose="delivery", actor="operator", at=NOW)
    credentials.take_on(name="Camille", email=STAFF, now=NOW)
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as administrator:
        administrator.execute("analyze")  # so that statistics hold the commonest values
    needles = [
        Needle("a customer", str(user), is_random=True),
        of_bytes("a passkey", zoe.device.passkeys[-1].identifier),
        Needle("an address", "moorlantern"),
        Needle("a member of staff", STAFF),
    ]
    needles += [
        of_bytes(f"{column} of {table}", bytes(row["value"]))
        for table, column in (("contacts_key", "wrapped"), ("contacts_piece", "sealed"))
        for row in shop.rows(f"select {column} as value from {table}")
    ]
    files = [
        path for path in (shop_folder.folder() / "keys").rglob("*") if path.is_file() and path.stat().st_size >= 16
    ]
    assert files
    needles += [of_bytes(f"the file {path.name}", path.read_bytes()) for path in files]
    for column, table in (("name", "credentials_user"), ("email", "account_emailaddress")):
        assert shop.value(f"select count(*) from {table} where {column} is not null")
    return needles


def of_bytes(name: str, value: bytes) -> Needle:
    return Needle(name, value.hex(), is_random=True, raw=value)


@pytest.fixture
def square(shop: Shop, kept: list[Needle]) -> Iterator[psycopg.Connection]:
    """Have the square's connection, as whoever has taken the square over has it."""
    with psycopg.connect(database.conninfo(SQUARE.role), autocommit=True) as connection:
        connection.adapters.register_loader("bytea", TextLoader)  # bytes as PostgreSQL writes them
        connection.execute("set statement_timeout = '500ms'")
        connection.execute("set lock_timeout = '200ms'")
        yield connection


class Told(NamedTuple):
    """What came back of a query, also an error's words; whether it was done, and whether it was refused by right."""

    text: bytes
    is_done: bool
    is_denied: bool


def tried(connection: psycopg.Connection, query: sql.Composed | bytes) -> Told:
    """Ask, and keep nothing of it."""
    connection.execute("begin")
    try:
        cursor = connection.execute(query)
        return Told(repr(cursor.fetchall()).encode() if cursor.description else b"", is_done=True, is_denied=False)
    except psycopg.Error as error:
        return Told(str(error).encode(), is_done=False, is_denied=isinstance(error, _DENIED))
    finally:
        connection.execute("rollback")


def test_no_relation_of_any_schema_tells_anything(shop: Shop, square: psycopg.Connection, kept: list[Needle]) -> None:
    rows = shop.rows(
        "select nspname, relname, relkind from pg_class join pg_namespace n on n.oid = relnamespace"
        " where relkind in ('r', 'p', 'v', 'm', 'f', 't', 'S')"
    )
    assert {row["nspname"] for row in rows} >= {"public", "pg_catalog", "information_schema", "pg_toast"}
    denied, hits = set(), {}
    for row in rows:
        name = sql.Identifier(row["nspname"], row["relname"])
        told = tried(square, sql.SQL("select * from {}").format(name))
        copied = copy(square, name)
        if told.is_denied and copied is None:
            denied.add(row["relname"])
        if hit := found(told.text + b"\n" + (copied or b""), kept):
            hits[row["relname"]] = hit
    assert hits == {}
    assert denied >= {
        *WORTH, "pg_authid", "pg_shadow", "pg_statistic", "pg_largeobject", "pg_hba_file_rules", "pg_file_settings",
        "rooms_vaultsession", "loyalty_account", "customers_customer", "customers_personaholder", "events_event",
    }  # fmt: skip


def copy(connection: psycopg.Connection, name: sql.Identifier) -> bytes | None:
    """Return what COPY gives of a relation, or ``None`` if it is refused."""
    try:
        with connection.cursor().copy(sql.SQL("copy (table {}) to stdout").format(name)) as rows:
            return b"".join(bytes(part) for part in rows)
    except psycopg.Error:
        return None


def test_no_function_of_any_schema_tells_anything(shop: Shop, square: psycopg.Connection, kept: list[Needle]) -> None:
    functions = shop.rows(
        "select p.oid::regprocedure::text as signature, nspname, proname, prokind, proretset,"
        " array(select t::regtype::text from unnest(proargtypes) with ordinality u(t, place) order by place)::text[]"
        " as arguments from pg_proc p join pg_namespace n on n.oid = pronamespace"
        " where prokind in ('f', 'p') and prorettype <> all ('{internal,trigger,event_trigger}'::regtype[])"
    )
    assert len(functions) > 2_000
    possible = candidates(shop)
    calls, hits, done = 0, {}, set()
    for function in functions:
        if function["proname"] in NOT_CALLED or len(function["arguments"]) > _ARGUMENTS_MAX:
            continue
        for arguments in filled(function["arguments"], possible):
            call = sql.SQL("{verb} {name}({arguments})").format(
                verb=sql.SQL("call" if function["prokind"] == "p" else "select * from"),
                name=sql.Identifier(function["nspname"], function["proname"]),
                arguments=sql.SQL(", ").join(arguments),
            )
            told = tried(square, call)
            calls += 1
            done |= {function["proname"]} if told.is_done else set()
            if hit := found(told.text, kept):
                hits[function["signature"]] = hit
    assert hits == {}
    assert calls > len(functions) / 2
    assert done >= {"pg_stat_get_activity", "has_table_privilege", "pg_get_viewdef"}, "what may be called was called"
    assert not done & {
        "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_ls_logdir", "pg_ls_waldir", "pg_ls_tmpdir",
        "pg_stat_file", "lo_import", "lo_export", "pg_hba_file_rules", "pg_show_all_file_settings", "pg_reload_conf",
        "pg_current_logfile", "pg_logical_slot_get_changes", *grants.SECURITY_DEFINERS.keys() - {"events_append_audit"},
    }  # fmt: skip


def candidates(shop: Shop) -> dict[str, list[sql.Composable]]:
    """Return what arguments of each type are tried: whatever could lead to what is worth something."""
    keys = next(iter(sorted((shop_folder.folder() / "keys").glob("*.key"))))
    texts = [
        *(f"select * from {table}" for table in WORTH[:2]), WORTH[0], str(keys), "postgresql.auto.conf", "pg_hba.conf",
        ".", "public", "SELECT",
    ]  # fmt: skip
    relations: list[sql.Composable] = [sql.SQL("{}::regclass").format(sql.Literal(table)) for table in WORTH]
    numbers: list[sql.Composable] = [sql.Literal(number) for number in (0, 1)]
    moment = sql.SQL("now()")
    plain: dict[str, list[sql.Composable]] = {
        "text": [sql.Literal(text) for text in texts],
        "name": [sql.Literal(text) for text in (SQUARE.role, VAULT.role, WORTH[0])],
        "oid": [sql.SQL("{}::oid").format(relation) for relation in relations],
        "regclass": relations,
        "boolean": [sql.SQL("true")],
        "uuid": [sql.Literal(uuid.UUID(int=1))],
        "timestamp with time zone": [moment],
        "interval": [sql.SQL("interval '1 second'")],
        "json": [sql.SQL("'{}'::json")],
        "jsonb": [sql.SQL("'{}'::jsonb")],
        "xml": [sql.SQL("'<a/>'::xml")],
        "bytea": [sql.SQL("'\\x00'::bytea")],
        "refcursor": [sql.SQL("'cursor'::refcursor")],
        "cstring": [sql.SQL("'1'::cstring")],
        "anyelement": [sql.SQL("1")],
        '"any"': [sql.SQL("1")],
    }
    plain |= dict.fromkeys(("integer", "bigint", "smallint"), numbers)
    plain |= {kind: [sql.SQL(f"0::{kind}")] for kind in ("real", "double precision", "numeric", "xid", "xid8")}
    return plain


def filled(arguments: list[str], possible: dict[str, list[sql.Composable]]) -> Iterator[tuple[sql.Composable, ...]]:
    """Yield the ways to call a function: one argument after another through all that is possible, the others fixed."""
    choices = [possible.get(kind) or [sql.SQL(f"null::{kind}")] for kind in arguments]
    if not choices:
        yield ()
    elif len(choices) <= 2:
        yield from itertools.product(*choices)
    else:
        for place, some in enumerate(choices):
            for each in some:
                yield tuple(each if other == place else first[0] for other, first in enumerate(choices))


def test_no_statement_leads_out_of_the_square(square: psycopg.Connection) -> None:
    for statement in STATEMENTS:
        with pytest.raises(psycopg.Error) as refused:
            square.execute(statement.encode())
        # Refused by right, or because there is no such thing at all: not by a slip of the pen.
        assert not isinstance(refused.value, psycopg.errors.SyntaxError), refused.value


def test_what_others_are_doing_and_large_objects_are_closed(square: psycopg.Connection, kept: list[Needle]) -> None:
    with psycopg.connect(database.conninfo(VAULT.role)) as vault:
        vault.execute("select 'zoe@moorlantern.example'")
        made = vault.execute("select lo_from_bytea(0, 'zoe@moorlantern.example')").fetchone()
        assert made is not None
        vault.commit()
        vault.execute("select 'zoe@moorlantern.example'")
        seen = tried(square, b"select pid, usename, query, client_addr from pg_stat_activity")
        assert b"insufficient privilege" in seen.text
        assert found(seen.text, kept) == {}
        for call in ("lo_get({})", "lo_open({}, 262144)", "lo_unlink({})", "lo_put({}, 0, 'x')"):
            assert tried(square, sql.SQL(f"select {call}").format(sql.Literal(made[0]))).is_denied, call
        vault.execute("select lo_unlink(%s)", made)


def test_functions_with_their_owners_rights_know_who_calls(shop: Shop, square: psycopg.Connection) -> None:
    """Each has a search path that nobody can stand in the way of, and is for one room, or looks who it is."""
    rows = shop.rows(
        "select proname, prosrc, proconfig::text as settings, nspname,"
        " array(select r from unnest(%s::text[]) r where has_function_privilege(r, p.oid, 'execute')) as callers"
        " from pg_proc p join pg_namespace n on n.oid = pronamespace where prosecdef",
        [room.role for room in ROOMS.values()],
    )
    assert {row["proname"] for row in rows} == set(grants.SECURITY_DEFINERS), "in any schema"
    looking = [row["proname"] for row in rows if "session_user" in row["prosrc"]]
    for row in rows:
        assert f"search_path={grants.SEARCH_PATH}" in row["settings"].replace('"', ""), row["proname"]
        allowed = {ROOMS[name].role for name in grants.SECURITY_DEFINERS[row["proname"]]}
        assert set(row["callers"]) == allowed, row["proname"]
        hands_on = any(
            re.fullmatch(rf"\s*begin\s+return public\.{each}\(.*\);\s+end\s*", row["prosrc"]) for each in looking
        )
        assert len(allowed) == 1 or row["proname"] in looking or hands_on, row["proname"]
    entry = '{"action":"x","actor":"x","at":"x","detail":{},"purpose":"x","room":"vault","subject":null}'
    with shop.unchanged("events_audit"), pytest.raises(_DENIED, match="in the name of another room"):
        square.execute("select events_append_audit(%s)", (entry,))
    ours = entry.replace('"vault"', '"square"')
    with shop.unchanged("events_audit"), pytest.raises(_DENIED, match="in the name of another room"):
        square.execute("select events_append_audits(%s)", ([ours, entry],))


def test_a_search_path_that_somebody_could_stand_in_is_found(shop: Shop) -> None:
    name = "events_make_partition(timestamp with time zone)"
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as administrator:
        for path in ("pg_temp, public", "public", "pg_catalog, public"):
            administrator.execute(f"alter function events_make_partition set search_path = {path}".encode())
            sentences = [difference.sentence for difference in grants.compare(administrator)]
            assert [sentence for sentence in sentences if "search_path" in sentence] == [
                f"the function {name} runs with its owner's rights and its search_path is not {grants.SEARCH_PATH}"
            ]
