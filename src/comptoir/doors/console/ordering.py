"""Orders in the console: what is to be laid ready, and who shows a pick-up code gets it, once what is due was taken.

Nobody's name and no address stands here: an order is a list of goods and a code. Parcels are packed in the vault.
"""

from __future__ import annotations

import datetime as dt
import re
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
from comptoir.doors.console.acting import first_sent, identity_of, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.numbers import whole
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
_MEANS: Final = ("cash", "card")
_REFERENCE: Final = re.compile(r"[0-9A-Za-z./_-]{1,40}")
_AMOUNT_MAX: Final = 10**12 - 1
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
    found = queries.called(code)
    # A form that says what was taken goes the same way when it comes again, and is answered as before.
    is_taken = "identity" in request.POST
    if found is not None and (found.is_to_be_taken or is_taken) and store in {"", found.store}:
        return _take(request, found, data, store=store)
    return _send(request, HAND_OVER, data, uuid.uuid4(), store=store)


def _take(request: HttpRequest, order: Order, data: dict[str, Any], *, store: str) -> HttpResponse:
    """Hand over what is paid where it is handed over, once staff have said what they took."""
    form = request.POST
    if "identity" not in form:
        return _taking(request, order, data["code"], store=store)
    means, reference = form.get("means", ""), form.get("reference", "").strip()
    if means not in _MEANS:
        return _taking(request, order, data["code"], store=store, trouble=_at("means", _("Say how it was paid.")))
    if means == "card" and not _REFERENCE.fullmatch(reference):
        trouble = _at("reference", _("Type in the number that the terminal printed: letters, digits and . / _ - only."))
        return _taking(request, order, data["code"], store=store, trouble=trouble)
    # What was seen is what was taken: the counter refuses another amount.
    taken = {
        "means": means,
        "amount": whole(form.get("amount", ""), _AMOUNT_MAX) or 0,
        **({"reference": reference} if means == "card" else {}),
    }
    identity = identity_of(request)
    return _send(
        request, HAND_OVER, {**data, "taken": taken}, identity, store=store, at=first_sent(request, identity),
        taken=f"{means}:{order.id}",
    )  # fmt: skip


def _taking(
    request: HttpRequest, order: Order, code: str, *, store: str, trouble: Trouble | None = None
) -> HttpResponse:
    known = dict(stores())
    form = request.POST
    context = {
        "row": _row(order, catalog.called({line.product for line in order.lines}), known),
        "code": code, "store": store, "identity": form.get("identity", "") or str(IDS.new()), "trouble": trouble,
        "means": form.get("means", ""), "reference": form.get("reference", "")[:_CODE_CHARACTERS_MAX],
    }  # fmt: skip
    status = HTTPStatus.OK if trouble is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(request, "console/take.html", "orders", context, status=status)


def _at(field: str, title: str) -> Trouble:
    return Trouble(title=title, field=field, status=HTTPStatus.UNPROCESSABLE_ENTITY)


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


def _send(
    request: HttpRequest,
    kind: str,
    data: dict[str, Any],
    number: uuid.UUID,
    *,
    store: str,
    at: dt.datetime | None = None,
    taken: str = "",
) -> HttpResponse:
    at = at or timezone.now()
    try:
        answer = with_key(lambda: house.send(kind, data, touchpoint=house.CONSOLE, request=number, at=at))
    except Problem as problem:
        return _page(request, store=store, problem=told(problem))
    if answer.problem is not None and answer.problem.name != "id_reused":
        return _page(request, store=store, problem=answer.problem)
    done = "handed" if kind == HAND_OVER else "done"
    return redirect(f"{reverse('console:orders')}?{urlencode({'store': store, done: taken or 1})}")


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
        "payments_url": addresses.url_of(VAULT, "/checkout/payments/"),
        "parcels_url": addresses.url_of(VAULT, "/checkout/parcels/"),
        "problem": problem,
        "trouble": _words(problem),
        "handed": request.GET.get("handed", ""),
        "taken": _taken(request.GET.get("handed", "")),
    }
    status = HTTPStatus.OK if problem is None else (problem.status or HTTPStatus.CONFLICT)
    if status == HTTPStatus.NOT_FOUND:
        status = HTTPStatus.UNPROCESSABLE_ENTITY  # the page is there; it is the code that nobody knows
    return page(request, "console/orders.html", "orders", context, status=status)


def _taken(handed: str) -> Money | None:
    """Return what was taken for the order that was handed over just now, where anything was."""
    _means, _, number = handed.partition(":")
    try:
        found = queries.order(uuid.UUID(number))
    except ValueError:
        return None
    return None if found is None or found.taken is None else Money(found.taken.amount, found.currency)


def _row(order: Order, names: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    return {
        "order": order,
        "paid_at": queries.moment(order, "paid"),
        "is_laid": "packed" in order.moments,
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
