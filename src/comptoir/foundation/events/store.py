"""The log's statements, on the caller's connection. Nothing here opens a transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Final

import psycopg

from comptoir.foundation.events.contracts import Arrival, Change
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.database import load_statements, text_array, value_array

_SQL = load_statements(__package__)
CHANNEL: Final = "comptoir_live"
_PAYLOAD_BYTES_MAX: Final = 7_900  # PostgreSQL refuses a notification of 8,000 bytes


def find_identities(
    connection: psycopg.Connection, identities: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[uuid.UUID, bytes]]:
    """Return position and fingerprint of every identity that was recorded before."""
    sources, ids = zip(*identities, strict=True)
    rows = connection.execute(_SQL["find_identities"], (text_array(sources), text_array(ids)), prepare=True)
    return {(source, event_id): (position, bytes(fingerprint)) for source, event_id, position, fingerprint in rows}


def find_outcomes(connection: psycopg.Connection, positions: Iterable[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Return the bytes that were answered to the events at these positions."""
    rows = connection.execute(_SQL["find_outcomes"], (value_array(p.hex for p in positions),), prepare=True)
    return {position: outcome.encode() for position, outcome in rows}


def insert_events(connection: psycopg.Connection, arrivals: Sequence[Arrival]) -> None:
    """Append events with their outcomes, their identities and one outbox row."""
    positions = value_array([a.position.hex for a in arrivals])  # type: ignore[union-attr]
    sources = text_array([a.source for a in arrivals])
    ids = text_array([a.id for a in arrivals])
    connection.execute(
        _SQL["insert_identities"],
        (sources, ids, positions, value_array(['"\\\\x' + a.fingerprint.hex() + '"' for a in arrivals])),
        prepare=True,
    )
    connection.execute(
        _SQL["insert_events"],
        (
            positions,
            value_array([a.customer.hex if a.customer else "NULL" for a in arrivals]),
            value_array([a.occurred_at.isoformat() for a in arrivals]),
            value_array([a.received_at.isoformat() for a in arrivals]),
            sources,
            ids,
            text_array([a.type for a in arrivals]),
            text_array([a.touchpoint for a in arrivals]),
            value_array(["accepted" if a.refusal is None else "refused" for a in arrivals]),
            text_array([a.written.decode() for a in arrivals]),
            text_array([a.outcome.decode() for a in arrivals]),
            text_array([codec.encode(a.decision).decode() if a.decision else None for a in arrivals]),
        ),
        prepare=True,
    )
    connection.execute(_SQL["insert_outbox"], (positions,), prepare=True)


def notify_live(connection: psycopg.Connection, changes: Sequence[Change], counts: dict[str, int]) -> None:
    """Queue notifications with the changed balances, and with the number of events of each link; sent at commit.

    A payload is ``{"changes": [...], "counts": {...}}``, cut into pieces that PostgreSQL takes.
    """
    payloads: list[str] = []
    pieces: list[bytes] = []
    size = 0
    for change in changes:
        piece = codec.encode(change)
        if size + len(piece) > _PAYLOAD_BYTES_MAX - 64:
            payloads.append('{"changes":[' + b",".join(pieces).decode() + "]}")
            pieces, size = [], 0
        pieces.append(piece)
        size += len(piece) + 1
    if pieces:
        payloads.append('{"changes":[' + b",".join(pieces).decode() + "]}")
    payloads.append('{"counts":' + codec.encode(counts).decode() + "}")
    connection.execute(_SQL["notify_live"], (text_array(payloads),), prepare=True)
