"""The programme's statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.programme.contracts import (
    EXPERIMENT_REGISTERED,
    EXPERIMENT_STARTED,
    INVITATION_REMINDED,
    INVITATION_WRITTEN,
    PROGRAMME_DONE,
    PROGRAMME_PHASE,
)

_SQL = load_statements(__package__)


class NewStep(msgspec.Struct, frozen=True):
    """A row of the table of steps."""

    position: Id
    at: dt.datetime
    kind: str
    item: str
    how: str | None
    post: Id | None
    name: str
    reason: str | None


def step_of(position: Id, at: dt.datetime, kind: str, data: Any) -> NewStep:
    """Return the row that an accepted event makes, the same live and from the log."""
    if kind == PROGRAMME_DONE:
        return NewStep(position, at, "done", data.task, data.how, data.post, data.name, None)
    if kind == PROGRAMME_PHASE:
        return NewStep(position, at, "phase", data.phase, None, None, data.name, data.reason)
    return NewStep(position, at, "switched", data.element, "on" if data.is_on else "off", None, data.name, data.reason)


def lock_steps(connection: Connection) -> Id | None:
    """Wait for other batches; return the last step's position."""
    row = connection.execute(_SQL["lock_steps"]).fetchone()
    assert row is not None
    return row[1] if row[1] is None else str(row[1])


def find_done(connection: Connection, tasks: Collection[str]) -> set[str]:
    """Return those of these tasks that are done already."""
    return {str(row[0]) for row in connection.execute(_SQL["find_done"], (text_array(sorted(tasks)),))}


def is_off(connection: Connection, element: str) -> bool:
    """Tell whether an element is switched off."""
    row = connection.execute(_SQL["last_switched"], (element,)).fetchone()
    return row is not None and row[0] == "off"


def insert_steps(connection: Connection, steps: Sequence[NewStep]) -> None:
    """Write steps."""
    connection.tell(
        _SQL["insert_steps"],
        value_array([step.position for step in steps]),
        text_array([step.at.isoformat() for step in steps]),
        text_array([step.kind for step in steps]),
        text_array([step.item for step in steps]),
        text_array([step.how for step in steps]),
        value_array([step.post for step in steps]),
        text_array([step.name for step in steps]),
        text_array([step.reason for step in steps]),
    )


def find_experiments(connection: Connection, names: Collection[str]) -> dict[str, tuple[bool, bool]]:
    """Return of these experiments whether they have begun, and whether they were stopped."""
    rows = connection.execute(_SQL["find_experiments"], (text_array(sorted(names)),))
    return {str(name): (bool(began), bool(stopped)) for name, began, stopped in rows}


def write_experiments(connection: Connection, said: Sequence[Accepted]) -> None:
    """Write what was said of experiments, one after the other: a later word builds on an earlier one."""
    for each in said:
        data = each.data
        if each.type == EXPERIMENT_REGISTERED:
            row = {name: getattr(data, name) for name in _REGISTERED}
            row["registered_at"] = each.at.isoformat()
            statement = "register_experiments"
        elif each.type == EXPERIMENT_STARTED:
            row = {"experiment": data.experiment, "at": each.at.isoformat(), "units": data.units, "weeks": data.weeks}
            statement = "start_experiments"
        else:
            row = {"experiment": data.experiment, "at": each.at.isoformat(), "name": data.name, "reason": data.reason}
            statement = "stop_experiments"
        connection.tell(_SQL[statement], msgspec.json.encode([row]).decode())


_REGISTERED = (
    "experiment", "hypothesis", "element", "unit", "kind", "language", "title_a", "text_a", "title_b", "text_b",
    "topic", "seed", "outcome", "days", "cap", "smallest", "expected", "weeks_max", "name",
)  # fmt: skip


def find_invitations(connection: Connection, names: Collection[str]) -> dict[str, bool]:
    """Return of these invitations whether whoever was invited was reminded."""
    return {
        str(name): bool(was) for name, was in connection.execute(_SQL["find_invitations"], (text_array(sorted(names)),))
    }


def write_invitations(connection: Connection, said: Sequence[Accepted]) -> None:
    """Write what was said of invitations, one after the other."""
    for each in said:
        fields, statement = _OF_INVITATIONS.get(each.type, _COUNTED)
        row = {name: getattr(each.data, name) for name in fields}
        connection.tell(_SQL[statement], msgspec.json.encode([row | {"at": each.at.isoformat()}]).decode())


_COUNTED = (("invitation", "sent", "reminded", "joined"), "count_invitations")
_OF_INVITATIONS = {
    INVITATION_WRITTEN: (("invitation", "order", "limit", "language", "subject", "text", "name"), "write_invitations"),
    INVITATION_REMINDED: (("invitation", "text"), "remind_invitations"),
}
