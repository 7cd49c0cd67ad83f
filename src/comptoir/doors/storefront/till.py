"""The web till: a page for staff at a counter, which goes on selling when the line is gone.

The page is a shell without a session: it knows nobody, and does nothing without the key of a till's touchpoint, which
staff give it once. Its scripts keep what is sold in the browser and send it as events, with ids that the till makes;
what they send goes through here to the gateway as it stands, with the till's own key. So the till is a channel like
any other, and no cookie of this room lets anybody do anything here. Not here: what the page does
(``static/comptoir/till*.js``), what follows from an event.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from comptoir.counter.baskets import queries as baskets
from comptoir.counter.taxes import registrations
from comptoir.counter.taxes.reading import load_rates
from comptoir.counter.taxes.rules import Rates, rate_of
from comptoir.foundation.kernel.money import exponent
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import queries as catalog
from comptoir.square.stock import queries as stock

#: So many articles a till keeps for when it is cut off: those that its store has counted, then others.
ARTICLES_MAX: Final = 2_000
FOUND_MAX: Final = 8
_CHARACTERS_MAX: Final = 64
_ASKED: Final[Mapping[str, str]] = {
    "events": "/v1/events",
    "customer": "/v1/customers/resolve",
    "price": "/v1/baskets/price",
    "basket": "/v1/baskets/shown",
    "order": "/v1/orders/shown",
    "blank": "/v1/gift-cards/blank",
}
_BEARER: Final = re.compile(r"Bearer [\x21-\x7e]{1,200}")
_TYPES: Final = frozenset({"application/json", "application/cloudevents-batch+json"})
#: What the page needs without a line.
_FILES: Final = (
    "comptoir/house.css", "comptoir/till.css", "comptoir/till.js", "comptoir/till-keeping.js", "comptoir/till-line.js",
    "comptoir/till-page.js", "comptoir/till-sale.js", "comptoir/till-basket.js", "comptoir/till-leases.js",
    "comptoir/till-orders.js", "comptoir/till-receipt.js", "comptoir/till-tax.js", "comptoir/till-giftcards.js",
    "comptoir/scan.js", "comptoir/icon.svg",
)  # fmt: skip


@in_room(COUNTER, is_open=True)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the till, the same for everybody."""
    return render(request, "storefront/till.html", _context())


@in_room(COUNTER, is_open=True)
@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """Answer with the script that keeps the page for when the line is gone; it has no other page."""
    shell = render_to_string("storefront/till.html", _context(), request)
    files = [static(each) for each in _FILES]
    digest = hashlib.sha256("\n".join([shell, translation.get_language() or "", *files]).encode())
    digest.update(_of_files(tuple(_stamp_of(each) for each in _FILES)))
    script = render_to_string("storefront/till_worker.js", {"files": files, "version": digest.hexdigest()[:16]})
    return HttpResponse(script, content_type="text/javascript; charset=utf-8")


@in_room(COUNTER, is_open=True)
@require_GET
def articles(request: HttpRequest) -> JsonResponse:
    """Answer with what a till keeps of the price list, or with what a number or some words mean: all of it public."""
    currency, rates = baskets.currency(), load_rates()
    number, words = (request.GET.get(name, "")[:_CHARACTERS_MAX].replace("\x00", "") for name in ("number", "words"))
    if number or words:
        return JsonResponse({"articles": _found(number, words, currency, rates)})
    store = request.GET.get("store", "")[:_CHARACTERS_MAX].replace("\x00", "")
    rows = (_article(each, currency, rates) for each in stock.price_list(store, limit=ARTICLES_MAX))
    return JsonResponse({"articles": [each for each in rows if each is not None]})


@csrf_exempt  # what lets somebody do something here is the till's key, which no other page can send along
@in_room(COUNTER, is_open=True)
@require_POST
def ask(request: HttpRequest, what: str) -> HttpResponse:
    """Hand on to the gateway what a till says or asks, with the till's own key; and the answer as it is."""
    if what not in _ASKED:
        raise Http404
    key, kind = request.headers.get("Authorization", ""), request.headers.get("Content-Type", "")
    if _BEARER.fullmatch(key) is None or kind not in _TYPES:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    try:
        answer = house.hand_on(_ASKED[what], request.body, key=key, content_type=kind)
    except Problem as problem:
        return _problem(problem)
    return HttpResponse(
        answer.content, status=answer.status_code, content_type=answer.headers.get("content-type", "application/json")
    )


def _problem(problem: Problem) -> HttpResponse:
    return JsonResponse(problem.as_members(), status=problem.status, content_type="application/problem+json")


def _context() -> dict[str, Any]:
    currency, rates = baskets.currency(), load_rates()
    return {
        "currency": currency, "digits": exponent(currency) if currency else 2,
        "rounding": "" if rates is None else rates.rounding,
        "registration": registrations.of(rates),
    }  # fmt: skip


class _Stamp(msgspec.Struct, frozen=True):
    """A file as it lies on the disk; with another content it has another one."""

    path: str
    changed_ns: int
    size: int


def _stamp_of(name: str) -> _Stamp:
    found = finders.find(name)
    assert isinstance(found, str), name
    status = Path(found).stat()
    return _Stamp(found, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _of_files(stamps: tuple[_Stamp, ...]) -> bytes:
    """Return a digest of what the files hold: read when one of them has changed, and not at every request."""
    digest = hashlib.sha256()
    for each in stamps:
        digest.update(Path(each.path).read_bytes())
    return digest.digest()


def _found(number: str, words: str, currency: str, rates: Rates | None) -> list[dict[str, Any]]:
    goods = baskets.goods(number) if number else None
    if goods is not None:
        prices = [(each.amount, each.includes_tax) for each in goods.prices if each.currency == currency]
        name = catalog.named(goods.name).text
        found = [_told(goods.sku, goods.gtin, name, goods.options, goods.category, goods.tax, prices, rates)]
        return [each for each in found if each is not None]
    if not words:
        return []
    wares, _ = catalog.wares(catalog.Asked(words=words, currency=currency), limit=FOUND_MAX)
    shown = [catalog.product(each.product) for each in wares]
    return [
        told
        for product in shown
        if product is not None
        for each in product.variants
        if (
            told := _told(
                each.sku, each.gtin, product.name.text, each.options, product.category, product.tax,
                [(one.amount.minor, one.includes_tax) for one in each.prices if one.amount.currency == currency],
                rates,
            )
        )
    ][: 2 * FOUND_MAX]  # fmt: skip


def _article(listed: stock.Listed, currency: str, rates: Rates | None) -> dict[str, Any] | None:
    prices = [
        (each["amount"], each.get("includes_tax", True)) for each in listed.prices if each["currency"] == currency
    ]
    name = catalog.named(listed.name).text
    return _told(listed.sku, listed.gtin, name, listed.options, listed.category, listed.tax, prices, rates)


def _told(
    sku: str, gtin: str | None, name: str, options: Mapping[str, str], category: str | None, tax: str,
    prices: list[tuple[int, bool]], rates: Rates | None,
) -> dict[str, Any] | None:  # fmt: skip
    """Return an article; ``rate`` is its tax in thousandths of a percent, ``None`` where nobody knows the rates."""
    if not prices:
        return None
    (price, includes_tax), *_ = prices
    return {
        "sku": sku, "gtin": gtin, "name": ", ".join([name, *options.values()]), "category": category, "price": price,
        "rate": None if rates is None else rate_of(tax, rates), "on_top": not includes_tax,
    }  # fmt: skip
