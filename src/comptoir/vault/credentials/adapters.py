"""How django-allauth behaves in this house: no sign-up, no passwords, sealed secrets, a second factor that stays.

The two classes are named in the settings (``ACCOUNT_ADAPTER``, ``MFA_ADAPTER``).
"""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from qrcode.image.svg import SvgPathFillImage

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT, Assurance
from comptoir.foundation.rooms.visits import Visit, begin_visit

_NONCE_BYTES = 12
_SEALED_AS = b"credentials.factor"

#: What counts as a second factor. Recovery codes only stand in for one.
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def display_name(user: AbstractBaseUser) -> str:
    """Return what a staff member is called on a page."""
    return str(user)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the operator; a sign-in begins a visit in the vault."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Nobody signs up: staff are taken on."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Go on within the vault only; into other rooms one goes with a ticket."""
        return bool(url_has_allowed_host_and_scheme(url, allowed_hosts=None))

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in, and begin the visit."""
        super().login(request, user)
        visit = Visit(str(user.pk), Assurance.CONFIRMED, means=(), since=timezone.now(), name=str(user))
        begin_visit(request, visit)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: kept sealed, bound to the vault's own name, never all taken away."""

    def get_totp_issuer(self) -> str:
        """Return the name under which an authenticator app lists the account."""
        return f"Comptoir {addresses.domain() or 'demo'}"

    def build_totp_svg(self, url: str) -> str:
        """Draw the secret's QR code on white, so that a dark page does not swallow it."""
        picture = io.BytesIO()
        qrcode.make(url, image_factory=SvgPathFillImage).save(picture)
        return picture.getvalue().decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return whom a passkey is made for: the vault's host as declared, whatever the request says."""
        return {"id": addresses.host_of(VAULT), "name": "Comptoir"}

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Refuse to remove the last second factor: enrol the new one first."""
        if authenticator.type not in SECOND_FACTORS:
            return True
        others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=SECOND_FACTORS)
        return bool(others.exclude(pk=authenticator.pk).exists())

    def encrypt(self, text: str) -> str:
        """Seal a secret with the shop's own key (AES-256-GCM): a copy of the table makes no codes."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(shop.secret("factors")).encrypt(nonce, text.encode(), _SEALED_AS)
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open what :meth:`encrypt` sealed; raises :class:`cryptography.exceptions.InvalidTag` for anything else."""
        data = base64.b64decode(encrypted_text)
        opened = AESGCM(shop.secret("factors")).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _SEALED_AS)
        return opened.decode()


def count_as_shown(*, request: HttpRequest, user: AbstractBaseUser, authenticator: Authenticator, **_more: Any) -> None:
    """Take a factor that was just enrolled as one that was just shown; the receiver of allauth's one signal for it.

    Enrolling proves that it is at hand. Otherwise the page with the recovery codes, which comes next and once, would
    begin by asking for the factor again.
    """
    from allauth.account.internal.flows.login import record_authentication  # noqa: PLC0415 - needs loaded models

    if authenticator.type in SECOND_FACTORS:
        record_authentication(
            request, user, method="mfa", type=str(authenticator.type), id=authenticator.pk, reauthenticated=True
        )


def means_of(request: HttpRequest) -> tuple[str, ...]:
    """Return by what somebody signed in during this session, in the house's words, in order and each once."""
    from allauth.account.authentication import get_authentication_records  # noqa: PLC0415 - needs loaded models

    records: list[dict[str, Any]] = get_authentication_records(request, request.user)
    words = (_WORDS.get(str(record.get("type") or record.get("method"))) for record in records)
    return tuple(dict.fromkeys(word for word in words if word))


#: The records of allauth, and what they are called here.
_WORDS = {
    "webauthn": "passkey",
    "totp": "authenticator-app",
    "recovery_codes": "recovery-code",
    "code": "e-mail-code",
    "link": "one-time-link",
}

#: One of these has to be among the means before anybody gets a ticket into the office.
STRONG_MEANS = frozenset({"passkey", "authenticator-app", "recovery-code", "one-time-link"})
