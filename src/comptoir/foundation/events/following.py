"""A follower: hears of every committed batch behind the gateway, in order, at least once, and never in its way.

What it does with a batch has to be the same when it is done twice; its place is written down afterwards. One of a name
at a time: another one stands by. Not here: what is done (each package's own), other systems (``relay.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import psycopg

from comptoir.foundation.events import store
from comptoir.foundation.events.store import CHANNEL, OutboxPlace, OutboxRow
from comptoir.foundation.kernel.ids import Id

_log = logging.getLogger(__name__)

#: What the names of followers begin with, so that no declared destination can have one.
HOUSE: Final = "house."
_ROWS_MAX: Final = 200
#: How often one looks without having been woken: soon at first, since a row may wait for an older transaction.
_LOOK_SECONDS: Final = (0.02, 0.1, 0.5, 1.0)
_STANDBY_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = (0.2, 1.0, 5.0, 15.0)


class Follower:
    """Follows the log under a name until it is told to stop."""

    def __init__(
        self,
        name: str,
        *,
        connect: Callable[[], str],
        hear: Callable[[OutboxPlace, Sequence[OutboxRow]], None],
        begin: Callable[[OutboxPlace], None] = lambda _place: None,
    ) -> None:
        """``hear`` is called in a thread with the place before some batches and these; ``begin`` once before the first.

        Both may be called again with the same after a crash.
        """
        assert name.startswith(HOUSE)
        self._name = name
        self._conninfo = connect
        self._hear = hear
        self._begin = begin
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End after the present portion; called inside the running loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Follow until :meth:`stop`; begin anew whenever the database was away, or something failed."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo(), autocommit=True, application_name=f"comptoir {self._name}"
                ) as connection:
                    while not await store.lock_destination(connection, self._name):
                        await self._wait(_STANDBY_SECONDS)
                        if self._stopping.is_set():
                            return
                    failures = await self._follow(connection, failures)
            except (psycopg.Error, OSError) as error:
                _log.warning("%s: the database is away (%s)", self._name, type(error).__name__)
            except Exception:  # noqa: BLE001 - the other tasks of the worker go on
                _log.exception("%s", self._name)
            failures += 1
            await self._wait(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS)) - 1])

    async def _follow(self, connection: psycopg.AsyncConnection, failures: int) -> int:
        await store.adopt_restored(connection)
        place = await store.register_destination(connection, self._name)
        await asyncio.to_thread(self._begin, place)
        await connection.execute(f"listen {CHANNEL}")
        looks = 0
        while not self._stopping.is_set():
            rows = await store.read_outbox(connection, place, limit=_ROWS_MAX)
            if rows:
                await asyncio.to_thread(self._hear, place, rows)
                place = rows[-1].place
                await store.advance_destination(connection, self._name, place, delivered_at=None)
                looks = failures = 0
                continue
            async for _ in connection.notifies(timeout=_LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)], stop_after=1):
                looks = -1
            looks += 1
        return failures

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)


def positions_of(rows: Sequence[OutboxRow]) -> list[Id]:
    """Return the places in the log that some batches fill."""
    return [str(position) for row in rows for position in row.positions]
