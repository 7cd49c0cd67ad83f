"""Reading the log from its beginning, for whoever derives tables from it.

Stored events are read tolerantly: a field that is not known any more is passed over. Not here: what is derived
(each package's own ``rebuilding.py``).
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from comptoir.foundation.events.rules import content_fingerprint, without_proof
from comptoir.foundation.events.store import insert_identities
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
_PORTION_EVENTS: Final = 20_000


class Logged(msgspec.Struct, frozen=True, gc=False):
    """An event as the log keeps it; ``data`` and ``decision`` are JSON."""

    position: Id
    customer: Id | None
    occurred_at: dt.datetime
    received_at: dt.datetime
    source: str
    id: str
    type: str
    touchpoint: str
    is_accepted: bool
    data: str
    decision: str | None


class Deriver(Protocol):
    """Derives some tables from the log: fed with all events in order, then asked to finish."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are emptied beforehand and filled again."""
        ...

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Derive from the next events."""
        ...

    def finish(self, connection: Connection) -> None:
        """Write what only the end of the log tells."""
        ...


def read_log(connection: Connection) -> Iterator[list[Logged]]:
    """Read the whole log in order, in portions of 20,000 events; the connection must be in a transaction.

    The next portion is on its way while somebody derives from the present one.
    """
    with connection.cursor("log") as cursor, concurrent.futures.ThreadPoolExecutor(1, "log") as reading:
        cursor.execute(_SQL["read_log"])
        following = reading.submit(cursor.fetchmany, _PORTION_EVENTS)
        while rows := following.result():
            following = reading.submit(cursor.fetchmany, _PORTION_EVENTS)
            yield [Logged(*row) for row in rows]


class IdentitiesDeriver:
    """Derives who has sent which id with which content."""

    tables = ("events_identity",)

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write the identities of the next events."""
        insert_identities(
            connection,
            [
                (
                    e.source,
                    e.id,
                    e.position,
                    content_fingerprint(
                        e.type, e.occurred_at.astimezone(dt.UTC).isoformat(), without_proof(e.data.encode())
                    ),
                )
                for e in events
            ],
        )

    def finish(self, connection: Connection) -> None:
        """Nothing is left to do."""
