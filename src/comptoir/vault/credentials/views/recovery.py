"""Recovery in person: the staff's page that makes a link, and the customer's page that the link opens."""

from __future__ import annotations

import io

import qrcode
from allauth.account.models import Login
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from qrcode.image.svg import SvgPathFillImage

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.credentials import passkeys, recovery
from comptoir.vault.credentials.errors import RecoveryOwn
from comptoir.vault.credentials.rules import browser_family
from comptoir.vault.credentials.views.entrance import only_with_strong_means, shown_as
from comptoir.vault.credentials.web import freshly_confirmed, limited, refused, signed_in, to_sign_in


@in_room(VAULT)
@limited("login")
@require_http_methods(["GET", "POST"])
def allow(request: HttpRequest) -> HttpResponse:
    """Make a link for a customer who stands at the counter with the card; nothing of theirs is shown."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    return _allow(request)


@only_with_strong_means
@freshly_confirmed
def _allow(request: HttpRequest) -> HttpResponse:
    staff = signed_in(request)
    facts = {"left": recovery.a_day(), "minutes": int(recovery.LINK_LIFE.total_seconds() // 60)}
    if request.method == "GET":
        return render(request, "credentials/allow_recovery.html", facts)
    card, reason = request.POST.get("card", ""), request.POST.get("reason", "")
    try:
        link = recovery.allow(staff=staff, card=card, reason=reason, now=timezone.now())
    except Problem as problem:
        return refused(request, problem, back=reverse("allow_recovery"))
    return render(request, "credentials/recovery_allowed.html", {**facts, "link": link, "picture": _picture(link)})


@in_room(VAULT, is_open=True)
@limited("reset_password_from_key")
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest, secret: str) -> HttpResponse:
    """Let whoever holds the link make a passkey on their own device; looking uses nothing up."""
    now = timezone.now()
    try:
        user = recovery.whose(secret=secret, now=now)
        if request.user.is_authenticated and not request.user.is_customer:
            raise RecoveryOwn
        if request.method == "GET":
            data = passkeys.ask_for_new(request, user=user.pk, shown_as=shown_as())
            return render(request, "credentials/customer/recover_in_person.html", {"data": data})
        made_for, credential = passkeys.take_new(request, request.POST.get("credential", ""))
        name = browser_family(request.headers.get("User-Agent", "")) or _("Passkey")
        made = recovery.recover(secret=secret, made_for=made_for, passkey=credential, name=name, now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("account_login"))
    logout(request)
    response: HttpResponse = perform_passwordless_login(request, made, Login(user=made.user))
    return response


def _picture(link: str) -> str:
    picture = io.BytesIO()
    qrcode.make(link, image_factory=SvgPathFillImage).save(picture)
    # Drawn here, of an address that was made here.
    return mark_safe(picture.getvalue().decode().partition("?>")[2])  # noqa: S308 - see above
