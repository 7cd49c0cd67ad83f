"""Pages of a room that nobody streams from: made in a few threads that stay, so that nothing is built up for one page.

Django's own way from a server to a plain view makes a thread for each request, and with it everything that belongs to a
thread. A room whose views are all plain functions has no need of it. A page that says the same to everybody
(:func:`let_keep`) is given for a moment to others who show no cookie, without asking for it again. Not here: what a
view answers; limits of what is sent (``bodies.py``), which stand around this.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import inspect
import io
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import IO, Any, Final, NamedTuple, TypeVar

from django.core import checks
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import set_script_prefix

from comptoir.foundation.rooms.bodies import Application, Receive, Scope, Send, room_of_scope
from comptoir.foundation.rooms.declaration import SQUARE, Room
from comptoir.foundation.rooms.web import views_of

#: Which rooms have plain views only.
ROOMS: Final = frozenset({SQUARE})
#: So many pages are made at once in each process; the next ones wait.
THREADS_MAX: Final = 8

_KEPT_MAX: Final = 500
_KEPT_BYTES_MAX: Final = 400_000
#: Who sends one of these is somebody, or wants something else than the page.
_OF_SOMEBODY: Final = frozenset({b"cookie", b"authorization", b"if-none-match", b"if-modified-since", b"range"})
_READING: Final = frozenset({"GET", "HEAD"})
_ANNOUNCING: Final = frozenset({b"content-length", b"transfer-encoding"})
_CHOOSING: Final = (b"host", b"accept-language")
_SECONDS: Final = "kept_seconds"


class Answer(NamedTuple):
    """What a page is answered with, and for how many seconds others may be given the same."""

    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes
    kept_seconds: float = 0.0


Key = tuple[bytes, ...]
Response = TypeVar("Response", bound=HttpResponseBase)


def let_keep(response: Response, seconds: float) -> Response:
    """Let a page that says the same to everybody be given to others, too, for so long.

    It may depend on its address and on the language that a browser prefers, and on nothing else.
    """
    setattr(response, _SECONDS, seconds)
    return response


class Staying:
    """The pages of :data:`ROOMS` in threads that stay; every other request goes on to ``others``."""

    def __init__(self, others: Application) -> None:
        """Stand before Django's application. Django has to be set up."""
        self._others = others
        self._pages = _Pages()
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="pages")
        self._kept: collections.OrderedDict[Key, tuple[float, Answer]] = collections.OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from a room of plain views, or hand on."""
        if scope["type"] != "http" or room_of_scope(scope) not in ROOMS:
            await self._others(scope, receive, send)
            return
        key = _key(scope)
        answer = self._find(key) if key is not None else None
        if answer is None:
            try:
                # Asking the server for a body takes a turn of the loop, and a page that is read has none.
                body = io.BytesIO() if _has_no_body(scope) else await self._pages.read_body(receive)
            except RequestAborted:
                return
            # Each request in a context of its own: what it says of its room and its language ends with it.
            run = contextvars.copy_context().run
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, run, self._pages.answer, scope, body)
            if key is not None and answer.kept_seconds:
                self._keep(key, answer)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.content})

    def _find(self, key: Key) -> Answer | None:
        found = self._kept.get(key)
        return found[1] if found is not None and found[0] > _now() else None

    def _keep(self, key: Key, answer: Answer) -> None:
        """Keep an answer; those that are over go."""
        now, kept = _now(), self._kept
        kept[key] = (now + answer.kept_seconds, answer)
        kept.move_to_end(key)
        while len(kept) > _KEPT_MAX or next(iter(kept.values()))[0] <= now:
            kept.popitem(last=False)


def _has_no_body(scope: Scope) -> bool:
    """Tell whether a request only reads, and announces nothing to be read (RFC 9112, 6.3)."""
    return scope["method"] in _READING and not any(name in _ANNOUNCING for name, _value in scope["headers"])


def _now() -> float:
    return time.monotonic()


def _key(scope: Scope) -> Key | None:
    """Return by what a page can be found that was made for somebody else; ``None`` if it has to be made."""
    if scope["method"] != "GET":
        return None
    chosen = dict.fromkeys(_CHOOSING, b"")
    for name, value in scope["headers"]:
        if name in _OF_SOMEBODY:
            return None
        if name in chosen:
            chosen[name] = value
    return (scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b""), *chosen.values())


class _Pages(ASGIHandler):
    """Django's handler with its middleware as plain functions."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)

    def answer(self, scope: Scope, body: IO[bytes]) -> Answer:
        """Return status, headers and content of a page; ``body`` is closed afterwards."""
        # Django's signal that a request begins looks for connections to close, as the one at its end has done already.
        set_script_prefix(get_script_prefix(scope))
        request, refused = self.create_request(scope, body)
        response: HttpResponseBase | None = refused
        if request is not None:
            response = self.get_response(request)
        assert response is not None, "a request is taken or refused"
        try:
            assert isinstance(response, HttpResponse), "a room of plain views streams nothing"
            headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
            headers += [
                (b"Set-Cookie", cookie.output(header="").strip().encode("ascii"))
                for cookie in response.cookies.values()
            ]
            content = response.content
            may_be_kept = (
                response.status_code == HTTPStatus.OK and not response.cookies and len(content) <= _KEPT_BYTES_MAX
            )
            return Answer(
                response.status_code, headers, content, getattr(response, _SECONDS, 0.0) if may_be_kept else 0.0
            )
        finally:
            response.close()
            body.close()


@checks.register("rooms")
def views_are_plain(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """Refuse a view that would have to wait in a loop, in a room whose pages are made in threads."""
    return [error for room in ROOMS for error in _waiting(room)]


def _waiting(room: Room) -> Iterable[checks.CheckMessage]:
    for address, view in views_of(room):
        if inspect.iscoroutinefunction(view):
            yield checks.Error(f"{address} in the {room.name}: its view is a coroutine.", id="rooms.E003")
