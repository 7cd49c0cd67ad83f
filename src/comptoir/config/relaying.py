"""The worker's relay: the destinations that a shop declares, told in order, and how fast that was.

What is declared wrongly is said in the log, and what was in force stays in force. Not here: the relay itself
(``foundation/events/relay.py``), the jobs (``worker.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import psycopg

from comptoir.config import registry
from comptoir.counter.customers.contracts import CHANNELS
from comptoir.counter.customers.purposes import PERMITS, PURPOSES, WITHHELD
from comptoir.foundation.events import store as events_store
from comptoir.foundation.events.destinations import Destination, load_destinations
from comptoir.foundation.events.errors import RelayInvalid
from comptoir.foundation.events.relay import Delivered, Relay
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import Clock
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import store as touchpoints_store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.freshness import Recorder, Stage

_log = logging.getLogger("comptoir.worker")

#: What a relayed result shows of a customer; a touchpoint that hears of results has to need it.
RELAYED: Final = "points.balance"
_FLUSH_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 5.0
#: A destination whose table is taken away, by mistake or while a file is being written, keeps its place for so long.
_SETTLED_SECONDS: Final = 3_600.0


def relay_path() -> Path:
    """Return where the destinations are declared: ``COMPTOIR_RELAY``, or ``relay.toml`` in the shop's folder."""
    return Path(os.environ.get("COMPTOIR_RELAY") or shop.folder() / "relay.toml")


def shop_destinations(path: Path | None = None, *, declared: TouchpointMap | None = None) -> list[Destination]:
    """Read the destinations and hold them against the map. Raises :class:`RelayInvalid` naming the field."""
    destinations = load_destinations(path or relay_path())
    for each in destinations:
        _check_purpose(each)
        if each.touchpoint is None:
            continue
        field = f"destination.{each.name}.touchpoint"
        try:
            touchpoint = (declared or registry.shop_map()).touchpoint(each.touchpoint)
        except KeyError:
            raise RelayInvalid(f"The map has no touchpoint {each.touchpoint}.", field=field) from None
        if RELAYED not in {need.data for need in touchpoint.needs}:
            raise RelayInvalid(f"It does not need {RELAYED} in the map, so it must not get it.", field=field)
    return destinations


def _check_purpose(destination: Destination) -> None:
    """Refuse a purpose or a channel that no customer could have been asked about."""
    for name, value, known in (
        ("purpose", destination.purpose, PURPOSES),
        ("channel", destination.channel, CHANNELS),
    ):
        if value is not None and value not in known:
            raise RelayInvalid(f"One of: {', '.join(known)}.", field=f"destination.{destination.name}.{name}")


async def relay(stop: asyncio.Event, recorder: Recorder, clock: Clock) -> None:
    """Have a relay at work for the destinations that are declared; a new one whenever that changes.

    What is declared wrongly is said in the log, and what was in force stays in force: the jobs go on, and nothing
    that waits for a destination is dropped.
    """
    declared: list[Destination] | None = None
    since, is_settled, told = 0.0, False, ""
    async with contextlib.AsyncExitStack() as running:
        while not stop.is_set():
            try:
                fresh = await asyncio.to_thread(shop_destinations)
            except (RelayInvalid, MapContradictsItself, OSError) as error:
                fault = _fault(error)
                if fault != told:
                    _log.error("%s", fault)
                told = fault
            else:
                told = ""
                if fresh != declared:
                    await running.aclose()
                    declared, since, is_settled = fresh, time.monotonic(), False
                    await running.enter_async_context(_relaying(fresh, recorder, clock))
                elif not is_settled and time.monotonic() - since > _SETTLED_SECONDS:
                    is_settled = await _forget_others(fresh)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=_LOOK_SECONDS)


@contextlib.asynccontextmanager
async def _relaying(destinations: list[Destination], recorder: Recorder, clock: Clock) -> AsyncIterator[None]:
    def measure(delivered: Delivered) -> None:
        touchpoint = delivered.destination.touchpoint
        if touchpoint is not None:
            for committed_at, count in delivered.batches:
                if count:
                    recorder.record(
                        touchpoint,
                        RELAYED,
                        Stage.VISIBLE,
                        delay_seconds=(delivered.at - committed_at).total_seconds(),
                        at=delivered.at.timestamp(),
                        count=count,
                    )

    if destinations:
        _log.info("relaying to %s", ", ".join(each.name for each in destinations))
    relay = Relay(
        destinations, connect=lambda: database.conninfo(COUNTER.role), clock=clock, delivered=measure,
        permits=PERMITS, withheld=WITHHELD,
    )  # fmt: skip
    task = asyncio.create_task(relay.run(), name="relay")
    try:
        yield
    finally:
        relay.stop()
        await task


async def _forget_others(declared: list[Destination]) -> bool:
    """Keep nothing any more for destinations that are declared no longer; ``False`` if the database is away."""

    def forget() -> list[str]:
        with database.connect(COUNTER.role) as connection:
            return events_store.forget_destinations(connection, declared=[each.name for each in declared])

    try:
        for name in await asyncio.to_thread(forget):
            _log.info("%s is declared no more; nothing is kept for it", name)
    except psycopg.Error as error:
        _log.warning("relay: the database is away (%s)", type(error).__name__)
        return False
    return True


def _fault(error: RelayInvalid | MapContradictsItself | OSError) -> str:
    if isinstance(error, RelayInvalid):
        return f"{relay_path().name}, {error.field or 'the file'}: {error.detail}"
    return f"the map cannot be read ({type(error).__name__}); nobody new is told anything"


async def flush(recorder: Recorder) -> None:
    """Write what was measured, about once a second, and a last time at the end."""
    is_last = False
    while not is_last:
        try:
            await asyncio.sleep(_FLUSH_SECONDS)
        except asyncio.CancelledError:
            is_last = True
        taken = recorder.take()
        if not taken.is_empty:
            try:
                await asyncio.to_thread(_write, taken)
            except psycopg.Error as error:
                recorder.give_back(taken)
                _log.warning("measures could not be written: %s", type(error).__name__)


def _write(taken: object) -> None:
    with database.connect(COUNTER.role) as connection:
        touchpoints_store.flush(connection, taken)  # type: ignore[arg-type]
