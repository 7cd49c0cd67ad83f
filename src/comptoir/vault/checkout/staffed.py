"""What staff see of orders in the vault: the parcels that leave, each with its address for whoever packs it.

Opening an address is an access like any other: it is in the audit chain, with its purpose, and its person can read
that. Pick-ups are handed over in the console, where nobody has an address.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from comptoir.counter.orders import queries as orders
from comptoir.counter.orders.contracts import HAND_OVER, PACK
from comptoir.counter.orders.rules import Order
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import queries as catalog
from comptoir.vault.checkout import gifts, recipients, rules
from comptoir.vault.checkout.contracts import Recipient
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts.errors import NotReachable
from comptoir.vault.contacts.views import envelope
from comptoir.vault.credentials.web import signed_in
from comptoir.vault.lists.views import for_staff

_PURPOSE: Final = "a parcel is packed"
_DOES: Final = {"pack": PACK, "hand_over": HAND_OVER}


@for_staff
@require_GET
def parcels(request: HttpRequest) -> HttpResponse:
    """List the parcels that are to be packed or to be given away, the oldest first; nobody's address is opened."""
    found = [each for each in orders.to_do() if each.by == "delivery"]
    names = catalog.called({line.product for each in found for line in each.lines})
    rows = [
        {
            "order": each, "paid_at": orders.moment(each, "paid"),
            "lines": [(line.quantity, names[line.product])
                      for line in each.lines],
        }
        for each in found
    ]  # fmt: skip
    return render(request, "checkout/parcels.html", {"rows": rows})


@for_staff
@require_http_methods(["GET", "POST"])
def parcel(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """Show one parcel with its address, and take that it is packed or given away."""
    found = orders.order(order)
    row = Checkout.objects.filter(order=order).first()
    if found is None or row is None or found.by != "delivery" or found.state not in {"paid", "packed"}:
        raise Http404
    if request.method == "GET":
        return _parcel(request, found, row)
    does = request.POST.get("does", "")
    if does not in _DOES:
        raise Http404
    try:
        answer = house.send(
            _DOES[does], {"order": str(order)}, request=rules.request_of(order, does), at=timezone.now()
        )
    except Problem as problem:
        return _parcel(request, found, row, trouble=problem.title(), status=problem.status)
    # The same button twice is the same step, whenever it is pressed again.
    if answer.problem is not None and answer.problem.name not in {"id_reused", "order_over"}:
        return _parcel(request, found, row, trouble=answer.problem.title, status=HTTPStatus.CONFLICT)
    return redirect("parcels" if does == "hand_over" else request.path)


def _parcel(
    request: HttpRequest, order: Order, row: Checkout, *, trouble: str = "", status: int = HTTPStatus.OK
) -> HttpResponse:
    names = catalog.called({line.product for line in order.lines})
    context: dict[str, Any] = {
        "order": order, "trouble": trouble, "is_gift": gifts.is_gift(row),
        "lines": [(line.quantity, names[line.product], line.product)
                  for line in order.lines],
    }  # fmt: skip
    try:
        recipient = _opened(row, actor=f"staff:{signed_in(request).pk}")
    except NotReachable:
        context["trouble"] = _("Whoever ordered this is forgotten: there is no address any more.")
        return render(request, "checkout/parcel.html", context, status=HTTPStatus.GONE)
    address = None if recipient.address is None else recipient.address.reveal()
    context |= {"name": recipient.name.reveal(), "address": [] if address is None else envelope(address)}
    return render(request, "checkout/parcel.html", context, status=status)


def _opened(row: Checkout, *, actor: str) -> Recipient:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        if gifts.is_gift(row):
            return gifts.opened(row, purpose=_PURPOSE, actor=actor, at=timezone.now())
        return recipients.read(
            bytes(row.recipient), person=row.person, order=row.order, purpose=_PURPOSE, actor=actor,
            at=timezone.now(),
        )  # fmt: skip
