"""A customer's passkeys: the list, one more, one less; and showing one again before something that matters."""

from __future__ import annotations

from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.tickets import is_path
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.credentials import passkeys
from comptoir.vault.credentials.commands import add_passkey, remove_passkey
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.openid.commands import issuers_of
from comptoir.vault.credentials.openid.declared import Provider, offered
from comptoir.vault.credentials.rules import browser_family
from comptoir.vault.credentials.views.entrance import shown_as
from comptoir.vault.credentials.web import for_customers, freshly_confirmed, refused, signed_in, to_sign_in


@for_customers
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """Show a customer's passkeys."""
    return render(request, "credentials/customer/passkeys.html", {"passkeys": passkeys.passkeys_of(signed_in(request))})


@for_customers
@freshly_confirmed
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Add a passkey of another device. One that was there before has to be shown first."""
    user = signed_in(request)
    if request.method == "GET":
        data = passkeys.ask_for_new(request, user=user.pk, shown_as=shown_as(), known=passkeys.passkeys_of(user))
        return render(request, "credentials/customer/add_passkey.html", {"data": data})
    try:
        made_for, credential = passkeys.take_new(request, request.POST.get("credential", ""))
        name = request.POST.get("name", "").strip() or browser_family(request.headers.get("User-Agent", ""))
        now = timezone.now()
        add_passkey(user=user, made_for=made_for, passkey=credential, name=name or _("Passkey"), now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("passkeys"))
    messages.success(request, _("The passkey is added."))
    return redirect("passkeys")


@for_customers
@freshly_confirmed
@require_POST
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Remove a passkey; the last one stays."""
    try:
        remove_passkey(user=signed_in(request), number=number, now=timezone.now())
    except Problem as problem:
        return refused(request, problem, back=reverse("passkeys"))
    messages.success(request, _("The passkey is removed."))
    return redirect("passkeys")


@in_room(VAULT)
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the passkey again, and go on to where it was needed."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    path = request.POST.get("next") or request.GET.get("next") or "/"
    if not is_path(path):
        raise Http404
    if request.method == "GET":
        data = passkeys.ask(request, what_for="confirm", user=signed_in(request))
        facts = {
            "data": data,
            "next": path,
            "next_query": urlencode({"next": path}),
            "has_passkey": bool(passkeys.passkeys_of(signed_in(request))),
            "providers": _that_confirm(signed_in(request)),
        }
        return render(request, "credentials/confirm.html", facts)
    try:
        shown = passkeys.take(request, request.POST.get("credential", ""), what_for="confirm")
    except Problem as problem:
        return refused(request, problem, back=path)
    shown.record_usage()
    record_authentication(request, request.user, method="mfa", type="webauthn", id=shown.pk, reauthenticated=True)
    return redirect(path)


def _that_confirm(user: User) -> list[Provider]:
    """Return the identity providers that can confirm a staff member: linked, and known to ask for a second factor."""
    providers = [] if user.is_customer else [each for each in offered() if each.gives_factor]
    linked = issuers_of(user) if providers else frozenset()
    return [each for each in providers if each.issuer in linked]
