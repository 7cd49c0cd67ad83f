"""What happens when members say what they want to hear of: judged, and written down.

Not here: the posts that are spoken of, which stand already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from comptoir.foundation.events.contracts import Accepted, Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community.contracts import POSTS
from comptoir.square.community.errors import PersonaNotThere, PostUnknown
from comptoir.square.community.store import find_personas, find_topics
from comptoir.square.hearing import store
from comptoir.square.hearing.contracts import FOLLOW_CHANGED, HEARING, MEMBER_MENTIONED
from comptoir.square.hearing.errors import (
    FollowedUnknown,
    FollowOfOneself,
    FollowsTooMany,
    MentionOfOneself,
    MentionsEnough,
)
from comptoir.square.hearing.rules import MENTIONS_MAX

#: So much can one name follow and mute at a time.
FOLLOWS_MAX: Final = 500


class HearingHandler:
    """One batch's wishes and mentions."""

    def __init__(self) -> None:
        """Start empty."""
        self._is_needed = False
        self._personas: set[Id] = set()
        self._there: dict[str, set[str]] = {}
        self._follows: dict[Id, int] = {}
        self._mentioned: dict[Id, set[Id]] = {}
        self._authors: dict[Id, Id | None] = {}
        self._said: list[Arrival] = []

    def prepare(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Look whether anything is to be judged; each word stands for itself, so nothing is locked."""
        self._is_needed = any(arrival.type in HEARING for arrival in batch.arrivals)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read who speaks, and what there is to follow."""
        if not self._is_needed:
            return
        said = [arrival for arrival in batch.fresh if arrival.type in HEARING]
        follows = [arrival.data for arrival in said if arrival.type == FOLLOW_CHANGED]
        targets = {kind: {each.target for each in follows if each.kind == kind} for kind in _LOOKS}
        members = {each for each in targets["member"] if len(each) == _ID_CHARACTERS}
        acting = {arrival.data.persona for arrival in said}
        found = find_personas(connection, acting | members)
        self._personas = found
        self._there["member"] = found & members
        threads = {each for each in targets["thread"] if len(each) == _ID_CHARACTERS}
        self._there["thread"] = store.find_threads(connection, threads) if threads else set()
        self._there["topic"] = find_topics(connection, targets["topic"]) if targets["topic"] else set()
        if follows:
            self._follows = store.count_follows(connection, {each.persona for each in follows})
        posts = {arrival.data.post for arrival in said if arrival.type == MEMBER_MENTIONED}
        if posts:
            self._mentioned = store.find_mentioned(connection, posts)
            self._authors = store.find_authors(connection, posts)

    def decide(self, batch: Batch) -> None:
        """Judge each in the order of arrival."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in POSTS:
                self._note_post(arrival)
            elif arrival.type in HEARING:
                arrival.refusal = self._judge(arrival)
                if arrival.refusal is None:
                    self._said.append(arrival)

    def _note_post(self, arrival: Arrival) -> None:
        """Note what is written in the same batch: whoever is spoken of there can hear of it at once."""
        data = arrival.data
        self._authors[data.post] = getattr(data, "persona", None)
        if getattr(data, "thread", None) is None:
            self._there["thread"].add(data.post)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what nobody has refused."""
        facts = [
            Accepted(arrival.position, arrival.occurred_at, arrival.type, arrival.data)
            for arrival in self._said
            if arrival.refusal is None and arrival.position is not None
        ]
        if facts:
            store.write(connection, facts)

    def _judge(self, arrival: Arrival) -> Problem | None:
        if arrival.data.persona not in self._personas:
            return PersonaNotThere(field="data.persona")
        judge = _JUDGES.get(arrival.type)
        return judge(self, arrival) if judge is not None else None

    def _judge_follow(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if data.how == "neither":
            return None
        if data.target == data.persona:
            return FollowOfOneself(field="data.target")
        if data.target not in self._there[data.kind]:
            return FollowedUnknown(field="data.target")
        number = self._follows.get(data.persona, 0) + 1
        if number > FOLLOWS_MAX:
            return FollowsTooMany(f"At most {FOLLOWS_MAX}; let go of something first.", field="data.target")
        self._follows[data.persona] = number
        return None

    def _judge_mention(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if data.post not in self._authors:
            return PostUnknown(field="data.post")
        if self._authors[data.post] == data.persona:
            return MentionOfOneself(field="data.persona")
        mentioned = self._mentioned.setdefault(data.post, set())
        if data.persona not in mentioned and len(mentioned) >= MENTIONS_MAX:
            return MentionsEnough(f"At most {MENTIONS_MAX}.", field="data.post")
        mentioned.add(data.persona)
        return None


_ID_CHARACTERS: Final = 36
_LOOKS: Final = ("thread", "topic", "member")
_JUDGES: Final[Mapping[str, Callable[[HearingHandler, Arrival], Problem | None]]] = {
    FOLLOW_CHANGED: HearingHandler._judge_follow,  # noqa: SLF001 - the class's own
    MEMBER_MENTIONED: HearingHandler._judge_mention,  # noqa: SLF001
}
