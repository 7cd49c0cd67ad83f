"""What staff see of orders in the vault: the parcels that leave, each with its address for whoever packs it.

Opening an address is an access like any other: it is in the audit chain, with its purpose, and its person can read
that. Pick-ups are handed over in the console, where nobody has an address.
"""

from __future__ import annotations

import datetime as dt
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
from comptoir.counter.orders.codes import number_of
from comptoir.counter.orders.contracts import HAND_OVER, HANDED_OVER, PACK
from comptoir.counter.orders.rules import Order
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import queries as catalog
from comptoir.vault.checkout import gifts, numbering, recipients, rules
from comptoir.vault.checkout.contracts import Recipient
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts.errors import NotReachable
from comptoir.vault.contacts.views import envelope
from comptoir.vault.credentials.web import signed_in
from comptoir.vault.lists.views import for_staff

_PURPOSE: Final = "a parcel is packed"
_DOES: Final = {"pack": PACK, "hand_over": HAND_OVER}
#: Parcels of orders of the last weeks stand in the list for some days after a carrier got them: as long as is written.
_LEAVES: Final = HANDED_OVER | {"paid", "packed"}
_RECENT: Final = dt.timedelta(days=60)
_LATELY: Final = dt.timedelta(days=3)
_LATELY_MAX: Final = 200


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
    return render(request, "checkout/parcels.html", {"rows": rows, "given": _given_lately()})


def _given_lately() -> list[dict[str, Any]]:
    """Return the parcels that carriers got in the last days, the latest first: their numbers can be corrected."""
    now = timezone.now()
    recent = Checkout.objects.filter(by="delivery", step="settled", created_at__gte=now - _RECENT)
    numbers = [number_of(each) for each in recent.order_by("-created_at").values_list("order", flat=True)[:_LATELY_MAX]]
    found = [
        (at, each)
        for each in orders.of_receipts(numbers).values()
        if (at := orders.moment(each, "handed_over")) is not None and at >= now - _LATELY
    ]
    return [{"order": each, "at": at} for at, each in sorted(found, key=lambda one: one[0], reverse=True)]


@for_staff
@require_http_methods(["GET", "POST"])
def parcel(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """Show one parcel with its address, and take that it is packed or given away; then its number can be corrected."""
    found = orders.order(order)
    row = Checkout.objects.filter(order=order).first()
    if found is None or row is None or found.by != "delivery" or found.state not in _LEAVES:
        raise Http404
    if found.was_handed_over:
        return _given(request, found, row)
    if request.method == "GET":
        return _parcel(request, found, row)
    does = request.POST.get("does", "")
    if does not in _DOES:
        raise Http404
    try:
        numbering.note_parcel(order, _number(request))
        answer = house.send(
            _DOES[does], {"order": str(order)}, request=rules.request_of(order, does), at=timezone.now()
        )
    except Problem as problem:
        return _parcel(request, found, row, trouble=_told(problem), status=problem.status)
    # The same button twice is the same step, whenever it is pressed again.
    if answer.problem is not None and answer.problem.name not in {"id_reused", "order_over"}:
        return _parcel(request, found, row, trouble=answer.problem.title, status=HTTPStatus.CONFLICT)
    return redirect("parcels" if does == "hand_over" else request.path)


def _parcel(
    request: HttpRequest, order: Order, row: Checkout, *, trouble: str = "", status: int = HTTPStatus.OK
) -> HttpResponse:
    names = catalog.called({line.product for line in order.lines})
    lines = [(line.quantity, names[line.product], line.product) for line in order.lines]
    context = _common(request, order, row, trouble=trouble) | {"lines": lines}
    try:
        recipient = _opened(row, actor=f"staff:{signed_in(request).pk}")
    except NotReachable:
        context["trouble"] = _("Whoever ordered this is forgotten: there is no address any more.")
        return render(request, "checkout/parcel.html", context, status=HTTPStatus.GONE)
    address = None if recipient.address is None else recipient.address.reveal()
    context |= {"name": recipient.name.reveal(), "address": [] if address is None else envelope(address)}
    return render(request, "checkout/parcel.html", context, status=status)


def _given(request: HttpRequest, order: Order, row: Checkout) -> HttpResponse:
    """Show a parcel that the carrier has, without its address; whoever ordered gets a number that is corrected anew."""
    trouble, status = "", HTTPStatus.OK
    if request.method == "POST":
        # A second press of "The carrier has it" says nothing new, whatever stands in its form.
        if request.POST.get("does") != "correct":
            return redirect("parcels")
        try:
            if numbering.note_parcel(row.order, _number(request)):
                Checkout.objects.filter(order=row.order).update(tells_at=timezone.now())
        except Problem as problem:
            trouble, status = _told(problem), HTTPStatus(problem.status)
        else:
            return redirect("parcels")
    context = _common(request, order, row, trouble=trouble) | {"is_given": True}
    return render(request, "checkout/parcel.html", context, status=status)


def _common(request: HttpRequest, order: Order, row: Checkout, *, trouble: str) -> dict[str, Any]:
    """Return what the page of a parcel says before and after its carrier has it."""
    known = numbering.parcel_of(row)
    number = request.POST.get("number", "" if known is None else known.number)
    return {"order": order, "trouble": trouble, "is_gift": gifts.is_gift(row), "number": number}


def _number(request: HttpRequest) -> str:
    return " ".join(request.POST.get("number", "").split())


def _told(problem: Problem) -> str:
    if problem.name == "field_invalid":
        return _("That is no number of a parcel: letters, digits, spaces and . / _ -, at most 60.")
    return problem.title()


def _opened(row: Checkout, *, actor: str) -> Recipient:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        if gifts.is_gift(row):
            return gifts.opened(row, purpose=_PURPOSE, actor=actor, at=timezone.now())
        return recipients.read(
            bytes(row.recipient), person=row.person, order=row.order, purpose=_PURPOSE, actor=actor,
            at=timezone.now(),
        )  # fmt: skip
