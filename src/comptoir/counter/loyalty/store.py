"""The ledger's statements, on the caller's connection. Nothing here decides anything."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from comptoir.counter.loyalty.contracts import Account
from comptoir.counter.loyalty.leases import Lease
from comptoir.counter.loyalty.programme import Programme, Programmes, Version
from comptoir.counter.loyalty.rules import CustomerAccounts, Draw, DrawAcross, Moved, Reservation, Transfer
from comptoir.counter.loyalty.spending import Limits, Standing, Word
from comptoir.foundation.events.store import find_told
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
_former = msgspec.json.Decoder(tuple[Word, ...])
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
    rows = connection.execute(_SQL["find_reservations"], (touchpoints, names))
    return {(row[0], row[1]): _reservation(row) for row in rows}


def _reservation(row: Any) -> Reservation:
    touchpoint, name, customer, position, points, draws, expires_at, status, posted = row
    return Reservation(
        touchpoint, name, customer, position, points, tuple(Draw(*draw) for draw in _draws.decode(draws)),
        expires_at, status, posted,
    )  # fmt: skip


def find_open_reservations(connection: Connection, customers: Collection[Id]) -> list[Reservation]:
    """Return what is held at present for these customers."""
    rows = connection.execute(_SQL["find_open_reservations"], (value_array(list(customers)),))
    return [_reservation(row) for row in rows]


def find_draws_across(connection: Connection, customers: Collection[Id]) -> list[DrawAcross]:
    """Return what these customers' points have paid for one another: spent by one, out of the lots of another."""
    rows = connection.execute(_SQL["find_paid"], (value_array(list(customers)),)).fetchall()
    told = find_told(connection, {row[1] for row in rows})
    return [
        DrawAcross(Draw(owner, day, points), spender, cause, occurred_at, received_at, Account(account))
        for owner, cause, day, account, points in rows
        for spender, occurred_at, received_at in (told[cause],)
        if spender is not None and spender != owner and spender in customers
    ]


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


def find_leases(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Lease]:
    """Return leases by (touchpoint, name)."""
    touchpoints, names = text_array([t for t, _ in keys]), text_array([n for _, n in keys])
    rows = connection.execute(_SQL["find_leases"], (touchpoints, names))
    return {(row[0], row[1]): _lease(row) for row in rows}


def find_open_leases(connection: Connection, customers: Collection[Id]) -> list[Lease]:
    """Return what tills have leased of these customers' points and not returned."""
    rows = connection.execute(_SQL["find_open_leases"], (value_array(list(customers)),))
    return [_lease(row) for row in rows]


def find_overdue_leases(connection: Connection, at: dt.datetime, *, limit: int) -> list[Lease]:
    """Return leases that have run out and were not returned, the oldest first."""
    return [_lease(row) for row in connection.execute(_SQL["find_overdue_leases"], (at, limit))]


def _lease(row: Any) -> Lease:
    touchpoint, name, holder, customer, position, points, draws, expires_at, spent, sequences, spends, status = row
    return Lease(
        touchpoint, name, holder, customer, position, points, tuple(Draw(*draw) for draw in _draws.decode(draws)),
        expires_at, spent, tuple(sequences), spends, status,
    )  # fmt: skip


def insert_leases(connection: Connection, leases: Iterable[Lease]) -> None:
    """Keep new leases; a name that is taken fails the whole batch."""
    for each in leases:
        draws = codec.encode(each.draws).decode()
        connection.execute(
            _SQL["insert_lease"],
            (each.touchpoint, each.name, each.holder, each.customer, each.position, each.points, draws,
             each.expires_at, each.spent, list(each.sequences), each.spends, each.status),
        )  # fmt: skip


def update_leases(connection: Connection, leases: Iterable[Lease]) -> None:
    """Write what became of leases."""
    for each in leases:
        connection.execute(
            _SQL["update_lease"],
            (each.expires_at, each.spent, list(each.sequences), each.spends, each.status, each.touchpoint, each.name),
        )


def find_used_codes(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """Return the source at which each of these codes was used, by digest, as far as they were."""
    return dict(connection.execute(_SQL["find_used_codes"], (value_array(list(digests)),)).fetchall())


def insert_used_codes(connection: Connection, used: Sequence[tuple[str, Id, str]]) -> None:
    """Note codes that were accepted: digest, position of the request, its source. A used one fails the whole batch."""
    connection.tell(
        _SQL["insert_used_codes"],
        value_array([digest for digest, _, _ in used]),
        value_array([position for _, position, _ in used]),
        text_array([source for _, _, source in used]),
    )


def lock_standings(connection: Connection, customers: Collection[Id]) -> None:
    """Lock what was said about these customers' spending, in one order."""
    connection.execute(_SQL["lock_standings"], (value_array(list(customers)),))


def find_standings(connection: Connection, customers: Collection[Id]) -> dict[Id, Standing]:
    """Return what was said about these customers' spending, as far as anything was."""
    found = {}
    for row in connection.execute(_SQL["find_standings"], (value_array(list(customers)),)):
        customer, *limited, until, frozen, frozen_at, by, frozen_id = row
        words, heard_at = read_words(*limited)
        found[customer] = Standing(
            words, heard_at, until, frozen, None if frozen_at is None else (frozen_at, by, frozen_id)
        )
    return found


def insert_standings(connection: Connection, standings: Mapping[Id, Standing]) -> None:
    """Keep what was said about somebody's spending for the first time; a row that is there fails the whole batch."""
    for customer, standing in sorted(standings.items()):
        connection.execute(_SQL["insert_standing"], (customer, *_words(standing)))


def update_standings(connection: Connection, standings: Mapping[Id, Standing]) -> None:
    """Write what was said anew; the rows are locked."""
    for customer, standing in sorted(standings.items()):
        connection.execute(_SQL["update_standing"], (*_words(standing), customer))


def read_words(  # noqa: PLR0917 - the columns of a row
    locked: bool, places: Sequence[str] | None, each_day: int | None, at_once: int | None,
    at: dt.datetime | None, source: str | None, name: str | None, free_at: dt.datetime | None,
    heard_at: dt.datetime | None, former: str,
) -> tuple[tuple[Word, ...], dt.datetime | None]:  # fmt: skip
    """Return what was said about limits, and when the latest of it came, from the columns of a row in their order."""
    if at is None:
        return (), None
    assert source is not None
    assert name is not None
    limits = Limits(locked, None if places is None else tuple(places), each_day, at_once)
    return (*_former.decode(former), Word((at, source, name), limits, free_at or at)), heard_at or at


def _words(standing: Standing) -> tuple[object, ...]:
    limits, last = standing.wanted, standing.words[-1] if standing.words else None
    return (
        limits.locked,
        None if limits.places is None else list(limits.places),
        limits.points_per_day,
        limits.points_without_passkey,
        *(last.said if last else (None, None, None)),
        last.free_at if last else None,
        standing.heard_at,
        codec.encode([_in_utc(each) for each in standing.words[:-1]]).decode(),
        standing.cooling_until,
        standing.is_frozen,
        *(standing.frozen or (None, None, None)),
    )


def _in_utc(word: Word) -> Word:
    """Return a word as it is written: the same moment in one form, whichever connection it came by."""
    moment, source, name = word.said
    return Word((moment.astimezone(dt.UTC), source, name), word.limits, word.free_at.astimezone(dt.UTC))


def find_spent(connection: Connection, customers: Collection[Id], *, since: Id) -> dict[Id, int]:
    """Return how many points these customers have spent, or hold, by requests from a position on."""
    parameters = {"customers": value_array(list(customers)), "since": since}
    return dict(connection.execute(_SQL["find_spent"], parameters).fetchall())


def find_overdue_reservations(
    connection: Connection, at: dt.datetime, *, limit: int
) -> list[tuple[str, str, Id, dt.datetime]]:
    """Return touchpoint, name and position of open reservations whose time is over, and when that was."""
    return connection.execute(_SQL["find_overdue_reservations"], (at, limit)).fetchall()


def find_expiring(connection: Connection, before: dt.date, *, after: Id, limit: int) -> list[Id]:
    """Return customers behind ``after`` who have a lot whose last day lies before a day."""
    return [row[0] for row in connection.execute(_SQL["find_expiring"], (after, before, limit))]


def find_moved(connection: Connection, customers: Collection[Id], since: dt.datetime) -> set[Id]:
    """Return those of these customers whose points have moved since a moment, other than by the clock."""
    rows = connection.execute(_SQL["find_moved"], (value_array(list(customers)), since))
    return {row[0] for row in rows}


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


def find_positions(connection: Connection, customers: Collection[Id]) -> set[Id]:
    """Return the positions of all events that moved points of these customers."""
    return {str(row[0]) for row in connection.ask(_SQL["find_positions"], value_array(list(customers)))}


def sever(
    connection: Connection,
    fresh: Mapping[Id, Id],
    reservations: Collection[tuple[str, str]],
    leases: Collection[tuple[str, str]],
) -> None:
    """Put the fresh id of each customer in the place of the old one.

    ``reservations`` and ``leases`` (touchpoint, name) are those that may have drawn from a lot of theirs.
    """
    old, new = value_array(list(fresh.keys())), value_array(list(fresh.values()))
    for statement in ("sever_accounts", "sever_transfers", "sever_reservations", "sever_leases", "sever_standings"):
        connection.tell(_SQL[statement], old, new)
    for statement, drawing in (("sever_draws", reservations), ("sever_lease_draws", leases)):
        if drawing:
            keys = text_array([t for t, _ in drawing]), text_array([n for _, n in drawing])
            for customer, instead in fresh.items():
                connection.tell(_SQL[statement], customer, instead, *keys)


def find_moves_at(connection: Connection, customer: Id, positions: Collection[Id]) -> list[Moved]:
    """Return what the events at these positions moved for a customer, in their order."""
    rows = connection.execute(_SQL["find_moves_at"], (customer, value_array(sorted(positions))))
    return [Moved(*row) for row in rows]


def let_go(connection: Connection, customer: Id, positions: Collection[Id]) -> None:
    """Drop what these events moved for a customer, which stands at another position by now."""
    connection.tell(_SQL["delete_moved"], customer, value_array(sorted(positions)))
    connection.tell(_SQL["look_again"], customer, customer)
    connection.tell(_SQL["delete_unmoved"], customer)


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


def find_causes(connection: Connection, customers: Collection[Id]) -> set[Id]:
    """Return the positions of the events that have moved points of these customers."""
    return {row[0] for row in connection.execute(_SQL["find_causes"], (value_array(sorted(customers)),))}
