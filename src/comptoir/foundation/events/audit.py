"""The audit chain: who did what to whose data, from which room, when and why; append-only and chained by hashes.

``append`` is called in the transaction of what it tells of, so that neither happens without the other. The database's
own function gives the entry its number and its hash, and lets every room append and none change anything. Knows no
Django. Not here: the signed checkpoints (``checkpoints.py``), the check of the whole chain (``verifying.py``), what
pages show (``queries.py``).

Nothing personal belongs in an entry: the *subject* is the vault's own random id of a person, ``detail`` says which
kinds of data were touched, never their values.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.events.errors import AuditEntryInvalid
from comptoir.foundation.events.merkle import leaf_hash
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.database import text_array
from comptoir.foundation.rooms.declaration import Room

#: The chain's hash before the first entry.
FIRST_LINK: Final = bytes(32)

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_ACTOR: Final = re.compile(r"[a-z][a-z0-9_]*(:[!-~]{1,100})?")
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ACTION_LENGTH_MAX: Final = 80
_TEXT_LENGTH_MAX: Final = 300
_DETAILS_MAX: Final = 20


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the chain. ``at`` is when it happened; ``subject`` is whose data it concerns, if anybody's.

    ``actor`` is a kind and an id, ``staff:0198…``, ``customer:0198…``, or the house itself, ``worker``, ``operator``.
    ``action`` names what was done, ``contacts.read``; ``purpose`` says why, in words that the person may read.
    """

    at: dt.datetime
    room: str
    actor: str
    action: str
    purpose: str
    subject: uuid.UUID | None
    detail: dict[str, str]


def append(
    connection: Any,
    *,
    room: Room | str,
    actor: str,
    action: str,
    subject: uuid.UUID | None,
    purpose: str,
    at: dt.datetime,
    detail: Mapping[str, str] | None = None,
) -> int:
    """Append an entry to the chain, in the caller's transaction, and return its number.

    ``connection`` is psycopg's or Django's, or a cursor of either, connected as the room's role. Entries follow one
    another, so whoever appends holds a lock until the end of the transaction: append late, and commit soon. Raises
    :class:`AuditEntryInvalid` for a field that cannot stand in an entry; nothing is written then.
    """
    entry = Entry(
        at=_moment(at),
        room=room if isinstance(room, str) else room.name,
        actor=actor,
        action=action,
        purpose=purpose,
        subject=subject,
        detail=dict(detail or {}),
    )
    _insist(entry)
    with _cursor(connection) as cursor:
        cursor.execute("SELECT events_append_audit(%s)", (written(entry).decode(),))
        (number,) = cursor.fetchone()
    return int(number)


def append_all(connection: Any, entries: Sequence[Entry]) -> None:
    """Append many entries of one transaction, in their order: what :func:`append` does, asked once."""
    if not entries:
        return
    for entry in entries:
        _insist(entry)
    with _cursor(connection) as cursor:
        contents = text_array([written(entry).decode() for entry in entries])
        cursor.execute("SELECT events_append_audits(%s::text[])", (contents,))


def written(entry: Entry) -> bytes:
    """Return an entry as it is kept and hashed: JSON with sorted keys, no spaces, in UTF-8."""
    return codec.canonical(entry)


def read(content: str) -> Entry:
    """Read an entry as it was kept. Raises :class:`msgspec.ValidationError` for what is none."""
    return codec.decode(content, Entry)


def link(previous: bytes, number: int, content: bytes) -> bytes:
    """Return the hash that chains an entry to the one before it; the database's function does the same."""
    return hashlib.sha256(b"\x02" + previous + number.to_bytes(8) + leaf_hash(content)).digest()


def _moment(at: dt.datetime) -> dt.datetime:
    if at.tzinfo is None:
        raise AuditEntryInvalid("A moment needs a time zone.", field="at")
    return at.astimezone(dt.UTC)


def _insist(entry: Entry) -> None:
    if not _ACTOR.fullmatch(entry.actor):
        raise AuditEntryInvalid("An actor is a kind and an id, such as staff:0198.", field="actor")
    if not _WORD.fullmatch(entry.action) or len(entry.action) > _ACTION_LENGTH_MAX:
        raise AuditEntryInvalid("An action is a dotted word, such as contacts.read.", field="action")
    if not entry.purpose.strip():
        raise AuditEntryInvalid("Say what it is for.", field="purpose")
    if len(entry.detail) > _DETAILS_MAX:
        raise AuditEntryInvalid(f"There may be at most {_DETAILS_MAX} details.", field="detail")
    for key in entry.detail:
        if not _KEY.fullmatch(key):
            raise AuditEntryInvalid("A detail is named by a word in small letters.", field="detail")
    for field, text in (("purpose", entry.purpose), *((f"detail.{key}", text) for key, text in entry.detail.items())):
        if len(text) > _TEXT_LENGTH_MAX or _UNSAFE.search(text):
            raise AuditEntryInvalid(
                f"A text has at most {_TEXT_LENGTH_MAX} characters, none of them a control character.", field=field
            )


@contextlib.contextmanager
def _cursor(connection: Any) -> Iterator[Any]:
    """Have a cursor of a connection; a cursor is its own."""
    if callable(getattr(connection, "cursor", None)):
        with connection.cursor() as cursor:
            yield cursor
    else:
        yield connection
