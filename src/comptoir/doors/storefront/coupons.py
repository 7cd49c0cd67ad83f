"""A customer's coupons on their own page: what each gives, whether it can be used, and its code as a square.

Nobody else sees these codes: staff do not, and neither does a till before they are shown. Not here: what a coupon is
(``counter/offers``).
"""

from __future__ import annotations

import uuid
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from comptoir.counter.offers import queries
from comptoir.doors.storefront.cards import members_of
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room

#: Coupons that are shown with their codes, in this order.
_GOOD: Final = ("usable", "to_come")


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the coupons of the browser's customer; ``?part=list`` is the part that changes."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    language = (translation.get_language() or "en").split("-")[0]
    found = queries.coupons_of(members_of(uuid.UUID(visit.subject)), language=language, now=timezone.now())
    context = {
        "usable": [each for state in _GOOD for each in found if each.told.state == state],
        "others": [each for each in found if each.told.state not in _GOOD],
        "section": "coupons",
    }
    part = "coupons_list" if request.GET.get("part") == "list" else "coupons"
    return render(request, f"storefront/{part}.html", context)
