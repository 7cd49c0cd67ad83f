"""Who may do what with which table: what the declaration says, what the database says, and the difference.

The database is brought into line with ``commands.migrate_house``; ``comptoir doctor`` and the tests compare. Both
sides are plain values, so that every difference can be told in a sentence. Needs Django's models to be loaded.

What is declared: a room's role connects, uses the schema, and has on every table what the model's ``access`` (or its
app's home) gives it. A partition has no grants of its own: it is reached through its parent. A sequence may be used
by whoever inserts into its table. A function belongs to the app that its name begins with. Nothing is granted to
PUBLIC, nothing on single columns, and nothing else exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import psycopg
from django.apps import apps
from django.db.models import Model
from psycopg import sql

from comptoir.foundation.kernel.database import OWNER_ROLE
from comptoir.foundation.rooms.declaration import HOMES, OWNERS_TABLES, PRIVILEGES, ROOMS, Access

SCHEMA = "public"

#: What PostgreSQL can grant on a table; what a role has beyond the declaration is a difference too.
_TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

#: Functions that run with their owner's rights, each reviewed, and the rooms that may call them.
SECURITY_DEFINERS: Mapping[str, frozenset[str]] = {
    "events_append_audit": frozenset(ROOMS),
    "events_append_audits": frozenset(ROOMS),
    "events_let_go": frozenset({"counter"}),
    "events_make_partition": frozenset({"counter"}),
    "events_sever": frozenset({"counter"}),
    "events_silence": frozenset({"counter"}),
}

#: Where they look for what they name: the system first, and last what a caller could put there.
SEARCH_PATH = "pg_catalog, public, pg_temp"


class UndeclaredError(Exception):
    """A table stands in the database and no room is declared for it."""


class Grant(msgspec.Struct, frozen=True, order=True):
    """One privilege of one grantee on one thing.

    ``kind`` is ``DATABASE``, ``SCHEMA``, ``TABLE``, ``SEQUENCE``, ``FUNCTION`` or ``COLUMN``; ``name`` is what it is
    called in SQL (a function with its argument types, a column with its table); ``grantee`` a role or ``PUBLIC``.
    """

    kind: str
    name: str
    grantee: str
    privilege: str

    def __str__(self) -> str:
        """Return the grant as one would say it."""
        return f"{self.privilege} on {self.kind.lower()} {self.name} for {self.grantee}"


class Difference(msgspec.Struct, frozen=True, order=True):
    """Something in the database that is not as declared: a sentence, and the grant that is missing or too many."""

    sentence: str
    remedy: Grant | None = None
    is_missing: bool = False


class _Table(msgspec.Struct, frozen=True):
    name: str
    root: str
    owner: str
    sequences: tuple[str, ...]


def declared_tables() -> Mapping[str, Access]:
    """Return the access of every table that a model declares.

    Raises :class:`UndeclaredError` for a model whose app has no home and which says nothing itself.
    """
    tables: dict[str, Access] = {name: Access.nobody() for name in OWNERS_TABLES}
    for model in apps.get_models(include_auto_created=True):
        tables[model._meta.db_table] = access_of(model)
    return tables


def access_of(model: type[Model]) -> Access:
    """Return who may do what with a model's table."""
    access = getattr(model, "access", None)
    if access is not None:
        assert isinstance(access, Access)
        return access
    label = model._meta.app_label
    home = HOMES.get(label)
    if home is None:
        raise UndeclaredError(f"{model.__name__} needs an access of its own: its app {label} has no home room")
    return Access.at_home(home)


def expected_privileges(connection: psycopg.Connection) -> frozenset[Grant]:
    """Return every grant that has to exist for the tables, sequences and functions that are there.

    Raises :class:`UndeclaredError` for a table that nobody declared.
    """
    grants = {Grant("DATABASE", connection.info.dbname, room.role, "CONNECT") for room in ROOMS.values()}
    grants |= {Grant("SCHEMA", SCHEMA, room.role, "USAGE") for room in ROOMS.values()}
    declared = declared_tables()
    tables = _tables(connection)
    if strangers := sorted({table.root for table in tables} - set(declared)):
        raise UndeclaredError(f"no room is declared for: {', '.join(strangers)}")
    for table in tables:
        if table.name != table.root:
            continue
        for room in ROOMS.values():
            privileges = declared[table.name].of(room)
            grants |= {Grant("TABLE", table.name, room.role, privilege) for privilege in privileges}
            if "INSERT" in privileges:
                grants |= {Grant("SEQUENCE", name, room.role, "USAGE") for name in table.sequences}
    for signature, name, _is_definer, _has_search_path in _functions(connection):
        for role in _callers(name):
            grants.add(Grant("FUNCTION", signature, role, "EXECUTE"))
    return frozenset(grants)


def actual_privileges(connection: psycopg.Connection) -> frozenset[Grant]:
    """Return what every room's role, PUBLIC and any further grantee can do, read from the catalogue.

    For the rooms' roles the question is not what was granted but what works (``has_table_privilege``), so that what
    comes through another role or through PUBLIC is seen as well.
    """
    grants: set[Grant] = set()
    roles = [room.role for room in ROOMS.values()]
    asked = {"roles": roles, "schema": SCHEMA, "table_privileges": list(_TABLE_PRIVILEGES)}
    for kind, query in _EFFECTIVE.items():
        grants |= {Grant(kind, *row) for row in connection.execute(query, asked)}
    for kind, query in _GRANTED.items():
        grants |= {Grant(kind, *row) for row in connection.execute(query, asked)}
    return frozenset(grants)


def compare(connection: psycopg.Connection) -> list[Difference]:
    """Return every difference between the declaration and the database, in order; none means that they agree."""
    try:
        expected = expected_privileges(connection)
    except UndeclaredError as error:
        return [Difference(str(error))]
    actual = actual_privileges(connection)
    differences = [Difference(f"missing: {grant}", grant, is_missing=True) for grant in expected - actual]
    differences += [Difference(f"not declared: {grant}", grant) for grant in actual - expected]
    differences += [Difference(sentence) for sentence in (*wrong_roles(connection), *_wrong_owners(connection))]
    return sorted(differences, key=lambda difference: difference.sentence)


def wrong_roles(connection: psycopg.Connection) -> list[str]:
    """Return what is wrong with the rooms' roles and the owner, one sentence each: powers that nobody may have."""
    roles = {room.role for room in ROOMS.values()}
    rows = connection.execute(
        """
        SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication,
            array(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = pg_roles.oid)
        FROM pg_roles WHERE rolname = ANY(%s)
        """,
        ([*roles, OWNER_ROLE],),
    ).fetchall()
    sentences = [f"the role {role} does not exist" for role in sorted({*roles, OWNER_ROLE} - {row[0] for row in rows})]
    powers = ("superuser", "bypassrls", "createdb", "createrole", "replication")
    for name, can_login, *flags, memberships in rows:
        sentences += [f"the role {name} is {power}" for power, flag in zip(powers, flags, strict=True) if flag]
        if can_login != (name in roles):
            sentences.append(f"the role {name} {'may' if can_login else 'may not'} log in")
        sentences += [f"the role {name} is a member of {other}" for other in memberships]
    return sentences


def statements(differences: Iterable[Difference]) -> list[sql.Composed]:
    """Return the statements that bring the grants into line, revocations first."""
    revoked, granted = [], []
    for difference in differences:
        grant = difference.remedy
        if grant is None:
            continue
        grantee = sql.SQL("PUBLIC") if grant.grantee == "PUBLIC" else sql.Identifier(grant.grantee)
        if grant.kind == "COLUMN":
            table, _, column = grant.name.rpartition(".")
            thing: sql.Composable = sql.SQL("ON TABLE {}").format(sql.Identifier(table))
            privilege: sql.Composable = sql.SQL("{} ({})").format(sql.SQL(grant.privilege), sql.Identifier(column))
        else:
            # A function's signature comes quoted from the catalogue (regprocedure); everything else is one name.
            name = sql.SQL(grant.name) if grant.kind == "FUNCTION" else sql.Identifier(grant.name)
            thing = sql.SQL("ON {} {}").format(sql.SQL(grant.kind), name)
            privilege = sql.SQL(grant.privilege)
        if difference.is_missing:
            granted.append(sql.SQL("GRANT {} {} TO {}").format(privilege, thing, grantee))
        else:
            revoked.append(sql.SQL("REVOKE {} {} FROM {} CASCADE").format(privilege, thing, grantee))
    return revoked + granted


def _callers(function: str) -> list[str]:
    if function in SECURITY_DEFINERS:
        return [ROOMS[room].role for room in sorted(SECURITY_DEFINERS[function])]
    # A function's app is what its name begins with; whoever may do anything with one of the app's tables may call it.
    label = next((label for label in HOMES if function.startswith(f"{label}_")), None)
    if label is None:
        return []
    accesses = [access_of(model) for model in apps.get_app_config(label).get_models(include_auto_created=True)]
    return [room.role for room in ROOMS.values() if any(access.of(room) & PRIVILEGES for access in accesses)]


def _tables(connection: psycopg.Connection) -> list[_Table]:
    rows = connection.execute(
        """
        WITH RECURSIVE lineage AS (
            SELECT oid, relname, oid AS root FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
                AND relnamespace = %(schema)s::regnamespace AND NOT relispartition
            UNION ALL
            SELECT child.oid, child.relname, lineage.root FROM lineage
                JOIN pg_inherits ON inhparent = lineage.oid JOIN pg_class child ON child.oid = inhrelid
        )
        SELECT lineage.relname, root.relname, relation.relowner::regrole::text,
            array(SELECT sequence.relname FROM pg_depend JOIN pg_class sequence ON sequence.oid = objid
                WHERE refobjid = lineage.oid AND classid = 'pg_class'::regclass AND sequence.relkind = 'S')
        FROM lineage JOIN pg_class root ON root.oid = lineage.root JOIN pg_class relation ON relation.oid = lineage.oid
        """,
        {"schema": SCHEMA},
    )
    return [_Table(name, root, owner, tuple(sequences)) for name, root, owner, sequences in rows]


def _functions(connection: psycopg.Connection) -> list[tuple[str, str, bool, bool]]:
    return connection.execute(
        """
        SELECT oid::regprocedure::text, proname, prosecdef,
            coalesce(%(search_path)s = ANY(proconfig), false)
        FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace AND prokind = 'f'
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        """,
        {"schema": SCHEMA, "search_path": f"search_path={SEARCH_PATH}"},
    ).fetchall()


def _wrong_owners(connection: psycopg.Connection) -> list[str]:
    sentences = [
        f"the table {table.name} belongs to {table.owner}, not to {OWNER_ROLE}"
        for table in _tables(connection)
        if table.owner != OWNER_ROLE
    ]
    for signature, name, is_definer, has_search_path in _functions(connection):
        if is_definer and name not in SECURITY_DEFINERS:
            sentences.append(f"the function {signature} runs with its owner's rights and is not on the list")
        elif is_definer and not has_search_path:
            sentences.append(
                f"the function {signature} runs with its owner's rights and its search_path is not {SEARCH_PATH}"
            )
    return sentences


#: What works for a room's role, however it came by it.
_EFFECTIVE = {
    "DATABASE": """
        SELECT current_database(), role, privilege FROM unnest(%(roles)s::text[]) role,
            unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) privilege
        WHERE has_database_privilege(role, current_database(), privilege)
        """,
    "SCHEMA": """
        SELECT %(schema)s::text, role, privilege FROM unnest(%(roles)s::text[]) role,
            unnest(ARRAY['USAGE', 'CREATE']) privilege
        WHERE has_schema_privilege(role, %(schema)s, privilege)
        """,
    "TABLE": """
        SELECT relname::text, role, privilege FROM pg_class, unnest(%(roles)s::text[]) role,
            unnest(%(table_privileges)s::text[]) privilege
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = %(schema)s::regnamespace
            AND has_table_privilege(role, pg_class.oid, privilege)
        """,
    "SEQUENCE": """
        SELECT relname::text, role, privilege FROM pg_class, unnest(%(roles)s::text[]) role,
            unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) privilege
        -- The planner may test a row before it knows that it is a sequence; CASE keeps the order.
        WHERE relnamespace = %(schema)s::regnamespace
            AND CASE WHEN relkind = 'S' THEN has_sequence_privilege(role, pg_class.oid, privilege) ELSE false END
        """,
    "FUNCTION": """
        SELECT pg_proc.oid::regprocedure::text, role, 'EXECUTE' FROM pg_proc, unnest(%(roles)s::text[]) role
        WHERE pronamespace = %(schema)s::regnamespace AND prokind = 'f'
            AND has_function_privilege(role, pg_proc.oid, 'EXECUTE')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        """,
}

#: What was granted to anybody who is neither the owner nor a room's role: nothing should be. And grants on columns.
_GRANTED = {
    "DATABASE": """
        SELECT datname::text, coalesce(pg_roles.rolname::text, 'PUBLIC'), privilege_type
        FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) entry
            LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE datname = current_database() AND entry.grantee <> datdba
            AND NOT coalesce(rolname = ANY(%(roles)s), false)
        """,
    "SCHEMA": """
        SELECT nspname::text, coalesce(pg_roles.rolname::text, 'PUBLIC'), privilege_type
        FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) entry
            LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE nspname = %(schema)s AND entry.grantee <> nspowner
            AND NOT coalesce(rolname = ANY(%(roles)s), false)
        """,
    "TABLE": """
        SELECT relname::text, coalesce(pg_roles.rolname::text, 'PUBLIC'), privilege_type
        FROM pg_class, aclexplode(relacl) entry LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
            AND entry.grantee <> relowner AND NOT coalesce(rolname = ANY(%(roles)s), false)
        """,
    "SEQUENCE": """
        SELECT relname::text, coalesce(pg_roles.rolname::text, 'PUBLIC'), privilege_type
        FROM pg_class, aclexplode(relacl) entry LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'S'
            AND entry.grantee <> relowner AND NOT coalesce(rolname = ANY(%(roles)s), false)
        """,
    "FUNCTION": """
        SELECT pg_proc.oid::regprocedure::text, coalesce(pg_roles.rolname::text, 'PUBLIC'), privilege_type
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) entry
            LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE pronamespace = %(schema)s::regnamespace AND prokind = 'f' AND entry.grantee <> proowner
            AND NOT coalesce(rolname = ANY(%(roles)s), false)
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        """,
    "COLUMN": """
        SELECT relname || '.' || attname, coalesce(pg_roles.rolname::text, 'PUBLIC'), privilege_type
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl) entry
            LEFT JOIN pg_roles ON pg_roles.oid = entry.grantee
        WHERE relnamespace = %(schema)s::regnamespace AND entry.grantee <> relowner
        """,
}
