"""The shop window: everything that is sold, a category of it, or what a question finds."""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import urlencode

import msgspec
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community import keeping
from comptoir.doors.storefront.community.speaking import page, prefix, spoken
from comptoir.doors.storefront.shop.picturing import shelved
from comptoir.doors.storefront.shop.windows import Own, own_of
from comptoir.foundation.kernel.money import Money, exponent
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.catalog import describing, queries
from comptoir.square.catalog.contracts import NAME_CHARACTERS_MAX, PRICE_MAX
from comptoir.square.catalog.queries import Asked, CategoryShown, Order
from comptoir.square.community.describing import in_page
from comptoir.square.stock import queries as stock

_WORDS_CHARACTERS_MAX: Final = 200
_PRICE_CHARACTERS_MAX: Final = 12


class Filter(msgspec.Struct, frozen=True):
    """A maker to choose, or one that is chosen: where that leads, and how much there is of it."""

    name: str
    count: int
    url: str


@spoken
@require_safe
def window(request: HttpRequest, category: str = "") -> HttpResponseBase:
    """Answer with what is sold, newest first; in a category; or what the words in ``q`` find."""
    categories = all_categories()
    if category and category not in categories:
        raise Http404
    own = own_of(request, lambda: categories)
    asked = _asked(request, category, categories)
    if own is not None:
        asked = msgspec.structs.replace(asked, window=own.composed)
    key = ("shop", translation.get_language(), category, asked)
    stores = keeping.fact("stores that count", stock.counting_stores)
    found, has_more = keeping.part(request, key, lambda: queries.wares(asked))
    makers = keeping.part(request, (*key, "makers"), lambda: queries.makers(asked)) if category or asked.words else []
    path = queries.path_to(category, categories)
    inside = _inside(category, categories, own)
    described = [describing.describe_path(path, origin=_origin())] if path else []
    context: dict[str, Any] = {
        "section": "shop", "path": path[:-1], "category": categories.get(category), "inside": inside,
        "wares": shelved(found, lambda: categories),
        "words": asked.words, "order": asked.order, "most": _said_most(asked), "currency": asked.currency,
        "makers": [Filter(name, count, _address(request, maker=name)) for name, count in makers],
        "maker": asked.maker, "without_maker": _address(request, maker=""), "number": asked.page,
        "more": _address(request, page=str(asked.page + 1)) if has_more else "",
        "previous": _address(request, page=str(asked.page - 1)) if asked.page > 1 else "",
        "is_asked": bool(asked.words or asked.maker or asked.most is not None or asked.narrowed is not None),
        "stores": stores, "there": asked.narrowed.value if asked.narrowed else "",
        "described": in_page(described) if described else "", "own_rules": len(own.rules) if own else 0,
    }  # fmt: skip
    return page(request, "shop/window.html", context)


def _inside(category: str, categories: Mapping[str, CategoryShown], own: Own | None) -> list[CategoryShown]:
    """Return the categories within one, without those that somebody never wants to see, and their first ones first."""
    found = [each for each in categories.values() if each.within == (category or None) and each.count]
    if own is None:
        return found
    window = own.composed
    only = window.only_categories
    if only is not None:
        wanted = {each.category for slug in only for each in queries.path_to(slug, categories)}
        found = [each for each in found if each.category in wanted]
    found = [each for each in found if each.category not in window.never_categories]
    return sorted(found, key=lambda each: each.category not in window.first_categories)


def all_categories() -> Mapping[str, CategoryShown]:
    """Return every category in the language of the page, asked once a second for all pages that need them."""
    return keeping.fact(f"categories {translation.get_language()}", queries.categories)


def _asked(request: HttpRequest, category: str, categories: Mapping[str, CategoryShown]) -> Asked:
    """Return what the address asks for; what cannot be read is not asked."""
    currency = keeping.fact("currency", queries.currency)
    there = request.GET.get("there", "")
    is_known = there in dict(keeping.fact("stores that count", stock.counting_stores)) if there else False
    number = request.GET.get("page", "1")
    order = request.GET.get("order", "fitting")
    return Asked(
        words=request.GET.get("q", "")[:_WORDS_CHARACTERS_MAX].replace("\x00", "").strip(),
        categories=queries.below(category, categories) if category else None,
        maker=request.GET.get("maker", "")[:NAME_CHARACTERS_MAX].replace("\x00", "").strip(),
        most=_most(request.GET.get("most", ""), currency),
        currency=currency,
        order=cast("Order", order) if order in {"fitting", "newest", "cheapest"} else "fitting",
        narrowed=stock.there_now(there) if is_known else None,
        page=min(whole(number, 999) or 1, queries.PAGES_MAX),
    )


def _most(said: str, currency: str) -> int | None:
    """Read a price as somebody types it; nothing where it is none."""
    said = said[:_PRICE_CHARACTERS_MAX].strip().replace(",", ".")
    try:
        found = decimal.Decimal(said)
    except decimal.InvalidOperation:
        return None
    if not currency or not found.is_finite() or found < 0:
        return None
    return min(int(found.scaleb(exponent(currency))), PRICE_MAX)


def _said_most(asked: Asked) -> str:
    return "" if asked.most is None else describing.written(Money(asked.most, asked.currency))


def _address(request: HttpRequest, **changes: str) -> str:
    """Return this page's address with something asked otherwise, from the first page on unless that is it."""
    asked = {name: request.GET[name] for name in ("q", "maker", "most", "order", "there") if request.GET.get(name)}
    asked = {name: value for name, value in {**asked, **changes}.items() if value}
    return f"?{urlencode(asked)}"


def _origin() -> str:
    return addresses.origin_of(SQUARE) + prefix().rstrip("/")
