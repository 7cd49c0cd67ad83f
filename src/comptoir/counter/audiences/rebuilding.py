"""Deriving lines, acts and figures from the log, by way of the sales and returns that are derived before them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from comptoir.counter.audiences import following, store
from comptoir.counter.audiences.rules import is_act
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.foundation.events.rebuilding import Logged, read_log
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id

_PORTION = 10_000


class AudiencesDeriver:
    """Notes where something stands, and writes it once everything else is derived."""

    tables = ("audiences_line", "audiences_act", "audiences_figures")

    def __init__(self) -> None:
        """Start with nothing."""
        self._sales: list[Id] = []
        self._acts: list[Id] = []
        self._first: dict[Id, dt.datetime] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - nothing is written yet
        """Note what concerns somebody."""
        for event in events:
            if event.customer is None or not event.is_accepted or is_severed(event.customer):
                continue
            if event.type == SALE_CLOSED:
                self._sales.append(event.position)
            elif is_act(event.type):
                self._acts.append(event.position)
            known = self._first.get(event.customer)
            if known is None or event.occurred_at < known:
                self._first[event.customer] = event.occurred_at

    def finish(self, connection: Connection) -> None:
        """Write everything."""
        time_zone = following.time_zone_of(connection)
        for start in range(0, len(self._sales), _PORTION):
            store.insert_lines(connection, self._sales[start : start + _PORTION], time_zone=time_zone)
        for start in range(0, len(self._acts), _PORTION):
            store.insert_acts(connection, self._acts[start : start + _PORTION], time_zone=time_zone)
        since = following.first_days(self._first.items(), time_zone)
        following.refresh_all(connection, since=since, now=SYSTEM_CLOCK.now())


def begin(connection: Connection, reader: Connection) -> bool:
    """Make everything from the log, if nothing was ever made; tells whether it was. ``reader`` is in a transaction.

    For the first start in a shop that has a log already.
    """
    store.lock_following(connection)
    if not store.is_unmade(connection):
        return False
    derive(connection, reader)
    return True


def derive(connection: Connection, reader: Connection) -> None:
    """Make everything from the log, where there is nothing."""
    deriver = AudiencesDeriver()
    for events in read_log(reader):
        deriver.take(connection, events)
    deriver.finish(connection)
