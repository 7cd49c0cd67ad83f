"""What somebody typed and the square has not taken: kept through signing in again, and named for the browser's drafts.

A form carries its *writer*: a mark of the public name under which it was opened, which says nothing to anybody else.
When the visit has ended meanwhile, what was typed waits for an hour and for the same name only, in a session of its
own, sealed like all of them: the browser's visit begins anew when somebody comes with a ticket. Not here: what the
browser keeps by itself (``drafts.js``).
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import re
import uuid
from typing import Any, Final

import msgspec
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.sessions import RoomSession

_KEY: Final = "unsent"
_COOKIE: Final = "comptoir-unsent"
#: Says to the browser's script which forms were taken.
TAKEN_COOKIE: Final = "comptoir-taken"
_TAKEN_SECONDS: Final = 600
_KEPT: Final = dt.timedelta(hours=1)
_FIELDS: Final = (
    "title", "text", "words", "topic", "kind", "rating", "elsewhere", "is_elsewhere", "parent", "post", "version",
    "reason", "product", "wanted",
)  # fmt: skip
_TYPED: Final = ("title", "text", "words")
_TYPED_CHARACTERS_MAX: Final = 64 << 10
_FIELD_CHARACTERS_MAX: Final = 400
_PREFIX: Final = re.compile(r"^/(?:en|ja|fr)(?=/)")
#: Where the form stands that was sent to an address.
_FORMS: Final = (
    (re.compile(r"^(/threads/[0-9a-f-]{36})/reply$"), r"\1"),
    (re.compile(r"^(/posts/[0-9a-f-]{36})/flag$"), r"\1/report"),
    (re.compile(r"^(/decisions/[0-9a-f-]{36})/appeal$"), r"\1"),
    (re.compile(r"^(/posts/[0-9a-f-]{36}/edit|/write)$"), r"\1"),
)


class Unsent(msgspec.Struct, frozen=True):
    """What was typed: where its form stands (without a language), its fields, whose it is, and since when it waits."""

    path: str
    fields: dict[str, str]
    writer: str
    at: dt.datetime


def writer_of(persona: uuid.UUID) -> str:
    """Return the mark of a public name that its forms carry, and a proof that the mark is one of this shop."""
    mark = _digest(b"mark" + persona.bytes)[:16].hex()
    return f"{mark}{_digest(b'proof' + mark.encode())[:8].hex()}"


def key_of(persona: uuid.UUID) -> str:
    """Return the key with which the browser seals what this name has typed; only its own pages bring it."""
    return base64.b64encode(_digest(b"key" + persona.bytes)).decode()


def _digest(data: bytes) -> bytes:
    return hmac.digest(shop.remembered_secret("drafts"), data, "sha256")


def read(request: HttpRequest) -> Unsent | None:
    """Return what a form of this shop's brought, to wait for its writer; ``None`` if nobody typed anything."""
    writer = request.POST.get("writer", "")
    asked = _PREFIX.sub("", request.path)
    path = next((form.sub(stands, asked) for form, stands in _FORMS if form.match(asked)), "")
    fields = {
        name: request.POST[name][: _TYPED_CHARACTERS_MAX if name in _TYPED else _FIELD_CHARACTERS_MAX]
        for name in _FIELDS
        if name in request.POST
    }
    if not path or not any(fields.get(name, "").strip() for name in _TYPED) or not _is_mark(writer):
        return None
    return Unsent(path, fields, writer, timezone.now())


def keep(response: HttpResponseBase, unsent: Unsent, *, is_secure: bool) -> HttpResponseBase:
    """Let it wait; the browser gets what finds it again."""
    session = RoomSession(room=SQUARE)
    session[_KEY] = msgspec.json.encode(unsent).decode()
    session.save()
    response.set_cookie(
        _COOKIE, session.session_key or "", max_age=int(_KEPT.total_seconds()), httponly=True, samesite="Lax",
        secure=is_secure,
    )  # fmt: skip
    return response


def _is_mark(writer: str) -> bool:
    proof = _digest(b"proof" + writer[:32].encode())[:8].hex()
    return len(writer) == 48 and hmac.compare_digest(writer[32:].encode(), proof.encode())


def waiting(request: HttpRequest, persona: uuid.UUID | None) -> Unsent | None:
    """Return what this name has typed before it was here again, if it has not waited too long."""
    key = request.COOKIES.get(_COOKIE)
    if not key or persona is None:
        return None
    text = RoomSession(key, room=SQUARE).get(_KEY)
    if text is None:
        return None
    unsent = msgspec.json.decode(text, type=Unsent)
    if timezone.now() - unsent.at > _KEPT or unsent.writer != writer_of(persona):
        return None
    return unsent


def typed(request: HttpRequest, persona: uuid.UUID | None) -> dict[str, str]:
    """Return what waits for the form on this page; nothing, if nothing does."""
    unsent = waiting(request, persona)
    return unsent.fields if unsent is not None and unsent.path == _PREFIX.sub("", request.path) else {}


def discard(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Let what waits go."""
    if key := request.COOKIES.get(_COOKIE):
        RoomSession(room=SQUARE).delete(key)
        response.delete_cookie(_COOKIE, samesite="Lax")
    return response


def taken(request: HttpRequest, response: HttpResponseBase, form: str) -> HttpResponseBase:
    """Say that the square has taken what a form brought: it waits nowhere any more."""
    discard(request, response)
    before = [each for each in request.COOKIES.get(TAKEN_COOKIE, "").split("|") if _FORM.match(each)][-4:]
    # The page's own script reads it; it names a form, and nobody.
    response.set_cookie(
        TAKEN_COOKIE, "|".join([*before, form]), max_age=_TAKEN_SECONDS, samesite="Lax", secure=request.is_secure()
    )
    return response


_FORM: Final = re.compile(r"^[a-z]{1,10}(?:\.[0-9a-f-]{1,60}){0,2}$")


def context_of(request: HttpRequest, persona: uuid.UUID | None) -> dict[str, Any]:
    """Return what every page of a member says of drafts."""
    if persona is None:
        return {}
    unsent = waiting(request, persona)
    here = unsent is not None and unsent.path == _PREFIX.sub("", request.path)
    return {
        "writer": writer_of(persona),
        "draft_key": key_of(persona),
        "unsent": None if unsent is None else unsent.path.lstrip("/"),
        "is_unsent_here": here,
    }
