"""How much may be sent to a room at once, and for how long: what is more is refused before it is read.

:class:`Bounded` stands around the pages, since Django takes a whole body in before it asks anybody. It counts what
arrives and lets the pages refuse in their own words (``web.py``). No Django. Not here: the gateway's limits.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import room_of_host
from comptoir.foundation.rooms.declaration import ROOMS, Room
from comptoir.foundation.rooms.errors import BodyTooLarge, BodyTooSlow, UploadsEnough

#: How long a whole body may take to arrive.
SECONDS_MAX: Final = 20.0
#: Files take as long as this many bytes in a second make it, beyond that: a phone far from everything.
UPLOAD_BYTES_PER_SECOND: Final = 128 << 10
#: How many bodies with files may arrive at once in one process.
UPLOADS_AT_ONCE_MAX: Final = 12
#: More than this no shop can allow: bodies are kept in memory, where nothing of them is left behind. Files lie in files
#: without a name, which are gone when they are closed.
ALLOWED_MAX: Final = 2 << 20
_ALLOWED_MIN: Final = 4 << 10
#: Where a request says why its body was not read: a :class:`Problem`.
REFUSED: Final = "comptoir.refused"

_PAIR: Final = re.compile(r"([a-z]+)\s*:\s*([0-9]{1,9})")

Message = Mapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def limits() -> Mapping[str, int]:
    """Return how many bytes each room takes at once: what the declaration says, or ``COMPTOIR_BODY_BYTES_MAX``.

    Raises :class:`ValueError` for a setting that names no room or says no number that can be.
    """
    allowed = {room.name: room.body_bytes_max for room in ROOMS.values()}
    for part in filter(None, map(str.strip, os.environ.get("COMPTOIR_BODY_BYTES_MAX", "").split(","))):
        pair = _PAIR.fullmatch(part)
        if pair is None or pair[1] not in allowed or not _ALLOWED_MIN <= int(pair[2]) <= ALLOWED_MAX:
            raise ValueError(
                f"COMPTOIR_BODY_BYTES_MAX: {part!r} is no room with a number of bytes from {_ALLOWED_MIN} to"
                f" {ALLOWED_MAX}, such as 'vault: 1048576'"
            )
        allowed[pair[1]] = int(pair[2])
    return allowed


class Bounded:
    """The pages, with every body bounded. ``limits`` are bytes by the names of rooms."""

    def __init__(self, pages: Application, limits: Mapping[str, int]) -> None:
        """Stand before the pages."""
        self._pages = pages
        self._limits = limits
        self._least = min(limits.values())
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; with a body that is refused, without it and with the reason."""
        scope = {**scope}
        limit = self._limit_of(scope)
        if not limit < _announced(scope) <= _upload_limit_of(scope):
            await self._pages(scope, _Body(scope, receive, limit, SECONDS_MAX).receive, send)
            return
        if self._uploads.locked():
            full = _Body(scope, receive, limit, SECONDS_MAX, refusal=UploadsEnough())
            await self._pages(scope, full.receive, send)
            return
        announced = _announced(scope)
        async with self._uploads:
            seconds = SECONDS_MAX + announced / UPLOAD_BYTES_PER_SECOND
            await self._pages(scope, _Body(scope, receive, announced, seconds).receive, send)

    def _limit_of(self, scope: Scope) -> int:
        room = room_of_scope(scope)
        return self._least if room is None else self._limits[room.name]


class _Body:
    """One request's body, as far as it is read."""

    def __init__(
        self, scope: Scope, receive: Receive, limit: int, seconds: float, *, refusal: Problem | None = None
    ) -> None:
        self._refusal = refusal
        self._scope, self._receive, self._limit, self._seconds = scope, receive, limit, seconds
        self._size = 0
        self._is_complete = False
        self._deadline = asyncio.get_running_loop().time() + seconds

    async def receive(self) -> Message:
        """Return what comes next; nothing more of a body that was refused."""
        if REFUSED in self._scope:
            # What is still under way is nobody's; the pages wait here for the end of their own answer.
            await asyncio.Event().wait()
        if self._refusal is not None:
            return self._refuse(self._refusal)
        if self._is_complete:
            return await self._receive()
        if _announced(self._scope) > self._limit:
            return self._refuse(BodyTooLarge(f"At most {self._limit} bytes."))
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(BodyTooSlow(f"A body may take {self._seconds:.0f} seconds."))
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            return self._refuse(BodyTooLarge(f"At most {self._limit} bytes."))
        self._is_complete = not message.get("more_body", False)
        return message

    def _refuse(self, problem: Problem) -> Message:
        self._scope[REFUSED] = problem
        return {"type": "http.request", "body": b"", "more_body": False}


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope.get("headers", ()) if name == wanted), b"")


def _announced(scope: Scope) -> int:
    """Return how long a body says that it is; a word that is no number says nothing."""
    said = _header(scope, b"content-length")
    return int(said[:20]) if said.isdigit() else 0


def _upload_limit_of(scope: Scope) -> int:
    """Return how many bytes may be sent to this address with files in them; 0 where no file is taken.

    Only to a browser that shows a cookie: whoever sends files is a member. Whether it is one is for the pages to say.
    """
    room = room_of_scope(scope)
    if room is None or not room.upload_bytes_max or not _header(scope, b"cookie"):
        return 0
    if scope.get("method") != "POST" or not _header(scope, b"content-type").startswith(b"multipart/form-data"):
        return 0
    path = scope.get("path", "")
    return room.upload_bytes_max if any(re.fullmatch(each, path) for each in room.upload_paths) else 0


def room_of_scope(scope: Scope) -> Room | None:
    """Return the room that the host of a request names, or ``None``."""
    host = _header(scope, b"host").decode("latin1")
    return room_of_host(host.partition(":")[0])
