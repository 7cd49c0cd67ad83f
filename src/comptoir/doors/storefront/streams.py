"""The stream behind an open card: says that something changed, and the page fetches what (``text/event-stream``).

Not here: who may listen (``views.py``), what a change is (``foundation/events/live.py``).
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from comptoir.foundation.events.live import Hub
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import COUNTER

if TYPE_CHECKING:
    import uuid

#: Without a word for this long, proxies would close the stream.
_HEARTBEAT_SECONDS: Final = 20
#: A stream ends after this long, and the browser opens a new one: a session that has ended is noticed then.
_LIFE_SECONDS: Final = 900
_RETRY_MILLISECONDS: Final = 1000
_READY: Final = f"retry: {_RETRY_MILLISECONDS}\nevent: ready\ndata:\n\n"
_CHANGED: Final = "event: changed\ndata:\n\n"
_HEARTBEAT: Final = ":\n\n"

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def response(customers: Sequence[uuid.UUID]) -> HttpResponseBase:
    """Return the stream of these customers' changes, or 503 when too many listen already."""
    if hub().is_full:
        return HttpResponse(status=503, headers={"Retry-After": "10"})
    answer = StreamingHttpResponse(_changes(customers), content_type="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def hub() -> Hub:
    """Return this process's hub, in the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(lambda: database.conninfo(COUNTER.role))
    return _hubs[loop]


async def _changes(customers: Sequence[uuid.UUID]) -> AsyncIterator[str]:
    ends_at = asyncio.get_running_loop().time() + _LIFE_SECONDS
    async with hub().watch(customers) as queue:
        yield _READY
        while asyncio.get_running_loop().time() < ends_at:
            try:
                await asyncio.wait_for(queue.get(), _HEARTBEAT_SECONDS)
            except TimeoutError:
                yield _HEARTBEAT
            else:
                # Several changes that came at once are one reason to look.
                while not queue.empty():
                    queue.get_nowait()
                yield _CHANGED
