"""The statements of what members hear of, on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.hearing.contracts import FOLLOW_CHANGED, MEMBER_MENTIONED, NEWS_CHOSEN, NEWS_SEEN

_SQL: Final = load_statements(__package__)


def find_threads(connection: Connection, ids: Collection[Id]) -> set[Id]:
    """Return those of these ids that are threads."""
    return {str(row[0]) for row in connection.execute(_SQL["find_threads"], (value_array(sorted(ids)),))}


def count_follows(connection: Connection, personas: Collection[Id]) -> dict[Id, int]:
    """Return how much each of these names follows and mutes; of none, nothing."""
    return dict(connection.execute(_SQL["count_follows"], (value_array(sorted(personas)),)))


def find_mentioned(connection: Connection, posts: Collection[Id]) -> dict[Id, set[Id]]:
    """Return whom each of these posts has named already."""
    found: dict[Id, set[Id]] = {}
    for post, persona in connection.execute(_SQL["find_mentioned"], (value_array(sorted(posts)),)):
        found.setdefault(post, set()).add(persona)
    return found


def find_authors(connection: Connection, posts: Collection[Id]) -> dict[Id, Id | None]:
    """Return who wrote each of these posts; of one that is not there, nothing."""
    return dict(connection.execute(_SQL["find_authors"], (value_array(sorted(posts)),)))


def write(connection: Connection, facts: Sequence[Accepted]) -> None:
    """Write what was said."""
    follows = [fact for fact in facts if fact.type == FOLLOW_CHANGED]
    if follows:
        connection.tell(
            _SQL["upsert_follows"],
            value_array([fact.data.persona for fact in follows]),
            text_array([fact.data.kind for fact in follows]),
            text_array([fact.data.target for fact in follows]),
            text_array([fact.data.how for fact in follows]),
            value_array([fact.position for fact in follows]),
        )
    mentions = [fact for fact in facts if fact.type == MEMBER_MENTIONED]
    if mentions:
        connection.tell(
            _SQL["insert_mentions"],
            value_array([fact.data.post for fact in mentions]),
            value_array([fact.data.persona for fact in mentions]),
            value_array([fact.position for fact in mentions]),
        )
    seen = [fact for fact in facts if fact.type == NEWS_SEEN]
    if seen:
        connection.tell(
            _SQL["upsert_seen"],
            value_array([fact.data.persona for fact in seen]),
            value_array([fact.data.thread for fact in seen]),
            # Nobody knows what has not happened yet.
            value_array([min(fact.data.until, fact.position) for fact in seen]),
        )
        connection.tell(_SQL["prune_seen"], value_array(sorted({fact.data.persona for fact in seen})), "false")
    chosen = [fact for fact in facts if fact.type == NEWS_CHOSEN]
    if chosen:
        connection.tell(
            _SQL["upsert_choices"],
            value_array([fact.data.persona for fact in chosen]),
            text_array([" ".join(sorted(set(fact.data.page))) for fact in chosen]),
            text_array([" ".join(sorted(set(fact.data.letters))) for fact in chosen]),
            value_array([str(fact.data.is_following).lower() for fact in chosen]),
            value_array([fact.position for fact in chosen]),
        )


def prune_all(connection: Connection) -> None:
    """Keep of everybody only what says more than the rest."""
    connection.tell(_SQL["prune_seen"], value_array([]), "true")


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put fresh ids in the place of these names."""
    old, new = value_array(list(fresh)), value_array(list(fresh.values()))
    connection.tell(_SQL["sever_follows"], old, new, old, new, old, text_array(list(fresh)))
    for name in ("sever_mentions", "sever_seen", "sever_choices"):
        connection.tell(_SQL[name], old, new)
