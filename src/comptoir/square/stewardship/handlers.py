"""What stewardship does when a batch arrives: judge what is reported, objected to and decided, and write it down.

It stands before the handler of the community, which locks the threads that are spoken of and does what was decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from comptoir.foundation.events.contracts import Accepted, Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community import writing
from comptoir.square.community.contracts import POST_DECIDED
from comptoir.square.community.errors import PersonaNotThere
from comptoir.square.community.handlers import Mates
from comptoir.square.community.store import find_personas
from comptoir.square.stewardship import rules, store
from comptoir.square.stewardship.contracts import (
    DECISION_APPEALED,
    FILTER_CHANGED,
    NOTICE_RECEIVED,
    POST_FLAGGED,
    STEWARDSHIP,
)
from comptoir.square.stewardship.errors import NoticeTaken
from comptoir.square.stewardship.rules import Decided, Subject

_DAY: Final = dt.timedelta(days=1)
_UNDER_A_NAME: Final = frozenset({POST_FLAGGED, DECISION_APPEALED})


class StewardshipHandler:
    """One batch's flags, notices, appeals and decisions."""

    def __init__(self, mates: Mates) -> None:
        """Start empty; ``mates`` says which names are one person's."""
        self._mates_of = mates
        self._is_needed = False
        self._subjects: dict[Id, Subject] = {}
        self._personas: set[Id] = set()
        self._mates: Mapping[Id, set[Id]] = {}
        self._flaggers: dict[Id, set[Id]] = {}
        self._flags_today: dict[Id, int] = {}
        self._notices: set[str] = set()
        self._waiting: dict[Id, int] = {}
        self._decisions: dict[Id, Decided] = {}
        self._appealed: dict[Id, bool] = {}
        self._said: list[Arrival] = []

    def prepare(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Look whether anything is to be judged; the threads are locked by the community."""
        self._is_needed = any(arrival.type in STEWARDSHIP for arrival in batch.arrivals)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read the posts that are spoken of, and what was said and decided about them."""
        if not self._is_needed:
            return
        said = [arrival for arrival in batch.fresh if arrival.type in STEWARDSHIP]
        posts = {arrival.data.post for arrival in said if arrival.type != FILTER_CHANGED}
        self._subjects = store.find_subjects(connection, posts)
        acting = {arrival.data.persona for arrival in said if arrival.type in _UNDER_A_NAME}
        if acting:
            self._personas = find_personas(connection, acting)
            mates = self._mates_of(connection, acting)
            self._mates = {persona: {persona, *mates.get(persona, ())} for persona in acting}
        flags = [arrival for arrival in said if arrival.type == POST_FLAGGED]
        if flags:
            self._flaggers = store.find_flaggers(connection, {arrival.data.post for arrival in flags})
            everybody = {mate for mates in self._mates.values() for mate in mates}
            since = min(arrival.received_at for arrival in flags) - _DAY
            self._flags_today = store.count_flags(connection, everybody, since=since)
        notices = [arrival for arrival in said if arrival.type == NOTICE_RECEIVED]
        if notices:
            self._notices = store.find_notices(connection, [arrival.data for arrival in notices])
            self._waiting = store.count_waiting(connection, {arrival.data.post for arrival in notices})
        asked = {
            each
            for arrival in said
            for each in (getattr(arrival.data, "decision", None), getattr(arrival.data, "appeal", None))
            if each is not None
        }
        if asked:
            self._decisions = store.find_decisions(connection, asked)
            self._appealed = store.find_appealed(connection, asked)

    def decide(self, batch: Batch) -> None:
        """Judge each in the order of arrival."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in STEWARDSHIP:
                arrival.refusal = self._judge_words(arrival) or _JUDGES[arrival.type](self, arrival)
                if arrival.refusal is None:
                    self._said.append(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what nobody has refused."""
        facts = [
            Accepted(arrival.position, arrival.occurred_at, arrival.type, arrival.data)
            for arrival in self._said
            if arrival.refusal is None and arrival.position is not None
        ]
        if facts:
            store.write(connection, facts)

    # -- decisions ------------------------------------------------------------------------------------------------

    def _judge_words(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if arrival.type in _UNDER_A_NAME and data.persona not in self._personas:
            return PersonaNotThere(field="data.persona")
        words = getattr(data, "words", None)
        return None if words is None else writing.judge_text(words, field="data.words")

    def _judge_flag(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        mates = self._mates[data.persona]
        flaggers = self._flaggers.setdefault(data.post, set())
        problem = rules.judge_flag(
            self._subjects.get(data.post),
            mates=mates,
            flaggers=flaggers,
            flags_today=sum(self._flags_today.get(mate, 0) for mate in mates),
        )
        if problem is None:
            flaggers.add(data.persona)
            self._flags_today[data.persona] = self._flags_today.get(data.persona, 0) + 1
        return problem

    def _judge_notice(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if {data.notice, data.receipt} & self._notices:
            return NoticeTaken("Make a new random id and receipt for every notice.", field="data.notice")
        waiting = self._waiting.get(data.post, 0)
        problem = rules.judge_notice(self._subjects.get(data.post), waiting=waiting)
        if problem is None:
            self._notices |= {data.notice, data.receipt}
            self._waiting[data.post] = waiting + 1
        return problem

    def _judge_appeal(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        problem = rules.judge_appeal(
            data,
            self._decisions.get(data.decision),
            is_appealed=data.decision in self._appealed,
            now=arrival.received_at,
        )
        if problem is None:
            self._appealed[data.decision] = True
        return problem

    def _judge_decision(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        appealed = None if data.appeal is None else self._decisions.get(data.appeal)
        problem = rules.judge_decision(
            data,
            self._subjects.get(data.post),
            is_taken=data.decision in self._decisions,
            appealed=appealed,
            is_waiting=data.appeal is not None and self._appealed.get(data.appeal, False),
        )
        if problem is None:
            self._decisions[data.decision] = Decided(
                data.decision, data.post, data.persona, data.staff, arrival.occurred_at, data.appeal
            )
            if data.appeal is not None:
                self._appealed[data.appeal] = False
        return problem

    def _judge_filter(self, arrival: Arrival) -> Problem | None:
        """What is installed is a fact; the house's clock alone says it."""


_JUDGES: Final[Mapping[str, Callable[[StewardshipHandler, Arrival], Problem | None]]] = {
    POST_FLAGGED: StewardshipHandler._judge_flag,  # noqa: SLF001 - the class's own
    NOTICE_RECEIVED: StewardshipHandler._judge_notice,  # noqa: SLF001
    DECISION_APPEALED: StewardshipHandler._judge_appeal,  # noqa: SLF001
    POST_DECIDED: StewardshipHandler._judge_decision,  # noqa: SLF001
    FILTER_CHANGED: StewardshipHandler._judge_filter,  # noqa: SLF001
}
