"""The statements of ``store.sql``, on a cursor or connection of the vault's role."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.vault.messages.contracts import Back, Claim, Done

_SQL = load_statements(__package__ or "")


def hold_number(connection: Any, number: int) -> bool:
    """Hold a sender's number for as long as this connection lives; ``False`` if somebody else does."""
    return bool(connection.execute(_SQL["hold_number"], (number,)).fetchone()[0])


def release_number(connection: Any, number: int) -> None:
    """Give back a number."""
    connection.execute(_SQL["release_number"], (number,))


def is_due(connection: Any, channel: str, *, now: dt.datetime) -> bool:
    """Tell whether anything waits for a channel's sender."""
    return bool(connection.execute(_SQL["is_due"], (channel, now)).fetchone()[0])


def claim(cursor: Any, channel: str, *, me: int, limit: int, now: dt.datetime) -> list[Claim]:
    """Take up what is due."""
    cursor.execute(_SQL["claim"], {"channel": channel, "me": me, "limit": limit, "now": now})
    return [_claim(row) for row in cursor.fetchall()]


def _claim(row: tuple[Any, ...]) -> Claim:
    values = msgspec.json.decode(row[6]) if isinstance(row[6], str) else row[6]
    decision, tries, campaign, customer, occurrence, coupon, _, not_after, dispatch, is_stopped, is_permitted = row
    return Claim(
        decision, tries, campaign, customer, occurrence, coupon, values, not_after, dispatch, is_stopped, is_permitted
    )


def mark_attempted(
    connection: Any, decisions: Collection[uuid.UUID], *, me: int, now: dt.datetime
) -> dict[uuid.UUID, tuple[bool, bool]]:
    """Write down what is about to leave; returns for each that is still in hand whether it is stopped and permitted."""
    given = {"decisions": value_array([str(each) for each in decisions]), "me": me, "now": now}
    return {row[0]: (row[1], row[2]) for row in connection.execute(_SQL["mark_attempted"], given).fetchall()}


def ask_again(connection: Any, decisions: Collection[uuid.UUID]) -> dict[uuid.UUID, bool]:
    """Return which of these may not leave any more, and whether that is because of a stop."""
    rows = connection.execute(_SQL["ask_again"], (value_array([str(each) for each in decisions]),))
    return dict(rows.fetchall())


def finish(cursor: Any, done: Collection[Done], *, me: int) -> None:
    """Write down what became of messages that this sender has in hand."""
    if done:
        given = {
            "decisions": value_array([str(each.decision) for each in done]),
            "kinds": value_array([each.kind for each in done]),
            "moments": text_array([each.at.isoformat() for each in done]),
            "reasons": text_array([each.reason for each in done]),
            "me": me,
        }
        cursor.execute(_SQL["finish"], given)


def give_back(cursor: Any, back: Collection[Back], *, me: int) -> None:
    """Put back what has certainly not left."""
    if back:
        given = {
            "decisions": value_array([str(each.decision) for each in back]),
            "tried": value_array([str(int(each.tried)) for each in back]),
            "due": text_array([each.due_at.isoformat() for each in back]),
            "me": me,
        }
        cursor.execute(_SQL["give_back"], given)


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
        "campaigns": value_array([str(row[0]) for row in rows]),
        "occurrences": text_array([row[1] for row in rows]),
        "digests": value_array([row[2].hex() for row in rows]),
        "decisions": value_array([str(row[3]) for row in rows]),
        "persons": value_array([str(row[4]) for row in rows]),
        "now": now,
    }
    cursor.execute(_SQL["reach"], given)
    return {row[0] for row in cursor.fetchall()}


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


def find_reached(cursor: Any, digest: bytes, *, since: dt.datetime) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID] | None:
    """Return the latest message that reached a contact point: decision, person, campaign."""
    cursor.execute(_SQL["find_reached"], (digest, since))
    return next(iter(cursor.fetchall()), None)


def find_decision(cursor: Any, decision: uuid.UUID) -> tuple[uuid.UUID, str, str, str] | None:
    """Return of a message that may have left: customer, channel, purpose, class."""
    cursor.execute(_SQL["find_decision"], (decision,))
    return next(iter(cursor.fetchall()), None)


def find_reach_of(cursor: Any, decision: uuid.UUID) -> tuple[bytes, uuid.UUID] | None:
    """Return where a decision has reached somebody: digest and person."""
    cursor.execute(_SQL["find_reach_of"], (decision,))
    row = next(iter(cursor.fetchall()), None)
    return None if row is None else (bytes(row[0]), row[1])
