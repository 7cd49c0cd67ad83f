"""A visit: what a room knows of who is in it, kept in that room's session and nowhere else.

A visit that came out of a *sign-in* holds as long as that does: each room asks for it when somebody comes back. Not
here: how somebody proves who they are (``vault/credentials``, or the card link), and who ends a sign-in (the vault).
"""

from __future__ import annotations

import datetime as dt
import uuid

import msgspec
from django.http import HttpRequest
from django.utils import timezone

from comptoir.foundation.rooms import reading
from comptoir.foundation.rooms.declaration import SQUARE, Assurance
from comptoir.foundation.rooms.models import Outing, Presence, Standing
from comptoir.foundation.rooms.sessions import RoomSession

_HOLDS = "select 1 from rooms_outingthatholds where number = %s"
_KEY = "visit"
_SEEN_ON = "seen_on"
_ASKED = "_comptoir_standing"


class Visit(msgspec.Struct, frozen=True):
    """Who is in the room: an opaque ``subject``, how sure the house is, by which ``means``, and since when.

    ``name`` is what the person is greeted with: staff have one, customers have none (an empty text). ``sign_in`` is
    the sign-in that the visit hangs on; a card link has none (an empty text).
    """

    subject: str
    assurance: Assurance
    means: tuple[str, ...]
    since: dt.datetime
    name: str = ""
    sign_in: str = ""


def visit_of(request: HttpRequest) -> Visit | None:
    """Return the visit of this room's session, or ``None`` for a stranger.

    A visit whose sign-in was ended is over: the session is deleted, and whoever shows its cookie is a stranger.
    """
    data = request.session.get(_KEY)
    if data is None:
        return None
    visit = msgspec.convert(data, Visit, strict=False)
    if visit.sign_in and not _stands(request, visit):
        request.session.flush()
        return None
    return visit


def _stands(request: HttpRequest, visit: Visit) -> bool:
    """Tell whether a sign-in still holds: one look by its key for each request, and once a day a word on being here."""
    # Remembered beside the visit that it was asked for: a request may begin with one and go on with another.
    if getattr(request, _ASKED, None) == visit.sign_in:
        return True
    session = request.session
    assert isinstance(session, RoomSession)
    if session.room == SQUARE:
        # The square knows its own number of the visit, and not of which sign-in it is.
        if not reading.rows(_HOLDS, (uuid.UUID(visit.sign_in),)):
            return False
        setattr(request, _ASKED, visit.sign_in)
        return True
    now = timezone.now()
    standing = Standing.objects.filter(sign_in=visit.sign_in, expires_at__gt=now)
    if not standing.exists():
        return False
    setattr(request, _ASKED, visit.sign_in)
    today = now.date()
    if session.get(_SEEN_ON) != today.isoformat():
        Presence.objects.update_or_create(
            sign_in=uuid.UUID(visit.sign_in), room=session.room.name, defaults={"seen_on": today}
        )
        session[_SEEN_ON] = today.isoformat()
    return True


def outing(visit: Visit) -> str:
    """Return the number under which the square knows a visit that begins at the counter; empty without a sign-in.

    It ends with the sign-in, and leads to nothing. Runs in the counter.
    """
    if not visit.sign_in:
        return ""
    number = uuid.uuid4()
    Outing.objects.create(number=number, sign_in=uuid.UUID(visit.sign_in))
    return str(number)


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
