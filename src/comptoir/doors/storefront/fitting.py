"""What fits a customer, on a page of their own and in the basket: each with its reason, and a way to hide it.

What is hidden goes through the gateway as an event of the touchpoint ``storefront``. Not here: what fits whom
(``counter/recommendations``), what goes with a product on the square (``doors/storefront/shop/together.py``).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.recommendations import queries
from comptoir.counter.recommendations.contracts import HIDDEN
from comptoir.counter.recommendations.queries import Fitting
from comptoir.counter.recommendations.rules import Kind
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.baskets import Mine, mine, request_of
from comptoir.doors.storefront.cards import members_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog.queries import Ware
from comptoir.square.companions import queries as companions
from comptoir.square.companions.contracts import Elsewhere
from comptoir.square.companions.rules import roughly

SHOWN_MAX: Final = 12
BESIDE_MAX: Final = 4
_HIDDEN_SHOWN: Final = 100
_NUMBER_CHARACTERS_MAX: Final = 64


class Shown(msgspec.Struct, frozen=True):
    """A recommendation as a page shows it: at least so many ``people`` bought it, or both; what is better elsewhere."""

    ware: Ware
    kind: Kind
    because: str
    people: int
    elsewhere: Sequence[Elsewhere]


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with what fits the customer, why, and what they have hidden."""
    return _page(request)


@in_room(COUNTER)
@require_POST
def hide(request: HttpRequest) -> HttpResponse:
    """Hide a product, or show it again; ``from=basket`` leads back there."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    product = request.POST.get("product", "")
    if not 1 <= len(product) <= _NUMBER_CHARACTERS_MAX:
        return _page(request, trouble=_("The shop sells nothing under this number."), status=HTTPStatus.NOT_FOUND)
    customer = {"kind": CUSTOMER_KIND, "value": visit.subject}
    data = {"customer": customer, "product": product, "hidden": request.POST.get("show") != "1"}
    number, at = request_of(request)
    try:
        answer = house.send(HIDDEN, data, touchpoint=house.STOREFRONT, request=number, at=at)
    except Problem as problem:
        return _page(request, trouble=refused.words(problem), status=HTTPStatus.SERVICE_UNAVAILABLE)
    if answer.problem is not None and answer.problem.name != "id_reused":
        return _page(request, trouble=refused.words(answer.problem), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect("storefront:basket" if request.POST.get("from") == "basket" else "storefront:fitting")


def beside_basket(own: Mine) -> list[Shown]:
    """Return what goes with what lies in a basket, that the customer has not hidden."""
    lines = [each.product for each in own.found.content.lines]
    if not lines:
        return []
    products = set(companions.products_of(lines).values())
    return _shown(queries.beside(products, own.members, now=timezone.now(), limit=BESIDE_MAX))


def _page(request: HttpRequest, *, trouble: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    customer = uuid.UUID(visit.subject)
    members = members_of(customer)
    laid = companions.products_of([each.product for each in mine(request).found.content.lines])
    found = queries.fitting(customer, members, now=timezone.now(), limit=SHOWN_MAX, without=set(laid.values()))
    hidden = queries.hidden(members)[:_HIDDEN_SHOWN]
    names = _names([product for product, _at in hidden])
    context: dict[str, Any] = {
        "state": found.state, "shown": _shown(found), "trouble": trouble,
        "hidden": [(product, names.get(product, product), at) for product, at in hidden],
        "purpose": queries.PURPOSE, "channel": queries.CHANNEL, "section": "fitting", **links(),
    }  # fmt: skip
    return render(request, "storefront/fitting.html", context, status=status)


def links() -> dict[str, str]:
    """Return where a recommendation leads: to products' pages and conversations, on the square."""
    language = (translation.get_language() or "en").split("-")[0]
    return {
        "square_url": addresses.url_of(SQUARE, f"/{language}"),
        "product_url": addresses.url_of(SQUARE, f"/{language}/product/"),
    }


def _shown(found: Fitting) -> list[Shown]:
    said = companions.elsewhere([each.product for each in found.reasons])
    names = _names([each.because for each in found.reasons if each.because])
    return [
        Shown(
            found.wares[each.product], each.kind, names.get(each.because, each.because), roughly(each.people),
            said.get(each.product, []),
        )
        for each in found.reasons
    ]  # fmt: skip


def _names(products: Sequence[str]) -> dict[str, str]:
    """Return what products are called, by their own numbers."""
    return {number: ware.name.text for number, ware in companions.called(products).items()}
