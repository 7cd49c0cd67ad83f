"""The web half of the rooms: from a request's host to its room, and nothing of one room in another.

:class:`RoomMiddleware` finds the room and enters it, :func:`in_room` binds a view to one, the system check refuses a
view without, :func:`admission` takes tickets. Not here: headers (``headers.py``), sessions (``sessions.py``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar, cast

import msgspec
from asgiref.sync import sync_to_async
from django.core import checks
from django.core.exceptions import DisallowedHost
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from comptoir.foundation.rooms import addresses, tickets
from comptoir.foundation.rooms.bodies import REFUSED
from comptoir.foundation.rooms.current import enter, entered
from comptoir.foundation.rooms.declaration import ROOMS, Assurance, Room
from comptoir.foundation.rooms.headers import CHOSEN_BY_VIEWS, framed, headers_of, leading
from comptoir.foundation.rooms.visits import Visit, begin_visit, visit_of

P = ParamSpec("P")
T = TypeVar("T")
View = Callable[..., Any]
GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RoomMiddleware:
    """Finds the room of a request by its host, enters it, and gives the response the room's headers.

    A host that is no room's gets 404: there is no default room. Afterwards ``request.room`` is set, addresses are
    those of the room, and the database is asked as the room's role.
    """

    def __init__(self, get_response: GetResponse) -> None:
        """Stand before the rest."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer from the room, or say that there is none."""
        room = _room_of(request)
        if room is None or room not in addresses.rooms_here():
            return HttpResponse(
                "No room answers to this name.\n",
                status=HTTPStatus.NOT_FOUND,
                content_type="text/plain; charset=utf-8",
                headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
            )
        request.room = room  # type: ignore[attr-defined]
        request.urlconf = room.urlconf
        with entered(room):
            response = self._get_response(request)
            if isinstance(response, StreamingHttpResponse):
                self._prepare_stream(room, response)
        self._add_headers(room, response)
        return response

    def _prepare_stream(self, room: Room, response: StreamingHttpResponse) -> None:
        # A stream outlives its request by hours: it must not keep a connection, and its steps run in the room too.
        if not connections[room.name].in_atomic_block:
            connections[room.name].close()
        if response.is_async:
            response.streaming_content = _async_steps(room, cast("AsyncIterator[bytes]", response.streaming_content))
        else:
            response.streaming_content = _steps(room, cast("Iterator[bytes]", response.streaming_content))

    def _add_headers(self, room: Room, response: HttpResponseBase) -> None:
        headers = headers_of(room)
        if origins := getattr(response, "framed_by", ()):
            is_same = getattr(response, "is_same_for_all", False) and _does_nothing(response)
            assert room.assurance is Assurance.NOBODY or is_same, "no page that knows somebody stands in a frame"
            headers = framed(headers, origins)
        if origins := getattr(response, "leads_out_to", ()):
            headers = leading(headers, origins)
        for name, value in headers.items():
            # A style sheet holds nobody's data, and may be kept; a page of the vault or the office may not.
            if name == "Cache-Control" and getattr(response, "is_static", False):
                continue
            if name == CHOSEN_BY_VIEWS and response.has_header(name):
                continue
            response.headers[name] = value


def _does_nothing(response: HttpResponseBase) -> bool:
    """Tell whether a page gives no cookie and has no form."""
    return isinstance(response, HttpResponse) and not response.cookies and b"<form" not in response.content


class BodyMiddleware:
    """Says why a body was refused before it was read (``bodies.py``): a page to browsers, a problem to others."""

    def __init__(self, get_response: GetResponse) -> None:
        """Stand before whoever reads bodies, and behind whoever knows the reader's language."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Refuse, or hand on."""
        refused = getattr(request, "scope", {}).get(REFUSED)
        if refused is None:
            return self._get_response(request)
        if "text/html" in request.headers.get("Accept", ""):
            response = render(request, "rooms/body_refused.html", {"problem": refused.name}, status=refused.status)
        else:
            content = msgspec.json.encode(refused.as_members())
            response = HttpResponse(content, status=refused.status, content_type="application/problem+json")
        # The rest of the body is still on its way, and nobody will read it.
        response.headers["Connection"] = "close"
        return response


def in_room(room: Room, *, is_open: bool = False) -> Callable[[View], View]:
    """Bind a view to one room. Elsewhere it does not exist; without the room's assurance one is sent to its entrance.

    ``is_open`` lets strangers in: for the pages on which one becomes known.
    """

    def bind(view: View) -> View:
        if inspect.iscoroutinefunction(view):

            @functools.wraps(view)
            async def bound_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                if refusal := await sync_to_async(_refusal)(request, room, is_open=is_open):
                    return refusal
                return await view(request, *args, **kwargs)

            bound: View = bound_async
        else:

            @functools.wraps(view)
            def bound_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                return _refusal(request, room, is_open=is_open) or view(request, *args, **kwargs)

            bound = bound_sync
        bound.room = room  # type: ignore[attr-defined]
        bound.is_open = is_open  # type: ignore[attr-defined]
        return bound

    return bind


def all_in_room(
    room: Room, patterns: Iterable[URLPattern | URLResolver], *, guard: Callable[[View], View] | None = None
) -> list[URLPattern | URLResolver]:
    """Return a library's addresses with every view bound to one room, open: the library asks for sign-in itself.

    ``guard`` wraps each view further. The library's own patterns stay as they are.
    """
    bound: list[URLPattern | URLResolver] = []
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            view = guard(pattern.callback) if guard else pattern.callback
            open_view = in_room(room, is_open=True)(view)
            bound.append(URLPattern(pattern.pattern, open_view, pattern.default_args, pattern.name))
        else:
            inner = all_in_room(room, pattern.url_patterns, guard=guard)
            bound.append(
                URLResolver(pattern.pattern, inner, pattern.default_kwargs, pattern.app_name, pattern.namespace)
            )
    return bound


def admission(room: Room) -> View:
    """Return the view that takes a ticket into a room: a top-level form, sent from a page of a room that leads there.

    Whoever is let in gets a session of this room and goes on to the path that the ticket names. A refused ticket gets
    a page that leads to the entrance, and nothing that was in the session changes.
    """

    def leads(other: Room) -> bool:
        return room.name in other.leads_to

    @require_POST
    def admit(request: HttpRequest) -> HttpResponse:
        # There is no shared cookie that a token could be checked against. The browser says where the form stood:
        # nobody else's page can send somebody in under another person's name.
        if request.headers.get("Origin") not in {addresses.origin_of(each) for each in ROOMS.values() if leads(each)}:
            return _closed(request, room, HTTPStatus.FORBIDDEN)
        try:
            ticket = tickets.admit(request.POST.get("ticket", ""), room=room, now=timezone.now())
        except tickets.TicketRefused:
            return _closed(request, room, HTTPStatus.FORBIDDEN)
        begin_visit(request, ticket.visit)
        return HttpResponseRedirect(ticket.path)

    return in_room(room, is_open=True)(csrf_exempt(admit))


def health(room: Room) -> View:
    """Return the view that says whether a room is open: its pages answer, and its role reaches the database."""

    @require_GET
    def healthy(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
        with connections[room.name].cursor() as cursor:
            cursor.execute("SELECT 1")
        return HttpResponse("open\n", content_type="text/plain; charset=utf-8")

    return in_room(room, is_open=True)(healthy)


def refuse_form(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Refuse a form that was not sent from a page of this room; why is nobody's business outside.

    In a room where nobody is known, words that somebody typed are shown, to be taken along.
    """
    room: Room = request.room  # type: ignore[attr-defined]
    is_open = room.assurance is Assurance.NOBODY
    typed = [request.POST[name] for name in ("title", "text", "words") if is_open and request.POST.get(name)]
    return render(request, "rooms/form_refused.html", {"typed": typed}, status=HTTPStatus.FORBIDDEN)


def ticket_form(
    request: HttpRequest, *, destination: Room, path: str, visit: Visit, asked_by: str = ""
) -> Mapping[str, str]:
    """Return what a page needs for its ticket: ``action``, ``ticket``, ``room``. See ``rooms/ticket_form.html``.

    Send that page with ``Referrer-Policy: strict-origin`` (:func:`carrying_ticket`), or the browser hides where the
    form comes from and the ticket is refused.
    """
    room: Room = request.room  # type: ignore[attr-defined]
    text = tickets.issue_ticket(
        origin=room, destination=destination, path=path, visit=visit, now=timezone.now(), asked_by=asked_by
    )
    return {"action": addresses.url_of(destination, "/arrive/"), "ticket": text, "room": destination.name}


def carrying_ticket(response: HttpResponse) -> HttpResponse:
    """Let the browser say from which origin the page's form is sent; the path is not said."""
    response.headers[CHOSEN_BY_VIEWS] = "strict-origin"
    return response


def context(request: HttpRequest) -> Mapping[str, Any]:
    """Give templates ``room``, and ``visit`` (looked up when it is used)."""
    room = getattr(request, "room", None)
    if room is None or not hasattr(request, "session"):
        return {"room": room, "visit": None}
    return {"room": room, "visit": _LazyVisit(request)}


class _LazyVisit:
    # Reading the session varies the page on its cookie: only pages that show the visit should.
    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @functools.cached_property
    def _visit(self) -> Visit | None:
        return visit_of(self._request)

    def __bool__(self) -> bool:
        return self._visit is not None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._visit, name)


def views_of(room: Room) -> Iterator[tuple[str, View]]:
    """Yield every address of a room's urlconf with its view."""
    yield from _views(get_resolver(room.urlconf).url_patterns, "/")


def _views(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, View]]:
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield address, pattern.callback
        else:
            yield from _views(pattern.url_patterns, address)


@checks.register("rooms")
def every_view_is_in_one_room(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """Refuse a view that belongs to no room, or that is reached in another room than its own."""
    return [error for room in ROOMS.values() for error in _errors_of(room, views_of(room))]


def _errors_of(room: Room, views: Iterable[tuple[str, View]]) -> Iterator[checks.CheckMessage]:
    for address, view in views:
        own = getattr(view, "room", None)
        name = f"{view.__module__}.{getattr(view, '__qualname__', type(view).__name__)}"
        if own is None:
            hint = f"Decorate it: @in_room({room.name.upper()})"
            yield checks.Error(f"{address} in the {room.name}: {name} is in no room.", hint=hint, id="rooms.E001")
        elif own != room:
            yield checks.Error(f"{address} in the {room.name}: {name} belongs to the {own.name}.", id="rooms.E002")


def _room_of(request: HttpRequest) -> Room | None:
    try:
        said = request.get_host()
    except DisallowedHost:
        return None
    host, _port = split_domain_port(said)
    # A name with a dot at its end is another origin to a browser, with cookies of its own.
    is_exact = said.lower().startswith(host) and not said.partition(":")[0].endswith(".")
    return addresses.room_of_host(host) if is_exact else None


def _refusal(request: HttpRequest, room: Room, *, is_open: bool) -> HttpResponseBase | None:
    if getattr(request, "room", None) != room:
        raise Http404
    if is_open or room.assurance is Assurance.NOBODY:
        return None
    visit = visit_of(request)
    if visit is not None and visit.assurance >= room.assurance:
        return None
    if room.entrance is None:
        return _closed(request, room, HTTPStatus.FORBIDDEN)
    name, path = room.entrance
    # A part of a page is nothing to come back to, and a form cannot be sent again.
    is_page = request.method == "GET" and not request.headers.get("HX-Request")
    back = request.get_full_path() if is_page else "/"
    target = addresses.url_of(ROOMS[name], path) + "?" + urlencode({"next": back})
    if request.headers.get("HX-Request"):
        # A part of a page cannot become the sign-in page; the whole page has to go there.
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": target})
    if request.headers.get("Accept", "").startswith("text/event-stream"):
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    return HttpResponseRedirect(target)


def _closed(request: HttpRequest, room: Room, status: HTTPStatus) -> HttpResponse:
    entrance = None
    if room.entrance is not None:
        name, path = room.entrance
        entrance = addresses.url_of(ROOMS[name], path)
    return render(request, "rooms/closed.html", {"entrance": entrance}, status=status)


def _steps(room: Room, content: Iterator[bytes]) -> Iterator[bytes]:
    # Whoever takes the steps is in the room for each of them, and in none between two.
    while True:
        with entered(room):
            step = next(content, None)
        if step is None:
            return
        yield step


async def _async_steps(room: Room, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    enter(room)
    async for step in content:
        yield step
