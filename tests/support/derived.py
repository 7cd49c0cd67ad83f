"""Everything that is derived from the log, told without positions, so that two shops can be compared.

Positions differ from one order of arrival to another; here each is replaced by the (source, id) of its event. Not
here: whether what is derived is right (``invariants.py``).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection
from typing import Any

from comptoir.counter.loyalty import store as loyalty
from comptoir.foundation.kernel.connection import Connection

#: What a refused event must leave as it was. The log itself keeps the refusal.
TABLES = (
    "customers_customer",
    "customers_link",
    "customers_membership",
    "answers_answer",
    "answers_withdrawal",
    "customers_choice",
    "customers_permission",
    "customers_personaholder",
    "community_persona",
    "sales_sale",
    "sales_return",
    "loyalty_account",
    "loyalty_transfer",
    "loyalty_reservation",
    "loyalty_lease",
    "loyalty_programmebalance",
    "giftcards_card",
    "giftcards_transfer",
    "giftcards_draw",
)
#: Behind every history.
END = (dt.datetime(9999, 12, 31, tzinfo=dt.UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff")

Told = dict[str, Any]


def derived(connection: Connection, customers: Collection[str]) -> Told:
    """Return all derived tables, and the history of each of these customers as a channel reads it."""
    event = {
        position: (source, id_)
        for source, id_, position in connection.execute("select source, id, position::text from events_identity")
    }
    told: Told = {
        table: _rows(connection, table, event)
        for table in TABLES
        if table not in {"loyalty_transfer", "loyalty_account", "loyalty_programmebalance"}
    }
    told["loyalty_account"] = connection.execute(
        "select customer, available, held, owed, lot_days, lot_points from loyalty_account"
        " where available + held + owed > 0 order by 1"
    ).fetchall()
    moved: Counter[Any] = Counter()
    for customer, cause, debit, credit, points, reason, at in connection.execute(
        "select customer, cause::text, debit, credit, points, reason, occurred_at from loyalty_transfer"
    ):
        moved[customer, event[cause], debit, reason, at] -= points
        moved[customer, event[cause], credit, reason, at] += points
    told["loyalty_transfer"] = {key: points for key, points in moved.items() if points}
    told["loyalty_programmebalance"] = connection.execute(
        "select account, sum(points) from loyalty_programmebalance group by 1 having sum(points) <> 0 order by 1"
    ).fetchall()
    for customer in customers:
        rows = loyalty.find_history(connection, [customer], before=END, limit=1000)
        assert [row.occurred_at for row in rows] == sorted((row.occurred_at for row in rows), reverse=True)
        told[f"history of {customer}"] = sorted(
            (row.occurred_at, event[str(row.cause)], row.reason, row.points, row.day) for row in rows
        )
    return told


def _rows(connection: Connection, table: str, event: dict[str, tuple[str, str]]) -> list[Any]:
    cursor = connection.execute(f"select * from {table}".encode())
    assert cursor.description is not None
    columns = [column.name for column in cursor.description]
    rows = [
        {name: event[str(value)] if name == "position" else value for name, value in zip(columns, row, strict=True)}
        for row in cursor
    ]
    return sorted(rows, key=repr)
