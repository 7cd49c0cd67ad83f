"""Pages of the square for readers, kept for a second: what many ask for at once is made once.

Only for whoever shows no cookie at all, since such a page says the same to everybody. A second is what the house
promises anyway: what happens is true everywhere within one. Each process keeps its own, a few hundred at most.
"""

from __future__ import annotations

import collections
import math
import os
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from comptoir.foundation.rooms.headers import let_frame

T = TypeVar("T")

SECONDS: Final = 1.0
_PAGES_MAX: Final = 500
_BYTES_MAX: Final = 400_000


class _Kept(msgspec.Struct, frozen=True):
    content: bytes
    headers: dict[str, str]
    framed_by: tuple[str, ...]
    until: float


_pages: collections.OrderedDict[tuple[str, str], _Kept] = collections.OrderedDict()
_lock: Final = threading.Lock()
_facts: dict[tuple[str | None, ...], tuple[float, Any]] = {}
_FACTS_MAX: Final = 100
#: What is made just now by somebody else may be used for so long at most.
_STALE_SECONDS_MAX: Final = 3.0
_making: Final = threading.Lock()


def fact(name: str, make: Callable[[], T], *, now: Callable[[], float] = time.monotonic) -> T:
    """Return something that says the same to everybody, at most a second old: made once for all who ask meanwhile.

    While one request makes it anew, others get what there is.
    """
    key = (name, *map(os.environ.get, ("COMPTOIR_DATA", "COMPTOIR_DATABASE_NAME", "COMPTOIR_DATABASE_URL")))
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
            _pages[key] = _Kept(response.content, dict(response.headers), framed_by, now() + SECONDS)
            _pages.move_to_end(key)
            while len(_pages) > _PAGES_MAX:
                _pages.popitem(last=False)
    return response
