"""What a browser's visit knows of its proofs: which requests are open, what was proven, and for whom.

Kept in the vault's session and nowhere else: when the visit ends, so does this. Not here: pages (``views.py``).
"""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from typing import Any, Final

import msgspec
from django.http import HttpRequest

from comptoir.counter.answers.contracts import AttestedBy
from comptoir.vault.attestations.commands import Begun

_KEY: Final = "proving"
_SECRET_BYTES: Final = 32
_LINKS_MAX: Final = 5


class Proven(msgspec.Struct, frozen=True):
    """What was proven during this visit."""

    age: int
    method: AttestedBy
    at: dt.datetime
    is_remembered: bool = False


class Proving(msgspec.Struct):
    """One visit's proofs. ``secret`` binds requests to this browser; ``links`` are those that open the wallet."""

    secret: str
    links: dict[str, str] = {}
    proven: Proven | None = None

    def keep_link(self, begun: Begun) -> None:
        """Remember the link of a request that was begun, and the latest few before it."""
        self.links = dict([*self.links.items(), (str(begun.id), begun.link)][-_LINKS_MAX:])

    def link_of(self, identifier: uuid.UUID) -> str | None:
        """Return the link that opens the wallet for a request of this visit."""
        return self.links.get(str(identifier))


def proving_of(request: HttpRequest) -> Proving:
    """Return what the visit knows; nothing is written for somebody who only looks."""
    held: Any = request.session.get(_KEY)
    if held is None:
        return Proving(secrets.token_urlsafe(_SECRET_BYTES))
    return msgspec.convert(held, Proving, strict=False)


def keep(request: HttpRequest, proving: Proving) -> None:
    """Write down what the visit knows."""
    request.session[_KEY] = msgspec.to_builtins(proving)


def customer_of(request: HttpRequest) -> str | None:
    """Return the id of the customer who is signed in, or ``None`` for somebody who is unknown or who works here."""
    user: Any = request.user
    return str(user.pk) if user.is_authenticated and user.kind == "customer" else None
