"""What answers do when a batch arrives: note them and their withdrawals.

Facts commute: nothing is read, nothing is locked.
"""

from __future__ import annotations

from comptoir.counter.answers import rules, store
from comptoir.counter.answers.contracts import FACTS, SEEN, WITHDRAWN
from comptoir.counter.answers.errors import AnswerLastsTooLong
from comptoir.counter.answers.rules import Answer, Withdrawal
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection


class AnswersHandler:
    """One batch's answers."""

    def __init__(self) -> None:
        """Start empty."""
        self._answers: list[Answer] = []
        self._withdrawals: list[Withdrawal] = []

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Need no lock."""

    def load(self, connection: Connection, batch: Batch) -> None:
        """Need nothing that is written already."""

    def decide(self, batch: Batch) -> None:
        """Check how long each answer is to be remembered."""
        for arrival in batch.fresh:
            if arrival.type in FACTS and arrival.refusal is None:
                self._note(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write answers and withdrawals."""
        if self._answers:
            store.insert_answers(connection, self._answers)
        if self._withdrawals:
            store.write_withdrawals(connection, self._withdrawals)

    def _note(self, arrival: Arrival) -> None:
        age = rules.age_of(arrival.data.predicate)
        if arrival.type == WITHDRAWN:
            assert arrival.customer is not None
            self._withdrawals.append(Withdrawal(arrival.customer, age, arrival.occurred_at))
            return
        try:
            valid_until = rules.end_of(arrival.occurred_at, arrival.data.valid_until)
        except AnswerLastsTooLong as problem:
            arrival.refusal = problem
            return
        if arrival.customer is None:
            return  # somebody looked at somebody: the log has it, and there is nobody to remember
        is_seen = arrival.type == SEEN
        assert arrival.position is not None
        self._answers.append(
            Answer(
                arrival.position, arrival.customer, age, "in_person" if is_seen else arrival.data.method,
                arrival.occurred_at, valid_until, arrival.data.by if is_seen else None,
            )
        )  # fmt: skip
