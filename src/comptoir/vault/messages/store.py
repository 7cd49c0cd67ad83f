"""The statements of ``store.sql``, on a cursor or connection of the vault's role."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import id_array, load_statements, text_array, value_array
from comptoir.vault.messages.contracts import Back, Claim, Done

_SQL = load_statements(__package__ or "")
_ASKED: Final = list[tuple[uuid.UUID, int, int]]
_STOPPED: Final = list[tuple[uuid.UUID, int]]


def hold_number(connection: Any, number: int) -> bool:
    """Hold a sender's number for as long as this connection lives; ``False`` if somebody else does."""
    return bool(connection.execute(_SQL["hold_number"], (number,)).fetchone()[0])


def release_number(connection: Any, number: int) -> None:
    """Give back a number."""
    connection.execute(_SQL["release_number"], (number,))


def is_due(connection: Any, channel: str, *, now: dt.datetime) -> bool:
    """Tell whether anything waits for a channel's sender."""
    return bool(connection.execute(_SQL["is_due"], (channel, now)).fetchone()[0])


def find_due_channels(connection: Any, channels: Collection[str], *, now: dt.datetime) -> list[str]:
    """Return those of these channels on which anything waits for a sender."""
    return [row[0] for row in connection.execute(_SQL["find_due_channels"], (list(channels), now)).fetchall()]


def say_why(connection: Any, channel: str, *, why: str, now: dt.datetime) -> int:
    """Say of what is due why it waits; returns of how many that was not said before."""
    return int(connection.execute(_SQL["say_why"], {"channel": channel, "why": why, "now": now}).rowcount)


def claim(cursor: Any, channel: str, *, me: int, limit: int, now: dt.datetime) -> list[Claim]:
    """Take up what is due."""
    cursor.execute(_SQL["claim"], {"channel": channel, "me": me, "limit": limit, "now": now})
    (written,) = cursor.fetchone()
    return msgspec.json.decode(written, type=list[Claim])


def use_indexes(cursor: Any) -> None:
    """Have the rest of a transaction look sets of ids up in indexes, whatever the statistics of a new table say."""
    cursor.execute(_SQL["use_indexes"])


def mark_attempted(
    connection: Connection, decisions: Collection[uuid.UUID], *, me: int, now: dt.datetime
) -> Callable[[], dict[uuid.UUID, tuple[bool, bool]]]:
    """Write down what is about to leave, with what was noted before.

    What it returns gives, for each that is still in hand, whether it is stopped and whether it is permitted.
    """
    told = connection.tell(_SQL["mark_attempted"], id_array(decisions), str(me), now.isoformat())
    return lambda: {row[0]: (row[1] == 1, row[2] == 1) for row in msgspec.convert(told.rows(), _ASKED, strict=False)}


def ask_again(connection: Connection, decisions: Collection[uuid.UUID]) -> dict[uuid.UUID, bool]:
    """Return which of these may not leave any more, and whether that is because of a stop."""
    rows = connection.ask(_SQL["ask_again"], id_array(decisions))
    return {one: is_stopped == 1 for one, is_stopped in msgspec.convert(rows, _STOPPED, strict=False)}


def tell_finished(connection: Connection, done: Collection[Done], *, me: int) -> None:
    """Note for the next journey to the database what became of messages that this sender has in hand."""
    if done:
        connection.tell(_SQL["finish"], *_finished(done, me=me))


def tell_given_back(connection: Connection, back: Collection[Back], *, me: int) -> None:
    """Note for the next journey to the database what goes back."""
    if back:
        connection.tell(_SQL["give_back"], *_given_back(back, me=me))


def _finished(done: Collection[Done], *, me: int) -> tuple[str, ...]:
    return (
        id_array(each.decision for each in done),
        value_array([each.kind for each in done]),
        text_array([each.at.isoformat() for each in done]),
        text_array([each.reason for each in done]),
        str(me),
    )


def _given_back(back: Collection[Back], *, me: int) -> tuple[str, ...]:
    return (
        id_array(each.decision for each in back),
        value_array([str(int(each.tried)) for each in back]),
        text_array([each.due_at.isoformat() for each in back]),
        str(me),
    )


def finish(cursor: Any, done: Collection[Done], *, me: int) -> None:
    """Write down what became of messages that this sender has in hand."""
    if done:
        cursor.execute(_SQL["finish"], _finished(done, me=me))


def give_back(cursor: Any, back: Collection[Back], *, me: int) -> None:
    """Put back what has certainly not left."""
    if back:
        cursor.execute(_SQL["give_back"], _given_back(back, me=me))


def find_holders(connection: Any) -> list[int]:
    """Return the numbers of the senders that have something in hand."""
    return [int(row[0]) for row in connection.execute(_SQL["find_holders"]).fetchall()]


def recover(connection: Any, who: int, *, tries_max: int, now: dt.datetime) -> tuple[int, int]:
    """Answer for what a dead sender had in hand; returns how many go back, and how many nobody can answer for."""
    row = connection.execute(_SQL["recover"], {"who": who, "tries_max": tries_max, "now": now}).fetchone()
    return int(row[0]), int(row[1])


def sweep_stopped(connection: Any, *, now: dt.datetime) -> None:
    """Answer for what waits of campaigns that were stopped."""
    connection.execute(_SQL["sweep_stopped"], (now,))


def reach(
    cursor: Any, rows: Sequence[tuple[uuid.UUID, str, bytes, uuid.UUID, uuid.UUID]], *, now: dt.datetime
) -> set[uuid.UUID]:
    """Note contact points: campaign, occurrence, digest, decision, person; returns the decisions that come first."""
    if not rows:
        return set()
    given = {
        "campaigns": id_array(row[0] for row in rows),
        "occurrences": text_array([row[1] for row in rows]),
        "digests": value_array([row[2].hex() for row in rows]),
        "decisions": id_array(row[3] for row in rows),
        "persons": id_array(row[4] for row in rows),
        "now": now,
    }
    cursor.execute(_SQL["reach"], given)
    (first,) = cursor.fetchone()
    return msgspec.json.decode(first, type=set[uuid.UUID])


def find_blocks(cursor: Any, digests: Iterable[bytes]) -> dict[bytes, set[str]]:
    """Return which of these contact points get nothing any more, and why."""
    cursor.execute(_SQL["find_blocks"], (value_array([digest.hex() for digest in digests]),))
    found: dict[bytes, set[str]] = {}
    for digest, why in cursor.fetchall():
        found.setdefault(bytes.fromhex(digest), set()).add(why)
    return found


def insert_block(cursor: Any, digest: bytes, *, field: str, why: str, person: uuid.UUID, at: dt.datetime) -> None:
    """Send nothing more to a contact point."""
    cursor.execute(_SQL["insert_block"], (digest, field, why, person, at))


def find_reached(
    cursor: Any, digest: bytes, *, since: dt.datetime, offers_only: bool = False
) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID] | None:
    """Return the latest message to a contact point that may have left: decision, person, campaign."""
    cursor.execute(_SQL["find_reached"], {"digest": digest, "since": since, "offers_only": offers_only})
    return next(iter(cursor.fetchall()), None)


def find_persons(cursor: Any, digest: bytes) -> list[uuid.UUID]:
    """Return everybody to whom something was sent at a contact point."""
    cursor.execute(_SQL["find_persons"], (digest,))
    return [row[0] for row in cursor.fetchall()]


def find_decision(cursor: Any, decision: uuid.UUID) -> tuple[uuid.UUID, str, str, str] | None:
    """Return of a message that may have left: customer, channel, purpose, class."""
    cursor.execute(_SQL["find_decision"], (decision,))
    return next(iter(cursor.fetchall()), None)


def find_reach_of(cursor: Any, decision: uuid.UUID) -> tuple[bytes, uuid.UUID] | None:
    """Return where a decision has reached somebody: digest and person."""
    cursor.execute(_SQL["find_reach_of"], (decision,))
    row = next(iter(cursor.fetchall()), None)
    return None if row is None else (bytes(row[0]), row[1])
