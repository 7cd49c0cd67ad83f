"""The streams behind the office's pages: they say that something changed, and the page fetches what.

Not here: who may listen (``views.py``), what a change is (``foundation/events/live.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
import weakref
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from comptoir.foundation.events.live import Hub
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import OFFICE

#: Rates fall while nothing happens: the map is drawn anew at least this often, and a proxy sees the stream alive.
_QUIET_SECONDS: Final = 10
#: A stream ends after this long, and the browser opens a new one: a session that has ended is noticed then.
_LIFE_SECONDS: Final = 900
_READY: Final = "retry: 1000\nevent: ready\ndata:\n\n"
_CHANGED: Final = "event: changed\ndata:\n\n"

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def of_map() -> HttpResponseBase:
    """Return the stream of everything that any touchpoint sends."""
    return _response(_hub().count())


def of_person(customers: Sequence[uuid.UUID]) -> HttpResponseBase:
    """Return the stream of these customers' changes."""
    return _response(_hub().watch(customers))


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(lambda: database.conninfo(OFFICE.role))
    return _hubs[loop]


def _response(listening: contextlib.AbstractAsyncContextManager[asyncio.Queue[Any]]) -> HttpResponseBase:
    if _hub().is_full:
        return HttpResponse(status=503, headers={"Retry-After": "10"})
    answer = StreamingHttpResponse(_changes(listening), content_type="text/event-stream")
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


async def _changes(listening: contextlib.AbstractAsyncContextManager[asyncio.Queue[Any]]) -> AsyncIterator[str]:
    ends_at = asyncio.get_running_loop().time() + _LIFE_SECONDS
    async with listening as queue:
        yield _READY
        while asyncio.get_running_loop().time() < ends_at:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(queue.get(), _QUIET_SECONDS)
            while not queue.empty():
                queue.get_nowait()
            yield _CHANGED
