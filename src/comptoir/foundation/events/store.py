"""The log's statements, on the caller's connection. Nothing here opens a transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import psycopg

from comptoir.foundation.events.contracts import Arrival, Change
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import Appending, load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
_identities = Appending("events_identity", source="text", id="text", position="uuid", fingerprint="bytea")
_events = Appending(
    "events_event", position="uuid", customer="uuid", occurred_at="timestamptz", received_at="timestamptz",
    source="text", id="text", type="word", touchpoint="word", status="word", data="json", outcome="written",
    decision="json",
)  # fmt: skip
CHANNEL: Final = "comptoir_live"
_PAYLOAD_BYTES_MAX: Final = 7_900  # PostgreSQL refuses a notification of 8,000 bytes


def find_identities(
    connection: Connection, identities: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[Id, bytes]]:
    """Return position and fingerprint of every identity that was recorded before."""
    sources, ids = zip(*identities, strict=True)
    rows: Iterable[tuple[str, ...]] = connection.ask(  # type: ignore[assignment]
        _SQL["find_identities"], text_array(sources), text_array(ids)
    )
    return {
        (source, event_id): (position, bytes.fromhex(fingerprint.removeprefix("\\x")))
        for source, event_id, position, fingerprint in rows
    }


def find_outcomes(connection: Connection, positions: Iterable[Id]) -> dict[Id, bytes]:
    """Return the bytes that were answered to the events at these positions."""
    rows: Iterable[tuple[str, ...]] = connection.ask(  # type: ignore[assignment]
        _SQL["find_outcomes"], value_array(list(positions))
    )
    return {position: outcome.encode() for position, outcome in rows}


def find_contents(connection: Connection, positions: Iterable[Id]) -> dict[Id, str]:
    """Return the data of the events at these positions, as JSON."""
    return dict(connection.execute(_SQL["find_contents"], (value_array(list(positions)),)))


def insert_identities(connection: Connection, identities: Sequence[tuple[str, str, Id | None, bytes]]) -> None:
    """Note whose id is taken: source, id, position, fingerprint of each event."""
    _identities.rows(connection, *zip(*identities, strict=True))


def insert_events(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """Append events with their outcomes, their identities and one outbox row.

    A taken identity fails the whole batch, which is then decided again.
    """
    # In one order, so that two gateways with the same events never wait for each other in a circle.
    insert_identities(connection, sorted([(a.source, a.id, a.position, a.fingerprint) for a in arrivals]))
    positions = [a.position for a in arrivals]
    _events.rows(
        connection,
        positions,
        [a.customer for a in arrivals],
        [a.occurred_at for a in arrivals],
        [a.received_at for a in arrivals],
        [a.source for a in arrivals],
        [a.id for a in arrivals],
        [a.type for a in arrivals],
        [a.touchpoint for a in arrivals],
        ["accepted" if a.refusal is None else "refused" for a in arrivals],
        [a.written for a in arrivals],
        [a.outcome for a in arrivals],
        [codec.encode(a.decision) if a.decision else None for a in arrivals],
    )
    connection.tell(_SQL["insert_outbox"], value_array(positions))


def notify_live(connection: Connection, changes: Sequence[Change], counts: dict[str, int]) -> None:
    """Queue notifications with the changed balances, and with the number of events of each link; sent at commit.

    A payload is ``{"changes": [...], "counts": {...}}``, cut into pieces that PostgreSQL takes.
    """
    payloads = [
        *_cut(b'{"changes":[', [codec.encode(change) for change in changes], b"]}"),
        *_cut(b'{"counts":{', [codec.encode({link: n})[1:-1] for link, n in counts.items()], b"}}"),
    ]
    connection.tell(_SQL["notify_live"], text_array(payloads))


def _cut(head: bytes, pieces: Iterable[bytes], tail: bytes) -> list[str]:
    """Join pieces to payloads that PostgreSQL takes; without pieces there is nothing to say."""
    payloads: list[str] = []
    taken: list[bytes] = []
    size = 0
    for piece in pieces:
        if taken and size + len(piece) > _PAYLOAD_BYTES_MAX - 64:
            payloads.append((head + b",".join(taken) + tail).decode())
            taken, size = [], 0
        taken.append(piece)
        size += len(piece) + 1
    if taken:
        payloads.append((head + b",".join(taken) + tail).decode())
    return payloads


# -- the relay and the clock --------------------------------------------------------------------------------------


class OutboxPlace(NamedTuple):
    """A place in the outbox: everything up to this row of this transaction."""

    transaction: int
    outbox: int


class OutboxRow(NamedTuple):
    """One committed batch: its place, the positions of its events, and when its transaction began."""

    place: OutboxPlace
    positions: list[uuid.UUID]
    created_at: dt.datetime


class ResultRow(NamedTuple):
    """An accepted event with the answer that was given to it, as JSON."""

    position: uuid.UUID
    source: str
    id: str
    type: str
    touchpoint: str
    occurred_at: dt.datetime
    customer: uuid.UUID | None
    outcome: str


class DestinationRow(NamedTuple):
    """How a destination does: its last delivery, and since when and why it fails, if it does."""

    destination: str
    delivered_at: dt.datetime | None
    failing_since: dt.datetime | None
    failure: str


async def lock_destination(connection: psycopg.AsyncConnection, destination: str) -> bool:
    """Take a destination for this connection, unless another relay has it."""
    cursor = await connection.execute(_SQL["lock_destination"], (destination,))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def register_destination(connection: psycopg.AsyncConnection, destination: str) -> OutboxPlace:
    """Return how far a destination has got; a new one begins with what is committed from now on."""
    await connection.execute(_SQL["register_destination"], (destination,))
    cursor = await connection.execute(_SQL["find_destination"], (destination,))
    row = await cursor.fetchone()
    assert row is not None
    return OutboxPlace(*row)


async def adopt_restored(connection: psycopg.AsyncConnection) -> int:
    """Bring an outbox that was restored from another server in line with this one; returns how many rows that were.

    Numbers of transactions belong to a server. What came from another one is numbered anew, and told once more.
    """
    async with connection.transaction():
        cursor = await connection.execute(_SQL["renumber_outbox"])
        places = await connection.execute(_SQL["renumber_destinations"])
    return cursor.rowcount + places.rowcount


async def read_outbox(connection: psycopg.AsyncConnection, after: OutboxPlace, *, limit: int) -> list[OutboxRow]:
    """Return the next rows behind a place, as far as no transaction before them can still commit."""
    cursor = await connection.execute(_SQL["read_outbox"], (*after, limit), prepare=True)
    return [OutboxRow(OutboxPlace(row[1], row[0]), row[2], row[3]) for row in await cursor.fetchall()]


async def read_results(
    connection: psycopg.AsyncConnection, positions: Iterable[uuid.UUID]
) -> dict[uuid.UUID, ResultRow]:
    """Return the accepted events at these positions; refused ones concern nobody but their sender."""
    ids = value_array([str(position) for position in positions])
    cursor = await connection.execute(_SQL["read_results"], (ids,), prepare=True)
    return {row[0]: ResultRow(*row) for row in await cursor.fetchall()}


async def advance_destination(
    connection: psycopg.AsyncConnection, destination: str, place: OutboxPlace, *, delivered_at: dt.datetime | None
) -> None:
    """Note that a destination has passed a place; ``delivered_at`` is ``None`` where nothing there concerned it."""
    parameters = {"destination": destination, "delivered_at": delivered_at, **place._asdict()}
    await connection.execute(_SQL["advance_destination"], parameters, prepare=True)


async def note_failure(connection: psycopg.AsyncConnection, destination: str, *, failure: str, at: dt.datetime) -> None:
    """Note why a destination was not reached; the time of the first failure stays until it is reached again."""
    await connection.execute(_SQL["note_failure"], {"destination": destination, "failure": failure, "at": at})


def find_destinations(connection: Connection) -> list[DestinationRow]:
    """Return how every destination does."""
    return [DestinationRow(*row) for row in connection.execute(_SQL["find_destinations"])]


def forget_destinations(connection: Connection, *, declared: Iterable[str]) -> list[str]:
    """Drop destinations that are declared no more; returns their names."""
    return [row[0] for row in connection.execute(_SQL["forget_destinations"], (text_array(list(declared)),))]


def prune_outbox(connection: Connection, *, before: dt.datetime, limit: int) -> int:
    """Drop at most ``limit`` rows that every destination has passed; without any, those from before a moment."""
    place = connection.execute(_SQL["find_last_place"]).fetchone()
    if place is None:
        return connection.execute(_SQL["prune_old"], (before, limit)).rowcount
    return connection.execute(_SQL["prune_passed"], (*place, limit)).rowcount


def make_partition(connection: Connection, at: dt.datetime) -> bool:
    """Have a partition for the month of a moment, within two seconds; tells whether it is new."""
    connection.execute(_SQL["wait_briefly"])
    row = connection.execute(_SQL["make_partition"], (at,)).fetchone()
    return bool(row and row[0])


def rest_bytes(connection: Connection) -> int:
    """Return how many bytes lie in the partition for positions that no month has taken."""
    row = connection.execute(_SQL["rest_bytes"]).fetchone()
    assert row is not None
    return int(row[0])
