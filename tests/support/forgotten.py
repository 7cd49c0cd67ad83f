"""Forgetting in the small world: the wish, and a search for whatever leads back.

Not here: what a test says of anybody.
"""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterable

from comptoir.foundation.kernel import database, embedded
from support import casting
from support.casting import Event, Reference
from support.shop import Shop


def forget(who: Reference, *, id: str | None = None, at: dt.datetime | None = None) -> Event:  # noqa: A002 - as ever
    """Somebody wants to be forgotten."""
    return casting.event(
        "customer.forgotten", {"customer": dict(who)}, source=casting.VAULT, id=id, at=at or casting.NOON
    )


def forget_card(who: Reference, *, of: Reference, id: str | None = None, at: dt.datetime | None = None) -> Event:  # noqa: A002 - as ever
    """Somebody wants one of their identifiers to be forgotten; it is said by its opaque id, as the vault knows it."""
    gone = {"kind": "customer", "value": casting.identify(who)}
    data = {"customer": dict(of), "identifier": gone}
    return casting.event("identifier.forget", data, source=casting.VAULT, id=id, at=at or casting.NOON)


def forget_sale(
    receipt: str, *, of: Reference, source: str = casting.TILL, points: str = "given_up",
    id: str | None = None, at: dt.datetime | None = None,  # noqa: A002 - as ever
) -> Event:  # fmt: skip
    """Somebody wants one of their purchases to be forgotten."""
    data = {"customer": dict(of), "sale": {"source": source, "receipt": receipt}, "points": points}
    return casting.event("sale.forget", data, source=casting.VAULT, id=id, at=at or casting.NOON)


def dump(shop: Shop) -> str:
    """Return the whole database as text, as a backup has it."""
    done = subprocess.run(
        [
            embedded.bin_folder() / "pg_dump",
            "--no-owner",
            "-d",
            database.administrator_conninfo(database=shop.database),
        ],
        capture_output=True,
        check=True,
    )
    return done.stdout.decode(errors="replace")


def found_in(text: str, needles: Iterable[str]) -> list[str]:
    """Return those of these texts that occur, however ids are written."""
    flat = text.lower()
    return [each for each in needles if each.lower() in flat or each.replace("-", "").lower() in flat]
