"""What is left on a gift card, for whoever types its code: open to everybody, without a script, and not too often.

The code goes in a form, never in an address, and is said back nowhere. Not here: what a card is
(``counter/giftcards``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from comptoir.counter.giftcards import guessing, queries
from comptoir.counter.giftcards.codes import is_well_typed
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.web import in_room

_CODE_CHARACTERS_MAX: Final = 64


@in_room(COUNTER, is_open=True)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Ask for a code, and answer with what is left on its card; whatever is wrong with it is one sentence."""
    if request.method != "POST":
        return render(request, "storefront/gift_card.html", {})
    code, now = request.POST.get("code", "").strip()[:_CODE_CHARACTERS_MAX], timezone.now()
    if not is_well_typed(code):
        return _wrong(request, _("There is a slip in the code: a character is wrong or missing."))
    address = ratelimit.get_ip(request)
    if not guessing.try_once(address, now=now):
        return _wrong(request, _("Too many codes were wrong. Try again in an hour."), HTTPStatus.TOO_MANY_REQUESTS)
    found = queries.shown(code, now=now)
    if found is None:
        return _wrong(request, _("This code cannot be used here and now. Ask at the counter, with the card."))
    guessing.was_right(address, now=now)
    context = {
        "left": Money(found.available, found.currency), "number": found.number, "expires_at": found.expires_at,
    }  # fmt: skip
    return render(request, "storefront/gift_card.html", context)


def _wrong(request: HttpRequest, trouble: str, status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY) -> HttpResponse:
    return render(request, "storefront/gift_card.html", {"trouble": trouble}, status=status)
