"""The relay: brings what was decided from the outbox to other systems, in order, at least once.

Each destination has a loop and a database connection of its own, so that one that fails delays nobody else. A row of
the outbox waits until no transaction before it can still commit, so that none is skipped; how far a destination has
got is written down after it has acknowledged, so a crash in between repeats and never loses. Receivers recognise a
repeat by the event's id. Not here: what a destination is (``destinations.py``), how it is sent (``webhooks.py``,
``broker.py``), when the outbox is emptied (``jobs.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec
import psycopg

from comptoir.foundation.events import store
from comptoir.foundation.events.broker import NatsSender
from comptoir.foundation.events.contracts import Outcome
from comptoir.foundation.events.destinations import (
    DECIDED,
    DeliveryFailed,
    Destination,
    Message,
    Result,
    ResultEvent,
    Sender,
)
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.events.store import CHANNEL, OutboxRow
from comptoir.foundation.events.webhooks import WebhookSender
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK, Clock

_log = logging.getLogger(__name__)

#: What one message holds at most, unless a single batch is larger: batches are never cut.
EVENTS_MAX: Final = 1_000
_ROWS_MAX: Final = 200
#: How often one looks without having been woken: soon at first, since a row may wait for an older transaction.
_LOOK_SECONDS: Final = (0.01, 0.05, 0.2, 1.0)
_STANDBY_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = (0.2, 1.0, 2.0, 5.0)
_END_SECONDS_MAX: Final = 6.0
_FAILURES_TOLD: Final = 3
#: The outermost bound of one attempt; senders have their own, shorter ones.
_SEND_SECONDS_MAX: Final = 20.0
_outcome = msgspec.json.Decoder(Outcome)


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait after a failure: doubled each time from ``first_seconds``, until ``seconds_max``."""

    first_seconds: float = 0.5
    seconds_max: float = 300.0

    def seconds(self, failures: int, *, chance: float) -> float:
        """Return the wait after so many failures; ``chance`` (0 to 1) spreads it over the upper half."""
        whole = min(self.seconds_max, self.first_seconds * 2.0 ** min(failures - 1, 30))
        return whole * (0.5 + 0.5 * chance)


class Delivered(msgspec.Struct, frozen=True):
    """What a destination has acknowledged: for each batch when it was committed and how many events it brought."""

    destination: Destination
    batches: tuple[tuple[dt.datetime, int], ...]
    at: dt.datetime


def sender_for(destination: Destination, *, clock: Clock) -> Sender:
    """Return what brings messages to a destination."""
    if destination.kind == "nats":
        return NatsSender(destination)
    return WebhookSender(destination, clock=clock)


class Relay:
    """Serves destinations until it is told to stop. Another relay beside it stands by, destination by destination."""

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        connect: Callable[[], str],
        clock: Clock = SYSTEM_CLOCK,
        backoff: Backoff | None = None,
        delivered: Callable[[Delivered], None] = lambda _delivered: None,
        permits: str = "",
        withheld: Collection[str] = (),
    ) -> None:
        """``connect`` returns how to connect; ``delivered`` is called after each acknowledged message.

        ``permits`` names the database's function (customer, purpose, channel) that says whether a customer allows a
        destination's purpose. Types in ``withheld`` leave the house for nobody.
        """
        self._destinations = tuple(destinations)
        self._permits = permits
        self._withheld = frozenset(withheld)
        assert permits or not any(each.purpose for each in destinations), "nobody could say who allows the purpose"
        self._conninfo = connect
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._delivered = delivered
        self._wakes = {destination.name: asyncio.Event() for destination in destinations}
        self._stopping = asyncio.Event()
        self._chance = random.Random()  # noqa: S311 - it spreads waits, and guards nothing

    async def run(self) -> None:
        """Serve every destination until :meth:`stop`; what is on its way then may still arrive."""
        if not self._destinations:
            await self._stopping.wait()
            return
        listening = asyncio.create_task(self._listen(), name="relay listens")
        serving = [asyncio.create_task(self._serve(each), name=f"relay {each.name}") for each in self._destinations]
        try:
            await self._stopping.wait()
            await asyncio.wait(serving, timeout=_END_SECONDS_MAX)
        finally:
            tasks = [listening, *serving]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """End soon; called inside the running loop."""
        self._stopping.set()
        for wake in self._wakes.values():
            wake.set()

    async def _listen(self) -> None:
        """Wake the loops when something was committed; they look by themselves while nobody listens."""
        failures = 0
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                async with await self._connect("comptoir relay listens") as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    failures = 0
                    async for _ in connection.notifies():
                        for wake in self._wakes.values():
                            wake.set()
            failures += 1
            await asyncio.sleep(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS)) - 1])

    async def _serve(self, destination: Destination) -> None:
        """Serve one destination as long as this relay has its lock; begin anew whenever the database was away."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with await self._connect(f"comptoir relay {destination.name}") as connection:
                    if not await self._take(connection, destination):
                        return
                    failures = 0
                    await self._deliver(connection, destination)
            except (psycopg.Error, OSError) as error:
                _log.warning("relay to %s: the database is away (%s)", destination.name, type(error).__name__)
            except Exception:  # noqa: BLE001 - one destination's fault must not end the others
                _log.exception("relay to %s", destination.name)
            failures += 1
            await self._wait(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS)) - 1])

    async def _take(self, connection: psycopg.AsyncConnection, destination: Destination) -> bool:
        """Wait until no other relay serves the destination; ``False`` if this one is to stop first."""
        is_told = False
        while not await store.lock_destination(connection, destination.name):
            if not is_told:
                _log.info("relay to %s: another one serves it, this one stands by", destination.name)
                is_told = True
            await self._wait(_STANDBY_SECONDS)
            if self._stopping.is_set():
                return False
        return True

    async def _deliver(self, connection: psycopg.AsyncConnection, destination: Destination) -> None:
        if restored := await store.adopt_restored(connection):
            _log.warning("relay: %d rows came from another server and are told once more", restored)
        place = await store.register_destination(connection, destination.name)
        wake = self._wakes[destination.name]
        sender = sender_for(destination, clock=self._clock)
        looks = 0
        try:
            while not self._stopping.is_set():
                wake.clear()
                rows = _whole_batches(await store.read_outbox(connection, place, limit=_ROWS_MAX))
                if rows:
                    delivered_at = await self._deliver_rows(connection, destination, sender, rows)
                    if self._stopping.is_set() and delivered_at is None:
                        return
                    place = rows[-1].place
                    looks = 0
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), timeout=_LOOK_SECONDS[min(looks, len(_LOOK_SECONDS) - 1)])
                looks = 0 if wake.is_set() else looks + 1
        finally:
            await sender.close()

    async def _deliver_rows(
        self, connection: psycopg.AsyncConnection, destination: Destination, sender: Sender, rows: list[OutboxRow]
    ) -> dt.datetime | None:
        """Bring some batches to a destination and note it; returns when, or ``None`` if nothing was to be sent.

        Also ``None`` if the relay was told to stop before the destination acknowledged; then nothing is noted.
        """
        events, batches, held_back = await self._read(connection, destination, rows)
        at = None
        if events:
            if not await self._send(connection, destination, sender, Message.of(events)):
                return None
            at = self._clock.now()
        await store.advance_destination(
            connection, destination.name, rows[-1].place, delivered_at=at, held_back=held_back
        )
        if at is not None:
            self._delivered(Delivered(destination, batches, at))
        return at

    async def _read(
        self, connection: psycopg.AsyncConnection, destination: Destination, rows: list[OutboxRow]
    ) -> tuple[list[ResultEvent], tuple[tuple[dt.datetime, int], ...], int]:
        positions = [position for row in rows for position in row.positions]
        held_back: dict[str, int] = {}
        if destination.purpose is None or destination.channel is None:
            results = await store.read_results(connection, positions)
        else:
            results, held_back = await store.read_permitted_results(
                connection, positions, permits=self._permits, purpose=destination.purpose, channel=destination.channel
            )
        events: list[ResultEvent] = []
        batches = []
        for row in rows:
            before = len(events)
            for position in row.positions:
                result = results.get(position)
                if result is not None and self._tells(destination, result.type):
                    events.append(_event(result))
            batches.append((row.created_at, len(events) - before))
        # Two batches that met at one customer were decided in the order of their positions, not of their transactions.
        events.sort(key=lambda event: event.id)
        kept = sum(count for event_type, count in held_back.items() if self._tells(destination, event_type))
        return events, tuple(batches), kept

    def _tells(self, destination: Destination, event_type: str) -> bool:
        return event_type not in self._withheld and destination.wants(event_type)

    async def _send(
        self, connection: psycopg.AsyncConnection, destination: Destination, sender: Sender, message: Message
    ) -> bool:
        """Send a message until it is acknowledged; ``False`` if the relay is to stop before that."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(_SEND_SECONDS_MAX):
                    await sender.send(message)
            except TimeoutError:
                failure = DeliveryFailed("no answer in time")
            except DeliveryFailed as error:
                failure = error
            else:
                if failures >= _FAILURES_TOLD:
                    _log.info("relay to %s: it answers again", destination.name)
                return True
            failures += 1
            if failures == _FAILURES_TOLD:
                _log.warning("relay to %s: %s; it is tried again until it works", destination.name, failure)
            await store.note_failure(connection, destination.name, failure=str(failure), at=self._clock.now())
            wait = self._backoff.seconds(failures, chance=self._chance.random())
            await self._wait(max(wait, failure.after_seconds or 0.0))
            if self._stopping.is_set():
                return False
            # Whoever has lost the database has lost the lock, and somebody else may be sending already.
            await connection.execute("select")

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)

    async def _connect(self, name: str) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(self._conninfo(), autocommit=True, application_name=name)


def _whole_batches(rows: list[OutboxRow]) -> list[OutboxRow]:
    """Return the first rows that together make one message: whole batches, at least one."""
    taken: list[OutboxRow] = []
    events = 0
    for row in rows:
        events += len(row.positions)
        if taken and events > EVENTS_MAX:
            break
        taken.append(row)
    return taken


def _event(row: store.ResultRow) -> ResultEvent:
    answered = _outcome.decode(row.outcome)
    return ResultEvent(
        id=row.position,
        type=row.type + DECIDED,
        time=row.occurred_at.astimezone(dt.UTC),
        data=Result(
            source=row.source,
            id=row.id,
            touchpoint=row.touchpoint,
            # Somebody who was forgotten since is nobody; a random id in the place of theirs is for this house alone.
            customer=None if row.customer is None or is_severed(str(row.customer)) else row.customer,
            points=answered.points,
            balance=answered.balance,
            waiting=answered.waiting,
        ),
    )
