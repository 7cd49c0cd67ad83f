"""The customer's page about old lists: what each says of them, which of it is right, and taking that back.

Whom it is for is said where the addresses are put together (``config/urls/vault.py``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from comptoir.vault.announcements.commands import AT_ONCE, send_waiting
from comptoir.vault.contacts.rules import grouped_phone
from comptoir.vault.lists import choosing
from comptoir.vault.lists.errors import ChoiceNotPossible


@require_http_methods(["GET", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """Show what lists say, opened for this reader; take which of it is right, or take that back."""
    user = request.user.pk
    assert isinstance(user, uuid.UUID), "its guard lets nobody in who is not signed in"
    actor, now = f"customer:{user}", timezone.now()
    if request.method == "GET":
        return _page(request, user)
    field = next((each for each in choosing.CHOSEN if each == request.POST.get("field")), None)
    if field is None:
        raise Http404
    try:
        if request.POST.get("entry") == "none":
            choosing.take_back(user, field, actor=actor, at=now)
        else:
            choosing.choose(user, field, _entry(request), actor=actor, at=now)
    except ChoiceNotPossible:
        return _page(request, user, problem=_("This cannot be chosen. Nothing was changed."))
    send_waiting(stop_at=AT_ONCE)
    return redirect("lists_own")


def _page(request: HttpRequest, user: uuid.UUID, *, problem: str = "") -> HttpResponse:
    matters = choosing.matters_of(user, actor=f"customer:{user}", at=timezone.now())
    facts = {
        "matters": [
            {
                "matter": matter,
                "own": _lines(matter.own),
                "readings": [(reading, _lines(reading.value)) for reading in matter.readings],
            }
            for matter in matters
        ],
        "problem": problem,
    }
    return render(request, "lists/own.html", facts, status=HTTPStatus.CONFLICT if problem else HTTPStatus.OK)


def _lines(value: object) -> list[str]:
    """Return a value line by line, as people write it."""
    if isinstance(value, tuple):
        return [
            line
            for address in value
            for line in (*address.lines, f"{address.postcode} {address.city}".strip(), address.region, address.country)
            if line
        ]
    return [grouped_phone(value)] if isinstance(value, str) else []


def _entry(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("entry", ""))
    except ValueError:
        raise Http404 from None
