"""The gateway's parts, put together: what it decides by, its lanes, its upkeep, its way to read.

Not here: HTTP (``application.py``).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import threading
import uuid
from pathlib import Path
from typing import Final

import psycopg
from psycopg_pool import ConnectionPool

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS, handlers_for
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.customers.store import find_members
from comptoir.counter.loyalty import store as loyalty
from comptoir.counter.loyalty.commands import adopt_programme
from comptoir.counter.loyalty.programme import Programmes, read_programme
from comptoir.counter.loyalty.rules import Ledger
from comptoir.doors.gateway import limits
from comptoir.doors.gateway.intake import Intake, Rules
from comptoir.doors.gateway.metrics import Metrics
from comptoir.doors.gateway.reading import Reader
from comptoir.foundation.events.contracts import Balance
from comptoir.foundation.events.live import Hub
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK, Clock
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import store as touchpoints
from comptoir.foundation.touchpoints.compiling import CompiledMap, CompiledTouchpoint, compile_map
from comptoir.foundation.touchpoints.errors import KeyNotKnown, MapContradictsItself
from comptoir.foundation.touchpoints.freshness import Recorder
from comptoir.foundation.touchpoints.reading import load_map

_log = logging.getLogger(__name__)
_UPKEEP_SECONDS: Final = 1.0
_READERS_MAX: Final = 4


def map_path() -> Path:
    """Return where the shop's map lies: ``COMPTOIR_MAP``, or ``touchpoints.toml`` in the shop's folder."""
    return Path(os.environ.get("COMPTOIR_MAP") or shop.folder() / "touchpoints.toml")


def programme_path() -> Path:
    """Return where the shop's programme lies: ``COMPTOIR_PROGRAMME``, or ``programme.toml`` in the shop's folder."""
    return Path(os.environ.get("COMPTOIR_PROGRAMME") or shop.folder() / "programme.toml")


class Service:
    """One gateway. :meth:`start` raises what keeps it from serving: no map, a map with faults, no database."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Prepare; nothing is opened yet."""
        self._clock = clock
        self._identifier_key = shop.secret("identifiers")
        self.hub = Hub(lambda: database.conninfo(COUNTER.role), subscribers_max=limits.STREAMS_MAX)
        self.recorder = Recorder()
        self.metrics = Metrics(waiting=lambda: self.intake.waiting, streams=lambda: self.hub.subscribers)
        self.intake = Intake(
            connect=lambda: database.connect_lane(COUNTER.role),
            rules=lambda: self._rules,
            hub=self.hub,
            recorder=self.recorder,
            metrics=self.metrics,
            clock=clock,
        )
        self._closing = threading.Event()
        self._upkeep = threading.Thread(target=self._keep_up, name="upkeep", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the map, the programme and the keys, and open for business."""
        self._map_stamp = _stamp(map_path())
        self.map = self._read_map()
        with database.connect(COUNTER.role) as connection:
            path = programme_path()
            if path.exists():
                programme = read_programme(path.read_text())
                self._programmes = adopt_programme(connection, programme=programme, now=self._clock.now())
            else:
                found = loyalty.find_programmes(connection)
                if found is None:
                    raise RuntimeError(f"there is no programme yet: write {path}")
                self._programmes = found
            self.keys = touchpoints.load_keys(connection)
        self._make_rules()
        self._pool = ConnectionPool(
            database.conninfo(COUNTER.role),
            min_size=1,
            max_size=_READERS_MAX,
            kwargs={"autocommit": True, "application_name": "comptoir gateway reads"},
            timeout=5,
            open=True,
        )
        self.intake.start(loop)
        self._upkeep.start()

    async def stop(self) -> None:
        """Finish what waits, write the last figures, close everything."""
        await asyncio.to_thread(self.intake.stop)
        self._closing.set()
        await asyncio.to_thread(self._upkeep.join, 5)
        await self.hub.stop()
        await asyncio.to_thread(self._pool.close)

    def touchpoint_of(self, key: str) -> CompiledTouchpoint:
        """Return the touchpoint that a key belongs to; ``KeyNotKnown`` for any other text."""
        name = self.keys.touchpoint_of(key)
        try:
            return self.map.touchpoint(name)
        except KeyError:
            raise KeyNotKnown("The map has no such touchpoint any more.") from None

    @property
    def currency(self) -> str:
        """The currency the shop sells in."""
        return self._programmes.currency

    def identify(self, kind: str, value: str) -> uuid.UUID:
        """Return the opaque id of an identifier."""
        return customer_id(self._identifier_key, kind, value)

    def members(self, customer: uuid.UUID) -> tuple[uuid.UUID, ...]:
        """Return all customers that are one person with this one. Blocks; asked in a thread."""
        with self._pool.connection() as connection:
            return find_members(connection, [customer]).get(customer, (customer,))

    def balance(self, members: tuple[uuid.UUID, ...]) -> tuple[Balance, uuid.UUID | None, bool]:
        """Return a person's balance, the last position that it knows of, and whether anybody of it has accounts."""
        with self._pool.connection() as connection:
            accounts = loyalty.find_accounts(connection, members)
        last = max((each.last_position for each in accounts.values() if each.last_position), default=None)
        return Balance(*Ledger(accounts).balance(members)), last, bool(accounts)

    def history(
        self, members: tuple[uuid.UUID, ...], *, before: tuple[dt.datetime, uuid.UUID], limit: int
    ) -> list[loyalty.HistoryRow]:
        """Return what every event did for a person's points, the latest first."""
        with self._pool.connection() as connection:
            return loyalty.find_history(connection, members, before=before, limit=limit)

    def is_healthy(self) -> bool:
        """Tell whether the database answers."""
        try:
            with self._pool.connection(timeout=1) as connection:
                connection.execute("select 1")
        except psycopg.Error:
            return False
        return True

    def _make_rules(self) -> None:
        self._rules = Rules(Reader(self.map, key=self._identifier_key), handlers_for(self._programmes))

    def _read_map(self) -> CompiledMap:
        return compile_map(load_map(map_path(), types=EVENT_TYPES, products=PRODUCTS))

    def _keep_up(self) -> None:
        """Each second: write the figures, see whether keys, map or programme have changed."""
        connection: psycopg.Connection | None = None
        is_last = False
        while not is_last:
            is_last = self._closing.wait(_UPKEEP_SECONDS)
            taken = self.recorder.take()
            try:
                if connection is None or connection.closed:
                    connection = database.connect(COUNTER.role)
                if not taken.is_empty:
                    touchpoints.flush(connection, taken)
                self._look_for_changes(connection)
            except psycopg.Error as error:
                self.recorder.give_back(taken)
                _log.warning("upkeep: %s", type(error).__name__)
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _look_for_changes(self, connection: psycopg.Connection) -> None:
        if touchpoints.keys_version(connection) != self.keys.version:
            self.keys = touchpoints.load_keys(connection)
        programmes = loyalty.find_programmes(connection)
        is_changed = programmes is not None and len(programmes.versions) != len(self._programmes.versions)
        if is_changed:
            assert programmes is not None
            self._programmes: Programmes = programmes
        stamp = _stamp(map_path())
        if stamp != self._map_stamp:
            self._map_stamp = stamp
            try:
                self.map = self._read_map()
                is_changed = True
            except (MapContradictsItself, OSError):
                _log.exception("the changed map has faults; the one before stays in force")
        if is_changed:
            self._make_rules()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
