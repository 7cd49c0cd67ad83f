"""A product's page on the square, at an address that a receipt can carry: what is asked and said about it.

``/product/REFERENCE`` answers for every product, also for one of which nobody has spoken yet: then it invites to begin.
Not here: what the shop sells and for how much.
"""

from __future__ import annotations

from http import HTTPStatus

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community import drawing
from comptoir.doors.storefront.community.speaking import page, spoken
from comptoir.square.community import queries
from comptoir.square.community.contracts import PRODUCT_CHARACTERS_MAX
from comptoir.square.community.errors import TextUnfit
from comptoir.square.community.writing import judge_text


@spoken
@require_safe
def product(request: HttpRequest, product: str) -> HttpResponseBase:
    """Answer with the questions and reviews about a product."""
    if len(product) > PRODUCT_CHARACTERS_MAX or isinstance(judge_text(product, field="product"), TextUnfit):
        raise Http404
    slug = queries.topic_of(product)
    lines = queries.about(product)
    context = {
        "product": product,
        "topic": queries.topic(slug) if slug else None,
        "lines": lines,
        "drawn": drawing.lines(lines),
        "rating": queries.rating_of(product),
    }
    return page(request, "community/product.html", context, status=HTTPStatus.OK)
