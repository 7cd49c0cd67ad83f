"""Why the house would rather stay closed: what must never be so where real people's data is.

Each reason is a sentence. Asked by the pages before they answer anything, and by ``comptoir doctor``. Needs Django
to be set up, and a database.
"""

from __future__ import annotations

import os

import psycopg
from django.conf import settings

from comptoir.counter.loyalty.cooling import cooling
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses, grants
from comptoir.vault.messages import envelopes

_DISTINCT_BYTES_MIN = 8
_KEYS = ("signing", "database", "factors", "ticket-office", "ticket-counter", "ticket-vault", "sessions-vault", "audit")


class HouseRefused(Exception):  # noqa: N818 - what happened
    """The house stays closed; the message says why, one reason a line."""


def reasons_to_stay_closed(connection: psycopg.Connection) -> list[str]:
    """Return every reason, in order; none means that the house may open. Any role's connection will do."""
    reasons = []
    if settings.DEBUG:
        reasons.append("DEBUG is on: a failing page would show settings and variables")
    if getattr(settings, "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN", False):
        reasons.append("MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN is on: a passkey would be accepted from any site")
    if str(settings.SECRET_KEY) != shop.secret("signing").hex():
        reasons.append("SECRET_KEY is not the shop's own key")
    for insisting in (cooling, envelopes.mailbox):
        try:
            insisting()
        except Problem as problem:
            reasons.append(f"{problem.title()} {problem.detail}")
    weak = (name for name in _KEYS if len(set(shop.secret(name))) < _DISTINCT_BYTES_MIN)
    reasons += [f"the key {name} is not random" for name in weak]
    if addresses.is_production():
        if "COMPTOIR_TRUSTED_PROXIES" not in os.environ:
            reasons.append(
                "COMPTOIR_TRUSTED_PROXIES is not set: attempts cannot be counted by address (0 is an answer)"
            )
        if not settings.CSRF_COOKIE_SECURE:
            reasons.append("the settings were read before COMPTOIR_DOMAIN was set")
    reasons += grants.wrong_roles(connection)
    return reasons


def insist(role: str) -> None:
    """Raise :class:`HouseRefused` unless the house may open."""
    with psycopg.connect(database.conninfo(role), autocommit=True) as connection:
        reasons = reasons_to_stay_closed(connection)
    if reasons:
        raise HouseRefused("the house stays closed:\n" + "\n".join(f"- {reason}" for reason in reasons))
