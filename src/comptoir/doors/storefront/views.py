"""The shopper's pages: the card, and the stream that keeps it true.

A card link lets a browser into the counter; from then on its session knows the opaque customer. Not here: what a
card holds (``cards.py``), how links are signed (``links.py``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe
from django.views.i18n import set_language

from comptoir.counter.answers.errors import ThresholdsInvalid
from comptoir.counter.answers.thresholds import shelf
from comptoir.counter.loyalty.codes import RENEWED_SECONDS
from comptoir.counter.loyalty.queries import fresh_code
from comptoir.doors.storefront import links
from comptoir.doors.storefront.cards import Card, invitations, members_of, read_card
from comptoir.foundation.events import streams
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT, Assurance
from comptoir.foundation.rooms.visits import Visit, begin_visit, end_visit, visit_of
from comptoir.foundation.rooms.web import in_room

language = in_room(COUNTER, is_open=True)(set_language)


@in_room(COUNTER, is_open=True)
@require_safe
def welcome(request: HttpRequest) -> HttpResponse:
    """Lead on to the card, or say how to get one."""
    if visit_of(request) is not None:
        return redirect("storefront:card")
    return render(request, "storefront/welcome.html", {"passkey_url": _passkey_url()})


@in_room(COUNTER, is_open=True)
@require_GET
def open_card(request: HttpRequest, token: str) -> HttpResponse:
    """Take a card link: the browser's session knows the customer from now on, and the address forgets the token."""
    try:
        customer = links.customer_of(token)
    except links.CardLinkInvalid:
        return render(
            request,
            "storefront/welcome.html",
            {"problem": True, "passkey_url": _passkey_url()},
            status=HTTPStatus.NOT_FOUND,
        )
    begin_visit(request, Visit(str(customer), Assurance.RECOGNISED, ("card_link",), timezone.now()))
    return redirect("storefront:card")


@in_room(COUNTER, is_open=True)
@require_safe
def card(request: HttpRequest) -> HttpResponse:
    """Answer with the card of the browser's customer; ``?before=`` turns the page of its history."""
    found = _card(request)
    if found is None:
        return redirect("storefront:welcome")
    facts = {
        "card": found,
        "renewed_seconds": RENEWED_SECONDS,
        "proof": _proof(),
        "invitations": [] if found.before else invitations(found.customers),
        "product_url": addresses.url_of(SQUARE, f"/{translation.get_language() or 'en'}/product/"),
        "number": None if _holds_card(request) else visit_of(request),
        "spend_url": addresses.url_of(VAULT, "/spend/"),
        "link_url": addresses.url_of(VAULT, "/cards/"),
    }
    return render(request, "storefront/card.html", facts)


@in_room(COUNTER)
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """Answer with the parts of the card that change, for a page that is open already."""
    found = _card(request)
    if found is None:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    return render(request, "storefront/card_live.html", {"card": found})


@in_room(COUNTER)
@require_GET
def code(request: HttpRequest) -> HttpResponse:
    """Answer with the next code to show at a till, for a page that is open already."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    if not _holds_card(request):
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    return render(request, "storefront/code.html", {"code": fresh_code(uuid.UUID(visit.subject), now=timezone.now())})


@in_room(COUNTER)
async def stream(request: HttpRequest) -> HttpResponseBase:
    """Stream ``changed`` each time something happens to the customer's points."""
    visit = await sync_to_async(visit_of)(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    members = await sync_to_async(members_of)(uuid.UUID(visit.subject))
    return streams.of_customers(members, room=COUNTER)


@in_room(COUNTER, is_open=True)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Put the card away: the browser's session ends."""
    end_visit(request)
    return HttpResponseRedirect(reverse("storefront:welcome"))


@in_room(COUNTER, is_open=True)
@require_safe
def manifest(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - a view's shape
    """Answer with the web app manifest, so that the card can lie on a home screen."""
    icons = [
        {"src": static("comptoir/icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        {"src": static("comptoir/icon-192.png"), "sizes": "192x192", "type": "image/png"},
        {"src": static("comptoir/icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
    ]
    content = {
        "id": "/card",
        "name": _("Your card"),
        "short_name": _("Card"),
        "lang": translation.get_language(),
        "start_url": reverse("storefront:card"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#f6f5f1",
        "theme_color": "#0d5c53",
        "icons": icons,
    }
    return JsonResponse(content, content_type="application/manifest+json")


def _passkey_url() -> str:
    return addresses.url_of(VAULT, "/continue/counter/") + "?next=/card"


def _holds_card(request: HttpRequest) -> bool:
    """Tell whether this browser was opened with a card link.

    Whoever signed in spends with the passkey, which signs the amount: what a stolen session can show spends nothing.
    """
    visit = visit_of(request)
    return visit is not None and not visit.sign_in


def _card(request: HttpRequest) -> Card | None:
    visit = visit_of(request)
    if visit is None:
        return None
    before = _position(request.GET.get("before", ""))
    return read_card(uuid.UUID(visit.subject), now=timezone.now(), before=before)


def _proof() -> dict[str, Any] | None:
    """Return where an age is proven and which one, in a shop that says what it sells only from an age on."""
    try:
        asked = shelf()
    except ThresholdsInvalid:
        return None  # the doctor names the fault; a card is no place for it
    return {"url": addresses.url_of(VAULT, "/prove/"), "age": asked.age} if asked.country else None


def _position(text: str) -> uuid.UUID | None:
    """Read a position from an address; what is none means the first page."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
