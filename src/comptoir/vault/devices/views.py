"""The pages of devices: typing a code, saying yes or no to what it asks, and the list of what reads something of one.

Who may come here, and how lately they have shown their passkey, is decided where the addresses are. Not here: what
devices send (``tokens.py``).
"""

from __future__ import annotations

import uuid
from typing import Any

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.devices import commands, queries


@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """Show which devices read something of a person, each with one button that ends it."""
    user: Any = request.user
    return render(request, "devices/own.html", {"pairings": queries.pairings_of(user.pk, now=timezone.now())})


@require_http_methods(["GET", "POST"])
def pair(request: HttpRequest) -> HttpResponse:
    """Ask for the code that a device shows (what stands in the address is not looked at), and show what it asks for."""
    if request.method == "GET":
        return render(request, "devices/code.html")
    if too_many := _counted(request):
        return too_many
    user: Any = request.user
    code = request.POST.get("code", "")
    try:
        found = commands.request_for(code=code, kind=user.kind, now=timezone.now())
    except Problem as problem:
        return _wrong(request, problem)
    return render(request, "devices/consent.html", {"asked": found, "scopes": found.scopes.split(), "code": code})


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Take the yes or the no; only the word ``allow`` is a yes."""
    if too_many := _counted(request):
        return too_many
    user: Any = request.user
    is_allowed = request.POST.get("answer") == "allow"
    try:
        found = commands.decide(
            user=user.pk, kind=user.kind, code=request.POST.get("code", ""), is_allowed=is_allowed, now=timezone.now()
        )
    except Problem as problem:
        return _wrong(request, problem)
    if is_allowed:
        messages.success(request, _("%(device)s may go on now.") % {"device": found.device})
    else:
        messages.success(request, _("Refused: %(device)s reads nothing.") % {"device": found.device})
    return redirect("devices")


@require_POST
def end(request: HttpRequest, pairing: uuid.UUID) -> HttpResponse:
    """End a pairing, at once."""
    user: Any = request.user
    try:
        commands.end(user=user.pk, kind=user.kind, pairing=pairing, now=timezone.now())
    except Problem as problem:
        pairings = queries.pairings_of(user.pk, now=timezone.now())
        facts = {"pairings": pairings, "error": _("This device reads nothing of you any more.")}
        response = render(request, "devices/own.html", facts, status=problem.status)
        response.headers["X-Comptoir-Problem"] = problem.name
        return response
    messages.success(request, _("The device reads nothing any more."))
    return redirect("devices")


def _counted(request: HttpRequest) -> HttpResponse | None:
    """Count attempts at codes, as the library does; the counts stand in the database."""
    refusal: HttpResponse | None = ratelimit.consume_or_429(
        request, app="allauth.idp.oidc", action="device_user_code", user=request.user
    )
    return refusal


def _wrong(request: HttpRequest, problem: Problem) -> HttpResponse:
    titles = {
        "device_code_refused": _("No device of the shop waits for this code. It may be older than ten minutes."),
        "device_not_for_you": _("This device is for others: one is for customers, another for staff."),
    }
    facts = {"error": titles.get(problem.name) or problem.title()}
    response = render(request, "devices/code.html", facts, status=problem.status)
    response.headers["X-Comptoir-Problem"] = problem.name
    return response
