"""Where each room answers: hosts and origins, from the shop's domain or, without one, below ``localhost``.

``COMPTOIR_DOMAIN`` set means production: ``https://www.DOMAIN`` and so on. Unset means the demo:
``http://localhost:8000``, ``http://my.localhost:8000`` and so on; ``COMPTOIR_PORT`` changes the port. What the browser
says about itself is never used to build an address. No Django. Not here: what the rooms are (``declaration.py``).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

from comptoir.foundation.rooms.declaration import ROOMS, Room

_DEMO_PORT = 8000
_HTTPS_PORT = 443


def domain() -> str | None:
    """Return the shop's domain in lower case, or ``None`` in the demo."""
    return _domain(os.environ.get("COMPTOIR_DOMAIN", ""))


def is_production() -> bool:
    """Tell whether the shop has a domain of its own, and with it HTTPS only."""
    return domain() is not None


def public_port() -> int:
    """Return the port under which browsers reach the pages."""
    return _port(os.environ.get("COMPTOIR_PORT", ""), is_production=is_production())


def host_of(room: Room) -> str:
    """Return the host of a room, without a port."""
    return _host(room, domain())


def origin_of(room: Room) -> str:
    """Return the origin of a room (RFC 6454): scheme, host, and the port where it is not the scheme's own."""
    return _origin(room, domain(), os.environ.get("COMPTOIR_PORT", ""))


def url_of(room: Room, path: str) -> str:
    """Return the full address of a path in a room; ``path`` begins with one slash."""
    if not path.startswith("/") or path.startswith(("//", "/\\")):
        raise ValueError(f"not a path: {path!r}")
    return origin_of(room) + path


def room_of_host(host: str) -> Room | None:
    """Return the room that answers to a host (without a port), or ``None``: there is no default room."""
    return _by_host(domain()).get(host.lower())


def rooms_here() -> tuple[Room, ...]:
    """Return the rooms that this process answers for: those named in ``COMPTOIR_ROOMS``, or all of them.

    Raises :class:`ValueError` for a name that is no room's.
    """
    return _named(os.environ.get("COMPTOIR_ROOMS", ""))


# Each page asks for these a dozen times, and they are those of the environment every time.


@functools.lru_cache(16)
def _domain(said: str) -> str | None:
    return said.strip().strip(".").lower() or None


def _port(said: str, *, is_production: bool) -> int:
    return int(said or (_HTTPS_PORT if is_production else _DEMO_PORT))


def _host(room: Room, name: str | None) -> str:
    return f"{room.host_label}.{name}" if name is not None else f"{room.host_label_demo}.localhost".lstrip(".")


@functools.lru_cache(64)
def _origin(room: Room, name: str | None, port_said: str) -> str:
    scheme, own = ("https", _HTTPS_PORT) if name is not None else ("http", 80)
    port = _port(port_said, is_production=name is not None)
    return f"{scheme}://{_host(room, name)}" + ("" if port == own else f":{port}")


@functools.lru_cache(16)
def _by_host(name: str | None) -> Mapping[str, Room]:
    return {_host(room, name): room for room in ROOMS.values()}


@functools.lru_cache(16)
def _named(said: str) -> tuple[Room, ...]:
    names = said.replace(",", " ").split()
    if unknown := set(names) - set(ROOMS):
        raise ValueError(f"COMPTOIR_ROOMS names no room: {', '.join(sorted(unknown))}")
    return tuple(room for room in ROOMS.values() if not names or room.name in names)
