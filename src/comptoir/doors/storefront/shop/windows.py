"""Somebody's own shop window on the square, where nobody is known: the browser carries its rules, not whose they are.

The cookie is the window itself, as its address says it (``square/catalog/composing.py``). It comes from the counter,
signed, when its customer has composed it there, or from a shared address, when somebody has read it and pressed the
button. A page with a window asks the database no more than one without. Not here: composing one (``windows.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.storefront.community.keeping import fact
from comptoir.doors.storefront.community.speaking import page, prefix, spoken
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.square.catalog import composing, queries
from comptoir.square.catalog.composing import Composed, Rule
from comptoir.square.catalog.queries import CategoryShown

#: As long as a card's link opens a card.
_COOKIE_SECONDS: Final = 400 * 86_400
_SALT: Final = "comptoir.window"
_CARRIED_SECONDS_MAX: Final = 600
_PRODUCTS_NAMED_MAX: Final = 30


class Own(msgspec.Struct, frozen=True):
    """A window that is on in this browser: its rules as they were said, and as they are applied."""

    rules: tuple[Rule, ...]
    composed: Composed


def cookie_name() -> str:
    """Return the name of the cookie; in production it is bound to this host."""
    return "__Host-comptoir-window" if addresses.is_production() else "comptoir-window"


def rules_of(request: HttpRequest) -> tuple[Rule, ...]:
    """Return the rules that this browser carries; none for one without, or with what is no window."""
    said = request.COOKIES.get(cookie_name(), "")
    return _read(said) if said else ()


def own_of(request: HttpRequest, categories: Callable[[], Mapping[str, CategoryShown]]) -> Own | None:
    """Return the window that is on in this browser."""
    rules = rules_of(request)
    if not rules:
        return None
    among = categories()
    below = composing.within({each.category: each.within for each in among.values()})
    return Own(rules, composing.compose(rules, below))


def words_of(rules: tuple[Rule, ...]) -> list[str]:
    """Return rules in the language of the page."""
    language = (translation.get_language() or "en").split("-")[0]
    among = fact(f"categories {translation.get_language()}", queries.categories) if rules else {}
    names: dict[tuple[str, str], Mapping[str, str]] = {}
    for rule in rules[:_PRODUCTS_NAMED_MAX]:
        if rule.of == "category" and rule.value in among:
            names["category", rule.value] = {language: among[rule.value].name.text}
        elif rule.of == "product" and rule.value and (ware := queries.product(rule.value)) is not None:
            names["product", rule.value] = {language: ware.name.text}
    return [composing.sentence(rule, names)[language] for rule in rules]


def carrying(rules: tuple[Rule, ...]) -> str:
    """Return the address on the square by which a customer's own browser takes over what they have composed."""
    said = signing.TimestampSigner(salt=_SALT).sign(composing.written(rules))
    return addresses.url_of(SQUARE, f"/window/carry?{urlencode({'w': said})}")


@spoken
@require_safe
def look(request: HttpRequest) -> HttpResponseBase:
    """Answer with the window that the address says, to be taken over; and with the one that is on here."""
    return _look(request)


@spoken
@require_safe
def carry(request: HttpRequest) -> HttpResponseBase:
    """Take over what a customer has just composed at the counter, and go back there."""
    try:
        said = signing.TimestampSigner(salt=_SALT).unsign(request.GET.get("w", ""), max_age=_CARRIED_SECONDS_MAX)
    except signing.BadSignature:
        return _look(request, status=HTTPStatus.BAD_REQUEST)
    return _with_cookie(request, redirect(addresses.url_of(COUNTER, "/window?carried=1")), composing.read(said))


@csrf_exempt
@spoken
@require_POST
def use(request: HttpRequest) -> HttpResponseBase:
    """Switch a window on in this browser: the one that was shown."""
    if request.headers.get("Origin") != addresses.origin_of(SQUARE):
        return render(request, "rooms/form_refused.html", {"typed": []}, status=HTTPStatus.FORBIDDEN)
    rules = composing.read(request.POST.get("w", ""))
    return _with_cookie(request, redirect(f"{prefix()}shop"), rules)


@csrf_exempt
@spoken
@require_POST
def off(request: HttpRequest) -> HttpResponseBase:
    """Switch the window off in this browser. What is composed at the counter stays."""
    if request.headers.get("Origin") != addresses.origin_of(SQUARE):
        return render(request, "rooms/form_refused.html", {"typed": []}, status=HTTPStatus.FORBIDDEN)
    return _with_cookie(request, redirect(f"{prefix()}shop"), ())


def _look(request: HttpRequest, *, status: int = HTTPStatus.OK) -> HttpResponseBase:
    own = rules_of(request)
    shown = _read(request.META.get("QUERY_STRING", ""))
    said = composing.written(shown)
    context: dict[str, Any] = {
        "section": "shop", "own": words_of(own), "shown": words_of(shown) if shown and shown != own else [],
        "said": said, "is_same": bool(shown) and shown == own,
        "compose_url": addresses.url_of(COUNTER, "/window"),
        "take_url": addresses.url_of(COUNTER, f"/window?{urlencode({'take': said})}"),
    }  # fmt: skip
    return page(request, "shop/own_window.html", context, status=status)


def _with_cookie(request: HttpRequest, response: HttpResponse, rules: tuple[Rule, ...]) -> HttpResponse:
    if rules:
        response.set_cookie(
            cookie_name(), composing.written(rules), max_age=_COOKIE_SECONDS, httponly=True, samesite="Lax",
            secure=request.is_secure() or addresses.is_production(),
        )  # fmt: skip
    else:
        response.delete_cookie(cookie_name(), samesite="Lax")
    response.headers["Cache-Control"] = "no-store"
    return response


@functools.lru_cache(1_000)
def _read(said: str) -> tuple[Rule, ...]:
    return composing.read(said)
