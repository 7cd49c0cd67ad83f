"""Payments that wait for a person, in the vault: what no provider answers for, what one refuses, what nobody expected.

Staff see an order's number, an amount, and the provider's number of it, by which its own pages find it; nobody's name.
They have it asked again now, or say how they gave the money back themselves, which is in the audit chain.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from comptoir.counter.orders.codes import number_of
from comptoir.foundation.events import audit
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout.models import Checkout, Repayment
from comptoir.vault.credentials.web import signed_in
from comptoir.vault.lists.views import for_staff
from comptoir.vault.payments import attending, queries
from comptoir.vault.payments.contracts import Unresolved

_SHOWN_MAX: Final = 200


@for_staff
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """List what waits for a person, the oldest first."""
    return _page(request)


@for_staff
@require_POST
def ask(request: HttpRequest, what: str, number: uuid.UUID) -> HttpResponse:
    """Have the provider asked again now."""
    found = next((each for each in queries.unresolved(timezone.now()) if each.number == number), None)
    if found is None or found.what != what:
        return redirect(f"{reverse('payments_waiting')}?gone=1")
    try:
        attending.ask_now(found.what, number, now=timezone.now())
    except Problem as problem:
        return _page(request, trouble=problem, at=number)
    return redirect(f"{reverse('payments_waiting')}?asked=1")


@for_staff
@require_POST
def gave_back(request: HttpRequest, number: uuid.UUID) -> HttpResponse:
    """Take that somebody has given the money back in another way, and how."""
    how = request.POST.get("how", "")
    said = " ".join(how.split())
    try:
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            is_done = attending.gave_back(number, how=said, now=timezone.now()) or _gave_back_for_goods(
                number, how=said
            )
            if is_done:
                _note(f"staff:{signed_in(request).pk}", number, how=said, at=timezone.now())
    except Problem as problem:
        return _page(request, trouble=problem, at=number, how=how)
    return redirect(f"{reverse('payments_waiting')}?{'settled' if is_done else 'gone'}=1")


def _gave_back_for_goods(number: uuid.UUID, *, how: str) -> bool:
    waits = Repayment.objects.filter(position=number, by_hand="").exclude(why="")
    return bool(waits.update(by_hand=how))


def _note(actor: str, number: uuid.UUID, *, how: str, at: dt.datetime) -> None:
    audit.append(
        connections[VAULT.name], room=VAULT, actor=actor, action="payments.gave_back", subject=None,
        purpose=how, at=at, detail={"number": str(number)},
    )  # fmt: skip


def _page(
    request: HttpRequest, *, trouble: Problem | None = None, at: uuid.UUID | None = None, how: str = ""
) -> HttpResponse:
    with entered(VAULT):
        found = queries.unresolved(timezone.now())[:_SHOWN_MAX]
        orders = _orders([each.purpose for each in found if each.purpose is not None])
        rows = [_row(each, orders) for each in found] + _for_goods()
    context = {
        "rows": sorted(rows, key=lambda each: each["since"]),
        "trouble": trouble, "at": at, "how": how, "is_shown": any(each["number"] == at for each in rows),
        "asked": "asked" in request.GET, "settled": "settled" in request.GET, "gone": "gone" in request.GET,
        "note_max": attending.NOTE_CHARACTERS_MAX,
    }  # fmt: skip
    status = HTTPStatus.OK if trouble is None else trouble.status
    return render(request, "checkout/payments.html", context, status=status)


def _orders(purposes: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    """Return the numbers of those orders that are the checkout's."""
    known = Checkout.objects.filter(order__in=purposes).values_list("order", flat=True)
    return {order: number_of(order) for order in known}


def _row(one: Unresolved, orders: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    return {
        "number": one.number, "what": one.what, "since": one.since, "provider": one.provider,
        "reference": one.reference, "order": orders.get(one.purpose, "") if one.purpose else "",
        "amount": Money(one.amount, one.currency) if one.amount else None,
        "title": _title(one.what), "why": one.why if one.what == "refused" else "",
        "can_ask": one.what != "twice", "can_give": one.what in {"refused", "twice"},
    }  # fmt: skip


def _for_goods() -> list[dict[str, Any]]:
    """Return what goods that came back should have given back, and could not be asked for."""
    rows = list(Repayment.objects.filter(by_hand="").exclude(why="").order_by("asked_at")[:_SHOWN_MAX])
    currencies = dict(Checkout.objects.filter(order__in=[each.order for each in rows]).values_list("order", "currency"))
    return [
        {
            "number": each.position, "what": "goods", "since": each.asked_at, "provider": "", "reference": "",
            "order": number_of(each.order), "amount": Money(each.amount, currencies[each.order]),
            "title": _title("goods"), "why": each.why, "can_ask": False, "can_give": True,
        }
        for each in rows if each.order in currencies
    ]  # fmt: skip


def _title(what: str) -> str:
    return {
        "session": _("The provider does not say whether it is paid."),
        "refund": _("The provider does not say whether the money goes back."),
        "refused": _("The provider refuses to give the money back."),
        "twice": _("The money went back twice: the provider did it after all."),
        "report": _("The provider tells of a payment that nobody here has asked for."),
        "goods": _("Goods came back, and their money could not be asked for."),
    }[what]
