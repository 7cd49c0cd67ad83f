"""The response headers of a room, from its declaration: what the browser may do with the room's pages. No Django."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection, Mapping
from typing import Final, TypeVar

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import ROOMS, Room

#: The one header that a view may choose itself: a ticket has to say where it comes from.
CHOSEN_BY_VIEWS = "Referrer-Policy"


def headers_of(room: Room) -> Mapping[str, str]:
    """Return every header that a response of the room carries, its content security policy among them."""
    return _headers(room.name, tuple(addresses.origin_of(ROOMS[name]) for name in (*room.leads_to, *room.forms_to)))


Response = TypeVar("Response")
_ORIGINS_MAX: Final = 20
_ORIGIN: Final = re.compile(r"https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?")


class StripOriginInvalid(ValueError):  # noqa: N818 - said of the setting
    """``COMPTOIR_STRIP_ORIGINS`` names something that is not the origin of a web page."""


def strip_origins() -> tuple[str, ...]:
    """Return whose web pages may show the square's strip in a frame; raises :class:`StripOriginInvalid`."""
    named = tuple(os.environ.get("COMPTOIR_STRIP_ORIGINS", "").replace(",", " ").split())
    for origin in named:
        if not _ORIGIN.fullmatch(origin):
            raise StripOriginInvalid(
                f"COMPTOIR_STRIP_ORIGINS: {origin!r} is not an origin, such as https://shop.example"
            )
    if len(named) > _ORIGINS_MAX:
        raise StripOriginInvalid(f"COMPTOIR_STRIP_ORIGINS names more than {_ORIGINS_MAX} origins")
    return named


def let_frame(response: Response, origins: Collection[str], *, is_same_for_all: bool = False) -> Response:
    """Let the pages of these origins show a response in a frame.

    In a room where somebody is known, only what is the same for everybody and has no form (``is_same_for_all``):
    there is nothing on it that somebody could be led to do without knowing.
    """
    response.framed_by = tuple(origins)  # type: ignore[attr-defined]
    response.is_same_for_all = is_same_for_all  # type: ignore[attr-defined]
    return response


def framed(headers: Mapping[str, str], origins: Collection[str]) -> dict[str, str]:
    """Return a room's headers for what may stand in a frame of these origins; for none, as they are."""
    if not origins:
        return dict(headers)
    policy = headers["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {' '.join(origins)}"
    )
    kept = {name: value for name, value in headers.items() if name not in _AGAINST_FRAMES}
    return {**kept, "Content-Security-Policy": policy, "Cross-Origin-Resource-Policy": "cross-origin"}


def let_lead(response: Response, origins: Collection[str]) -> Response:
    """Let the forms of a response lead to pages of these origins: what a form is answered with may redirect there.

    Browsers hold redirects that follow a form to the policy of the page on which the form stood.
    """
    response.leads_out_to = tuple(origins)  # type: ignore[attr-defined]
    return response


def leading(headers: Mapping[str, str], origins: Collection[str]) -> dict[str, str]:
    """Return a room's headers for what may lead to these origins; raises :class:`ValueError` for what is no origin."""
    if wrong := [origin for origin in origins if not _ORIGIN.fullmatch(origin)]:
        raise ValueError(f"not an origin: {wrong[0]!r}")
    policy = headers["Content-Security-Policy"].replace(
        "form-action 'self'", " ".join(("form-action 'self'", *origins))
    )
    return {**headers, "Content-Security-Policy": policy}


#: What is older than ``frame-ancestors`` and says the same without exception, or keeps windows apart.
_AGAINST_FRAMES: Final = frozenset({"X-Frame-Options", "Cross-Origin-Opener-Policy"})


@functools.cache
def _headers(name: str, leads_to: tuple[str, ...]) -> Mapping[str, str]:
    room = ROOMS[name]
    policy = dict(room.content_security_policy)
    # A form may be sent to the room itself, with a ticket to the rooms that it leads to, and to those that say so.
    policy["form-action"] = " ".join((policy["form-action"], *leads_to))
    return {
        **room.headers,
        "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in policy.items()),
    }
