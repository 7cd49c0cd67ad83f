"""What many ask for at once is made once: whole pages for readers, and for members what a page says to everybody.

Kept for a second, which is what the house promises anyway: what happens is true everywhere within one. A whole page
only for whoever shows no cookie at all, since such a page says the same to everybody; of a member's page the parts
that do. Whoever has just said something gets all of it anew, and so finds it there. Each process keeps its own.
``COMPTOIR_PAGES_KEPT_SECONDS`` says for how long; with 0 every page is made for its one request, but for what takes the
database longer than a page (:func:`fact`).
"""

from __future__ import annotations

import collections
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Hashable
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from comptoir.foundation.rooms.headers import let_frame

T = TypeVar("T")

SECONDS: Final = 1.0
SECONDS_MAX: Final = 10.0
#: Says that this browser has just said something; gone before anything kept could be older than it.
SAID_COOKIE: Final = "comptoir-said"
_SAID_SECONDS: Final = 2
_PARTS_MAX: Final = 500
_PAGES_MAX: Final = 500
_BYTES_MAX: Final = 400_000


class _Kept(msgspec.Struct, frozen=True):
    content: bytes
    headers: dict[str, str]
    framed_by: tuple[str, ...]
    until: float


_pages: collections.OrderedDict[tuple[str, str], _Kept] = collections.OrderedDict()
_lock: Final = threading.Lock()
_parts: collections.OrderedDict[tuple[Hashable, ...], tuple[float, Any]] = collections.OrderedDict()
_facts: dict[tuple[str | None, ...], tuple[float, Any]] = {}
_FACTS_MAX: Final = 100
#: What is made just now by somebody else may be used for so long at most.
_STALE_SECONDS_MAX: Final = 3.0
_making: Final = threading.Lock()


def seconds() -> float:
    """Return for how long something is kept; raises :class:`ValueError` for a setting that says no such time."""
    return _seconds(os.environ.get("COMPTOIR_PAGES_KEPT_SECONDS", ""))


@functools.lru_cache(8)
def _seconds(said: str) -> float:
    if not said:
        return SECONDS
    try:
        found = float(said)
    except ValueError:
        found = math.nan
    if not 0 <= found <= SECONDS_MAX:
        raise ValueError(f"COMPTOIR_PAGES_KEPT_SECONDS: {said!r} is no number of seconds from 0 to {SECONDS_MAX:.0f}")
    return found


def _here() -> tuple[str | None, ...]:
    return tuple(map(os.environ.get, ("COMPTOIR_DATA", "COMPTOIR_DATABASE_NAME", "COMPTOIR_DATABASE_URL")))


def part(
    request: HttpRequest,
    key: tuple[Hashable, ...],
    make: Callable[[], T],
    *,
    now: Callable[[], float] = time.monotonic,
) -> T:
    """Return a part of a page that says the same to whoever may be given it under this key; nobody changes it.

    Made anew for whoever has just said something, and then there for the others, too.
    """
    key = (*_here(), *key)
    at = now()
    found = _parts.get(key)
    if found is not None and found[0] > at and SAID_COOKIE not in request.COOKIES:
        return cast("T", found[1])
    made = make()
    if kept_for := seconds():
        with _lock:
            _parts[key] = (at + kept_for, made)
            _parts.move_to_end(key)
            while len(_parts) > _PARTS_MAX or next(iter(_parts.values()))[0] <= at:
                _parts.popitem(last=False)
    return made


def say_so(response: HttpResponseBase, *, is_secure: bool) -> None:
    """Let the browser say for a moment that it has said something."""
    response.set_cookie(SAID_COOKIE, "1", max_age=_SAID_SECONDS, httponly=True, samesite="Lax", secure=is_secure)


def fact(name: str, make: Callable[[], T], *, now: Callable[[], float] = time.monotonic) -> T:
    """Return something that says the same to everybody, at most a second old: made once for all who ask meanwhile.

    While one request makes it anew, others get what there is.
    """
    key = (name, *_here())
    found = _facts.get(key)
    age = now() - found[0] if found is not None else math.inf
    if found is not None and age < SECONDS:
        return cast("T", found[1])
    is_mine = _making.acquire(blocking=found is None or age > _STALE_SECONDS_MAX)
    if not is_mine:
        assert found is not None, "one only goes on without the lock if there is something"
        return cast("T", found[1])
    try:
        made = make()
        if len(_facts) >= _FACTS_MAX:
            _facts.clear()
        _facts[key] = (now(), made)
        return made
    finally:
        _making.release()


def kept(
    request: HttpRequest,
    language: str,
    make: Callable[[], HttpResponseBase],
    *,
    now: Callable[[], float] = time.monotonic,
) -> HttpResponseBase:
    """Return the page that was made within the last second, or make it."""
    if request.method != "GET" or request.META.get("HTTP_COOKIE"):
        return make()
    key = (request.get_full_path(), language)
    found = _pages.get(key)
    if found is not None and found.until > now():
        return let_frame(HttpResponse(found.content, headers=found.headers), found.framed_by)
    response = make()
    if (
        response.status_code == HTTPStatus.OK
        and isinstance(response, HttpResponse)
        and not response.cookies
        and len(response.content) <= _BYTES_MAX
    ):
        with _lock:
            framed_by = getattr(response, "framed_by", ())
            _pages[key] = _Kept(response.content, dict(response.headers), framed_by, now() + seconds())
            _pages.move_to_end(key)
            while len(_pages) > _PAGES_MAX:
                _pages.popitem(last=False)
    return response
