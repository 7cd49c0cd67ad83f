"""Who is at the checkout: with which baskets a browser has come in, and which orders are its own.

The key of an order follows from a secret of the session and from the order's id. So each of two requests of one page
knows it before either is answered, and whichever of them writes the order down, both lead to it. Not here: the ticket
by which somebody comes in, pages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from typing import Final

from django.http import Http404, HttpRequest

from comptoir.vault.checkout import commands
from comptoir.vault.checkout.models import Checkout

_CAME: Final = "checkout-came"
_SECRET: Final = "checkout-secret"  # noqa: S105 - the name under which a session keeps it
_CAME_MAX: Final = 10
_KEY_BYTES: Final = 24


def come_in(request: HttpRequest, basket: str, *, customer: str) -> None:
    """Remember with which basket somebody came, and whom the counter recognised there (empty: nobody)."""
    came = dict(request.session.get(_CAME, {}))
    came[basket] = customer
    request.session[_CAME] = dict(list(came.items())[-_CAME_MAX:])
    _secret(request)


def came_with(request: HttpRequest, basket: str) -> bool:
    """Tell whether this browser came in with a basket."""
    return basket in request.session.get(_CAME, {})


def recognised(request: HttpRequest, basket: str) -> uuid.UUID | None:
    """Return whom the counter recognised with a basket, if anybody."""
    customer = request.session.get(_CAME, {}).get(basket, "")
    return uuid.UUID(customer) if customer else None


def user_of(request: HttpRequest) -> uuid.UUID | None:
    """Return which customer is signed in, if any is."""
    if request.user.is_authenticated and getattr(request.user, "is_customer", False):
        return uuid.UUID(str(request.user.pk))
    return None


def key_for(request: HttpRequest, order: uuid.UUID) -> str:
    """Return the key that an order has which is written down in this session."""
    return _key(_secret(request), order)


def key_of(request: HttpRequest, row: Checkout) -> str:
    """Return the key of an order that was written down in this session; empty of every other one."""
    secret = request.session.get(_SECRET, "")
    key = _key(secret, row.order) if secret else ""
    return key if key and _opens(key, row) else ""


def mine(request: HttpRequest, order: uuid.UUID, key: str = "") -> Checkout:
    """Return somebody's own checkout: by its key, by this session, or by who is signed in.

    Raises :class:`Http404` where there is none, or it is somebody else's.
    """
    row = Checkout.objects.filter(order=order).first()
    if row is None:
        raise Http404
    user = user_of(request)
    if (key and _opens(key, row)) or key_of(request, row) or (user is not None and user == row.person):
        return row
    raise Http404


def sent(request: HttpRequest) -> Checkout | None:
    """Return the order that a page has become which was sent before; raises :class:`Http404` for somebody else's."""
    try:
        order = uuid.UUID(request.POST.get("order", ""))
    except ValueError:
        return None
    return mine(request, order) if Checkout.objects.filter(order=order).exists() else None


def _secret(request: HttpRequest) -> str:
    if _SECRET not in request.session:
        request.session[_SECRET] = secrets.token_urlsafe(_KEY_BYTES)
    return str(request.session[_SECRET])


def _key(secret: str, order: uuid.UUID) -> str:
    digest = hmac.digest(secret.encode(), order.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:_KEY_BYTES]).decode()


def _opens(key: str, row: Checkout) -> bool:
    return hmac.compare_digest(commands.digest_of(key), bytes(row.key))
