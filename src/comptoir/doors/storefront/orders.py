"""A customer's orders on their own page: how far each is, and how to pick it up; what is not packed can be called off.

Not here: names and addresses, which are in the vault, and paying.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.orders import queries
from comptoir.counter.orders.codes import pickup_code_of
from comptoir.counter.orders.contracts import CANCEL
from comptoir.counter.orders.rules import Order, given_back, pieces_of
from comptoir.counter.sales import queries as sales
from comptoir.counter.sales.rules import Return
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.cards import members_of
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import queries as catalog

#: In these states a customer can still call an order off.
_MAY_END: Final = frozenset({"placed", "paid"})
_REQUESTS: Final = uuid.UUID("a35d1c0e-3c55-5d0f-8f0e-6f7264657273")


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the orders of the browser's customer, the latest first."""
    return _page(request)


@in_room(COUNTER)
@require_POST
def call_off(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """Call an order off that nobody has packed yet."""
    found = next((each for each in _mine(request) if each.id == str(order)), None)
    if found is None:
        raise Http404
    trouble = ""
    if found.state in _MAY_END:
        try:
            answer = house.send(
                CANCEL, {"order": str(order), "because": "withdrawn"}, touchpoint=house.STOREFRONT,
                request=uuid.uuid5(_REQUESTS, str(order)), at=timezone.now(),
            )  # fmt: skip
        except Problem as problem:
            trouble = refused.words(problem)
        else:
            if answer.problem is not None and answer.problem.name not in {"order_over", "id_reused"}:
                trouble = refused.words(answer.problem)
    if trouble:
        return _page(request, trouble=trouble, status=HTTPStatus.CONFLICT)
    return redirect("storefront:orders")


def _mine(request: HttpRequest) -> list[Order]:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    return queries.of_person(members_of(uuid.UUID(visit.subject)))


def _page(request: HttpRequest, *, trouble: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    found = _mine(request)
    back = _returns([each.receipt for each in found if each.receipt and each.was_handed_over])
    names = catalog.called({line.product for each in found for line in each.lines})
    context = {
        "orders": [_told(each, names, back.get(each.receipt or "", [])) for each in found],
        "trouble": trouble,
        "shop_url": addresses.url_of(COUNTER, "/basket"),
        "vault_url": addresses.url_of(VAULT, "/checkout/orders/"),
        "section": "orders",
    }
    return render(request, "storefront/orders.html", context, status=status)


def _returns(receipts: Sequence[str]) -> dict[str, list[Return]]:
    """Return what came back of these orders' sales, by their receipts."""
    source = house.vault_source()
    found: dict[str, list[Return]] = {}
    for each in sales.returns_of([(source, receipt) for receipt in receipts]):
        found.setdefault(each.sale_receipt, []).append(each)
    return found


def _told(order: Order, names: Mapping[str, str], returns: Sequence[Return]) -> dict[str, Any]:
    store = catalog.store(order.store) if order.by == "pickup" and order.store else None
    pieces, back = sum(line.quantity for line in order.lines), pieces_of(returns)
    return {
        "order": order,
        "placed_at": queries.moment(order, "placed"),
        "since": queries.moment(order, order.state),
        "total": Money(order.total, order.currency),
        "delivery": None if order.delivery is None else Money(order.delivery.paid, order.currency),
        "store": "" if store is None else store.name,
        "code": pickup_code_of(order.id) if order.by == "pickup" and order.state in {"paid", "packed"} else "",
        "pieces": pieces,
        "back": back,
        "is_in_part": 0 < back < pieces,
        "may_end": order.state in _MAY_END,
        "lines": [(line.quantity, names[line.product]) for line in order.lines],
        "returns": [
            {
                "at": each.occurred_at, "refund": each.refund, "total": Money(amount, order.currency),
                "lines": [(one.quantity, names[order.lines[one.line - 1].product]) for one in each.lines],
            }
            for each, amount in zip(returns, given_back(order.lines, returns, order.delivery), strict=True)
        ],
    }  # fmt: skip
