"""Live changes as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from comptoir.doors.gateway import limits
from comptoir.foundation.events.contracts import Balance
from comptoir.foundation.events.live import LOST
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import millisecond_of
from comptoir.foundation.touchpoints.compiling import CompiledTouchpoint
from comptoir.foundation.touchpoints.freshness import Stage

if TYPE_CHECKING:
    from comptoir.doors.gateway.service import Service

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_COUNTS_SECONDS: Final = 1.0


async def stream_customer(
    service: Service, touchpoint: CompiledTouchpoint, customer: uuid.UUID, receive: Receive, send: Send
) -> None:
    """Send the customer's balance, then every change of it, until the client leaves.

    Each message is ``event: balance`` with ``{"customer", "balance", "event"}``; its ``id`` is the position of the
    event that made it so.
    """
    async with _opened(receive, send) as closed:
        while not closed.is_set():
            members = await asyncio.to_thread(service.members, customer)
            async with service.hub.watch(members) as queue:
                balance, last, _ = await asyncio.to_thread(service.balance, members)
                await _send_balance(send, customer, balance, last)
                while not closed.is_set():
                    change = await _next(queue, closed, send)
                    if change is _NOTHING:
                        continue
                    if change is LOST or set(change.customers) != set(members):
                        break  # read the state, and who belongs together, anew
                    if last is not None and change.position <= last:
                        continue
                    last = change.position
                    await _send_balance(send, customer, Balance(change.available, change.held, change.owed), last)
                    now = time.time()
                    service.recorder.record(
                        touchpoint.name,
                        "points.balance",
                        Stage.VISIBLE,
                        delay_seconds=now - millisecond_of(last) / 1000,
                        at=now,
                    )


async def stream_counts(service: Service, receive: Receive, send: Send) -> None:
    """Send how many events each link brought, about once a second: ``event: counts`` with ``{"touchpoint type": n}``."""
    async with _opened(receive, send) as closed, service.hub.count() as queue:
        counts: dict[str, int] = {}
        due = time.monotonic() + _COUNTS_SECONDS
        while not closed.is_set():
            heard = await _next(queue, closed, send, seconds=max(0.0, due - time.monotonic()))
            if heard is not _NOTHING and heard is not LOST:
                for link, count in heard.items():
                    counts[link] = counts.get(link, 0) + count
            if time.monotonic() >= due:
                if counts:
                    await _write(send, b"event: counts\ndata: " + codec.encode(counts) + b"\n\n")
                    counts = {}
                due = time.monotonic() + _COUNTS_SECONDS


_NOTHING: Final = object()


@contextlib.asynccontextmanager
async def _opened(receive: Receive, send: Send) -> Any:
    """Open the stream; the value is an event that is set when the client has left."""
    closed = asyncio.Event()

    async def wait_for_end() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        closed.set()

    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await _write(send, b"retry: 1000\n\n")
    leaving = asyncio.get_running_loop().create_task(wait_for_end())
    try:
        yield closed
    except ConnectionError:
        pass
    finally:
        leaving.cancel()
        with contextlib.suppress(Exception):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _next(queue: Any, closed: asyncio.Event, send: Send, *, seconds: float = limits.HEARTBEAT_SECONDS) -> Any:
    """Return what is heard next, or ``_NOTHING`` after a while (with a sign of life) or when the client left."""
    if not queue.empty():
        return queue.get_nowait()
    getting = asyncio.ensure_future(queue.get())
    leaving = asyncio.ensure_future(closed.wait())
    done, _ = await asyncio.wait({getting, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if getting in done:
        return getting.result()
    getting.cancel()
    if not done and seconds >= limits.HEARTBEAT_SECONDS:
        await _write(send, b": still here\n\n")
    return _NOTHING


async def _send_balance(send: Send, customer: uuid.UUID, balance: Balance, position: uuid.UUID | None) -> None:
    data = codec.encode({"customer": customer, "balance": balance, "event": position})
    head = f"id: {position}\n".encode() if position else b""
    await _write(send, head + b"event: balance\ndata: " + data + b"\n\n")


async def _write(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})
