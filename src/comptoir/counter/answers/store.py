"""The answers' statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from comptoir.counter.answers.rules import Answer, Withdrawal
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)


def insert_answers(connection: Connection, answers: Sequence[Answer]) -> None:
    """Add answers."""
    connection.tell(
        _SQL["insert_answers"],
        value_array([each.position for each in answers]),
        value_array([each.customer for each in answers]),
        value_array([str(each.age) for each in answers]),
        text_array([each.method for each in answers]),
        text_array([each.given_at.isoformat() for each in answers]),
        text_array([each.valid_until.isoformat() for each in answers]),
        text_array([each.by for each in answers]),
    )


def write_withdrawals(connection: Connection, withdrawals: Collection[Withdrawal]) -> None:
    """Note withdrawals; each keeps the latest."""
    # In one order, so that two gateways cannot wait for each other.
    for each in sorted(withdrawals, key=lambda one: (one.customer, one.age, one.withdrawn_at)):
        connection.tell(_SQL["upsert_withdrawal"], each.customer, str(each.age), each.withdrawn_at.isoformat())


def find_answers(connection: Connection, members: Collection[Id], *, age: int, now: dt.datetime) -> list[Answer]:
    """Return the answers of these customers that say as much as ``age`` and have not ended at ``now``."""
    rows = connection.execute(_SQL["find_answers"], (value_array(list(members)), age, now))
    return [Answer(*row) for row in rows]


def find_withdrawals(connection: Connection, members: Collection[Id]) -> list[Withdrawal]:
    """Return what these customers have withdrawn."""
    return [Withdrawal(*row) for row in connection.execute(_SQL["find_withdrawals"], (value_array(list(members)),))]


def has_treat(connection: Connection, members: Collection[Id], *, channel: str, now: dt.datetime) -> bool:
    """Tell whether a treat is due for a person who allows that on a channel."""
    row = connection.execute(_SQL["has_treat"], (value_array(list(members)), now, channel)).fetchone()
    return row is not None and bool(row[0])


def use_code(connection: Connection, *, digest: bytes, ends_at: dt.datetime, now: dt.datetime) -> bool:
    """Use a till code up; returns whether it was still unused. What has ended by ``now`` is forgotten."""
    connection.execute(_SQL["forget_codes"], (now,))
    return connection.execute(_SQL["use_code"], (digest, ends_at)).fetchone() is not None
