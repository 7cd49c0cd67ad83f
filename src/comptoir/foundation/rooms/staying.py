"""Pages of a room that nobody streams from: made in a few threads that stay, so that nothing is built up for one page.

Django's own way from a server to a plain view makes a thread for each request, and with it everything that belongs to a
thread. A room whose views are all plain functions has no need of it. Not here: what a view answers; limits of what is
sent (``bodies.py``), which stand around this.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Final

from django.core import checks, signals
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

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Staying:
    """The pages of :data:`ROOMS` in threads that stay; every other request goes on to ``others``."""

    def __init__(self, others: Application) -> None:
        """Stand before Django's application. Django has to be set up."""
        self._others = others
        self._pages = _Pages()
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="pages")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from a room of plain views, or hand on."""
        if scope["type"] != "http" or room_of_scope(scope) not in ROOMS:
            await self._others(scope, receive, send)
            return
        try:
            body = await self._pages.read_body(receive)
        except RequestAborted:
            return
        # Each request in a context of its own: what it says of its room and its language ends with it.
        run = contextvars.copy_context().run
        answer = asyncio.get_running_loop().run_in_executor(self._threads, run, self._pages.answer, scope, body)
        status, headers, content = await answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


class _Pages(ASGIHandler):
    """Django's handler with its middleware as plain functions."""

    def __init__(self) -> None:
        self.load_middleware(is_async=False)

    def answer(self, scope: Scope, body: IO[bytes]) -> Answer:
        """Return status, headers and content of a page; ``body`` is closed afterwards."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
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
            return response.status_code, headers, response.content
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
