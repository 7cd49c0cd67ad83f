"""The statements of this package on the caller's connection, and the keys in the gateway's memory.

Nothing here opens a transaction. Not here: what the figures mean (``queries.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import psycopg

from comptoir.foundation.kernel import codec, shop
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.touchpoints.errors import KeyNotKnown
from comptoir.foundation.touchpoints.freshness import Taken

_SQL: Final = load_statements(__package__)
#: Notified at commit when keys have changed.
KEYS_CHANNEL: Final = "comptoir_keys"
KEY_PREFIX: Final = "ctp"
_KEY_LENGTH_MAX: Final = 128


class KeyRow(NamedTuple):
    """A key as people see it."""

    id: uuid.UUID
    touchpoint: str
    shown: str
    note: str
    created_at: dt.datetime
    revoked_at: dt.datetime | None


class BreachRow(NamedTuple):
    """A breach as it is kept. ``measured`` and ``promised`` are seconds, or events an hour for a silence."""

    id: uuid.UUID
    touchpoint: str
    data: str
    kind: str
    since: dt.datetime
    measured: float
    promised: float
    closed_at: dt.datetime | None
    closed_by: str


class Keys:
    """The active keys, in memory. Which key it was is found by its hash, so time tells nothing about a key."""

    def __init__(self, digests: Mapping[bytes, str], version: object = None) -> None:
        """Keep the touchpoint of each hash; ``version`` tells whether they are still the present ones."""
        self._digests = digests
        self.version = version

    def touchpoint_of(self, key: str) -> str:
        """Return the touchpoint that a key belongs to; :class:`KeyNotKnown` for any other text."""
        # A hash keyed with the shop's secret can't be steered by whoever guesses, and so neither can the look-up.
        touchpoint = self._digests.get(digest_of(key)) if len(key) <= _KEY_LENGTH_MAX else None
        if touchpoint is None:
            raise KeyNotKnown
        return touchpoint

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._digests)


def digest_of(key: str) -> bytes:
    """Return what is kept of a key: 32 bytes, HMAC-SHA-256 under the shop's secret."""
    return hmac.digest(_secret(), key.encode(errors="surrogatepass"), hashlib.sha256)


def load_keys(connection: psycopg.Connection) -> Keys:
    """Read all active keys. The version is read first: a key that comes in between is found at the next look."""
    version = keys_version(connection)
    rows = connection.execute(_SQL["active_keys"]).fetchall()
    return Keys({bytes(digest): touchpoint for digest, touchpoint in rows}, version)


def keys_version(connection: psycopg.Connection) -> object:
    """Return a value that changes whenever a key is issued or revoked; compare it with :attr:`Keys.version`."""
    return connection.execute(_SQL["keys_version"]).fetchone()


def insert_key(connection: psycopg.Connection, *, row: KeyRow, digest: bytes) -> None:
    """Add a key and tell the gateways."""
    values = {
        "id": row.id,
        "touchpoint": row.touchpoint,
        "digest": digest,
        "shown": row.shown,
        "note": row.note,
        "now": row.created_at,
    }
    connection.execute(_SQL["insert_key"], values)
    connection.execute(_SQL["notify_keys"])


def revoke_key(connection: psycopg.Connection, *, key: uuid.UUID, now: dt.datetime) -> str | None:
    """End a key and tell the gateways; returns its touchpoint, or ``None`` if there was no such active key."""
    row = connection.execute(_SQL["revoke_key"], {"id": key, "now": now}).fetchone()
    connection.execute(_SQL["notify_keys"])
    return None if row is None else str(row[0])


def list_keys(connection: psycopg.Connection) -> list[KeyRow]:
    """Return every key, the newest first."""
    return [KeyRow(*row) for row in connection.execute(_SQL["list_keys"])]


def flush(connection: psycopg.Connection, taken: Taken) -> None:
    """Add what a recorder has gathered: one statement."""
    connection.execute(_SQL["flush"], flush_parameters(taken), prepare=True)


def flush_parameters(taken: Taken) -> dict[str, str]:
    """Return the parameters of the statement ``flush``, for who sends it by other means."""
    return {"freshness": codec.encode(taken.freshness).decode(), "refusals": codec.encode(taken.refusals).decode()}


def read(connection: psycopg.Connection, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of one of the reading statements of ``store.sql``."""
    return connection.execute(_SQL[statement], parameters).fetchall()


def breaches(connection: psycopg.Connection, *, since: dt.datetime | None = None) -> list[BreachRow]:
    """Return the open breaches, oldest first; with ``since`` also those that ended after it, newest first."""
    rows = read(connection, "open_breaches") if since is None else read(connection, "recent_breaches", since=since)
    return [BreachRow(*row) for row in rows]


def open_breaches(connection: psycopg.Connection, rows: Iterable[BreachRow]) -> list[BreachRow]:
    """Record breaches; those that are open already keep their beginning. Returns the ones that are new."""
    fresh = []
    for row in rows:
        parameters = {name: getattr(row, name) for name in ("id", "touchpoint", "data", "kind", "since")}
        parameters |= {"measured": row.measured, "promised": row.promised}
        answer = connection.execute(_SQL["open_breach"], parameters).fetchone()
        if answer is not None and answer[0]:
            fresh.append(row)
    return fresh


def close_breach(connection: psycopg.Connection, *, breach: uuid.UUID, now: dt.datetime, by: str) -> bool:
    """End a breach; tells whether it was open."""
    parameters = {"id": breach, "now": now, "by": by}
    return connection.execute(_SQL["close_breach"], parameters).fetchone() is not None


def thin(connection: psycopg.Connection, *, minutes_before: dt.datetime, hours_before: dt.datetime) -> None:
    """Add up minutes older than one moment into hours, and forget what is older than the other."""
    for statement in ("thin_freshness", "thin_refusals"):
        connection.execute(_SQL[statement], {"before": minutes_before})
    for statement in ("forget_freshness", "forget_refusals"):
        connection.execute(_SQL[statement], {"before": hours_before})


def _secret() -> bytes:
    folder = str(shop.folder())
    if folder not in _secrets:
        _secrets[folder] = shop.secret("touchpoints")
    return _secrets[folder]


_secrets: dict[str, bytes] = {}
