"""A product's page on the square, at an address that a receipt can carry: what it is, what is asked and said about it.

``/product/REFERENCE`` answers for every product, also for one of which nobody has spoken yet: then it invites to begin.
The number of a variant, or in a barcode, leads to its product. What the shop lists of it comes from ``square/catalog``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community import drawing, embedding
from comptoir.doors.storefront.community.speaking import page, prefix, spoken
from comptoir.doors.storefront.shop import nearby, together
from comptoir.doors.storefront.shop.window import all_categories
from comptoir.doors.storefront.shop.windows import own_of
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.catalog import describing
from comptoir.square.catalog import queries as catalog
from comptoir.square.community import queries
from comptoir.square.community.contracts import PRODUCT_CHARACTERS_MAX
from comptoir.square.community.describing import in_page
from comptoir.square.community.errors import TextUnfit
from comptoir.square.community.writing import judge_text


@spoken
@require_safe
def product(request: HttpRequest, product: str) -> HttpResponseBase:
    """Answer with what the shop lists of a product, and with the questions and reviews about it."""
    if len(product) > PRODUCT_CHARACTERS_MAX or isinstance(judge_text(product, field="product"), TextUnfit):
        raise Http404
    ware = catalog.product(product)
    if ware is None and (other := catalog.product_of(product)) is not None and other != product:
        return redirect(reverse("square:product", args=[other], current_app=drawing.namespace_of(request)))
    slug = queries.topic_of(product)
    lines = queries.about(product)
    rating = queries.rating_of(product)
    own = own_of(request, all_categories)
    context: dict[str, Any] = {
        "product": product,
        "topic": queries.topic(slug) if slug else None,
        "lines": lines,
        "drawn": drawing.lines(lines),
        "rating": rating,
        "ware": ware,
        "together": together.together(request, product, own),
        "square_url": reverse("square:front", current_app=drawing.namespace_of(request)).rstrip("/"),
    }
    if ware is not None:
        origin = f"{addresses.origin_of(SQUARE)}{prefix().rstrip('/')}"
        path = catalog.path_to(ware.category, all_categories())
        there = nearby.places(request, ware)
        said = describing.describe(
            ware,
            url=f"{origin}/product/{quote(product)}",
            rating=(rating.count, rating.mean),
            in_stock=there.in_stock,
            origin=addresses.origin_of(SQUARE),
        )
        described = [said, *([describing.describe_path(path, origin=origin)] if path else [])]
        context |= {
            "path": path, "there": there, "can_buy": any(each.prices for each in ware.variants),
            "option_names": list(ware.variants[0].options) if ware.variants else [],
            "is_hidden": own is not None and own.composed.hides(
                product=ware.product, category=ware.category, maker=ware.maker, asks_over=ware.asks_over
            ),
            "described": in_page(described), "shared": embedding.of_product(request, ware),
        }  # fmt: skip
    return page(request, "community/product.html", context, status=HTTPStatus.OK)
