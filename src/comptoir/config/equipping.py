"""Making a house ready to be opened: the database, the vault's key, the keys by which its pages reach the gateway.

What exists stays as it is, and the vault's key is made at its first use and never again. Not here: the tables
(``foundation/rooms``), what a key is (``foundation/touchpoints``, ``vault/contacts/keeping.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from comptoir.config import registry
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.commands import migrate_house, set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.square.community import store as community


def prepare_house(report: Callable[[str], None]) -> None:
    """Bring the database up to date and make the keys that are missing. ``report`` hears what was done.

    A vault that does not open is reported and is no failure: the rest of the house goes on.
    """
    migrate_house(report)
    prepare_vault(report)
    equip_pages(report)
    reserve_staff_names()


def equip_pages(report: Callable[[str], None]) -> None:
    """Make the keys of the house's own touchpoints; say what a map has to add that does not have them all.

    A shop without a map, or with one that contradicts itself, has nothing that a key could be for.
    """
    try:
        declared = registry.shop_map()
    except (OSError, MapContradictsItself):
        return
    with database.connect(OFFICE.role) as connection:
        house.make_keys(connection, declared=declared, now=SYSTEM_CLOCK.now(), report=report)
    for sentence in house.missing_from(declared):
        report(sentence)


def prepare_vault(report: Callable[[str], None]) -> None:
    """Make the vault's first key unless there is one; say why, where the vault stays closed."""
    set_up_django()
    from comptoir.vault.contacts import keeping  # noqa: PLC0415 - needs a Django that is set up

    try:
        done = keeping.prepare(at=SYSTEM_CLOCK.now())
    except Problem:
        done = None  # what is wrong is said below
    if done:
        report(done)
    say_vault(report)


def say_vault(report: Callable[[str], None]) -> None:
    """Say it where the vault is closed; nothing is made."""
    set_up_django()
    from django.db import connections  # noqa: PLC0415 - needs a Django that is set up

    from comptoir.vault.contacts import queries  # noqa: PLC0415

    try:
        reasons = queries.vault_state().reasons
    finally:
        connections.close_all()
    for reason in reasons:
        report(f"THE VAULT IS CLOSED: {reason} The rest of the house goes on. See docs/vault.md.")


def reserve_staff_names() -> None:
    """See to it that nobody on the square can be called like a member of staff. Needs a Django that is set up."""
    from comptoir.vault.credentials.models import Kind, User  # noqa: PLC0415 - needs Django

    with entered(VAULT):
        names = list(User.objects.filter(kind=Kind.STAFF).values_list("name", flat=True))
    if names:
        with database.connect(VAULT.role) as connection:
            community.reserve_names(connection, names)
