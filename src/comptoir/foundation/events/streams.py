"""Streams to pages that are being looked at: they say that something changed, and the page fetches what.

``text/event-stream`` with two events, ``ready`` and ``changed``, neither with content: what a page shows is read by
the page's own view, in its room and its language. Needs Django. Not here: the gateway's streams, which carry
balances (``doors/gateway/streams.py``); who may listen (the views).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from types import FrameType
from typing import Any, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from comptoir.foundation.events.live import GONE, Hub
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import Room

#: Rates fall while nothing happens, and a proxy closes what is silent: say ``changed`` at least this often.
_QUIET_SECONDS_MAX: Final = 15
#: A stream ends after this long, and the browser opens a new one: a session that has ended is noticed then.
_LIFE_SECONDS: Final = 900
_READY: Final = "retry: 1000\nevent: ready\ndata:\n\n"
_CHANGED: Final = "event: changed\ndata:\n\n"
_HEARTBEAT: Final = ":\n\n"

Listening = contextlib.AbstractAsyncContextManager[asyncio.Queue[Any]]


class _Streams:
    """The open streams of one event loop: a hub for each room that listens, and whether the process is ending."""

    def __init__(self) -> None:
        self.hubs: dict[str, Hub] = {}
        self.queues: set[asyncio.Queue[Any]] = set()
        self.is_ending = False

    def hub(self, room: Room) -> Hub:
        if room.name not in self.hubs:
            self.hubs[room.name] = Hub(lambda: database.conninfo(room.role))
        return self.hubs[room.name]

    def end(self) -> None:
        self.is_ending = True
        for queue in self.queues:
            if not queue.full():
                queue.put_nowait(None)


_streams: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Streams] = weakref.WeakKeyDictionary()


def of_customers(customers: Sequence[uuid.UUID], *, room: Room) -> HttpResponseBase:
    """Return a stream that says ``changed`` whenever something happens to these customers' points.

    503 with ``Retry-After`` when too many listen already; the page looks by itself then.
    """
    hub = _here().hub(room)
    return _response(hub, hub.watch(customers), quiet=_HEARTBEAT)


def of_everything(*, room: Room) -> HttpResponseBase:
    """Return a stream that says ``changed`` whenever any touchpoint sends, and now and then while none does."""
    hub = _here().hub(room)
    return _response(hub, hub.count(), quiet=_CHANGED)


def _here() -> _Streams:
    loop = asyncio.get_running_loop()
    if loop not in _streams:
        _streams[loop] = _Streams()
        _when_told_to_end(loop, _streams[loop].end)
    return _streams[loop]


def _response(hub: Hub, listening: Listening, *, quiet: str) -> HttpResponseBase:
    if hub.is_full:
        return HttpResponse(status=503, headers={"Retry-After": "10"})
    answer = StreamingHttpResponse(_changes(listening, quiet), content_type="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


async def _changes(listening: Listening, quiet: str) -> AsyncIterator[str]:
    streams = _here()
    now = asyncio.get_running_loop().time
    ends_at = now() + _LIFE_SECONDS
    async with listening as queue:
        streams.queues.add(queue)
        try:
            yield _READY
            while now() < ends_at and not streams.is_ending:
                try:
                    heard = [await asyncio.wait_for(queue.get(), _QUIET_SECONDS_MAX)]
                except TimeoutError:
                    yield quiet
                else:
                    # Several changes that came at once are one reason to look.
                    while not queue.empty():
                        heard.append(queue.get_nowait())
                    yield _CHANGED
                    if GONE in heard:
                        return
        finally:
            streams.queues.discard(queue)


def _when_told_to_end(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call ``callback`` in the loop as soon as the process is told to end: the server waits for open streams.

    The server's own handlers stay; they are called from here. Outside the main thread somebody else minds signals.
    """

    def chained(before: Any) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(callback)
            if callable(before):
                before(number, frame)

        return handle

    with contextlib.suppress(ValueError):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, chained(signal.getsignal(number)))
