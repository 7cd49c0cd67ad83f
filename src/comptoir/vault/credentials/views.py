"""The vault's own pages: signing in, the one-time link, and the step into another room.

The pages of the factors themselves are django-allauth's, in the house's style (``templates/``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.account.models import Login
from allauth.mfa.models import Authenticator
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from comptoir.foundation.rooms.declaration import OFFICE, ROOMS, VAULT, Assurance
from comptoir.foundation.rooms.tickets import is_path
from comptoir.foundation.rooms.visits import Visit, visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room, ticket_form
from comptoir.vault.credentials.adapters import SECOND_FACTORS, STRONG_MEANS, means_of
from comptoir.vault.credentials.commands import use_one_time_link, who_is_let_in
from comptoir.vault.credentials.errors import LinkRefused


@in_room(VAULT)
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Say who is signed in and by what, and lead on."""
    kinds = set(Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True))
    facts = {
        "means": means_of(request),
        "has_passkey": Authenticator.Type.WEBAUTHN in kinds,
        "has_app": Authenticator.Type.TOTP in kinds,
        "has_factor": bool(kinds & set(SECOND_FACTORS)),
        "ticket": _ticket(request, path="/"),
    }
    return carrying_ticket(render(request, "credentials/home.html", facts))


@in_room(VAULT, is_open=True)
@require_GET
def sign_in(request: HttpRequest) -> HttpResponse:
    """Offer the ways to sign in: a passkey, or a code by e-mail."""
    if request.user.is_authenticated:
        return redirect(_next(request) or "/")
    facts = {"next": _next(request), **get_entrance_context_data(request)}
    return render(request, "credentials/sign_in.html", facts)


@in_room(VAULT, is_open=True)
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest, secret: str) -> HttpResponse:
    """Show whom a one-time link signs in, and sign them in when they say so.

    Opening the address uses nothing up, so that whatever looks at links before people do breaks none.
    """
    try:
        if request.method == "GET":
            member = who_is_let_in(secret=secret, now=timezone.now())
            return render(request, "credentials/enter.html", {"member": member})
        member = use_one_time_link(secret=secret, now=timezone.now())
    except LinkRefused:
        return render(request, "credentials/link_refused.html", status=HTTPStatus.FORBIDDEN)
    logout(request)
    record_authentication(request, member, method="link")
    response: HttpResponse = perform_login(request, Login(user=member, email=member.email))
    return response


@in_room(VAULT, is_open=True)
@require_GET
def go_on(request: HttpRequest, room: str) -> HttpResponse:
    """Offer the step into another room: a form that carries a ticket. Who may not go there is told why."""
    path = _next(request) or "/"
    if room not in VAULT.leads_to or room not in _FOR_STAFF:
        raise Http404
    if visit_of(request) is None or not request.user.is_authenticated:
        own = request.path + "?" + urlencode({"next": path})
        return redirect(reverse("account_login") + "?" + urlencode({"next": own}))
    ticket = _ticket(request, path=path)
    if ticket is None:
        return render(request, "credentials/factor_needed.html", status=HTTPStatus.FORBIDDEN)
    return carrying_ticket(render(request, "credentials/go_on.html", {"ticket": ticket}))


def only_with_strong_means(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a factor be added only by whoever has shown one, or came by the operator's link.

    Otherwise whoever reads a staff member's mail could enrol a factor of their own and be let in with it.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and not STRONG_MEANS & set(means_of(request)):
            return render(request, "credentials/factor_needed.html", status=HTTPStatus.FORBIDDEN)
        return view(request, *args, **kwargs)

    return guarded


#: Where staff may go from here.
_FOR_STAFF = (OFFICE.name,)


def _ticket(request: HttpRequest, *, path: str) -> Any:
    means = means_of(request)
    visit = visit_of(request)
    if visit is None or not STRONG_MEANS & set(means):
        return None
    carried = Visit(visit.subject, Assurance.STAFF, means, since=timezone.now(), name=visit.name)
    return ticket_form(request, destination=ROOMS[OFFICE.name], path=path, visit=carried)


def _next(request: HttpRequest) -> str | None:
    path = request.GET.get("next", "")
    return path if is_path(path) else None
