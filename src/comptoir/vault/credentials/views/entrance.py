"""Coming in and going on: signing in, making a passkey, the one-time link, and the step into another room.

The pages of the factors of staff are django-allauth's, in the house's style (``templates/``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.templatekit import get_entrance_context_data
from allauth.account.models import Login
from allauth.core.internal import ratelimit
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, ROOMS, VAULT, Assurance, Room
from comptoir.foundation.rooms.tickets import is_path
from comptoir.foundation.rooms.visits import Visit, visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room, ticket_form
from comptoir.vault.contacts.queries import is_known
from comptoir.vault.credentials import passkeys, safety
from comptoir.vault.credentials.adapters import SECOND_FACTORS, STRONG_MEANS, means_of
from comptoir.vault.credentials.commands import make_customer, use_one_time_link, who_is_let_in
from comptoir.vault.credentials.errors import LinkRefused
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.openid.commands import issuers_of
from comptoir.vault.credentials.openid.declared import Provider, offered
from comptoir.vault.credentials.queries import customer_of, sign_ins_of
from comptoir.vault.credentials.rules import browser_family
from comptoir.vault.credentials.web import freshly_confirmed, refused, signed_in, to_sign_in


@in_room(VAULT)
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Say who is signed in and by what, and lead on."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    if request.user.is_customer:
        return _home_of_customer(request)
    kinds = set(Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True))
    facts = {
        "means": means_of(request),
        "has_passkey": Authenticator.Type.WEBAUTHN in kinds,
        "has_app": Authenticator.Type.TOTP in kinds,
        "has_factor": bool(kinds & set(SECOND_FACTORS)),
        "ticket": _ticket(request, OFFICE, path="/"),
        "providers": _providers_of(signed_in(request)),
        "came_by_provider": "identity-provider-factor" in means_of(request),
    }
    return carrying_ticket(render(request, "credentials/home.html", facts))


def _providers_of(user: User) -> list[tuple[Provider, bool]]:
    """Return the shop's identity providers, and whether a staff member is linked with each."""
    providers = offered()
    linked = issuers_of(user) if providers else frozenset()
    return [(each, each.issuer in linked) for each in providers]


def _home_of_customer(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    facts = {
        "ticket": _ticket(request, COUNTER, path="/card"),
        "passkeys": passkeys.passkeys_of(user),
        "sign_ins": len(sign_ins_of(user, now=timezone.now())),
        "is_known": is_known(user.pk),
        "cooling": safety.cooling_until(user, now=timezone.now()),
        "is_frozen": safety.is_frozen(user),
        "came_by_code": "passkey" not in means_of(request),
    }
    return carrying_ticket(render(request, "credentials/customer/home.html", facts))


@in_room(VAULT, is_open=True)
@require_GET
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the two doors, and the ways to sign in behind each."""
    path = _next(request)
    if request.user.is_authenticated:
        return redirect(path or "/")
    is_for_staff = (path or "").startswith(reverse("go_on", args=[OFFICE.name]))
    query = urlencode({"next": path}) if path else ""
    facts = {
        "next": path,
        "next_query": query,
        "is_for_staff": is_for_staff,
        "providers": offered(),
        **get_entrance_context_data(request),
    }
    return render(request, "credentials/sign_in.html", facts)


@in_room(VAULT, is_open=True)
@require_http_methods(["GET", "POST"])
@ratelimit.decorator(app="allauth.mfa", action="webauthn_login")  # type: ignore[untyped-decorator]
def by_passkey(request: HttpRequest) -> HttpResponse:
    """Ask for a passkey, whosever it is (GET, for the page's script), and sign its user in (POST)."""
    if request.method == "GET":
        return JsonResponse(passkeys.ask(request, what_for="sign-in"))
    back = _entrance(request)
    try:
        shown = passkeys.take(request, request.POST.get("credential", ""), what_for="sign-in")
    except Problem as problem:
        return refused(request, problem, back=back)
    path = request.POST.get("next", "")
    login = Login(user=shown.user, redirect_url=path if is_path(path) else None)
    response: HttpResponse = perform_passwordless_login(request, shown, login)
    return response


@in_room(VAULT, is_open=True)
@require_http_methods(["GET", "POST"])
@ratelimit.decorator(app="allauth.account", action="signup")  # type: ignore[untyped-decorator]
def make_passkey(request: HttpRequest) -> HttpResponse:
    """Have a customer who is recognised by a passkey from now on: no name, no address, nothing to remember."""
    if request.user.is_authenticated:
        return redirect(_next(request) or "/")
    if request.method == "GET":
        data = passkeys.ask_for_new(request, user=IDS.new(), shown_as=shown_as())
        facts = {"data": data, "next": _next(request), "back": _entrance(request)}
        return render(request, "credentials/customer/make_passkey.html", facts)
    now = timezone.now()
    try:
        user, credential = passkeys.take_new(request, request.POST.get("credential", ""))
    except Problem as problem:
        return refused(request, problem, back=request.get_full_path())
    browser = browser_family(request.headers.get("User-Agent", ""))
    made = make_customer(user=user, passkey=credential, name=browser or _("Passkey"), now=now)
    path = request.POST.get("next", "")
    login = Login(user=made.user, redirect_url=path if is_path(path) else None)
    response: HttpResponse = perform_passwordless_login(request, made, login)
    return response


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
    if room not in VAULT.leads_to:
        raise Http404
    if not request.user.is_authenticated:
        own = request.path + "?" + urlencode({"next": path})
        return redirect(reverse("account_login") + "?" + urlencode({"next": own}))
    if request.user.is_customer is not (room == COUNTER.name):
        return render(request, "credentials/other_door.html", {"room": room}, status=HTTPStatus.FORBIDDEN)
    ticket = _ticket(request, ROOMS[room], path=path)
    if ticket is None:
        return render(request, "credentials/factor_needed.html", status=HTTPStatus.FORBIDDEN)
    return carrying_ticket(render(request, "credentials/go_on.html", {"ticket": ticket, "room": room}))


def only_with_strong_means(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a factor be added only by whoever has shown one, or came by the operator's link.

    Otherwise whoever reads a staff member's mail could enrol a factor of their own and be let in with it. Customers
    have pages of their own.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_customer:
            raise Http404
        if request.user.is_authenticated and not STRONG_MEANS & set(means_of(request)):
            return render(request, "credentials/factor_needed.html", status=HTTPStatus.FORBIDDEN)
        return view(request, *args, **kwargs)

    return guarded


def may_pair(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let somebody pair a device with themselves: a customer who has just shown a passkey, staff with strong means."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_customer:  # type: ignore[union-attr]
            return freshly_confirmed(view)(request, *args, **kwargs)
        return only_with_strong_means(view)(request, *args, **kwargs)

    return in_room(VAULT)(guarded)


def _ticket(request: HttpRequest, room: Room, *, path: str) -> Any:
    """Return a ticket of a user's own: staff into the office with strong means, customers to the counter."""
    means = means_of(request)
    visit = visit_of(request)
    if visit is None:
        return None
    carried = Visit(visit.subject, Assurance.STAFF, means, timezone.now(), visit.name, visit.sign_in)
    if room == OFFICE:
        is_let_in = not signed_in(request).is_customer and STRONG_MEANS & set(means)
        return ticket_form(request, destination=OFFICE, path=path, visit=carried) if is_let_in else None
    # Out there a customer is an opaque number: not the user's own id, and never a name.
    customer = customer_of(signed_in(request))
    carried = Visit(str(customer), Assurance.RECOGNISED, means, carried.since, "", visit.sign_in)
    return ticket_form(request, destination=COUNTER, path=path, visit=carried)


def _entrance(request: HttpRequest) -> str:
    path = _next(request)
    return reverse("account_login") + ("?" + urlencode({"next": path}) if path else "")


def shown_as() -> str:
    """Return what a device lists a customer's passkey under: the shop, and the day; there is no name to tell."""
    return f"{addresses.domain() or 'Comptoir'} · {date_format(timezone.localdate(), 'SHORT_DATE_FORMAT')}"


def _next(request: HttpRequest) -> str | None:
    path = request.GET.get("next", "") or request.POST.get("next", "")
    return path if is_path(path) else None
