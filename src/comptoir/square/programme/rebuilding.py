"""Deriving the programme's steps from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.programme import store
from comptoir.square.programme.contracts import EXPERIMENTS, INVITATIONS, STEPS


class _Said(msgspec.Struct):
    """What the log keeps, of any of the three types."""

    name: str
    task: str = ""
    how: str = "done"
    post: str | None = None
    phase: str = ""
    element: str = ""
    is_on: bool = True
    reason: str = ""


class _SaidOfExperiment(msgspec.Struct):
    """What the log keeps of an experiment, of any of the three types."""

    name: str
    experiment: str
    hypothesis: str = ""
    element: str = ""
    unit: str = ""
    kind: str = ""
    language: str = ""
    title_a: str | None = None
    text_a: str = ""
    title_b: str | None = None
    text_b: str = ""
    topic: str | None = None
    seed: str = ""
    outcome: str = ""
    days: int = 7
    cap: int = 1
    smallest: float = 0
    expected: float = 0
    weeks_max: int = 1
    units: int = 1
    weeks: int | None = None
    reason: str = ""


class _SaidOfInvitation(msgspec.Struct):
    """What the log keeps of an invitation, of any of the three types."""

    invitation: str
    name: str = ""
    order: str = "often"
    limit: int = 1
    language: str = "en"
    subject: str = ""
    text: str = ""
    sent: int = 0
    reminded: int = 0
    joined: int | None = None


_reader_of_invitations: Final = msgspec.json.Decoder(_SaidOfInvitation)
_reader: Final = msgspec.json.Decoder(_Said)
_reader_of_experiments: Final = msgspec.json.Decoder(_SaidOfExperiment)


class ProgrammeDeriver:
    """Every accepted step is written again, and what became of each experiment."""

    tables = ("programme_step", "programme_experiment", "programme_invitation")

    def __init__(self) -> None:
        """Start empty."""
        self._said: list[Accepted] = []
        self._invitations: list[Accepted] = []

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write the steps of the next events, and note what was said of experiments."""
        steps = [
            store.step_of(event.position, event.occurred_at, event.type, _reader.decode(event.data))
            for event in events
            if event.type in STEPS and event.is_accepted
        ]
        if steps:
            store.insert_steps(connection, steps)
        self._said += [
            Accepted(event.position, event.occurred_at, event.type, _reader_of_experiments.decode(event.data))
            for event in events
            if event.type in EXPERIMENTS and event.is_accepted
        ]

        self._invitations += [
            Accepted(event.position, event.occurred_at, event.type, _reader_of_invitations.decode(event.data))
            for event in events
            if event.type in INVITATIONS and event.is_accepted
        ]

    def finish(self, connection: Connection) -> None:
        """Write the experiments: a later word finds an earlier one by its name, which takes an index."""
        store.write_experiments(connection, self._said)
        store.write_invitations(connection, self._invitations)
