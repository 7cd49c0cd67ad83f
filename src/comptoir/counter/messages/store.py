"""The statements of ``store.sql``, on the caller's connection or cursor: psycopg's or Django's."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from comptoir.counter.messages.contracts import (
    Decision,
    Dispatch,
    Leaving,
    MessageChannel,
    MessageClass,
    Outcome,
    OutcomeKind,
)
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__ or "")


def insert_dispatch(cursor: Any, dispatch: Dispatch, *, at: dt.datetime) -> None:
    """Write down what all messages of one variant share; the same again changes nothing."""
    first, last = dispatch.hours or (None, None)
    cursor.execute(
        _SQL["insert_dispatch"],
        {
            **{name: getattr(dispatch, name) for name in Dispatch.__struct_fields__ if name != "hours"},
            "because": msgspec.json.encode(dispatch.because).decode(),
            "values": msgspec.json.encode(dispatch.values).decode(),
            "weekdays": msgspec.json.encode(sorted(dispatch.weekdays)).decode(),
            "hour_from": first,
            "hour_until": last,
            "made_at": at,
        },
    )


def insert_decisions(cursor: Any, decisions: Sequence[Decision]) -> set[uuid.UUID]:
    """Write decisions and queue those to send; returns those that are new."""
    cursor.execute(_SQL["insert_decisions"], (msgspec.json.encode(decisions).decode(),))
    return {row[0] for row in cursor.fetchall()}


def insert_stop(cursor: Any, campaign: uuid.UUID, *, at: dt.datetime, by: str, reason: str) -> None:
    """Stop a campaign; the first word stays."""
    cursor.execute(_SQL["insert_stop"], (campaign, at, by, reason))


def withdraw(cursor: Any, decisions: Collection[uuid.UUID], *, at: dt.datetime, reason: str) -> set[uuid.UUID]:
    """Take decisions out of the queue; returns those that were still in it."""
    cursor.execute(_SQL["withdraw"], (list(decisions), at, reason))
    return {row[0] for row in cursor.fetchall()}


def find_delayed(cursor: Any, *, before: dt.datetime, until: dt.datetime) -> list[tuple[uuid.UUID, int]]:
    """Return the lists, as campaign and version, decided ``before``, of which offers wait that may leave ``until``."""
    cursor.execute(_SQL["find_delayed"], (before, until))
    return list(cursor.fetchall())


def find_leaving(
    cursor: Any, campaign: uuid.UUID, version: int, *, until: dt.datetime, after: uuid.UUID,
    customers: list[uuid.UUID] | None, limit: int,
) -> list[Leaving]:  # fmt: skip
    """Return of one list the next messages that may leave until a moment; to some, or all."""
    asked = {
        "campaign": campaign, "version": version, "until": until, "after": after, "customers": customers,
        "limit": limit,
    }  # fmt: skip
    cursor.execute(_SQL["find_leaving"], asked)
    return [Leaving(*row) for row in cursor.fetchall()]


def insert_outcomes(cursor: Any, outcomes: Collection[Outcome]) -> set[tuple[uuid.UUID, str]]:
    """Note what became of decisions; returns what is new."""
    if not outcomes:
        return set()
    cursor.execute(
        _SQL["insert_outcomes"],
        (
            value_array([str(each.decision) for each in outcomes]),
            value_array([each.kind for each in outcomes]),
            text_array([each.at.isoformat() for each in outcomes]),
            text_array([each.reason for each in outcomes]),
        ),
    )
    return {(decision, kind) for decision, kind in cursor.fetchall()}


def find_outcomes(cursor: Any, campaign: uuid.UUID) -> Iterator[tuple[Any, ...]]:
    """Give every decision of a campaign with what became of it."""
    cursor.execute(_SQL["find_outcomes"], (campaign,))
    while rows := cursor.fetchmany(5_000):
        yield from rows


def count_outcomes(cursor: Any, campaign: uuid.UUID) -> list[tuple[Any, ...]]:
    """Return how many decisions of a campaign there are, by what became of them."""
    cursor.execute(_SQL["count_outcomes"], (campaign,))
    return list(cursor.fetchall())


def count_decided(cursor: Any, campaign: uuid.UUID) -> list[tuple[Any, ...]]:
    """Return how many decisions of a campaign there are, and how many of them wait."""
    cursor.execute(_SQL["count_decided"], (campaign,))
    return list(cursor.fetchall())


def find_recent(
    cursor: Any, customers: Iterable[uuid.UUID], *, since: dt.datetime, decided_since: dt.datetime
) -> list[tuple[uuid.UUID, str, dt.datetime]]:
    """Return the marketing messages to these customers that left or are to leave since a moment: to whom, where, when.

    Of those that were decided since another one.
    """
    asked = {"customers": list(customers), "since": since, "decided_since": decided_since}
    cursor.execute(_SQL["find_recent"], asked)
    return list(cursor.fetchall())


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Write to these customers no more, and put the fresh ids in their place."""
    old = list(fresh)
    connection.execute(_SQL["sever_waiting"], (value_array(old),))
    connection.execute(_SQL["sever_decisions"], (value_array(old), value_array([fresh[each] for each in old])))


class Untold(NamedTuple):
    """An outcome that the log has not heard of, with what its decision and its dispatch say."""

    transaction: int
    decision: str
    kind: OutcomeKind
    at: dt.datetime
    reason: str
    customer: Id
    campaign: str
    version: int
    variant: str
    channel: MessageChannel
    message_class: MessageClass


def find_untold(connection: Connection, *, limit: int) -> list[Untold]:
    """Return the next outcomes that the log has not heard of; nobody else tells of them until the transaction ends.

    In a shop that was restored on another server, whose transactions have other numbers, everything is told once more.
    """
    connection.execute(_SQL["begin_telling"])
    connection.execute(_SQL["lock_telling"])
    connection.execute(_SQL["begin_telling_anew"])
    return [Untold(*row) for row in connection.execute(_SQL["find_untold"], {"limit": limit})]


def note_told(connection: Connection, last: Untold) -> None:
    """Note that the log has heard of everything up to an outcome."""
    connection.execute(_SQL["note_told"], last[:3])


def say_again(cursor: Any, decision: uuid.UUID, *, kind: str, at: dt.datetime) -> None:
    """Let an outcome have this later moment if its customer still, or again, agrees to what they want no more of."""
    cursor.execute(_SQL["say_again"], {"decision": decision, "kind": kind, "at": at})


def find_ended(cursor: Any, *, since: dt.datetime, decision: uuid.UUID | None = None) -> list[tuple[Any, ...]]:
    """Return who wants no more of something and is still taken to agree; of one decision, whoever that was about."""
    cursor.execute(_SQL["find_ended"], {"since": since, "decision": decision})
    return list(cursor.fetchall())


def find_shown(cursor: Any, customers: Collection[uuid.UUID], *, limit: int) -> list[tuple[Any, ...]]:
    """Return what was sent to a person, the latest first."""
    cursor.execute(_SQL["find_shown"], (list(customers), limit))
    return list(cursor.fetchall())


def has_ended(cursor: Any, *, now: dt.datetime) -> bool:
    """Tell whether anybody said in the last week that they want no more of something."""
    since = now - dt.timedelta(days=7)
    return bool(cursor.execute(_SQL["has_ended"], (since,)).fetchone()[0])
