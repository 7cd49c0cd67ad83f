"""Where each room answers: hosts and origins, from the shop's domain or, without one, below ``localhost``.

``COMPTOIR_DOMAIN`` set means production: ``https://www.DOMAIN`` and so on. Unset means the demo:
``http://localhost:8000``, ``http://my.localhost:8000`` and so on; ``COMPTOIR_PORT`` changes the port. What the browser
says about itself is never used to build an address. No Django. Not here: what the rooms are (``declaration.py``).
"""

from __future__ import annotations

import os

from comptoir.foundation.rooms.declaration import ROOMS, Room

_DEMO_PORT = 8000
_HTTPS_PORT = 443


def domain() -> str | None:
    """Return the shop's domain in lower case, or ``None`` in the demo."""
    return os.environ.get("COMPTOIR_DOMAIN", "").strip().strip(".").lower() or None


def is_production() -> bool:
    """Tell whether the shop has a domain of its own, and with it HTTPS only."""
    return domain() is not None


def public_port() -> int:
    """Return the port under which browsers reach the pages."""
    return int(os.environ.get("COMPTOIR_PORT") or (_HTTPS_PORT if is_production() else _DEMO_PORT))


def host_of(room: Room) -> str:
    """Return the host of a room, without a port."""
    name = domain()
    if name is not None:
        return f"{room.host_label}.{name}"
    return f"{room.host_label_demo}.localhost".lstrip(".")


def origin_of(room: Room) -> str:
    """Return the origin of a room (RFC 6454): scheme, host, and the port where it is not the scheme's own."""
    scheme, own = ("https", _HTTPS_PORT) if is_production() else ("http", 80)
    port = public_port()
    return f"{scheme}://{host_of(room)}" + ("" if port == own else f":{port}")


def url_of(room: Room, path: str) -> str:
    """Return the full address of a path in a room; ``path`` begins with one slash."""
    if not path.startswith("/") or path.startswith(("//", "/\\")):
        raise ValueError(f"not a path: {path!r}")
    return origin_of(room) + path


def room_of_host(host: str) -> Room | None:
    """Return the room that answers to a host (without a port), or ``None``: there is no default room."""
    return {host_of(room): room for room in ROOMS.values()}.get(host.lower())


def rooms_here() -> tuple[Room, ...]:
    """Return the rooms that this process answers for: those named in ``COMPTOIR_ROOMS``, or all of them.

    Raises :class:`ValueError` for a name that is no room's.
    """
    names = os.environ.get("COMPTOIR_ROOMS", "").replace(",", " ").split()
    if unknown := set(names) - set(ROOMS):
        raise ValueError(f"COMPTOIR_ROOMS names no room: {', '.join(sorted(unknown))}")
    return tuple(room for room in ROOMS.values() if not names or room.name in names)
