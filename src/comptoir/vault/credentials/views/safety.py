"""The address, the way back when every passkey is lost, stopping and starting spending, and stepping back."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from typing import Final

from allauth.account.authentication import get_authentication_records
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.contacts import delivery
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.contacts.queries import is_known
from comptoir.vault.contacts.rules import index_of_email
from comptoir.vault.credentials import passkeys, safety
from comptoir.vault.credentials.commands import add_passkey, become_unknown, keep_address, step_back
from comptoir.vault.credentials.errors import CodeTooOld, CodeWrong
from comptoir.vault.credentials.rules import browser_family
from comptoir.vault.credentials.views.entrance import shown_as
from comptoir.vault.credentials.web import for_customers, freshly_confirmed, limited, refused, signed_in

#: How long a code by e-mail proves an address, and lets somebody in who has lost every passkey.
CODE_LIFE: Final = dt.timedelta(minutes=10)
_TRIES_MAX: Final = 3
_ASKED: Final = "address-asked"
_ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ23456789"


@for_customers
@freshly_confirmed
@limited("manage_email")
@require_http_methods(["GET", "POST"])
def address(request: HttpRequest) -> HttpResponse:
    """Ask for an e-mail address, and send a code there; nothing is kept before the code came back."""
    if request.method == "GET":
        return render(request, "credentials/customer/address.html", {})
    email = request.POST.get("email", "").strip()
    try:
        index_of_email(email)
        code = "-".join("".join(secrets.choice(_ALPHABET) for _each in range(4)) for _group in range(2))
        text = _("The code that proves this address: %(code)s. It is good for ten minutes.") % {"code": code}
        delivery.send(Hidden(email), subject=_("Your code"), text=text)
    except Problem as problem:
        return refused(request, problem, back=reverse("address"))
    # The session is sealed: neither the address nor the code stands in the database.
    asked = {"email": email, "code": code, "at": timezone.now().isoformat(), "tries": 0}
    request.session[_ASKED] = asked
    return redirect("prove_address")


@for_customers
@freshly_confirmed
@require_http_methods(["GET", "POST"])
def prove_address(request: HttpRequest) -> HttpResponse:
    """Take the code, and keep the address."""
    asked = request.session.get(_ASKED)
    if asked is None:
        return redirect("address")
    if request.method == "GET":
        return render(request, "credentials/customer/prove_address.html", {})
    now = timezone.now()
    try:
        if now - dt.datetime.fromisoformat(asked["at"]) >= CODE_LIFE or asked["tries"] >= _TRIES_MAX:
            del request.session[_ASKED]
            raise CodeTooOld(field="code")
        typed = request.POST.get("code", "").strip().upper().replace("-", "").replace(" ", "")
        if not hmac.compare_digest(typed.encode(), asked["code"].replace("-", "").encode()):
            request.session[_ASKED] = {**asked, "tries": asked["tries"] + 1}
            raise CodeWrong(field="code")
        del request.session[_ASKED]
        keep_address(user=signed_in(request), email=asked["email"], now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("prove_address"))
    messages.success(request, _("The shop knows your address now."))
    return redirect("vault")


@for_customers
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest) -> HttpResponse:
    """Make a new passkey when every other one is lost, after a code by e-mail; then spending cools."""
    user = signed_in(request)
    now = timezone.now()
    codes = [each for each in get_authentication_records(request, user) if each.get("method") == "code"]
    try:
        if not any(0 <= now.timestamp() - float(each["at"]) < CODE_LIFE.total_seconds() for each in codes):
            raise CodeTooOld(field="code")
        if request.method == "GET":
            data = passkeys.ask_for_new(request, user=user.pk, shown_as=shown_as())
            return render(request, "credentials/customer/recover.html", {"data": data})
        made_for, credential = passkeys.take_new(request, request.POST.get("credential", ""))
        name = browser_family(request.headers.get("User-Agent", "")) or _("Passkey")
        add_passkey(user=user, made_for=made_for, passkey=credential, name=name, now=now, is_recovery=True)
    except Problem as problem:
        return refused(request, problem, back=reverse("vault"))
    messages.success(request, _("The passkey is made. Points are earned, and can be spent a little later."))
    return redirect("vault")


@in_room(VAULT, is_open=True)
@limited("reset_password_from_key")
@require_http_methods(["GET", "POST"])
def freeze(request: HttpRequest, secret: str) -> HttpResponse:
    """Stop all spending, for whoever holds the link of a notice: without a sign-in, at any hour, once."""
    now = timezone.now()
    try:
        if request.method == "GET":
            link = safety.link_of(secret=secret, now=now)
            return render(request, "credentials/customer/freeze.html", {"change": link.change})
        safety.freeze(secret=secret, now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("account_login"))
    logout(request)
    return render(request, "credentials/customer/frozen.html", {})


@for_customers
@freshly_confirmed
@require_POST
def thaw(request: HttpRequest) -> HttpResponse:
    """Let spending on again: with a passkey, and after it has cooled."""
    try:
        safety.thaw(user=signed_in(request), now=timezone.now())
    except Problem as problem:
        return refused(request, problem, back=reverse("vault"))
    messages.success(request, _("Points can be spent again."))
    return redirect("vault")


@for_customers
@require_http_methods(["GET", "POST"])
def closeness(request: HttpRequest) -> HttpResponse:
    """Step back: from known to recognised (``to=recognised``), or from there to unknown (``to=unknown``)."""
    user = signed_in(request)
    now = timezone.now()
    if request.method == "GET":
        return render(request, "credentials/customer/step_back.html", {"is_known": is_known(user.pk)})
    if request.POST.get("to") == "unknown":
        become_unknown(user=user, now=now)
        logout(request)
        response = render(request, "credentials/customer/unknown.html", {})
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
    return _to_recognised(request)


@freshly_confirmed
def _to_recognised(request: HttpRequest) -> HttpResponse:
    try:
        step_back(signed_in(request).pk, timezone.now())
    except Problem as problem:
        return refused(request, problem, back=reverse("step_back"))
    messages.success(request, _("Your contact data are destroyed. Your points stay."))
    return redirect("vault")
