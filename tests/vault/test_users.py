"""Users of two kinds: what a row may hold, and how a shop that knew only staff becomes one that knows both."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

import psycopg
import pytest

from comptoir.foundation.kernel import database
from support import shop as shops
from support.shop import Shop

_MIGRATE_TO = "import sys, django; django.setup(); from django.core.management import call_command;"
_FORMER = "call_command('migrate', 'credentials', '0001', database='default', verbosity=0)"

#: Everything that a migration leaves behind in the catalogue, by its name.
_CATALOGUE = """
    SELECT 'column' AS what, table_name || '.' || column_name AS name,
        concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default) AS said
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2
"""

_INSERT = """
    INSERT INTO credentials_user (id, kind, name, email, password, joined_at, is_active)
    VALUES (%s, %s, %s, %s, '!', now(), true)
"""


def django(script: str) -> None:
    """Run a script in a process of its own, as the owner of the tables."""
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "comptoir.config.settings"},
        check=True,
    )


def test_a_shop_that_knew_only_staff_becomes_the_same_as_a_new_one(shop: Shop) -> None:
    as_new = shop.rows(_CATALOGUE)
    django(_MIGRATE_TO + _FORMER)
    camille = uuid.uuid4()
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as administrator:
        administrator.execute(
            "INSERT INTO credentials_staffmember (id, name, email, password, joined_at, is_active)"
            " VALUES (%s, 'Camille', 'camille@shop.example', '!', now(), true)",
            (camille,),
        )
        administrator.execute(
            "INSERT INTO mfa_authenticator (user_id, type, data, created_at) VALUES (%s, 'webauthn', '{}', now())",
            (camille,),
        )
    shops.migrate(shop.database)
    assert shop.rows(_CATALOGUE) == as_new
    assert shop.rows(
        "SELECT credentials_user.id, kind, name, mfa_authenticator.type FROM credentials_user"
        " JOIN mfa_authenticator ON user_id = credentials_user.id"
    ) == [{"id": camille, "kind": "staff", "name": "Camille", "type": "webauthn"}]


@pytest.mark.parametrize(
    ("kind", "name", "email"),
    [
        ("customer", "Alice", None),
        ("customer", "", "alice@home.example"),
        ("staff", "", "camille@shop.example"),
        ("staff", "Camille", None),
        ("robot", "", None),
    ],
)
def test_the_database_refuses_a_user_who_is_neither_staff_nor_customer(
    shop: Shop, kind: str, name: str, email: str | None
) -> None:
    with shop.connect("comptoir_vault") as vault, shop.unchanged(), pytest.raises(psycopg.errors.CheckViolation):
        vault.execute(_INSERT, (uuid.uuid4(), kind, name, email))


def test_many_customers_have_no_address(shop: Shop) -> None:
    with shop.connect("comptoir_vault") as vault:
        for _ in range(3):
            vault.execute(_INSERT, (uuid.uuid4(), "customer", "", None))
    assert shop.value("SELECT count(*) FROM credentials_user WHERE email IS NULL") == 3
