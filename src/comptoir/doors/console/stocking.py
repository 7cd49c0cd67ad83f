"""Stock in the console: somebody counts what is on a shelf, by its number or barcode, and says where that is.

Also what was not counted for longest, and which holds are not covered. What is counted goes through the gateway, as an
event of the console's. Not here: what follows from a count (``square/stock``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.console.acting import first_sent, identity_of, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.catalog import queries as catalog
from comptoir.square.stock import queries
from comptoir.square.stock.contracts import COUNTED, PLACED, QUANTITY_MAX, Article

_FORM: Final = ("number", "quantity", "aisle", "shelf")
_CHARACTERS_MAX: Final = 64
_VERBS: Final = ("comptoir import stock FILE --send", "comptoir stock export FILE")


class Shown(msgspec.Struct, frozen=True):
    """A row with what the catalog calls it."""

    row: Any
    name: str


@in_room(OFFICE)
@require_safe
def stock(request: HttpRequest) -> HttpResponse:
    """Answer with a form to count at a store, and with what wants to be counted there."""
    return _page(request, store=request.GET.get("store", ""))


@in_room(OFFICE)
@require_POST
def count(request: HttpRequest) -> HttpResponse:
    """Count one article, or say where it lies, or both."""
    store = request.POST.get("store", "")
    form = {name: request.POST.get(name, "").strip()[:_CHARACTERS_MAX].replace("\x00", "") for name in _FORM}
    trouble = _trouble(store, form)
    sku = queries.sku_of(form["number"]) if trouble is None else None
    if trouble is None and sku is None:
        trouble = _at("number", _("The catalog lists nothing under this number."))
    if trouble is not None or sku is None:
        return _page(request, store=store, form=form, problem=trouble)
    spot = {name: form[name] for name in ("aisle", "shelf") if form[name]}
    said = [(COUNTED, {"sku": sku, "quantity": int(form["quantity"])})] if form["quantity"] else []
    said += [(PLACED, {"sku": sku, **spot})] if spot else []
    identity = identity_of(request)
    at = first_sent(request, identity)
    for kind, line in said:
        try:
            answer = with_key(
                lambda kind=kind, line=line: house.send(
                    kind, {"store": store, "lines": [line]}, touchpoint=house.CONSOLE,
                    request=uuid.uuid5(identity, kind), at=at,
                )
            )  # fmt: skip
        except Problem as problem:
            return _page(request, store=store, form=form, problem=told(problem))
        if answer.problem is not None:
            return _page(request, store=store, form=form, problem=answer.problem)
    return redirect(f"{reverse('console:stock')}?{urlencode({'store': store, 'done': sku})}")


def _trouble(store: str, form: dict[str, str]) -> Trouble | None:
    if store not in dict(queries.stores()):
        return _at("store", _("Choose a store."))
    if not form["number"]:
        return _at("number", _("Scan a barcode, or type a number."))
    if not form["quantity"] and not (form["aisle"] or form["shelf"]):
        return _at("quantity", _("Say how many there are, or where they lie."))
    if form["quantity"] and whole(form["quantity"], QUANTITY_MAX) is None:
        return _at("quantity", _("A whole number of pieces."))
    return None


def _at(field: str, title: str) -> Trouble:
    return Trouble(title=title, field=field, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _page(
    request: HttpRequest, *, store: str, form: dict[str, str] | None = None, problem: Trouble | None = None
) -> HttpResponse:
    stores = queries.stores()
    chosen = store if store in dict(stores) else (stores[0][0] if len(stores) == 1 else "")
    rows = queries.oldest(chosen) if chosen else []
    short = queries.uncovered(chosen) if chosen else []
    done = request.GET.get("done", "")
    names = catalog.called({*(row.sku for row in rows), *(row.sku for row in short), *([done] if done else [])})
    counted = queries.available_here([done], chosen).get(Article(chosen, done)) if done and chosen else None
    context = {
        "problem": problem, "field": problem.field if problem else "", "form": form or dict.fromkeys(_FORM, ""),
        "stores": stores, "store": chosen, "store_name": dict(stores).get(chosen, ""), "identity": IDS.new(),
        "rows": [Shown(row, names[row.sku]) for row in rows],
        "short": [Shown(row, names[row.sku]) for row in short],
        "verbs": _VERBS, "counted": counted, "counted_name": names[done] if done else "",
    }  # fmt: skip
    status = (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK
    return page(request, "console/stock.html", "stock", context, status=status)
