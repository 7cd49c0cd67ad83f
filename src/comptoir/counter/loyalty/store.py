"""The ledger's statements, on the caller's connection. Nothing here decides anything."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from comptoir.counter.loyalty.programme import Programme, Programmes, Version
from comptoir.counter.loyalty.rules import CustomerAccounts, Draw, Reservation, Transfer
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import Appending, load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)


class HistoryRow(NamedTuple):
    """What one event did for a person's points by one reason: net points, and the last day of those earned."""

    cause: Id
    occurred_at: dt.datetime
    reason: str
    points: int
    day: dt.date | None


_transfers = Appending(
    "loyalty_transfer", customer="uuid", position="uuid", ordinal="smallint", cause="uuid", occurred_at="timestamptz",
    debit="smallint", credit="smallint", points="bigint", day="date", reason="word",
)  # fmt: skip
_day = functools.lru_cache(maxsize=4096)(dt.date.fromisoformat)
_draws = msgspec.json.Decoder(tuple[tuple[Id, dt.date, int], ...])
_programme = msgspec.json.Decoder(Programme)


def lock_accounts(connection: Connection, customers: Collection[Id]) -> dict[Id, CustomerAccounts]:
    """Lock the accounts of these customers in one order and return those that exist."""
    return _read_accounts(connection, "lock_accounts", customers)


def find_accounts(connection: Connection, customers: Collection[Id]) -> dict[Id, CustomerAccounts]:
    """Return the accounts of these customers, as far as they exist, without a lock."""
    return _read_accounts(connection, "find_accounts", customers)


def write_accounts(connection: Connection, accounts: Mapping[Id, CustomerAccounts]) -> None:
    """Write accounts that were locked before, and those that are new."""
    ordered = sorted(accounts.items())
    locked = [(f'"{each.place}"', each) for _, each in ordered if not each.is_new]
    if locked:
        connection.tell(_SQL["update_accounts"], *_columns(locked), str(len(locked)))
    new = [(customer, each) for customer, each in ordered if each.is_new]
    if new:
        connection.tell(_SQL["insert_accounts"], *_columns(new))


def _columns(rows: Sequence[tuple[str, CustomerAccounts]]) -> tuple[str, ...]:
    lots = [sorted(each.lots.items()) for _, each in rows]
    return (
        value_array([where for where, _ in rows]),
        value_array([str(each.available) for _, each in rows]),
        value_array([str(each.held) for _, each in rows]),
        value_array([str(each.owed) for _, each in rows]),
        value_array(['"{' + ",".join([day.isoformat() for day, _ in each]) + '}"' for each in lots]),
        value_array(['"{' + ",".join([str(points) for _, points in each]) + '}"' for each in lots]),
        value_array([each.last_position for _, each in rows]),
    )


def insert_transfers(
    connection: Connection,
    decided: Iterable[tuple[Id, dt.datetime, Sequence[Transfer]]],
) -> None:
    """Append transfers: for each event its position, when it happened, and what it moved."""
    rows = [
        (transfer, position, ordinal, occurred_at)
        for position, occurred_at, transfers in decided
        for ordinal, transfer in enumerate(transfers)
    ]
    rows.sort(key=_customer)  # neighbours in the index share a page
    _transfers.rows(
        connection,
        [t.customer for t, _, _, _ in rows],
        [position for _, position, _, _ in rows],
        [ordinal for _, _, ordinal, _ in rows],
        [t.cause or position for t, position, _, _ in rows],
        [t.occurred_at or occurred for t, _, _, occurred in rows],
        [t.debit for t, _, _, _ in rows],
        [t.credit for t, _, _, _ in rows],
        [t.points for t, _, _, _ in rows],
        [t.day for t, _, _, _ in rows],
        [t.reason for t, _, _, _ in rows],
    )


def _customer(row: tuple[Transfer, Id, int, dt.datetime]) -> Id:
    return row[0].customer


def add_to_programme(connection: Connection, changes: Mapping[int, int]) -> None:
    """Add net changes to the programme's accounts."""
    ordered = sorted(changes.items())
    connection.tell(
        _SQL["add_to_programme"],
        value_array([str(int(a)) for a, _ in ordered]),
        value_array([str(points) for _, points in ordered]),
    )


def sum_up(connection: Connection) -> None:
    """Fill the accounts and the programme's balances, which must be empty, from the transfers."""
    connection.execute(_SQL["sum_accounts"])
    connection.execute(_SQL["sum_programme"])


def find_reservations(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Reservation]:
    """Return reservations by (touchpoint, name)."""
    touchpoints, names = text_array([t for t, _ in keys]), text_array([n for _, n in keys])
    found = {}
    for row in connection.execute(_SQL["find_reservations"], (touchpoints, names)):
        touchpoint, name, customer, position, points, draws, expires_at, status, posted = row
        found[touchpoint, name] = Reservation(
            touchpoint, name, customer, position, points, tuple(Draw(*draw) for draw in _draws.decode(draws)),
            expires_at, status, posted,
        )  # fmt: skip
    return found


def insert_reservations(connection: Connection, reservations: Sequence[Reservation]) -> None:
    """Keep new reservations; a name that is taken fails the whole batch."""
    connection.tell(
        _SQL["insert_reservations"],
        text_array([r.touchpoint for r in reservations]),
        text_array([r.name for r in reservations]),
        value_array([r.customer for r in reservations]),
        value_array([r.position for r in reservations]),
        value_array([str(r.points) for r in reservations]),
        text_array([codec.encode(r.draws).decode() for r in reservations]),
        value_array([r.expires_at.isoformat() for r in reservations]),
        value_array([r.status for r in reservations]),
        value_array([str(r.posted) for r in reservations]),
    )


def close_reservations(connection: Connection, reservations: Sequence[Reservation]) -> None:
    """Write how reservations ended."""
    connection.tell(
        _SQL["close_reservations"],
        text_array([r.touchpoint for r in reservations]),
        text_array([r.name for r in reservations]),
        value_array([r.status for r in reservations]),
        value_array([str(r.posted) for r in reservations]),
    )


def find_overdue_reservations(
    connection: Connection, at: dt.datetime, *, limit: int
) -> list[tuple[str, str, Id, dt.datetime]]:
    """Return touchpoint, name and position of open reservations whose time is over, and when that was."""
    return connection.execute(_SQL["find_overdue_reservations"], (at, limit)).fetchall()


def find_expiring(connection: Connection, before: dt.date, *, after: Id, limit: int) -> list[Id]:
    """Return customers behind ``after`` who have a lot whose last day lies before a day."""
    return [row[0] for row in connection.execute(_SQL["find_expiring"], (after, before, limit))]


def find_programmes(connection: Connection) -> Programmes | None:
    """Return all versions of the programme, or ``None`` if there is none yet."""
    rows = connection.execute(_SQL["find_programmes"]).fetchall()
    if not rows:
        return None
    return Programmes([Version(_programme.decode(definition), starts_at) for _, starts_at, definition in rows])


def insert_programme(connection: Connection, programme: Programme, starts_at: dt.datetime | None) -> int:
    """Add a version and return its number."""
    row = connection.execute(_SQL["insert_programme"], (starts_at, codec.encode(programme).decode())).fetchone()
    assert row is not None
    return int(row[0])


def lock_programmes(connection: Connection) -> None:
    """Wait until nobody else is changing the programme."""
    connection.execute(_SQL["lock_programmes"])


def find_history(
    connection: Connection,
    customers: Collection[Id],
    *,
    before: tuple[dt.datetime, Id],
    limit: int,
) -> list[HistoryRow]:
    """Return what events did for these customers, the latest first, behind (moment, cause)."""
    ids = value_array(list(customers))
    rows = connection.execute(_SQL["find_history"], (ids, *before, limit))
    return [HistoryRow(*row) for row in rows]


def _read_accounts(connection: Connection, statement: str, customers: Collection[Id]) -> dict[Id, CustomerAccounts]:
    accounts: dict[Id, CustomerAccounts] = {}
    rows: Iterable[tuple[str, ...]] = connection.ask(_SQL[statement], value_array(list(customers)))  # type: ignore[assignment]
    for customer, available, held, owed, days, points, last_position, place in rows:
        lots = (
            {_day(day): int(each) for day, each in zip(_split(days), _split(points), strict=True)}
            if days != "{}"
            else {}
        )
        accounts[customer] = CustomerAccounts(
            int(available), int(held), int(owed), lots, last_position, is_new=False, place=place
        )
    return accounts


def _split(array: str) -> list[str]:
    """Return the parts of an array of values that need no quotes, as PostgreSQL writes it."""
    return array[1:-1].split(",")
