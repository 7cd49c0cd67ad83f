"""How django-allauth behaves in this house: no sign-up, no passwords, sealed secrets, a second factor that stays.

The two classes are named in the settings (``ACCOUNT_ADAPTER``, ``MFA_ADAPTER``).
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import functools
import io
import logging
import os
import smtplib
import threading
import uuid
from collections.abc import Callable
from typing import Any, Final

import qrcode
from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.forms import RequestLoginCodeForm
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import EmailMessage
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from qrcode.image.svg import SvgPathFillImage

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT, Assurance
from comptoir.foundation.rooms.visits import Visit, begin_visit, visit_of
from comptoir.vault.contacts import delivery
from comptoir.vault.contacts.errors import VaultClosed
from comptoir.vault.contacts.queries import find_by_email
from comptoir.vault.credentials.commands import begin_sign_in, end_sign_in
from comptoir.vault.credentials.errors import NoSuchSignIn
from comptoir.vault.credentials.models import NOBODY, Kind, User
from comptoir.vault.credentials.rules import browser_family
from comptoir.vault.credentials.safety import is_frozen

_NONCE_BYTES = 12
CUSTOMER_ASKED = "_comptoir_customer_asked"
#: For whom an identity provider has just said that a second factor was shown there, while they are signed in.
FACTOR_SHOWN = "_comptoir_factor_shown"
_log = logging.getLogger(__name__)
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

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **hooks: Any) -> HttpResponse | None:
        """Let nobody in by another door who signs in with the identity provider only; the operator's link is one."""
        from comptoir.vault.credentials.web import insist_on_provider, refused  # noqa: PLC0415 - they stand on this

        try:
            insist_on_provider(request, user)  # type: ignore[arg-type]
        except Problem as problem:
            clear_login(request)
            return refused(request, problem)
        response: HttpResponse | None = super().pre_login(request, user, **hooks)
        return response

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in, and begin the visit that hangs on it."""
        super().login(request, user)
        now = timezone.now()
        browser = browser_family(request.headers.get("User-Agent", ""))
        sign_in = begin_sign_in(
            user=user,  # type: ignore[arg-type]
            means=means_of(request),
            browser=browser,
            now=now,
            provider_session=_provider_session_of(request, user),
        )
        begin_visit(
            request,
            Visit(str(user.pk), Assurance.CONFIRMED, means=(), since=now, name=str(user), sign_in=str(sign_in)),
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Render a letter now, and send it beside the answer: how long a mail server takes tells nobody anything.

        A code for a customer goes to the address that is kept, which nobody but the vault reads.
        """
        details = {"email": email, "request": self.request, **context}
        letter = self.render_mail(template_prefix, email, details)
        customer = getattr(self.request, CUSTOMER_ASKED, None)
        beside(functools.partial(_send, letter, customer, timezone.now()))

    def logout(self, request: HttpRequest) -> None:
        """Sign out: the sign-in ends, and with it what hangs on it in other rooms."""
        visit = visit_of(request)
        if visit is not None and visit.sign_in:
            with contextlib.suppress(NoSuchSignIn):
                end_sign_in(user=request.user, sign_in=uuid.UUID(visit.sign_in))  # type: ignore[arg-type]
        super().logout(request)


#: Longer than any answer takes, and shorter than anybody waits for a letter.
_MOMENT_SECONDS: Final = 0.5


def beside(action: Callable[[], None]) -> None:
    """Do something a moment later in a thread of its own, with its own connections; the answer has gone out by then.

    At once, it would take its share of the machine from the answer, which could be measured.
    """

    def do() -> None:
        try:
            action()
        finally:
            connections.close_all()

    later = threading.Timer(_MOMENT_SECONDS, do)
    later.daemon = True
    later.start()


def _send(letter: EmailMessage, customer: uuid.UUID | None, at: dt.datetime) -> None:
    try:
        if customer is None:
            letter.send()
        else:
            delivery.deliver(
                customer, subject=str(letter.subject), text=str(letter.body), purpose="code to sign in", at=at
            )
    except (Problem, OSError, smtplib.SMTPException) as error:
        _log.error("a letter was not sent (%s)", type(error).__name__)


class RequestCodeForm(RequestLoginCodeForm):  # type: ignore[misc]
    """Whose code is asked for: staff by their address, a customer by the blind index. Nobody is told which, or whether.

    The same is done for every address, whether somebody has it or not.
    """

    _user: User | None

    def clean_email(self) -> str:
        """Find the user, and let the letter know that it goes to a customer."""
        email: str = super().clean_email()
        request = context.request
        found = None
        with contextlib.suppress(VaultClosed):
            found = find_by_email(email)
        if self._user is not None:
            # The library has found a proven address of staff, and does not look among the users any more.
            list(User.objects.filter(email=email.lower()).iterator())
        # Whoever is nobody is looked up as well.
        customer = User.objects.filter(pk=found or NOBODY, kind=Kind.CUSTOMER, is_active=True).first()
        has_stopped = is_frozen(customer or User(pk=NOBODY))
        if self._user is None and customer is not None and not has_stopped:
            self._user = customer
            setattr(request, CUSTOMER_ASKED, customer.pk)
        if self._user is None:
            # A letter is written to nobody as well, and sent nowhere.
            adapter = get_adapter()
            details = {"email": email, "request": request, "code": adapter.generate_login_code()}
            adapter.render_mail("account/email/login_code", email, details)
            beside(lambda: None)
        return email


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: kept sealed, bound to the vault's own name, never all taken away."""

    def is_mfa_enabled(self, user: AbstractBaseUser, types: Any = None) -> bool:
        """Ask staff for their second factor, unless their identity provider did so just now.

        A customer who comes by a code is let in, and spends nothing by it.
        """
        if getattr(user, "is_customer", False) or getattr(context.request, FACTOR_SHOWN, None) == user.pk:
            return False
        return bool(super().is_mfa_enabled(user, types=types))

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


def _provider_session_of(request: HttpRequest, user: AbstractBaseUser) -> bytes | None:
    """Return the digest of the identity provider's session with which this one was begun, if it was."""
    from allauth.account.authentication import get_authentication_records  # noqa: PLC0415 - needs loaded models

    found = [record["session"] for record in get_authentication_records(request, user) if record.get("session")]
    return bytes.fromhex(found[-1]) if found else None


#: The records of allauth, and what they are called here.
_WORDS = {
    "webauthn": "passkey",
    "totp": "authenticator-app",
    "recovery_codes": "recovery-code",
    "code": "e-mail-code",
    "link": "one-time-link",
    "provider": "identity-provider",
    "provider-factor": "identity-provider-factor",
}

#: One of these has to be among the means before anybody gets a ticket into the office.
STRONG_MEANS = frozenset({"passkey", "authenticator-app", "recovery-code", "one-time-link", "identity-provider-factor"})
