"""A user's sign-ins: where they hold, and ending one, or all of them, in every room at once."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.credentials.commands import end_all_sign_ins, end_sign_in
from comptoir.vault.credentials.queries import sign_ins_of
from comptoir.vault.credentials.web import refused, signed_in


@in_room(VAULT)
@require_GET
def own(request: HttpRequest) -> HttpResponse:
    """Show where a user is signed in: coarsely, and with nothing that another room would not say itself."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not signed in"
    facts = {"sign_ins": sign_ins_of(signed_in(request), now=timezone.now()), "this": visit.sign_in}
    return render(request, "credentials/sign_ins.html", facts)


@in_room(VAULT)
@require_POST
def end(request: HttpRequest, sign_in: uuid.UUID) -> HttpResponse:
    """End one sign-in, wherever it was used."""
    try:
        end_sign_in(user=signed_in(request), sign_in=sign_in)
    except Problem as problem:
        return refused(request, problem, back=reverse("sign_ins"))
    messages.success(request, _("That browser is signed out."))
    return redirect("sign_ins")


@in_room(VAULT)
@require_POST
def end_all(request: HttpRequest) -> HttpResponse:
    """End every sign-in, this one too."""
    end_all_sign_ins(user=signed_in(request))
    logout(request)
    return redirect("account_login")
