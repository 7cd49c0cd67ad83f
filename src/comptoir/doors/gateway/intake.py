"""The intake: requests wait here for a moment, and whole groups of them become one transaction.

A *lane* is a task with a connection of its own. While it commits, requests gather; when it is free, it takes all
that wait, up to a limit, so that one lonely request never waits for company, and a crowd shares its commits. Lanes
run in the gateway's event loop: while one waits for the database, the loop reads requests, or another lane decides.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import psycopg

from comptoir.doors.gateway import limits
from comptoir.doors.gateway.errors import Busy, DatabaseAway, Unexpected
from comptoir.doors.gateway.metrics import Metrics
from comptoir.doors.gateway.pace import MISSED, Attempts
from comptoir.doors.gateway.reading import Reader, Refused
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, Batch, HandlerMaker, Outcome
from comptoir.foundation.events.live import Hub
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.clock import Clock
from comptoir.foundation.kernel.connection import Connection, run_switching
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.compiling import CompiledTouchpoint
from comptoir.foundation.touchpoints.freshness import Recorder, Stage

_log = logging.getLogger(__name__)
_SWEEP_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)


class Rules(msgspec.Struct, frozen=True):
    """What a lane decides by: read anew when the map or the programme changes."""

    reader: Reader
    handlers: HandlerMaker


class Request(msgspec.Struct, gc=False):
    """A request that waits. ``done`` gets the :class:`Answer`, or the :class:`Problem` that concerns all of it."""

    body: bytes
    touchpoint: CompiledTouchpoint
    is_batch: bool
    binary_headers: Mapping[str, str] | None
    done: asyncio.Future[Answer]
    attempts: Attempts
    since: float = 0.0
    received: float = 0.0
    #: What was read from the body, once it was read; a problem concerns all of it.
    content: list[Arrival | Refused] | Problem | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """What became of one event: the bytes of its outcome, the refusal if there was one, whether it was a repeat."""

    outcome: bytes
    problem_name: str | None
    status: int
    is_repeated: bool


Answer = Sequence[Item] | Problem


class _Lane(msgspec.Struct):
    """One of the ways into the database: its connection, and how it went lately."""

    connection: Connection | None = None
    backend_pid: int = 0
    failures: int = 0
    #: Repeats come in crowds: after one, look for more; after none, let the keys find them.
    has_repeats: bool = True


class Intake:
    """Gathers requests and commits them in lanes. Everything runs in one event loop, which goes on while lanes wait."""

    def __init__(
        self,
        *,
        connect: Callable[[], Connection],
        rules: Callable[[], Rules],
        hub: Hub,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
        lanes: int = 2,
    ) -> None:
        """``connect`` opens a connection as the counter's role; ``rules`` returns the present ones."""
        self._connect = connect
        self._rules = rules
        self._hub = hub
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._lanes_count = lanes
        self._waiting: collections.deque[Request] = collections.deque()
        self._waiting_bytes = 0
        self._idle: collections.deque[asyncio.Future[None]] = collections.deque()
        self._is_closing = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the lanes; called inside the loop."""
        self._loop = loop
        self._tasks = [loop.create_task(self._run_lane(_Lane())) for _ in range(self._lanes_count)]
        loop.call_later(_SWEEP_SECONDS, self._sweep)

    async def stop(self, *, seconds_max: float = 10.0) -> None:
        """Let the lanes finish what waits, then close them."""
        self._is_closing = True
        while self._idle:
            self._wake()
        await asyncio.wait(self._tasks, timeout=seconds_max)

    async def take(self, request: Request) -> None:
        """Read a request and let it wait for its batch.

        Raises :class:`Busy` if too much waits already, or the :class:`Problem` that concerns all of it.
        """
        self._check_room(request)
        # While a lane waits for the database there is time to read. What was read is larger than what was sent, so
        # of a long queue only the beginning is read beforehand.
        if self._waiting_bytes < limits.READ_AHEAD_BYTES_MAX:
            await self._read(request)
            if isinstance(request.content, Problem):
                raise request.content
            self._check_room(request)
        request.since = time.monotonic()
        self._waiting.append(request)
        self._waiting_bytes += len(request.body)
        self._wake()

    def _check_room(self, request: Request) -> None:
        if (
            len(self._waiting) >= limits.WAITING_REQUESTS_MAX
            or self._waiting_bytes + len(request.body) > limits.WAITING_BYTES_MAX
            or self._is_closing
        ):
            raise Busy

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def _sweep(self) -> None:
        """Send away who waits in vain, as when the database hangs. What a lane has taken already is not touched."""
        late: list[Request] = []
        earliest = time.monotonic() - limits.WAITING_SECONDS_MAX
        while self._waiting and self._waiting[0].since < earliest:
            request = self._waiting.popleft()
            self._waiting_bytes -= len(request.body)
            late.append(request)
        _resolve(late, [Busy()] * len(late))
        self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _wake(self) -> None:
        """Set a free lane to work, if there is one."""
        if self._idle:
            idle = self._idle.popleft()
            if not idle.done():
                idle.set_result(None)

    async def _gather(self) -> list[Request]:
        """Wait until there is something, then take what fits into one transaction."""
        while not self._waiting:
            if self._is_closing:
                return []
            idle = self._loop.create_future()
            self._idle.append(idle)
            await idle
        group: list[Request] = []
        size = 0
        while self._waiting and len(group) < limits.COMMIT_EVENTS_MAX:
            length = len(self._waiting[0].body)
            if group and size + length > limits.COMMIT_BYTES_MAX:
                break
            group.append(self._waiting.popleft())
            size += length
        self._waiting_bytes -= size
        return group

    async def _run_lane(self, lane: _Lane) -> None:
        while group := await self._gather():
            try:
                answers: Sequence[Answer] = await self._answer(lane, group)
                lane.failures = 0
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                # The commit may or may not have happened; the sender repeats, and the identity tells.
                _log.warning("the database is away: %s", type(error).__name__)
                self._close(lane)
                answers = [DatabaseAway() for _ in group]
                await asyncio.sleep(_RECONNECT_SECONDS[min(lane.failures, len(_RECONNECT_SECONDS) - 1)])
                lane.failures += 1
            except Exception:  # noqa: BLE001 - a lane must not die; the sender gets a problem, the log the reason
                _log.exception("a batch failed")
                self._close(lane)
                answers = [Unexpected() for _ in group]
            _resolve(group, answers)
        self._close(lane)

    async def _answer(self, lane: _Lane, group: Sequence[Request]) -> Sequence[Answer]:
        for request in group:
            if request.content is None:
                await self._read(request)
        is_stale = lane.connection is not None
        try:
            if lane.connection is None:
                await self._open(lane)
            assert lane.connection is not None
            return await run_switching(self._handle, lane, lane.connection, group)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not is_stale or isinstance(error, psycopg.errors.QueryCanceled):
                raise
            # The server was away since the last batch, or went in the midst of this one. Whatever was
            # committed is recognised, so the same may be tried again.
            self._close(lane)
            for one in _arrivals(group):
                one.reset()
            # If it was committed after all, those who watch here have not heard of it.
            self._hub.lost()
            await self._open(lane)
            assert lane.connection is not None
            return await run_switching(self._handle, lane, lane.connection, group)

    async def _open(self, lane: _Lane) -> None:
        lane.connection = connection = await asyncio.to_thread(self._connect)
        # In a thread, too: a server that hangs must not hold up the loop.
        await asyncio.to_thread(
            connection.execute, f"set statement_timeout = {limits.STATEMENT_SECONDS_MAX * 1000:.0f}"
        )
        lane.backend_pid = connection.info.backend_pid
        self._hub.skip(lane.backend_pid)

    def _close(self, lane: _Lane) -> None:
        if lane.connection is not None:
            self._hub.heed(lane.backend_pid)
            lane.connection.close()
            lane.connection = None

    def _handle(self, lane: _Lane, connection: Connection, group: Sequence[Request]) -> list[Answer]:
        """Record and answer a group of requests. Runs switching: it waits for the database, the loop does not."""
        started = time.perf_counter()
        arrivals = _arrivals(group)
        if arrivals:
            self._record(lane, connection, arrivals, self._rules().handlers)
        self._metrics.took(
            sum(len(each.content) for each in group if isinstance(each.content, list)), time.perf_counter() - started
        )
        now = self._clock.now().timestamp()
        answers: list[Answer] = []
        for request in group:
            content = request.content
            assert content is not None
            if isinstance(content, Problem):
                answers.append(content)
            else:
                self._note(request, content, now)
                answers.append([_item(one) for one in content])
        return answers

    async def _read(self, request: Request) -> None:
        """Read a request's body; a large one aside, so that nobody waits for it."""
        if len(request.body) > limits.READ_AT_ONCE_BYTES_MAX:
            await asyncio.to_thread(self._read_at_once, request)
        else:
            self._read_at_once(request)

    def _read_at_once(self, request: Request) -> None:
        reader, touchpoint, attempts = self._rules().reader, request.touchpoint, request.attempts
        received_at = self._clock.now()
        request.received = received_at.timestamp()
        try:
            if request.is_batch:
                request.content = reader.read_batch(request.body, touchpoint, received_at, attempts)
            elif request.binary_headers is not None:
                request.content = [
                    reader.read_binary(request.binary_headers, request.body, touchpoint, received_at, attempts)
                ]
            else:
                request.content = [reader.read(request.body, touchpoint, received_at, attempts)]
        except Problem as problem:
            self._recorder.refuse(touchpoint.name, problem.name, at=request.received)
            self._metrics.count(touchpoint.name, "", problem.name)
            request.content = problem

    def _record(self, lane: _Lane, connection: Connection, arrivals: Sequence[Arrival], handlers: HandlerMaker) -> None:
        """Record a batch; if something in it cannot be written at all, find out what, and let the others through."""
        try:
            lane.has_repeats = record(
                connection, arrivals, handlers=handlers, committed=self._tell, is_trusting=not lane.has_repeats
            )
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:  # noqa: BLE001 - whatever it was, the others are to be written
            if len(arrivals) == 1:
                _log.exception("an event of type %s cannot be recorded", arrivals[0].type)
                arrivals[0].reset()
                arrivals[0].refusal = Unexpected()
                arrivals[0].outcome = codec.encode(
                    Outcome(
                        id=arrivals[0].id,
                        source=arrivals[0].source,
                        status="refused",
                        problem=arrivals[0].refusal.as_members(),
                    )
                )
                return
            for arrival in arrivals:
                arrival.reset()
            middle = len(arrivals) // 2
            self._record(lane, connection, arrivals[:middle], handlers)
            self._record(lane, connection, arrivals[middle:], handlers)

    def _tell(self, batch: Batch, counts: dict[str, int]) -> None:
        """Take the short way to those who watch through this process, right after the commit."""
        self._hub.publish(batch.changes, counts, batch.gone, batch.looks)

    def _note(self, request: Request, content: Sequence[Arrival | Refused], now: float) -> None:
        """Count what came in, how late it was, and how long it took here."""
        received, name = request.received, request.touchpoint.name
        seconds = max(0.0, now - received)
        # A replay or an import is older than any outage explains; no promise is about it.
        recent = request.touchpoint.recent_from(received)
        delays: dict[str, list[float]] = collections.defaultdict(list)
        accepted: dict[str, int] = collections.defaultdict(int)
        missed = 0
        for one in content:
            if isinstance(one, Refused):
                self._recorder.refuse(name, one.problem.name, at=now)
                self._metrics.count(name, "", one.problem.name)
                missed += one.problem.name in MISSED
            elif one.is_repeated:
                self._metrics.count(name, one.type, "repeated")
            elif one.refusal is not None:
                self._recorder.refuse(name, one.refusal.name, at=now)
                missed += one.refusal.name in MISSED
                self._metrics.count(name, one.type, one.refusal.name)
            else:
                accepted[one.type] += 1
                occurred = one.occurred_at.timestamp()
                if occurred >= recent:
                    delays[one.type].append(received - occurred)
        if missed:
            request.attempts.miss(missed)
        for event_type, count in accepted.items():
            self._metrics.count(name, event_type, "accepted", count)
            self._recorder.record(name, event_type, Stage.OURS, delay_seconds=seconds, at=now, count=count)
        for event_type, each in delays.items():
            self._recorder.record_each(name, event_type, Stage.SENDER, delays_seconds=each, at=now)


def _arrivals(group: Sequence[Request]) -> list[Arrival]:
    """Return the events of a group, in the order of their arrival."""
    return [
        one
        for request in group
        if isinstance(request.content, list)
        for one in request.content
        if isinstance(one, Arrival)
    ]


def _item(one: Arrival | Refused) -> Item:
    if isinstance(one, Arrival) and one.refusal is None and not one.is_repeated:
        return Item(one.outcome, None, 200, is_repeated=False)
    if isinstance(one, Refused):
        return Item(one.outcome, one.problem.name, one.problem.status, is_repeated=False)
    if one.is_repeated and b'"status":"refused"' in one.outcome:
        problem = _stored(one.outcome).problem
        assert problem is not None
        return Item(one.outcome, str(problem["type"]), int(problem["status"]), is_repeated=True)
    if one.refusal is None:
        return Item(one.outcome, None, 200, one.is_repeated)
    return Item(one.outcome, one.refusal.name, one.refusal.status, one.is_repeated)


_stored = msgspec.json.Decoder(Outcome).decode


def _resolve(group: Sequence[Request], answers: Sequence[Answer]) -> None:
    for request, answer in zip(group, answers, strict=True):
        if not request.done.done():  # its client may have left
            request.done.set_result(answer)
