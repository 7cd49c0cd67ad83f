"""The stores: where they are, when they are open, past midnight too."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import dates
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community import keeping
from comptoir.doors.storefront.community.speaking import page, prefix, spoken
from comptoir.doors.storefront.shop import together
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.catalog import describing, queries
from comptoir.square.catalog.contracts import Reference
from comptoir.square.community.describing import in_page


@spoken
@require_safe
def stores(request: HttpRequest) -> HttpResponseBase:
    """Answer with every store by its locality, and whether it is open now."""
    now = SYSTEM_CLOCK.now()
    found = keeping.part(request, ("stores",), queries.stores)
    places = [
        (locality, [(each, each.standing(now)) for each in some])
        for locality, some in itertools.groupby(found, key=lambda each: each.locality or "")
    ]
    return page(request, "shop/stores.html", {"section": "stores", "places": places})


@spoken
@require_safe
def store(request: HttpRequest, store: str) -> HttpResponseBase:
    """Answer with a store, its hours of each day, and days with hours of their own."""
    found = queries.store(_reference(store))
    if found is None:
        raise Http404
    now = SYSTEM_CLOCK.now()
    described = describing.describe_store(found, url=f"{addresses.origin_of(SQUARE)}{prefix()}stores/{store}")
    context: dict[str, Any] = {
        "section": "stores", "store": found, "standing": found.standing(now),
        "week": list(zip(dates.WEEKDAYS.values(), found.week, strict=True)),
        "exceptions": [each for each in found.said.exceptions if each.day >= now.date()],
        "described": in_page(described), "popular": together.popular_at(request, store) if found.is_listed else (),
    }  # fmt: skip
    return page(request, "shop/store.html", context)


def _reference(said: str) -> str:
    try:
        return msgspec.convert(said, Reference)
    except msgspec.ValidationError:
        raise Http404 from None
