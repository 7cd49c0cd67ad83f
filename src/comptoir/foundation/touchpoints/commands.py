"""What is done with touchpoints: issue and revoke keys, look whether the promises are kept, keep the counts small."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from typing import Final

import msgspec
import psycopg

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.touchpoints import promises, store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import TouchpointNotInMap

_KEY_BYTES: Final = 32
_SHOWN_CHARACTERS: Final = 6
_NOTE_CHARACTERS_MAX: Final = 200
_MINUTES_KEPT: Final = dt.timedelta(days=2)
_HOURS_KEPT: Final = dt.timedelta(weeks=promises.WEEKS_COMPARED + 1)


class IssuedKey(msgspec.Struct, frozen=True):
    """A key right after it was made: the only moment at which its text is known."""

    id: uuid.UUID
    touchpoint: str
    text: str
    shown: str


def issue_key(
    connection: psycopg.Connection, *, touchpoint: str, declared: TouchpointMap, now: dt.datetime, note: str = ""
) -> IssuedKey:
    """Make a key for a touchpoint of the map, as the office. Its text is returned once and kept nowhere.

    Raises :class:`TouchpointNotInMap`.
    """
    if touchpoint not in {each.name for each in declared.touchpoints}:
        raise TouchpointNotInMap(f"The map has no touchpoint {touchpoint}.", field="touchpoint")
    text = f"{store.KEY_PREFIX}_{touchpoint}_{secrets.token_urlsafe(_KEY_BYTES)}"
    shown = text[: len(store.KEY_PREFIX) + len(touchpoint) + 2 + _SHOWN_CHARACTERS] + "…"
    row = store.KeyRow(IDS.new(), touchpoint, shown, note[:_NOTE_CHARACTERS_MAX], now, None)
    with connection.transaction():
        store.insert_key(connection, row=row, digest=store.digest_of(text))
    return IssuedKey(row.id, touchpoint, text, shown)


def revoke_key(connection: psycopg.Connection, *, key: uuid.UUID, now: dt.datetime) -> bool:
    """End a key for good, as the office. Tells whether it was active; gateways hear of it at the commit."""
    with connection.transaction():
        return store.revoke_key(connection, key=key, now=now) is not None


def list_keys(connection: psycopg.Connection) -> list[store.KeyRow]:
    """Return every key, the newest first, without any hash."""
    return store.list_keys(connection)


def judge_promises(
    connection: psycopg.Connection, *, declared: TouchpointMap, now: dt.datetime
) -> list[store.BreachRow]:
    """Open a breach for each promise that is not kept, close those that are kept again. Returns what is new.

    Made to be called every minute, as the counter.
    """
    with connection.transaction():
        judged = promises.judge(connection, declared=declared, now=now)
        fresh = store.open_breaches(connection, judged.broken)
        for breach in store.breaches(connection):
            if (breach.touchpoint, breach.data, breach.kind) in judged.kept:
                store.close_breach(connection, breach=breach.id, now=now, by="kept again")
    return fresh


def close_breach(connection: psycopg.Connection, *, breach: uuid.UUID, by: str, now: dt.datetime) -> bool:
    """Close a breach by hand, as the office, and say who did. Tells whether it was open."""
    with connection.transaction():
        return store.close_breach(connection, breach=breach, now=now, by=by)


def thin_counts(connection: psycopg.Connection, *, now: dt.datetime) -> None:
    """Add up minutes of more than two days ago into hours, and forget what no comparison needs any more.

    Made to be called every hour, as the counter.
    """
    with connection.transaction():
        store.thin(connection, minutes_before=now - _MINUTES_KEPT, hours_before=now - _HOURS_KEPT)
