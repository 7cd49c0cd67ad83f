"""Showing the vault the card with which this browser was opened: a ticket that says so, for the session that asked."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room, ticket_form

_WORD: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")


@in_room(COUNTER, is_open=True)
@require_GET
def show_card(request: HttpRequest) -> HttpResponse:
    """Offer the way back into the vault with the card, for whoever opened this browser with a card link."""
    visit = visit_of(request)
    word = request.GET.get("for", "")
    if visit is None or visit.means != ("card_link",):
        return render(request, "storefront/show_card.html", {"ticket": None}, status=HTTPStatus.FORBIDDEN)
    if not _WORD.fullmatch(word):
        return redirect("storefront:card")
    ticket = ticket_form(request, destination=VAULT, path="/cards/", visit=visit, asked_by=word)
    return carrying_ticket(render(request, "storefront/show_card.html", {"ticket": ticket}))
