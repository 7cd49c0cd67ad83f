"""Where a browser says how it is reached: straight to the vault, with a ticket of the counter, which never sees it.

A page of the counter sends a form with a ticket that says whose device it is; nobody has to be signed in here, nothing
is shown, and no session begins. The way leads back to that page, with what went wrong, if anything did.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses, tickets
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.contacts import notifications, subscriptions, webpush
from comptoir.vault.contacts.errors import SubscriptionInvalid

#: The path that a ticket for this, and for nothing else, names; it was asked for by nobody here.
PATH: Final = "/notifications/"
_CHOICES: Final = {
    "rhythm": ("weekly", "daily", "at_once"),
    "device": ("phone", "tablet", "computer"),
    "language": ("en", "ja", "fr"),
}


@in_room(VAULT, is_open=True)
@csrf_exempt
@require_POST
def subscribe(request: HttpRequest) -> HttpResponse:
    """Keep where a device is reached and tell the counter how often it wants to hear, or change nothing."""
    try:
        _subscribe(request)
    except Problem as problem:
        if "text/html" in request.headers.get("Accept", ""):
            return _back(problem=problem.name)
        content = msgspec.json.encode(problem.as_members())
        return HttpResponse(content, status=problem.status, content_type="application/problem+json")
    return _back(kept="1")


def _subscribe(request: HttpRequest) -> None:
    now = timezone.now()
    # The browser says where the form stood: no other page can give a device to somebody.
    if request.headers.get("Origin") != addresses.origin_of(COUNTER):
        raise tickets.TicketRefused(field="ticket")
    ticket = tickets.admit(request.POST.get("ticket", ""), room=VAULT, now=now)
    if ticket.path != PATH or ticket.asked_by:
        raise tickets.TicketRefused(field="ticket")
    said = {name: request.POST.get(name, "") for name in _CHOICES}
    for name, values in _CHOICES.items():
        if said[name] not in values:
            raise SubscriptionInvalid(field=name)
    number = _number(request.POST.get("number", ""))
    customer = uuid.UUID(ticket.visit.subject)
    where = webpush.read(request.POST.get("subscription", ""))
    subscriptions.keep(number, customer=customer, to=where, at=now)
    try:
        answer = notifications.tell(number, customer, at=now, **said)
    except Problem:
        # What the counter was not told of would never be used.
        subscriptions.end([number], actor="customer", at=now)
        raise
    if answer.problem is not None:
        subscriptions.end([number], actor="customer", at=now)
        raise SubscriptionInvalid(answer.problem.detail, field="customer")


def _number(text: str) -> uuid.UUID:
    try:
        number = uuid.UUID(text)
    except ValueError:
        raise SubscriptionInvalid(field="number") from None
    if number.version != 4 or str(number) != text:
        raise SubscriptionInvalid(field="number")
    return number


def _back(**said: str) -> HttpResponse:
    url = addresses.url_of(COUNTER, "/letters") + "?" + urlencode(said) + "#devices"
    return HttpResponseRedirect(url, status=HTTPStatus.SEE_OTHER)
