"""Sessions, one kind for each room: its own table, its own cookie, its own ages.

A session is found by the digest of its cookie, so that a copy of the table opens nothing. It ends when nobody was
there for the room's idle time, and at the latest after the room's absolute time, which begins anew when somebody
signs in. What stands in it is sealed, and only its own cookie opens it. Not here: what that is (``visits.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.rooms import addresses, reading
from comptoir.foundation.rooms.declaration import SQUARE, Room
from comptoir.foundation.rooms.models import SESSIONS

_FIND = (
    "select content, begun_at, seen_at from rooms_squaresession where digest = %s and seen_at > %s and begun_at > %s"
)
_KEY_BYTES = 32
_NONCE_BYTES = 12


def cookie_name(room: Room) -> str:
    """Return the name of a room's cookie. In production its prefix binds it to one host and to HTTPS (RFC 6265bis)."""
    return f"__Host-comptoir-{room.name}" if addresses.is_production() else f"comptoir-{room.name}"


def _sealing_key(room: Room, session_key: str) -> bytes:
    # Neither the shop nor whoever has a copy of the table reads a session without the cookie of its browser: when its
    # person is forgotten, what is left in it leads to nobody.
    return hmac.digest(shop.remembered_secret(f"sessions-{room.name}"), session_key.encode(), hashlib.sha256)


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
    def room(self) -> Room:
        """Return the room whose session this is."""
        return self._room

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to write down that somebody is still here: once in a tenth of the idle time."""
        if self.seen_at is None:
            return False
        return timezone.now() - self.seen_at > dt.timedelta(seconds=self._room.session_idle_seconds / 10)

    def load(self) -> dict[str, Any]:
        """Return what the session holds; an unknown, idle or too old session is an empty one without a key."""
        row = self._row(timezone.now()) if self.session_key else None
        if row is None:
            self._session_key = None
            return {}
        content, self._begun_at, self.seen_at = row
        if (opened := self._opened(content)) is None:
            self._session_key = None
            return {}
        return opened

    def _row(self, now: dt.datetime) -> tuple[Any, ...] | None:
        """Return content, beginning and when it was last seen, of a session that is not idle or too old."""
        seen_after = now - dt.timedelta(seconds=self._room.session_idle_seconds)
        begun_after = now - dt.timedelta(seconds=self._room.session_absolute_seconds)
        digest = digest_of(self.session_key or "")
        if self._room == SQUARE:
            # Every page of a member begins with this one.
            found = reading.rows(_FIND, (digest, seen_after, begun_after))
            return found[0] if found else None
        sessions = self._model.objects.filter(digest=digest, seen_at__gt=seen_after, begun_at__gt=begun_after)
        return sessions.values_list("content", "begun_at", "seen_at").first()

    def exists(self, session_key: str) -> bool:
        """Tell whether there is a session with that key."""
        return self._model.objects.filter(digest=digest_of(session_key)).exists()

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
        digest = digest_of(self.session_key)
        values = {"content": self._closed(content, digest), "seen_at": now}
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
            self._model.objects.filter(digest=digest_of(key)).delete()

    def _closed(self, content: dict[str, Any], digest: bytes) -> str:
        assert self.session_key is not None
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key = _sealing_key(self._room, self.session_key)
        sealed = AESGCM(key).encrypt(nonce, self.serializer().dumps(content), digest)
        return base64.b64encode(nonce + sealed).decode()

    def _opened(self, text: str) -> dict[str, Any] | None:
        """Return what a row holds; ``None`` if it was sealed with another key, for another session, or not at all."""
        assert self.session_key is not None
        try:
            data = base64.b64decode(text, validate=True)
            key = _sealing_key(self._room, self.session_key)
            opened = AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], digest_of(self.session_key))
        except (ValueError, InvalidTag):
            return None
        unsealed: dict[str, Any] = self.serializer().loads(opened)
        return unsealed

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
