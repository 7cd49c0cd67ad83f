"""What the worker's followers do: figures, who joins and leaves a segment, what is taken back by that; and stock.

Two rooms, one after the other: figures are the counter's, members the office's. Each half is the same when it is done
twice, so a crash in between repeats both. Stock follows by itself. Not here: how one follows
(``foundation/events/following.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Sequence

from comptoir.counter.audiences import following, rebuilding
from comptoir.counter.sales import stocking
from comptoir.foundation.events.following import Follower, positions_of
from comptoir.foundation.events.store import OutboxPlace, OutboxRow
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import Clock
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from comptoir.office.segments import jobs as segments

_log = logging.getLogger("comptoir.worker")


class _Figures:
    """Brings figures and members up to date; its connections live as long as they work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connections: dict[str, Connection] = {}

    def begin(self, _place: OutboxPlace) -> None:
        """Make figures from the whole log, where there never were any."""
        with (
            database.connect(COUNTER.role) as connection,
            database.connect(COUNTER.role) as reader,
            connection.transaction(),
            reader.transaction(),
        ):
            is_made = rebuilding.begin(connection, reader)
        if is_made:
            _log.info("the figures of every customer were made from the log")

    def hear(self, _place: OutboxPlace, rows: Sequence[OutboxRow]) -> None:
        """Bring them up to date with some batches."""
        now = self._clock.now()
        try:
            counter = self._connection(COUNTER.role)
            with counter.transaction():
                time_zone = following.time_zone_of(counter)
                touched = following.bring(counter, positions_of(rows), time_zone=time_zone, now=now)
            if segments.follow(self._connection(OFFICE.role), touched, now=now):
                self._withdraw(counter, touched, now=now)
        except BaseException:
            for each in self._connections.values():
                each.close()
            self._connections.clear()
            raise

    def _withdraw(self, counter: Connection, customers: Collection[Id], *, now: dt.datetime) -> None:
        """Take back what was about to leave to whoever has just left a segment; most of the time nothing waits.

        Should this process end before it, the clock does it within the minute.
        """
        if counter.execute("select from messages_waiting limit 1").fetchone() is None:
            return
        set_up_django()
        from django.db import connections  # noqa: PLC0415 - most of the time the worker does without

        from comptoir.config import withdrawing  # noqa: PLC0415

        try:
            withdrawing.withdraw_left(now=now, customers=[uuid.UUID(each) for each in customers])
        finally:
            connections.close_all()

    def _connection(self, role: str) -> Connection:
        if role not in self._connections:
            self._connections[role] = database.connect(role)
        return self._connections[role]


class _Stock:
    """Lets stock follow what was sold, on a connection that lives as long as it works."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connection: Connection | None = None

    def hear(self, _place: OutboxPlace, rows: Sequence[OutboxRow]) -> None:
        """Let it follow some batches."""
        try:
            if self._connection is None:
                self._connection = database.connect(COUNTER.role)
            with self._connection.transaction():
                stocking.bring(self._connection, positions_of(rows), now=self._clock.now())
        except BaseException:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise


def followers(clock: Clock) -> list[Follower]:
    """Return the house's followers, none of which has begun."""
    figures = _Figures(clock)
    return [
        Follower(
            following.FOLLOWER,
            connect=lambda: database.conninfo(COUNTER.role),
            hear=figures.hear,
            begin=figures.begin,
        ),
        Follower(stocking.FOLLOWER, connect=lambda: database.conninfo(COUNTER.role), hear=_Stock(clock).hear),
    ]
