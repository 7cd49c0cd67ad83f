"""Orders in the console: what is to be laid ready, and who shows a pick-up code gets it.

Nobody's name and no address stands here: an order is a list of goods and a code. Parcels are packed in the vault.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.orders import queries
from comptoir.counter.orders.contracts import CANCEL, HAND_OVER, PACK
from comptoir.counter.orders.rules import Order
from comptoir.doors.console.acting import page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.catalog import queries as catalog
from comptoir.square.stock.queries import stores

_CODE_CHARACTERS_MAX: Final = 64
_REQUESTS: Final = uuid.UUID("0c9c6f35-5a53-5b5e-9b44-6f7264657273")
_DOES: Final = {"pack": PACK, "cancel": CANCEL}


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with what is to be laid ready or picked up, and a field for a pick-up code."""
    return _page(request, store=request.GET.get("store", ""))


@in_room(OFFICE)
@require_POST
def hand_over(request: HttpRequest) -> HttpResponse:
    """Hand over what a pick-up code is for: once, and whoever comes second is told when and where that was."""
    code = request.POST.get("code", "").strip()[:_CODE_CHARACTERS_MAX]
    store = request.POST.get("store", "")
    if not code:
        return _page(
            request, store=store, problem=Trouble(title=_("Scan the pick-up code, or type it in."), status=422)
        )
    data = {"code": code, **({"store": store} if store else {})}
    return _send(request, HAND_OVER, data, uuid.uuid4(), store=store)


@in_room(OFFICE)
@require_POST
def do(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """Say that an order lies ready, or that it comes to nothing."""
    does = request.POST.get("does", "")
    if does not in _DOES:
        raise Http404
    data = {"order": str(order), **({"because": "by_staff"} if does == "cancel" else {})}
    number = uuid.uuid5(_REQUESTS, f"{order} {does}")
    return _send(request, _DOES[does], data, number, store=request.POST.get("store", ""))


def _send(request: HttpRequest, kind: str, data: dict[str, Any], number: uuid.UUID, *, store: str) -> HttpResponse:
    at = timezone.now()
    try:
        answer = with_key(lambda: house.send(kind, data, touchpoint=house.CONSOLE, request=number, at=at))
    except Problem as problem:
        return _page(request, store=store, problem=told(problem))
    if answer.problem is not None and answer.problem.name != "id_reused":
        return _page(request, store=store, problem=answer.problem)
    done = "handed" if kind == HAND_OVER else "done"
    return redirect(f"{reverse('console:orders')}?{urlencode({'store': store, done: 1})}")


def _page(request: HttpRequest, *, store: str, problem: Trouble | None = None) -> HttpResponse:
    known = stores()
    store = store if store in dict(known) else ""
    found = queries.to_do(store_number=store or None)
    names = catalog.called({line.product for each in found for line in each.lines})
    context = {
        "stores": known,
        "store": store,
        "pickups": [_row(each, names, dict(known)) for each in found if each.by == "pickup"],
        "parcels": sum(each.by == "delivery" for each in found),
        "parcels_url": addresses.url_of(VAULT, "/checkout/parcels/"),
        "problem": problem,
        "trouble": _words(problem),
        "handed": request.GET.get("handed", ""),
    }
    status = HTTPStatus.OK if problem is None else (problem.status or HTTPStatus.CONFLICT)
    if status == HTTPStatus.NOT_FOUND:
        status = HTTPStatus.UNPROCESSABLE_ENTITY  # the page is there; it is the code that nobody knows
    return page(request, "console/orders.html", "orders", context, status=status)


def _row(order: Order, names: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    return {
        "order": order,
        "paid_at": queries.moment(order, "paid"),
        "store": known.get(order.store or "", order.store or ""),
        "total": Money(order.total, order.currency),
        "lines": [(line.quantity, names[line.product]) for line in order.lines],
    }  # fmt: skip


def _words(problem: Trouble | None) -> str:
    if problem is None:
        return ""
    words = {
        "order_unknown": _("No order has this code."),
        "order_over": _("It was handed over before, or cancelled."),
        "order_not_paid": _("It is not paid."),
        "order_elsewhere": _("It waits at another store."),
    }
    return words.get(problem.name, problem.title)
