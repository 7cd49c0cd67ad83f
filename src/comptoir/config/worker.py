"""The worker: one process that brings what was decided to other systems, and does what is due by the clock.

``python -m comptoir.config.worker``; ``comptoir serve`` runs it as a part of the house. A second worker may run beside
it: it stands by for each destination, and each job is done by one of them. SIGTERM ends it within seconds.

The relay has a lock for each destination, since it is one endless delivery in order. The jobs are procrastinate's,
which keeps in the database when what was last due. Not here: what is done (each package's ``jobs.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import procrastinate
import procrastinate.exceptions
import procrastinate.jobs
import psycopg

from comptoir.config import registry
from comptoir.counter.assembly import handlers_for
from comptoir.counter.loyalty import jobs as loyalty
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.sales import jobs as sales
from comptoir.foundation.events import jobs as events
from comptoir.foundation.events import store as events_store
from comptoir.foundation.events.destinations import Destination, load_destinations
from comptoir.foundation.events.errors import RelayInvalid
from comptoir.foundation.events.relay import Delivered, Relay
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK, Clock
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.commands import clear_expired_sessions, set_up_django
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import jobs as touchpoints
from comptoir.foundation.touchpoints import store as touchpoints_store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.freshness import Recorder, Stage

_log = logging.getLogger("comptoir.worker")

#: What a relayed result shows of a customer; a touchpoint that hears of results has to need it.
RELAYED: Final = "points.balance"
_AGAIN_SECONDS: Final = (0.5, 2.0, 5.0, 15.0)
_FLUSH_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 5.0
#: A destination whose table is taken away, by mistake or while a file is being written, keeps its place for so long.
_SETTLED_SECONDS: Final = 3_600.0
_RESCUE_SECONDS: Final = 30.0
_FAILED_JOBS_KEPT_HOURS: Final = 7 * 24
_LATE_SECONDS_MAX: Final = 3_600
_THREADS: Final = 2


def relay_path() -> Path:
    """Return where the destinations are declared: ``COMPTOIR_RELAY``, or ``relay.toml`` in the shop's folder."""
    return Path(os.environ.get("COMPTOIR_RELAY") or shop.folder() / "relay.toml")


def shop_destinations(path: Path | None = None, *, declared: TouchpointMap | None = None) -> list[Destination]:
    """Read the destinations and hold them against the map. Raises :class:`RelayInvalid` naming the field."""
    destinations = load_destinations(path or relay_path())
    for each in destinations:
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


class Jobs:
    """The house's jobs, as procrastinate runs them: each by one worker at a time, each on a connection of its own."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Declare the jobs; nothing is opened yet."""
        self._clock = clock
        self._stopping = threading.Event()
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=database.conninfo(COUNTER.role),
                min_size=1,
                max_size=4,
                timeout=10.0,
                kwargs={"application_name": "comptoir jobs"},
            ),
            periodic_defaults={"max_delay": _LATE_SECONDS_MAX},
        )
        # A month's end, a time zone's midnight: all lie on quarters of an hour. The cheap ones run oftener.
        self._add("loyalty.expire_points", "*/15 * * * *", self.expire_points)
        self._add("loyalty.void_overdue", "* * * * *", self.void_overdue)
        self._add("events.make_partitions", "3,33 * * * *", self.make_partitions)
        self._add("events.prune_outbox", "* * * * *", self.prune_outbox)
        self._add("touchpoints.judge_freshness", "* * * * *", self.judge_freshness)
        self._add("touchpoints.thin_counts", "11 * * * *", self.thin_counts)
        self._add("sales.report_waiting_returns", "20 4 * * *", self.report_waiting_returns)
        self._add("rooms.clear_expired_sessions", "41 * * * *", self.clear_expired_sessions)

    def stop(self) -> None:
        """Let running jobs end after their present portion."""
        self._stopping.set()

    def expire_points(self, connection: Connection) -> None:
        """Let points expire whose last day is over in the shop."""
        programmes = find_programmes(connection)
        if programmes is not None:
            loyalty.expire_points(
                connection,
                now=self._clock.now(),
                programmes=programmes,
                handlers=handlers_for(programmes),
                should_stop=self._stopping.is_set,
            )

    def void_overdue(self, connection: Connection) -> None:
        """Give back what was held too long."""
        programmes = find_programmes(connection)
        if programmes is not None:
            loyalty.void_overdue(
                connection,
                now=self._clock.now(),
                handlers=handlers_for(programmes),
                should_stop=self._stopping.is_set,
            )

    def make_partitions(self, connection: Connection) -> None:
        """Have the log's partitions three months ahead, and nothing outside of them."""
        events.make_partitions(connection, now=self._clock.now())
        events.check_rest(connection)

    def prune_outbox(self, connection: Connection) -> None:
        """Drop what every destination has passed."""
        events.prune_outbox(connection, now=self._clock.now())

    def judge_freshness(self, connection: Connection) -> None:
        """See whether the map's promises are kept."""
        try:
            declared = registry.shop_map()
        except (MapContradictsItself, OSError) as error:
            _log.warning("no promise can be judged: the map cannot be read (%s)", type(error).__name__)
            return
        touchpoints.judge_freshness(connection, declared=declared, now=self._clock.now())

    def thin_counts(self, connection: Connection) -> None:
        """Keep the counts of the map small."""
        touchpoints.thin_counts(connection, now=self._clock.now())

    def report_waiting_returns(self, connection: Connection) -> None:
        """Say which returns have waited too long."""
        sales.report_waiting_returns(connection, now=self._clock.now())

    def clear_expired_sessions(self, connection: Connection) -> None:  # noqa: ARG002 - it has its own, by room
        """Drop sessions that are over, as each room by itself."""
        set_up_django()
        from django.db import connections  # noqa: PLC0415 - most of the time the worker does without

        try:
            clear_expired_sessions(now=self._clock.now())
        finally:
            connections.close_all()

    async def run(self) -> None:
        """Do what is due, until cancelled. Begins anew when the database was away."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with self.app.open_async():
                    rescuing = asyncio.create_task(self._rescue(), name="rescue")
                    try:
                        failures = 0
                        await self.app.run_worker_async(
                            install_signal_handlers=False,
                            concurrency=_THREADS,
                            delete_jobs="successful",
                            shutdown_graceful_timeout=8.0,
                        )
                    finally:
                        rescuing.cancel()
                        await asyncio.gather(rescuing, return_exceptions=True)
            except (psycopg.Error, procrastinate.exceptions.ProcrastinateException, OSError) as error:
                _log.warning("jobs: the database is away (%s)", type(error).__name__)
            except Exception:  # noqa: BLE001 - the relay goes on, and the jobs are tried again
                _log.exception("jobs")
            failures += 1
            await asyncio.sleep(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS)) - 1])

    async def _rescue(self) -> None:
        """Free jobs whose worker was killed while it did them; they are due again. Forget old failed ones."""
        while True:
            try:
                for job in await self.app.job_manager.get_stalled_jobs():
                    await self._rescue_one(job)
                await self.app.job_manager.delete_old_jobs(nb_hours=_FAILED_JOBS_KEPT_HOURS, include_failed=True)
            except procrastinate.exceptions.ProcrastinateException as error:
                _log.warning("jobs: %s", type(error).__name__)
            await asyncio.sleep(_RESCUE_SECONDS)

    async def _rescue_one(self, job: procrastinate.jobs.Job) -> None:
        manager = self.app.job_manager
        _log.info("%s was broken off and is done again", job.task_name)
        try:
            await manager.retry_job(job)
        except (procrastinate.exceptions.UniqueViolation, procrastinate.exceptions.AlreadyEnqueued):
            # Its successor waits already and does the same; the lock must not be kept by somebody who is dead.
            await manager.finish_job(job, status=procrastinate.jobs.Status.FAILED, delete_job=True)

    def _add(self, name: str, cron: str, job: Callable[[Connection], None]) -> None:
        """Have a job done whenever a pattern of minutes, hours and days comes round, by one worker at a time."""

        @functools.wraps(job)
        def once(timestamp: int) -> None:  # noqa: ARG001 - when it was due; what is due is decided by the clock
            with database.connect(COUNTER.role) as connection:
                job(connection)

        task = self.app.task(name=name, queueing_lock=name, lock=name)(once)
        self.app.periodic(cron=cron)(task)


async def work(*, stop: asyncio.Event, clock: Clock = SYSTEM_CLOCK) -> None:
    """Relay and do jobs until ``stop`` is set."""
    recorder = Recorder()
    jobs = Jobs(clock=clock)
    tasks = [
        asyncio.create_task(jobs.run(), name="jobs"),
        asyncio.create_task(_flush(recorder), name="flush"),
    ]
    relaying = asyncio.create_task(_relay(stop, recorder, clock), name="relay")
    try:
        await stop.wait()
    finally:
        jobs.stop()
        await relaying
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _relay(stop: asyncio.Event, recorder: Recorder, clock: Clock) -> None:
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
    relay = Relay(destinations, connect=lambda: database.conninfo(COUNTER.role), clock=clock, delivered=measure)
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


async def _flush(recorder: Recorder) -> None:
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


async def _until_told() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    _log.info("at work")
    await work(stop=stop)
    _log.info("ended")


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    for library in ("procrastinate", "httpx", "httpcore", "nats", "psycopg.pool"):
        logging.getLogger(library).setLevel(logging.WARNING)
    with database.server():
        asyncio.run(_until_told())


if __name__ == "__main__":
    main()
