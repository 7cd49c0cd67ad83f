"""The shopper's pages: the square's front page, the card, and the stream that keeps it true.

A card link lets a browser into the counter; from then on its session knows the opaque customer. Not here: what a
card holds (``cards.py``), how links are signed (``links.py``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe
from django.views.i18n import set_language

from comptoir.doors.storefront import links
from comptoir.doors.storefront.cards import Card, members_of, read_card
from comptoir.foundation.events import streams
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, Assurance
from comptoir.foundation.rooms.visits import Visit, begin_visit, end_visit, visit_of
from comptoir.foundation.rooms.web import in_room

language = in_room(COUNTER, is_open=True)(set_language)


@in_room(SQUARE)
@require_safe
def square(request: HttpRequest, chosen: str | None = None) -> HttpResponse:
    """Answer with the front page, in the language of the address or of the browser. Sets no cookie."""
    with translation.override(chosen or translation.get_language()):
        codes = [code for code, _name in settings.LANGUAGES]
        names = [str(translation.get_language_info(code)["name_local"]).capitalize() for code in codes]
        context = {
            "languages": [(code, f"/{code}/", name) for code, name in zip(codes, names, strict=True)],
            "card_url": addresses.url_of(COUNTER, "/"),
            "office_url": addresses.url_of(OFFICE, "/"),
        }
        response = render(request, "storefront/square.html", context)
    if chosen is None:
        patch_vary_headers(response, ("Accept-Language",))
    return response


@in_room(COUNTER, is_open=True)
@require_safe
def welcome(request: HttpRequest) -> HttpResponse:
    """Lead on to the card, or say how to get one."""
    if visit_of(request) is not None:
        return redirect("storefront:card")
    return render(request, "storefront/welcome.html")


@in_room(COUNTER, is_open=True)
@require_GET
def open_card(request: HttpRequest, token: str) -> HttpResponse:
    """Take a card link: the browser's session knows the customer from now on, and the address forgets the token."""
    try:
        customer = links.customer_of(token)
    except links.CardLinkInvalid:
        return render(request, "storefront/welcome.html", {"problem": True}, status=HTTPStatus.NOT_FOUND)
    begin_visit(request, Visit(str(customer), Assurance.RECOGNISED, ("card_link",), timezone.now()))
    return redirect("storefront:card")


@in_room(COUNTER, is_open=True)
@require_safe
def card(request: HttpRequest) -> HttpResponse:
    """Answer with the card of the browser's customer; ``?before=`` turns the page of its history."""
    found = _card(request)
    if found is None:
        return redirect("storefront:welcome")
    return render(request, "storefront/card.html", {"card": found})


@in_room(COUNTER)
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """Answer with the parts of the card that change, for a page that is open already."""
    found = _card(request)
    if found is None:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    return render(request, "storefront/card_live.html", {"card": found})


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


def _card(request: HttpRequest) -> Card | None:
    visit = visit_of(request)
    if visit is None:
        return None
    return read_card(uuid.UUID(visit.subject), before=_position(request.GET.get("before", "")))


def _position(text: str) -> uuid.UUID | None:
    """Read a position from an address; what is none means the first page."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
