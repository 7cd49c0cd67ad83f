"""The response headers of a room, from its declaration: what the browser may do with the room's pages. No Django."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import ROOMS, Room

#: The one header that a view may choose itself: a ticket has to say where it comes from.
CHOSEN_BY_VIEWS = "Referrer-Policy"


def headers_of(room: Room) -> Mapping[str, str]:
    """Return every header that a response of the room carries, its content security policy among them."""
    return _headers(room.name, tuple(addresses.origin_of(ROOMS[name]) for name in room.leads_to))


@functools.cache
def _headers(name: str, leads_to: tuple[str, ...]) -> Mapping[str, str]:
    room = ROOMS[name]
    policy = dict(room.content_security_policy)
    # A form may be sent to the room itself, and with a ticket to the rooms that it leads to; nowhere else.
    policy["form-action"] = " ".join((policy["form-action"], *leads_to))
    return {
        **room.headers,
        "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in policy.items()),
    }
