"""Deriving the figures' rows from the log, by way of the posts that are derived before them."""

from __future__ import annotations

from collections.abc import Sequence

from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.health import store


class HealthDeriver:
    """Counts every thread, once all its posts are there."""

    tables = ("health_counted", "health_day", "health_person", "health_personweek")

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Nothing is counted before the end."""

    def finish(self, connection: Connection) -> None:
        """Count everything."""
        store.count_all(connection)
