"""Linking a card to a passkey: the counter says that a browser was opened with the card's link, the passkey says yes.

The vault asks first, with a word that the ticket has to bring back to the same session. The ticket arrives in a form of
the counter's page; the vault's page shows it and asks for the passkey, and only then is it used up.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses, tickets
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.credentials import passkeys
from comptoir.vault.credentials.commands import link_card
from comptoir.vault.credentials.errors import CardNotAskedFor, CardNotShown, PasskeyUnknown
from comptoir.vault.credentials.web import for_customers, refused, signed_in, wrong

_ASKED: Final = "card-asked"


@for_customers
@require_GET
def ask(request: HttpRequest) -> HttpResponse:
    """Lead to the counter, to fetch the card with which this browser was opened there."""
    word = secrets.token_urlsafe(32)
    request.session[_ASKED] = word
    where = addresses.url_of(COUNTER, "/card/show")
    return render(request, "credentials/customer/ask_card.html", {"action": where, "word": word})


@csrf_exempt
@require_POST
def arrive(request: HttpRequest) -> HttpResponse:
    """Show the card that came from the counter, and ask for the passkey. Nothing is used up, and nothing changes.

    The form stands on another origin, so this session's cookie need not be here; what it asked for is looked at next.
    """
    text = request.POST.get("ticket", "")
    # Read only where the browser says that the form stood on the counter's page; an empty text is no ticket.
    sent = text if request.headers.get("Origin") == addresses.origin_of(COUNTER) else ""
    try:
        tickets.read(sent, room=VAULT, now=timezone.now())
    except tickets.TicketRefused as problem:
        return refused(request, problem)
    return render(request, "credentials/customer/card_arrived.html", {"ticket": text})


@for_customers
@require_POST
def show(request: HttpRequest) -> HttpResponse:
    """Ask for the passkey that says yes to the card."""
    user = signed_in(request)
    text = request.POST.get("ticket", "")
    try:
        ticket = tickets.read(text, room=VAULT, now=timezone.now())
        _insist_on_asked(request, ticket)
    except Problem as problem:
        return refused(request, problem, back=reverse("ask_card"))
    data = passkeys.ask(request, what_for="link", user=user)
    facts = {"ticket": text, "data": data}
    return render(request, "credentials/customer/link_card.html", facts)


@for_customers
@require_POST
def link(request: HttpRequest) -> HttpResponse:
    """Link the card: a ticket that this session asked for, and a passkey that was shown for it just now."""
    user = signed_in(request)
    now = timezone.now()
    try:
        shown = passkeys.take(request, request.POST.get("credential", ""), what_for="link")
        if shown.user_id != user.pk:
            raise PasskeyUnknown(field="credential")
        ticket = tickets.admit(request.POST.get("ticket", ""), room=VAULT, now=now)
        _insist_on_asked(request, ticket)
        del request.session[_ASKED]
        answer = link_card(user=user, card=uuid.UUID(ticket.visit.subject), shown_at=ticket.visit.since, now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("ask_card"))
    if answer.problem is not None:
        return wrong(request, answer.problem, back=reverse("ask_card"), status=HTTPStatus.CONFLICT)
    messages.success(request, _("The card is linked. Its points and yours are one."))
    return redirect("vault")


def _insist_on_asked(request: HttpRequest, ticket: tickets.Ticket) -> None:
    asked = request.session.get(_ASKED, "")
    if not asked or not hmac.compare_digest(asked, ticket.asked_by):
        raise CardNotAskedFor(field="ticket")
    if ticket.visit.means != ("card_link",):
        raise CardNotShown(field="ticket")


arrive = in_room(VAULT, is_open=True)(arrive)
