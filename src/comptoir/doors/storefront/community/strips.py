"""The strip: what is asked and said about one product, as a small page that the shop's own web pages may frame.

No cookie is read or set, no script runs in it, and nothing comes from elsewhere. Whose pages may show it stands in
``COMPTOIR_STRIP_ORIGINS``; unset, nobody's may.
"""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community.speaking import spoken
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.headers import let_frame, strip_origins
from comptoir.square.community import queries

_SHOWN: Final = 6
_PRODUCT_CHARACTERS_MAX: Final = 64


@spoken
@require_safe
def strip(request: HttpRequest, product: str) -> HttpResponseBase:
    """Answer with the reviews and questions about a product."""
    if len(product) > _PRODUCT_CHARACTERS_MAX:
        raise Http404
    language = translation.get_language() or "en"
    rating = queries.rating_of(product)
    context = {
        "product": product,
        "lines": queries.about(product, limit=_SHOWN),
        "rating": rating,
        "topic": queries.topic_of(product),
        "square_prefix": addresses.url_of(SQUARE, f"/{language}/"),
        "square": addresses.url_of(SQUARE, f"/{language}"),
    }
    return let_frame(render(request, "community/strip.html", context), strip_origins())
