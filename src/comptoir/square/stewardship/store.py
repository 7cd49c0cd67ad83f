"""Stewardship's statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.events.store import silence
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community.contracts import POST_DECIDED
from comptoir.square.stewardship.contracts import DECISION_APPEALED, FILTER_CHANGED, NOTICE_RECEIVED, POST_FLAGGED
from comptoir.square.stewardship.rules import Decided, Subject
from comptoir.square.stewardship.trust import Level, Standing, level_of

_SQL = load_statements(__package__)


def find_subjects(connection: Connection, posts: Collection[Id]) -> dict[Id, Subject]:
    """Return those of these posts that there are."""
    rows = connection.execute(_SQL["find_subjects"], (value_array(list(posts)),))
    return {row[0]: Subject(*row) for row in rows}


def find_flaggers(connection: Connection, posts: Collection[Id]) -> dict[Id, set[Id]]:
    """Return under which names each of these posts was flagged."""
    found: dict[Id, set[Id]] = {}
    for post, persona in connection.execute(_SQL["find_flaggers"], (value_array(list(posts)),)):
        found.setdefault(post, set()).add(persona)
    return found


def count_flags(connection: Connection, personas: Collection[Id], *, since: dt.datetime) -> dict[Id, int]:
    """Return how many flags each of these names has set since a moment."""
    return dict(connection.execute(_SQL["count_flags"], (value_array(list(personas)), since)))


def find_notices(connection: Connection, notices: Sequence[Any]) -> set[str]:
    """Return the ids and receipts among these that there are already."""
    asked = value_array([each.notice for each in notices]), text_array([each.receipt for each in notices])
    return {str(each) for row in connection.execute(_SQL["find_notices"], asked) for each in row}


def count_waiting(connection: Connection, posts: Collection[Id]) -> dict[Id, int]:
    """Return how many notices about each of these posts wait for a decision."""
    return dict(connection.execute(_SQL["count_waiting"], (value_array(list(posts)),)))


def find_decisions(connection: Connection, decisions: Collection[Id]) -> dict[Id, Decided]:
    """Return those of these decisions that there are."""
    rows = connection.execute(_SQL["find_decisions"], (value_array(list(decisions)),))
    return {row[0]: Decided(*row) for row in rows}


def find_appealed(connection: Connection, decisions: Collection[Id]) -> dict[Id, bool]:
    """Return which of these decisions were objected to, each with whether the answer is still to come."""
    return dict(connection.execute(_SQL["find_appealed"], (value_array(list(decisions)),)))


def find_paces(connection: Connection, personas: Collection[Id], now: dt.datetime) -> dict[Id, tuple[int, int]]:
    """Return how many posts in an hour and in a day the trust in each of these names allows."""
    # Days on which the shop heard from it: what says that it was written long ago makes nobody faster.
    levels = {
        persona: level_of(msgspec.structs.replace(standing, days=min(standing.days, days_heard)))
        for persona, (standing, days_heard) in _find_standings(connection, personas, now).items()
    }
    return {persona: (level.posts_per_hour, level.posts_per_day) for persona, level in levels.items()}


def find_levels(connection: Connection, personas: Collection[Id], now: dt.datetime) -> dict[Id, Level]:
    """Return how far each of these names is trusted."""
    found = _find_standings(connection, personas, now)
    return {persona: level_of(standing) for persona, (standing, _) in found.items()}


def _find_standings(
    connection: Connection, personas: Collection[Id], now: dt.datetime
) -> dict[Id, tuple[Standing, int]]:
    """Return what each of these names has done, and on how many days the shop heard from it."""
    rows = connection.execute(_SQL["find_standing"], (now, value_array(list(personas))))
    return {persona: (Standing(*figures), days_heard) for persona, *figures, days_heard in rows}


def find_filter(connection: Connection) -> tuple[str, str | None] | None:
    """Return what the filter does and its weights, as it was said last; ``None`` if it was never said."""
    row = connection.execute(_SQL["find_filter"]).fetchone()
    return None if row is None else (str(row[0]), row[1])


def find_examples(connection: psycopg.Connection) -> list[tuple[str, bool]]:
    """Return what people of the shop have decided on: each text, and whether it was hidden last."""
    return [(text, is_spam) for text, is_spam in connection.execute(_SQL["find_examples"])]


def write(connection: Connection, said: Sequence[Accepted]) -> None:
    """Write accepted events, each kind as a set."""
    for kind, (statement, fields) in _WRITTEN.items():
        these = [each for each in said if each.type == kind]
        if these:
            connection.tell(_SQL[statement], *(_column(these, field) for field in fields))


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put fresh ids in the place of these names, and take their words away, and those of others about their posts."""
    authors = value_array([*fresh, *fresh.values()])
    reports = [str(row[0]) for row in connection.execute(_SQL["find_reports"], {"authors": authors})]
    silence(connection, reports, emptied=_SAID_ABOUT)
    for statement in ("silence_flags", "silence_notices"):
        connection.tell(_SQL[statement], value_array(reports))
    pairs = value_array(list(fresh)), value_array(list(fresh.values()))
    for statement in ("sever_flags", "sever_decisions", "sever_appeals"):
        connection.tell(_SQL[statement], *pairs)


#: What others say about a post, in their words.
_SAID_ABOUT: Mapping[str, Sequence[str]] = {POST_FLAGGED: ("words",), NOTICE_RECEIVED: ("words",)}

_WRITTEN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    POST_FLAGGED: ("insert_flags", ("post", "persona", "reason", "words", "position", "at")),
    NOTICE_RECEIVED: ("insert_notices", ("position", "notice", "post", "kind", "words", "receipt", "at")),
    POST_DECIDED: (
        "insert_decisions",
        ("position", "decision", "post", "persona", "action", "ground", "rule", "facts", "is_automated", "staff",
         "name", "appeal", "at"),
    ),
    FILTER_CHANGED: ("insert_filters", ("position", "mode", "weights", "at")),
    DECISION_APPEALED: ("insert_appeals", ("decision", "post", "persona", "words", "position", "at")),
}  # fmt: skip


def _column(said: Sequence[Accepted], field: str) -> str:
    if field == "position":
        return value_array([each.position for each in said])
    if field == "at":
        return text_array([each.at.isoformat() for each in said])
    values = [getattr(each.data, field) for each in said]
    return text_array([str(value).lower() if isinstance(value, bool) else value for value in values])
