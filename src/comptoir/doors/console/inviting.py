"""Invitations to the first fifty: staff write an invitation, the vault finds whom; staff see how many, never who."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from comptoir.counter.customers import queries as customers
from comptoir.doors.console import startup
from comptoir.doors.console.acting import page
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.programme.contracts import INVITATION_REMINDED, INVITATION_WRITTEN, INVITED_MAX, ORDERS
from comptoir.square.programme.models import Invitation
from comptoir.square.programme.rules import INVITATIONS

_LANGUAGES: Final = ("en", "ja", "fr")
_BLANK: Final = {"invitation": "", "order": "often", "limit": "50", "language": "en", "subject": "", "text": ""}
_SHOWN: Final = 20


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def invitations(request: HttpRequest) -> HttpResponse:
    """Show the invitations and a form for the next one, or take what was written in it."""
    form, trouble = dict(_BLANK), None
    if request.method == "POST":
        form = {name: request.POST.get(name, "").strip()[:5_000] for name in _BLANK}
        said: dict[str, Any] = {**form, "limit": whole(form["limit"], 10**9 - 1) or 0}
        said["text"] = form["text"].replace("\r\n", "\n")
        trouble = _send(request, INVITATION_WRITTEN, said)
        if trouble is None:
            return redirect("console:invitations")
    return _page(request, form, trouble)


@in_room(OFFICE)
@require_POST
def remind(request: HttpRequest, name: str) -> HttpResponse:
    """Have whoever was invited and has not come reminded once."""
    text = request.POST.get("text", "").replace("\r\n", "\n").strip()
    trouble = _send(request, INVITATION_REMINDED, {"invitation": name, "text": text})
    return redirect("console:invitations") if trouble is None else _page(request, dict(_BLANK), trouble)


def _send(request: HttpRequest, kind: str, said: dict[str, Any]) -> Trouble | None:
    try:
        return startup.send(request, kind, said, timezone.now()).problem
    except Problem as problem:
        return told(problem)


def _page(request: HttpRequest, form: dict[str, str], trouble: Trouble | None) -> HttpResponse:
    context = {
        "form": form, "problem": trouble, "invitations": Invitation.objects.order_by("-written_at")[:_SHOWN],
        "agreed": customers.permitted(purpose="marketing", channel="mail").count(), "orders": ORDERS,
        "languages": _LANGUAGES, "limit": INVITED_MAX, "is_off": INVITATIONS in startup.stands().off,
    }  # fmt: skip
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    return page(request, "console/invitations.html", "today", context, status=status)
