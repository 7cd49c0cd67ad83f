"""Live changes as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A stream begins with the present state, then sends what changes. Whoever was cut off connects again and has the
present state at once, so nothing has to be kept for anybody. Not here: who hears of what (``foundation/events/live``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Self

from comptoir.doors.gateway import limits
from comptoir.doors.gateway.errors import Busy, DatabaseAway
from comptoir.foundation.events.contracts import Balance
from comptoir.foundation.events.live import GONE, LOST
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import Id, millisecond_of
from comptoir.foundation.touchpoints.compiling import CompiledTouchpoint
from comptoir.foundation.touchpoints.freshness import Stage

if TYPE_CHECKING:
    from comptoir.doors.gateway.service import Service, State

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
]
_COUNTS_SECONDS: Final = 1.0
#: How long a stream waits before it asks a database that was away again.
_AGAIN_SECONDS: Final = 1.0
_NOTHING: Final = object()
#: The last word of a stream whose customer was forgotten.
_FORGOTTEN: Final = b"event: forgotten\ndata: {}\n\n"


class Streams:
    """All streams of one gateway. Everything runs in its event loop."""

    def __init__(self, service: Service) -> None:
        """Nobody follows yet."""
        self._service = service
        self._closed: set[asyncio.Future[None]] = set()
        self._is_ending = False

    def end(self) -> None:
        """Let every stream end, and take no new one: the process is about to."""
        self._is_ending = True
        for closed in self._closed:
            _set(closed)

    async def follow_customer(self, touchpoint: CompiledTouchpoint, customer: Id, receive: Receive, send: Send) -> None:
        """Send the customer's balance, then every change of it, until the client leaves.

        Each message is ``event: balance`` with ``{"customer", "balance", "event"}``; its ``id`` is the position of the
        event that made it so. An older state is never sent after a newer one. Raises :class:`Busy` and
        :class:`DatabaseAway` before anything is sent.
        """
        service = self._service
        # Every change of a person is told to each of the customers that the person consists of, so listening to
        # this one is enough; who the others are is read only after listening, or a link in between would be missed.
        async with self._seat() as closed, service.hub.watch((customer,)) as queue:
            state: State | None = await service.ask(service.state, customer)
            last = None
            async with _Writer(receive, send, closed) as writer:
                while not closed.done():
                    if state is None:
                        state = await self._read(customer, closed)
                        continue
                    if last is None or state.position is None or state.position >= last:
                        last = state.position or last
                        await writer.send(_balance(customer, state.balance, last))
                    state = None
                    while not closed.done():
                        change = await writer.next(queue)
                        if change is _NOTHING:
                            continue
                        if change is LOST:
                            break
                        if change is GONE:
                            await writer.send(_FORGOTTEN)
                            return
                        if last is not None and change.position <= last:
                            continue
                        last = change.position
                        balance = Balance(change.available, change.held, change.owed)
                        await writer.send(_balance(customer, balance, last))
                        self._note(touchpoint, last)

    async def follow_counts(self, receive: Receive, send: Send) -> None:
        """Send how many events each link brought, once a second: ``event: counts`` with ``{"touchpoint type": n}``.

        A second in which nothing came is left out.
        """
        async with (
            self._seat() as closed,
            self._service.hub.count() as queue,
            _Writer(receive, send, closed) as writer,
        ):
            counts: dict[str, int] = {}
            due: float | None = None
            while not closed.done():
                heard = await writer.next(queue, until=due)
                now = time.monotonic()
                if heard is not _NOTHING and heard is not LOST:
                    due = due or now + _COUNTS_SECONDS
                    for link, count in heard.items():
                        counts[link] = counts.get(link, 0) + count
                if due is not None and now >= due:
                    await writer.send(b"event: counts\ndata: " + codec.encode(counts) + b"\n\n")
                    counts, due = {}, None

    @contextlib.asynccontextmanager
    async def _seat(self) -> AsyncIterator[asyncio.Future[None]]:
        """Take a place; the value is a future that is done when the stream has to end."""
        if self._is_ending or len(self._closed) >= limits.STREAMS_MAX:
            raise Busy("As many follow already as may.")
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed.add(closed)
        try:
            yield closed
        finally:
            self._closed.discard(closed)

    async def _read(self, customer: Id, closed: asyncio.Future[None]) -> State | None:
        """Return the present state, or ``None`` after a while if the database is away."""
        try:
            return await self._service.ask(self._service.state, customer)
        except (DatabaseAway, Busy):
            await asyncio.wait({closed}, timeout=_AGAIN_SECONDS)
            return None

    def _note(self, touchpoint: CompiledTouchpoint, position: Id) -> None:
        now = time.time()
        self._service.recorder.record(
            touchpoint.name,
            "points.balance",
            Stage.VISIBLE,
            delay_seconds=now - millisecond_of(position) / 1000,
            at=now,
        )


class _Writer:
    """One open stream. Leaves its block quietly when the client has left."""

    def __init__(self, receive: Receive, send: Send, closed: asyncio.Future[None]) -> None:
        self._receive = receive
        self._send = send
        self._closed = closed

    async def __aenter__(self) -> Self:
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self.send(b"retry: 1000\n\n")
        self._leaving = asyncio.get_running_loop().create_task(self._wait_for_end())
        self._beat = time.monotonic() + limits.HEARTBEAT_SECONDS
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self._leaving.cancel()
        with contextlib.suppress(Exception):
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        if isinstance(error, Exception) and not isinstance(error, ConnectionError | TimeoutError):
            _log.error("a stream broke off", exc_info=error)
        # The answer has begun, so there is no other one to give: who follows connects again.
        return isinstance(error, Exception)

    async def send(self, piece: bytes) -> None:
        """Write; :class:`TimeoutError` for a client that does not read."""
        async with asyncio.timeout(limits.UNREAD_SECONDS_MAX):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        self._beat = time.monotonic() + limits.HEARTBEAT_SECONDS

    async def next(self, queue: asyncio.Queue[Any], *, until: float | None = None) -> Any:
        """Return what is heard next; ``_NOTHING`` at the time ``until``, after a sign of life, or at the end."""
        if not queue.empty():
            return queue.get_nowait()
        getting = asyncio.ensure_future(queue.get())
        wake = self._beat if until is None else min(until, self._beat)
        await asyncio.wait(
            {getting, self._closed},
            timeout=max(0.0, wake - time.monotonic()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if getting.done():
            return getting.result()
        getting.cancel()
        if not self._closed.done() and time.monotonic() >= self._beat:
            await self.send(b": still here\n\n")
        return _NOTHING

    async def _wait_for_end(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        finally:
            _set(self._closed)


def _set(closed: asyncio.Future[None]) -> None:
    if not closed.done():
        closed.set_result(None)


def _balance(customer: Id, balance: Balance, position: Id | None) -> bytes:
    data = codec.encode({"customer": customer, "balance": balance, "event": position})
    head = f"id: {position}\n".encode() if position else b""
    return head + b"event: balance\ndata: " + data + b"\n\n"
