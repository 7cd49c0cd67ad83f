"""The log's statements, on the caller's connection. Nothing here opens a transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from comptoir.foundation.events import sealing
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
CHANNEL: Final = "comptoir_told"
#: Behind every position.
_LAST: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
#: So much is told in one piece: what can be sealed, without the names around it.
_AT_ONCE_BYTES_MAX: Final = sealing.CONTENT_BYTES_MAX - 64


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


def find_told(
    connection: Connection, positions: Collection[Id]
) -> dict[Id, tuple[Id | None, dt.datetime, dt.datetime]]:
    """Return for events at these positions whom they are about, when they happened, and when they came."""
    rows = connection.execute(_SQL["find_told"], (value_array(sorted(positions)),))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


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


def notify_live(
    connection: Connection,
    changes: Sequence[Change],
    counts: dict[str, int],
    gone: Sequence[Id] = (),
    looks: Collection[Id] = (),
) -> None:
    """Queue notifications: changed balances, events of each link, who is nobody now, who looks again; sent at commit.

    A payload is ``{"changes": [...], "counts": {...}, "gone": [...], "looks": [...]}``, where needed cut into pieces,
    and sealed: every role of the database may listen.
    """
    told = [codec.encode(change) for change in changes]
    counted = [codec.encode({link: n})[1:-1] for link, n in counts.items()]
    left = [codec.encode(customer) for customer in gone]
    looking = [codec.encode(customer) for customer in sorted(looks)]
    contents: list[bytes]
    pieces = (*told, *counted, *left, *looking)
    if sum(map(len, pieces)) + len(pieces) <= _AT_ONCE_BYTES_MAX:
        parts = (b",".join(told), b",".join(counted), b",".join(left), b",".join(looking))
        contents = [b'{"changes":[%b],"counts":{%b},"gone":[%b],"looks":[%b]}' % parts] if pieces else []
    else:
        contents = [
            *_cut(b'{"gone":[', left, b"]}"),
            *_cut(b'{"changes":[', told, b"]}"),
            *_cut(b'{"looks":[', looking, b"]}"),
            *_cut(b'{"counts":{', counted, b"}}"),
        ]
    if contents:
        sealer, backend = sealing.of_shop(), connection.pgconn.backend_pid
        sealed = [sealer.seal(content, backend=backend) for content in contents]
        connection.tell(_SQL["notify_live"], value_array(sealed))


def _cut(head: bytes, pieces: Iterable[bytes], tail: bytes) -> list[bytes]:
    """Join pieces to payloads that can be sealed for PostgreSQL; without pieces there is nothing to say."""
    payloads: list[bytes] = []
    taken: list[bytes] = []
    size = 0
    for piece in pieces:
        if taken and size + len(piece) > _AT_ONCE_BYTES_MAX:
            payloads.append(head + b",".join(taken) + tail)
            taken, size = [], 0
        taken.append(piece)
        size += len(piece) + 1
    if taken:
        payloads.append(head + b",".join(taken) + tail)
    return payloads


# -- somebody is forgotten ----------------------------------------------------------------------------------------


class Named(NamedTuple):
    """An event in which somebody was named who is forgotten, as it stands in the log now; ``data`` is JSON."""

    position: Id
    source: str
    id: str
    type: str
    touchpoint: str
    is_accepted: bool
    data: str


def find_acting(connection: Connection, personas: Collection[Id]) -> set[Id]:
    """Return where somebody has acted under one of these public names."""
    return {str(row[0]) for row in connection.execute(_SQL["find_acting"], (text_array(list(personas)),))}


def find_acts(
    connection: Connection, personas: Collection[Id], *, event_type: str, since: dt.datetime
) -> dict[Id, list[dt.datetime]]:
    """Return when something of this type was done under each of these public names since a moment."""
    found: dict[Id, list[dt.datetime]] = {}
    for persona, at in connection.execute(_SQL["find_acts"], (text_array(list(personas)), event_type, since)):
        found.setdefault(persona, []).append(at)
    return found


def find_followed(connection: Connection, personas: Collection[Id]) -> set[Id]:
    """Return where others have said that they follow or mute one of these public names."""
    return {str(row[0]) for row in connection.execute(_SQL["find_followed"], (text_array(list(personas)),))}


def sever(
    connection: Connection, customers: Sequence[Id], *, elsewhere: Iterable[Id], emptied: Mapping[str, Sequence[str]]
) -> tuple[dict[Id, Id], list[Named]]:
    """Put a fresh random id in the place of each of these customers, wherever the log names them.

    ``elsewhere`` are positions that the log's own indexes do not lead to, ``emptied`` the fields of each type whose
    text goes as well. Returns the fresh id of each customer, and the events as they stand now. What else they say
    stays byte for byte; their fingerprints follow.
    """
    rows = connection.execute(
        _SQL["sever"],
        (value_array(list(customers)), value_array(list(elsewhere)), codec.encode(emptied).decode()),
    ).fetchall()
    positions = rows[0][2]
    named = connection.execute(_SQL["read_named"], (positions,)).fetchall() if positions else []
    return {row[0]: row[1] for row in rows}, [Named(*row) for row in named]


def find_speakers(connection: Connection, positions: Collection[Id]) -> dict[Id, str]:
    """Return which touchpoint said what stands at each of these positions."""
    return dict(connection.execute(_SQL["find_speakers"], (value_array(list(positions)),)).fetchall())


def silence(connection: Connection, positions: Collection[Id], *, emptied: Mapping[str, Sequence[str]]) -> None:
    """Take the text of these fields of each type away from what was said at these positions, by whomever."""
    if positions:
        connection.tell(_SQL["silence"], value_array(sorted(positions)), codec.encode(emptied).decode())


def let_go(
    connection: Connection, sale: Id, returns: Collection[Id], *, members: Collection[Id], traces: Collection[str]
) -> None:
    """Make the sale at a position nobody's, and its returns, without what they decided.

    What else ``members`` did does not name its receipt any more. ``traces`` lead to the order that it was, if it was
    one: the order's id, and its pick-up code's digest. Its steps become nobody's too.
    """
    connection.execute(
        _SQL["let_go"], (sale, value_array(sorted(returns)), value_array(sorted(members)), text_array(sorted(traces)))
    )


def is_named(connection: Connection, customer: Id) -> bool:
    """Tell whether any event names a customer, apart from those that moved points."""
    row = connection.execute(_SQL["is_named"], {"customer": customer}).fetchone()
    return bool(row and row[0])


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
    """How a destination does: its last delivery, since when and why it fails, how many events were held back."""

    destination: str
    delivered_at: dt.datetime | None
    failing_since: dt.datetime | None
    failure: str
    held_back: int


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


async def read_permitted_results(
    connection: psycopg.AsyncConnection, positions: Iterable[uuid.UUID], *, permits: str, purpose: str, channel: str
) -> tuple[dict[uuid.UUID, ResultRow], dict[str, int]]:
    """Return the accepted events of those customers who allow a purpose on a channel, and how many others by type.

    ``permits`` names the database's function that answers for a customer; what it refuses never leaves the database.
    """
    statement = sql.SQL(_SQL["read_permitted_results"]).format(permits=sql.Identifier(permits))
    ids = value_array([str(position) for position in positions])
    asked = {"positions": ids, "purpose": purpose, "channel": channel}
    found: dict[uuid.UUID, ResultRow] = {}
    held_back: dict[str, int] = {}
    for *row, count in await (await connection.execute(statement, asked, prepare=True)).fetchall():
        if row[0] is None:
            held_back[row[3]] = count
        else:
            found[row[0]] = ResultRow(*row)
    return found, held_back


async def advance_destination(
    connection: psycopg.AsyncConnection, destination: str, place: OutboxPlace, *, delivered_at: dt.datetime | None,
    held_back: int = 0,
) -> None:  # fmt: skip
    """Note that a destination has passed a place; ``delivered_at`` is ``None`` where nothing there concerned it."""
    parameters = {
        "destination": destination, "delivered_at": delivered_at, "held_back": held_back, **place._asdict(),
    }  # fmt: skip
    await connection.execute(_SQL["advance_destination"], parameters, prepare=True)


async def note_failure(connection: psycopg.AsyncConnection, destination: str, *, failure: str, at: dt.datetime) -> None:
    """Note why a destination was not reached; the time of the first failure stays until it is reached again."""
    await connection.execute(_SQL["note_failure"], {"destination": destination, "failure": failure, "at": at})


def find_heard(connection: Connection, customers: Collection[Id], since: dt.datetime) -> set[Id]:
    """Return those of these customers of whom anything was heard since a moment, but for sales that moved points."""
    return {row[0] for row in connection.execute(_SQL["find_heard"], (value_array(list(customers)), since))}


class Said(NamedTuple):
    """What an event said about a customer, and when it happened; ``data`` is JSON."""

    customer: Id
    occurred_at: dt.datetime
    data: str


def find_said_of(connection: Connection, customers: Collection[Id], event_type: str) -> list[Said]:
    """Return what events of a type said about these customers, oldest first; of sales, those that moved no points."""
    rows = connection.execute(_SQL["find_said_of"], (value_array(sorted(customers)), event_type))
    return [Said(*row) for row in rows]


def find_of_type(connection: Connection, positions: Collection[Id], event_type: str) -> list[Said]:
    """Return the events of a type that stand at these positions."""
    rows = connection.execute(_SQL["find_of_type"], (value_array(sorted(positions)), event_type))
    return [Said(*row) for row in rows]


class Recorded(NamedTuple):
    """An accepted event: where it stands, its type, who said it, when it happened, and its data as JSON."""

    position: Id
    type: str
    source: str
    at: dt.datetime
    data: str


def read_types(connection: Connection, positions: Collection[Id], types: Sequence[str]) -> list[Recorded]:
    """Return the accepted events of these types at these positions."""
    rows = connection.execute(_SQL["read_types"], (value_array(list(positions)), text_array(types)))
    return [Recorded(*row) for row in rows]


def read_types_since(
    connection: Connection, at: dt.datetime, types: Sequence[str], *, after: Id, limit: int
) -> list[Recorded]:
    """Return accepted events of these types that happened after a moment, behind a position, in their order."""
    rows = connection.execute(_SQL["read_types_since"], (after, text_array(types), at, limit))
    return [Recorded(*row) for row in rows]


def read_back(connection: Connection, event_type: str, *, portion: int, portions_max: int) -> Iterator[list[Said]]:
    """Give portions of the events of a type that are about a customer, the latest first."""
    before = _LAST
    for _ in range(portions_max):
        rows = connection.execute(_SQL["read_back"], (event_type, before, portion)).fetchall()
        if not rows:
            return
        before = rows[-1][0]
        yield [Said(*row[1:]) for row in rows]


def register_follower(connection: Connection, follower: str) -> OutboxPlace:
    """Return how far a follower has come; a new one begins with what is committed from now on."""
    connection.execute(_SQL["register_destination"], (follower,))
    place = find_follower(connection, follower)
    assert place is not None
    return place


def find_follower(connection: Connection, follower: str) -> OutboxPlace | None:
    """Return how far a follower has come, or ``None`` if there is none of this name."""
    row = connection.execute(_SQL["find_destination"], (follower,)).fetchone()
    return None if row is None else OutboxPlace(*row)


def advance_follower(connection: Connection, follower: str, place: OutboxPlace) -> None:
    """Note that a follower has passed a place."""
    asked = {"destination": follower, "delivered_at": None, "held_back": 0, **place._asdict()}
    connection.execute(_SQL["advance_destination"], asked)


def read_following(connection: Connection, after: OutboxPlace, *, limit: int) -> list[OutboxRow]:
    """Return the next rows behind a place, as far as no transaction before them can still commit."""
    rows = connection.execute(_SQL["read_outbox"], (*after, limit)).fetchall()
    return [OutboxRow(OutboxPlace(row[1], row[0]), row[2], row[3]) for row in rows]


def read_beyond(connection: Connection, after: OutboxPlace) -> list[Id]:
    """Return every position that was recorded behind a place, whatever may still come before it."""
    return [row[0] for row in connection.execute(_SQL["read_beyond"], after)]


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


# -- the audit chain ----------------------------------------------------------------------------------------------


def read_audit(connection: Connection, *, start: int, limit: int) -> list[tuple[int, str, bytes]]:
    """Return the next entries of the chain from a number on: number, content, hash."""
    return connection.execute(_SQL["read_audit"], (start, limit)).fetchall()


def find_edge(connection: Connection, *, size: int) -> bytes | None:
    """Return the right edge of the audit tree at a checkpoint, or ``None`` where there is none."""
    row = connection.execute(_SQL["find_edge"], (size,)).fetchone()
    return None if row is None else bytes(row[0])


def insert_checkpoint(connection: Connection, *, size: int, note: str, edge: bytes, made_at: dt.datetime) -> None:
    """Keep a checkpoint beside the chain, unless it is there."""
    connection.execute(_SQL["insert_checkpoint"], (size, note, edge, made_at))
