"""A visit: what a room knows of who is in it, kept in that room's session and nowhere else.

Not here: how somebody proves who they are (``vault/credentials`` for staff, the card link for customers).
"""

from __future__ import annotations

import datetime as dt

import msgspec
from django.http import HttpRequest

from comptoir.foundation.rooms.declaration import Assurance

_KEY = "visit"


class Visit(msgspec.Struct, frozen=True):
    """Who is in the room: an opaque ``subject``, how sure the house is, by which ``means``, and since when.

    ``name`` is what the person is greeted with: staff have one, customers have none (an empty text).
    """

    subject: str
    assurance: Assurance
    means: tuple[str, ...]
    since: dt.datetime
    name: str = ""


def visit_of(request: HttpRequest) -> Visit | None:
    """Return the visit of this room's session, or ``None`` for a stranger."""
    data = request.session.get(_KEY)
    return None if data is None else msgspec.convert(data, Visit, strict=False)


def begin_visit(request: HttpRequest, visit: Visit) -> None:
    """Let somebody in: the session gets a new key and forgets what a former visitor left in it."""
    if (former := visit_of(request)) is not None and former.subject != visit.subject:
        request.session.flush()
    else:
        # A key that was known before the visit (session fixation) is worth nothing afterwards.
        request.session.cycle_key()
    request.session[_KEY] = msgspec.to_builtins(visit)


def end_visit(request: HttpRequest) -> None:
    """Let somebody out: the session is deleted, on the server too."""
    request.session.flush()
