"""Signing in with the shop's identity provider: to it, back from it, confirming with it, linking, and being signed out.

The provider sends the browser back from another site, so the vault's cookie is not with it. The first arrival therefore
changes nothing and shows a page of this site that leads on by itself; only what comes from there, in the session that
asked, is an answer.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.tickets import is_path
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.credentials.adapters import FACTOR_SHOWN
from comptoir.vault.credentials.openid import asking, commands, declared, talking, tokens
from comptoir.vault.credentials.openid.asking import Asked
from comptoir.vault.credentials.openid.declared import Provider
from comptoir.vault.credentials.openid.errors import LogoutTokenWrong, OpenidSomebodyElse
from comptoir.vault.credentials.openid.tokens import TOKEN_BYTES_MAX, Said
from comptoir.vault.credentials.web import freshly_confirmed, limited, record, refused, signed_in

#: What of an answer is looked at; each may stand there once.
_ANSWER: Final = ("state", "code", "iss", "error")
_AGAIN: Final = "again"
_log = logging.getLogger("comptoir.vault")


@in_room(VAULT, is_open=True)
@limited("login")
@require_GET
def begin(request: HttpRequest, name: str) -> HttpResponse:
    """Lead to the provider, to sign in there. A link and no form: a form may lead to no other site."""
    path = request.GET.get("next", "")
    if request.user.is_authenticated:
        return redirect(path if is_path(path) else "/")
    return _to_provider(request, name, what_for="sign-in", path=path, back=reverse("account_login"))


@in_room(VAULT)
@limited("login")
@require_GET
def confirm(request: HttpRequest, name: str) -> HttpResponse:
    """Lead to the provider, which asks anew who it is: what comes next matters."""
    _insist_on_staff(request)
    path = request.GET.get("next", "")
    return _to_provider(request, name, what_for="confirm", path=path, back=reverse("vault"))


@in_room(VAULT)
@freshly_confirmed
@limited("login")
@require_GET
def link(request: HttpRequest, name: str) -> HttpResponse:
    """Lead to the provider, to link the account there with whoever is signed in here."""
    _insist_on_staff(request)
    return _to_provider(request, name, what_for="link", path="", back=reverse("vault"))


@in_room(VAULT, is_open=True)
@limited("login")
@require_GET
def back(request: HttpRequest, name: str) -> HttpResponse:
    """Take the provider's answer, in the session that asked, once."""
    answer = {key: request.GET[key] for key in _ANSWER if key in request.GET}
    if not asking.is_waiting(request) and _AGAIN not in request.GET:
        onward = request.path + "?" + urlencode({**answer, _AGAIN: "1"})
        return render(request, "credentials/openid_arrived.html", {"onward": onward})
    try:
        provider = declared.provider_named(name)
        asked, said = asking.answered(request, provider, answer)
        if asked.what_for == "link":
            return _linked(request, provider, said)
        if asked.what_for == "confirm":
            return _confirmed(request, provider, asked, said)
        return _signed_in(request, provider, asked, said)
    except Problem as problem:
        return _refused(request, problem, back=reverse("account_login"))


@csrf_exempt
@limited("provider_signed_out")
@require_POST
def signed_out(request: HttpRequest, name: str) -> HttpResponse:
    """Take a logout token of the provider's own server (back-channel logout); nobody's browser comes here."""
    try:
        provider = declared.provider_named(name)
        token = request.POST.get("logout_token", "")
        if not 0 < len(token) <= TOKEN_BYTES_MAX:
            raise LogoutTokenWrong(field="logout_token")
        said = talking.discover(provider)
        now = timezone.now()
        told = tokens.read_logout_token(
            token, keys=talking.keys_of(provider, said), issuer=provider.issuer, client_id=provider.client_id, now=now
        )
        commands.sign_out(provider=provider, told=told, now=now)
    except Problem as problem:
        _log.warning("A logout token of %s was refused (%s).", name, problem.name)
        record("credentials.refused", user=None, purpose="security", problem=problem.name)
        members = type(problem)(field=problem.field).as_members()
        return JsonResponse(members, status=HTTPStatus.BAD_REQUEST, content_type="application/problem+json")
    return HttpResponse(status=HTTPStatus.OK)


def _to_provider(
    request: HttpRequest, name: str, *, what_for: asking.WhatFor, path: str, back: str
) -> HttpResponse:  # fmt: skip
    try:
        provider = declared.provider_named(name)
        where = asking.ask(request, provider, what_for=what_for, path=path if is_path(path) else "")
    except Problem as problem:
        return _refused(request, problem, back=back)
    # Not Django's own: its list of schemes is no wall here, the address was judged when the provider told it.
    response = HttpResponse(status=HTTPStatus.FOUND)
    response.headers["Location"] = where
    return response


def _signed_in(request: HttpRequest, provider: Provider, asked: Asked, said: Said) -> HttpResponse:
    member = commands.member_for(provider=provider, subject=said.subject)
    if request.user.is_authenticated:
        logout(request)
    session = commands.digest_of(provider.issuer, said.session).hex() if said.session else None
    record_authentication(request, member, method="openid", type="provider", session=session)
    if asking.has_factor(provider, said):
        record_authentication(request, member, method="mfa", type="provider-factor")
        setattr(request, FACTOR_SHOWN, member.pk)
    commands.note_sign_in(user=member, provider=provider, now=timezone.now())
    response: HttpResponse = perform_login(
        request, Login(user=member, email=member.email, redirect_url=asked.next or None)
    )
    return response


def _confirmed(request: HttpRequest, provider: Provider, asked: Asked, said: Said) -> HttpResponse:
    _insist_on_staff(request)
    user = signed_in(request)
    if commands.member_for(provider=provider, subject=said.subject) != user:
        raise OpenidSomebodyElse
    asking.insist_on_fresh(provider, asked, said)
    record_authentication(request, user, method="mfa", type="provider-factor", reauthenticated=True)
    return redirect(asked.next or "/")


def _linked(request: HttpRequest, provider: Provider, said: Said) -> HttpResponse:
    _insist_on_staff(request)
    commands.link(user=signed_in(request), provider=provider, subject=said.subject, now=timezone.now())
    messages.success(request, _("From now on you can sign in with %(provider)s.") % {"provider": provider.title})
    return redirect("vault")


def _insist_on_staff(request: HttpRequest) -> None:
    """Customers have passkeys; for them none of this is here."""
    if not request.user.is_authenticated or request.user.is_customer:
        raise Http404


def _refused(request: HttpRequest, problem: Problem, *, back: str) -> HttpResponse:
    """Answer with the page of a refusal; what it says of servers and addresses stands in the operator's log alone."""
    if problem.detail:
        _log.warning("Identity provider: %s (%s) %s", problem.name, problem.field or "", problem.detail)
    return refused(request, type(problem)(field=problem.field), back=back)


signed_out = in_room(VAULT, is_open=True)(signed_out)
