"""Deriving answers and withdrawals from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.counter.answers import rules, store
from comptoir.counter.answers.contracts import FACTS, WITHDRAWN, Moment
from comptoir.counter.answers.rules import Answer, Withdrawal
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection


class _Said(msgspec.Struct):
    """What an event's data says of an answer; one that was seen names no method."""

    predicate: str
    method: str = "in_person"
    valid_until: Moment | None = None
    by: str | None = None


_said: Final = msgspec.json.Decoder(_Said)


class AnswersDeriver:
    """Every accepted answer of a customer is written; of withdrawals the latest counts."""

    tables = ("answers_answer", "answers_withdrawal")

    def __init__(self) -> None:
        """Start with nothing withdrawn."""
        self._withdrawals: list[Withdrawal] = []

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write the next answers; keep withdrawals for the end, when the table can tell which is the latest."""
        answers: list[Answer] = []
        for event in events:
            if not event.is_accepted or event.type not in FACTS or event.customer is None:
                continue
            said = _said.decode(event.data)
            age = rules.age_of(said.predicate)
            if event.type == WITHDRAWN:
                self._withdrawals.append(Withdrawal(event.customer, age, event.occurred_at))
                continue
            valid_until = said.valid_until or event.occurred_at + rules.VISIT
            answers.append(
                Answer(event.position, event.customer, age, said.method, event.occurred_at, valid_until, said.by)
            )
        if answers:
            store.insert_answers(connection, answers)

    def finish(self, connection: Connection) -> None:
        """Write the withdrawals."""
        store.write_withdrawals(connection, self._withdrawals)
