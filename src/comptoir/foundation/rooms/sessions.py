"""Sessions, one kind for each room: its own table, its own cookie, its own ages.

A session is found by the digest of its cookie, so that a copy of the table opens nothing. It ends when nobody was
there for the room's idle time, and at the latest after the room's absolute time, which begins anew when somebody
signs in. Not here: what stands in a session (``visits.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import Room
from comptoir.foundation.rooms.models import SESSIONS

_KEY_BYTES = 32


def cookie_name(room: Room) -> str:
    """Return the name of a room's cookie. In production its prefix binds it to one host and to HTTPS (RFC 6265bis)."""
    return f"__Host-comptoir-{room.name}" if addresses.is_production() else f"comptoir-{room.name}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class RoomSession(SessionBase):
    """A session of one room, in that room's table."""

    def __init__(self, session_key: str | None = None, *, room: Room) -> None:
        """Take the session of a cookie's value, if there is one; nothing is read before it is asked for."""
        super().__init__(session_key)
        self._room = room
        self._model = SESSIONS[room.name]
        self._begun_at: dt.datetime | None = None
        self.seen_at: dt.datetime | None = None

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to write down that somebody is still here: once in a tenth of the idle time."""
        if self.seen_at is None:
            return False
        return timezone.now() - self.seen_at > dt.timedelta(seconds=self._room.session_idle_seconds / 10)

    def load(self) -> dict[str, Any]:
        """Return what the session holds; an unknown, idle or too old session is an empty one without a key."""
        now = timezone.now()
        row = None
        if self.session_key:
            row = self._model.objects.filter(
                digest=_digest(self.session_key),
                seen_at__gt=now - dt.timedelta(seconds=self._room.session_idle_seconds),
                begun_at__gt=now - dt.timedelta(seconds=self._room.session_absolute_seconds),
            ).first()
        if row is None:
            self._session_key = None
            return {}
        self._begun_at, self.seen_at = row.begun_at, row.seen_at
        content: dict[str, Any] = self.decode(row.content)
        return content

    def exists(self, session_key: str) -> bool:
        """Tell whether there is a session with that key."""
        return self._model.objects.filter(digest=_digest(session_key)).exists()

    def create(self) -> None:
        """Begin a session with a new key; the absolute time begins now."""
        # 256 random bits never meet a key that exists, so that nothing has to be tried twice.
        self._session_key = self._get_new_session_key()
        self._begun_at = None
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """Write the session down. Raises :class:`UpdateError` if it was ended meanwhile."""
        if self.session_key is None:
            self.create()
            return
        content = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        now = timezone.now()
        self._begun_at = self._begun_at or now
        self.seen_at = now
        values = {"content": self.encode(content), "seen_at": now}
        digest = _digest(self.session_key)
        sessions = self._model.objects
        try:
            with transaction.atomic(using=self._room.name):
                if must_create:
                    sessions.create(digest=digest, begun_at=self._begun_at, **values)
                elif not sessions.filter(digest=digest).update(**values):
                    raise UpdateError
        except DatabaseError as error:
            raise UpdateError from error

    def delete(self, session_key: str | None = None) -> None:
        """End a session (unset: this one)."""
        key = session_key or self.session_key
        if key is not None:
            self._model.objects.filter(digest=_digest(key)).delete()

    def _get_new_session_key(self) -> str:
        return secrets.token_urlsafe(_KEY_BYTES)

    def _validate_session_key(self, key: str) -> bool:
        return bool(key)


class RoomSessionMiddleware:
    """Gives every request the session of its room, and sends the room's cookie back when it changed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Stand before the rest."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the rest's answer."""
        room: Room = request.room  # type: ignore[attr-defined]
        name = cookie_name(room)
        session = RoomSession(request.COOKIES.get(name), room=room)
        request.session = session
        response = self._get_response(request)
        is_server_error = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        if session.accessed:
            patch_vary_headers(response, ("Cookie",))
        if session.is_empty():
            if name in request.COOKIES:
                response.delete_cookie(name, path="/", samesite=room.same_site.value)
            return response
        if (session.modified or session.is_due) and not is_server_error:
            try:
                session.save()
            except UpdateError as error:
                raise SessionInterrupted("The session was ended while the request was being answered.") from error
            response.set_cookie(
                name,
                session.session_key or "",
                max_age=room.session_absolute_seconds,
                path="/",
                secure=addresses.is_production(),
                httponly=True,
                samesite=room.same_site.value,
            )
        return response
