"""Somebody who is in the vault: a session there, as if they had just signed in. Not here: how one signs in."""

from __future__ import annotations

import datetime as dt
import uuid

import msgspec

from comptoir.foundation.rooms.declaration import VAULT, Assurance

_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def vault_session(user: uuid.UUID, *, is_staff: bool = False) -> tuple[str, str]:
    """Begin a session in the vault, of somebody with a passkey; returns the cookie's name and value."""
    from django.contrib.auth.hashers import make_password

    from comptoir.foundation.rooms.current import entered
    from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
    from comptoir.foundation.rooms.visits import Visit
    from comptoir.vault.credentials.models import Kind, User

    now = dt.datetime.now(dt.UTC)
    assurance = Assurance.STAFF if is_staff else Assurance.CONFIRMED
    visit = Visit(str(user), assurance, ("passkey",), now, "Camille" if is_staff else "")
    kind = Kind.STAFF if is_staff else Kind.CUSTOMER
    with entered(VAULT):
        told = {"name": "Camille", "email": "camille@shop.example"} if is_staff else {}
        told["password"] = make_password(None)  # there are none
        customer, _is_new = User.objects.get_or_create(id=user, defaults={"kind": kind, "joined_at": now, **told})
        session = RoomSession(room=VAULT)
        session["visit"] = msgspec.to_builtins(visit)
        session["_auth_user_id"] = str(user)
        session["_auth_user_backend"] = _BACKEND
        session["_auth_user_hash"] = customer.get_session_auth_hash()
        session["account_authentication_methods"] = [{"method": "mfa", "type": "webauthn", "at": now.timestamp()}]
        session["account_authentication_methods_user"] = str(user)
        session.save()
    assert session.session_key is not None
    return cookie_name(VAULT), session.session_key
