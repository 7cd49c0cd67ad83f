"""What many ask for at once is made once: of members' pages, what they say to everybody.

Kept for a second, which is what the house promises anyway: what happens is true everywhere within one. Whoever has just
said something gets all of it anew, and so finds it there. Each process keeps its own.
``COMPTOIR_PAGES_KEPT_SECONDS`` says for how long; with 0 every page is made for its one request, but for what takes the
database longer than a page (:func:`fact`). Not here: whole pages of readers without a cookie
(``foundation/rooms/staying.py``).
"""

from __future__ import annotations

import collections
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from comptoir.foundation.rooms import reading

T = TypeVar("T")

SECONDS: Final = 1.0
SECONDS_MAX: Final = 10.0
#: Says that this browser has just said something; gone before anything kept could be older than it.
SAID_COOKIE: Final = "comptoir-said"
_SAID_SECONDS: Final = 2
_PARTS_MAX: Final = 500
#: Where a request remembers it.
_WHERE: Final = "_comptoir_where"


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


def part(
    request: HttpRequest,
    key: tuple[Hashable, ...],
    make: Callable[[], T],
    *,
    now: Callable[[], float] = time.monotonic,
) -> T:
    """Return a part of a page that says the same to whoever may be given it under this key; nobody changes it.

    Made anew for whoever has just said something, and for readers without a cookie, whose whole page is kept from then
    on: nothing is older than it may be. It is there for the others, too.
    """
    key = (*_where(request), *key)
    at = now()
    found = _parts.get(key)
    if found is not None and found[0] > at and request.COOKIES and SAID_COOKIE not in request.COOKIES:
        return cast("T", found[1])
    made = make()
    if kept_for := seconds():
        with _lock:
            _parts[key] = (at + kept_for, made)
            _parts.move_to_end(key)
            while len(_parts) > _PARTS_MAX or next(iter(_parts.values()))[0] <= at:
                _parts.popitem(last=False)
    return made


def _where(request: HttpRequest) -> tuple[str | None, ...]:
    """Return which database this request asks; the environment is read once for all of its parts."""
    found: tuple[str | None, ...] | None = getattr(request, _WHERE, None)
    if found is None:
        found = reading.where()
        setattr(request, _WHERE, found)
    return found


def say_so(response: HttpResponseBase, *, is_secure: bool) -> None:
    """Let the browser say for a moment that it has said something."""
    response.set_cookie(SAID_COOKIE, "1", max_age=_SAID_SECONDS, httponly=True, samesite="Lax", secure=is_secure)


def fact(name: str, make: Callable[[], T], *, now: Callable[[], float] = time.monotonic) -> T:
    """Return something that says the same to everybody, at most a second old: made once for all who ask meanwhile.

    While one request makes it anew, others get what there is.
    """
    key = (name, *reading.where())
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
