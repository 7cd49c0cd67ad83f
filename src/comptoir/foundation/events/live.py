"""The live stream: who watches a customer hears of a change right after its commit.

One connection of each process listens; changes that the process committed itself take a shorter way. What is heard
here may be missed (a lost connection, a slow reader): whoever subscribes reads the present state first, and again
after :data:`LOST`. Other systems, which may miss nothing, are served from the outbox. What is heard was sealed by the
house (``sealing.py``); whatever anybody else says on the channel is passed over.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final
from uuid import UUID

import msgspec
import psycopg

from comptoir.foundation.events import sealing
from comptoir.foundation.events.contracts import Change
from comptoir.foundation.events.store import CHANNEL
from comptoir.foundation.kernel.ids import Id


class Gone(msgspec.Struct, frozen=True):
    """The customer was forgotten; nothing else will be heard."""


#: Heard when something may have been missed: read the present state again.
LOST: Final = None
GONE: Final = Gone()
_QUEUE_MAX: Final = 100
_RECONNECT_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class Payload(msgspec.Struct):
    """What a notification carries: changed balances, how many events each link brought, who is nobody, who looks."""

    changes: list[Change] = []
    counts: dict[str, int] = {}
    gone: list[Id] = []
    looks: list[Id] = []


_decoder = msgspec.json.Decoder(Payload)
Heard = Change | Gone | None
Counted = dict[str, int] | None


class Hub:
    """Hands changes on to those who watch. One for each process and event loop; everything runs in that loop."""

    def __init__(self, connect: Callable[[], str], *, subscribers_max: int = 5_000) -> None:
        """``connect`` returns how to connect; ``subscribers_max`` bounds how many may watch at once."""
        self._conninfo = connect
        self._subscribers_max = subscribers_max
        self._watching: dict[Id, set[asyncio.Queue[Heard]]] = collections.defaultdict(set)
        self._counting: set[asyncio.Queue[Counted]] = set()
        self._own_pids: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def subscribers(self) -> int:
        """How many watch at present."""
        return sum(len(queues) for queues in self._watching.values()) + len(self._counting)

    @property
    def is_full(self) -> bool:
        """Whether nobody else may watch."""
        return self.subscribers >= self._subscribers_max

    def start(self) -> None:
        """Begin to listen; called inside the running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def skip(self, backend_pid: int) -> None:
        """Ignore what this backend notifies: its changes come through :meth:`publish`."""
        self._own_pids.add(backend_pid)

    def heed(self, backend_pid: int) -> None:
        """Hear this backend again: its connection is gone, and its number may come back elsewhere."""
        self._own_pids.discard(backend_pid)

    def publish(
        self, changes: Iterable[Change], counts: dict[str, int], gone: Iterable[Id] = (), looks: Iterable[Id] = ()
    ) -> None:
        """Hand on what was committed; who only has to look again hears ``LOST``."""
        watching = self._watching
        for customer in gone:
            for queue in watching.get(customer, ()):
                _put(queue, GONE)
        if watching:
            for change in changes:
                # Who watches several customers of a person hears of the person's change once.
                for queue in {queue for customer in change.customers for queue in watching.get(customer, ())}:
                    _put(queue, change)
            for queue in {queue for customer in looks for queue in watching.get(customer, ())}:
                _put(queue, LOST)
        if counts:
            for counting in self._counting:
                _put(counting, counts)

    @contextlib.asynccontextmanager
    async def watch(self, customers: Iterable[Id | UUID]) -> AsyncIterator[asyncio.Queue[Heard]]:
        """Hear every change of these customers while the block runs; ``LOST`` means: read the state again."""
        queue: asyncio.Queue[Heard] = asyncio.Queue(_QUEUE_MAX)
        members = {str(customer) for customer in customers}
        for customer in members:
            self._watching[customer].add(queue)
        try:
            await self._is_listening()
            yield queue
        finally:
            for customer in members:
                self._watching[customer].discard(queue)
                if not self._watching[customer]:
                    del self._watching[customer]

    @contextlib.asynccontextmanager
    async def count(self) -> AsyncIterator[asyncio.Queue[Counted]]:
        """Hear how many events each link brings (``"touchpoint type"`` to a number) while the block runs."""
        queue: asyncio.Queue[Counted] = asyncio.Queue(_QUEUE_MAX)
        self._counting.add(queue)
        try:
            await self._is_listening()
            yield queue
        finally:
            self._counting.discard(queue)

    async def _is_listening(self) -> None:
        self.start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), timeout=5)

    async def _listen(self) -> None:
        failures = 0
        sealer = sealing.of_shop()
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo(), autocommit=True, application_name="comptoir live"
                )
                async with connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self._ready.set()
                    if failures:
                        self.lost()
                    failures = 0
                    async for notice in connection.notifies():
                        if notice.pid in self._own_pids:
                            continue
                        content = sealer.open(notice.payload, backend=notice.pid)
                        if content is not None:
                            payload = _decoder.decode(content)
                            self.publish(payload.changes, payload.counts, payload.gone, payload.looks)
            except (psycopg.Error, OSError):
                pass
            failures += 1
            await asyncio.sleep(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS)) - 1])

    def lost(self) -> None:
        """Tell everybody that something may have been missed."""
        for queues in self._watching.values():
            for queue in queues:
                _put(queue, LOST)


def _put(
    queue: asyncio.Queue[msgspec.Struct | None] | asyncio.Queue[Heard] | asyncio.Queue[Counted], item: object
) -> None:
    """Hand an item to a watcher; one who does not keep up loses the items and is told so."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(LOST)
    else:
        queue.put_nowait(item)  # type: ignore[arg-type]
