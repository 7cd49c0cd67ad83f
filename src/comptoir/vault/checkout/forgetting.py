"""Who got an order is forgotten before the law of sale lets go of it, if they want that; the order stays.

A guest does it on the order's own page. Whoever has an account does it with everything else that is kept of them
(``vault/rights``), which waits while something of an order is to reach them. Then their orders are severed: a row
stays, since money goes back by it for whatever comes back later, and it is nobody's. Not here: what is destroyed by
itself, and when (``recipients.py``), and for how long forgetting waits.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection
from typing import Literal

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from comptoir.counter.orders import queries as orders
from comptoir.counter.orders.codes import number_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import returning
from comptoir.vault.checkout.models import Checkout, Repayment
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.payments import queries as payments

Waits = Literal["payment", "goods", "money", "end"]


def is_forgotten(row: Checkout) -> bool:
    """Tell whether it was forgotten who got an order."""
    return not row.recipient


def may_forget(row: Checkout) -> bool:
    """Tell whether it may be forgotten: a guest's, once nothing is to be brought, written or given back to them."""
    if not row.is_guest or is_forgotten(row) or row.due_at is not None or _is_owed(row):
        return False
    found = orders.order(row.order)
    return row.step == "over" or (row.step == "settled" and found is not None and found.was_handed_over)


def _is_owed(row: Checkout) -> bool:
    """Tell whether money is still to go back: whoever sees to what a provider refuses has to reach them."""
    if Repayment.objects.filter(order=row.order, by_hand="").exclude(why="").exists():
        return True
    return returning.is_waiting(row) or not payments.is_settled(row.order, now=timezone.now())


def forget(row: Checkout, *, at: dt.datetime) -> bool:
    """Destroy a guest's name and addresses with the key that opened them; ``False`` if they are needed, or gone.

    The order stays in the books, and is nobody's, or that customer's whose card was shown. Its page still opens by its
    secret.
    """
    if not may_forget(row):
        return False
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        waits = Checkout.objects.filter(order=row.order, due_at=None).exclude(recipient=b"")
        # By its number the carrier knows where a parcel went.
        rest = {name: value for name, value in row.said.items() if name != "parcel"}
        is_first = bool(waits.update(recipient=b"", tells_at=None, said=rest))
        if is_first:
            contacts.destroy(row.person, actor="guest", at=at, face=row.order, is_told=False)
    return is_first


# -- who has an account -------------------------------------------------------------------------------------------


class Open(msgspec.Struct, frozen=True):
    """An order of which something is still to reach whoever ordered, and what it ``waits`` for.

    ``payment``: it can be paid or left; ``goods``: the shop hands it over or cancels it; ``money``: some is on its way
    back; ``end``: it is being booked or ended, or a letter about it is to be sent, all of which ends by itself.
    """

    order: uuid.UUID
    number: str
    waits: Waits


def open_orders(person: uuid.UUID) -> list[Open]:
    """Return the orders of somebody with an account of which something is still to reach them, the oldest first."""
    rows = Checkout.objects.filter(person=person, is_guest=False).exclude(recipient=b"").order_by("created_at")
    return [Open(row.order, number_of(row.order), waits) for row in rows if (waits := _waits(row)) is not None]


def _waits(row: Checkout) -> Waits | None:
    found = orders.order(row.order)
    is_done = found is not None and (found.was_handed_over or found.state == "cancelled")
    if row.step in {"begun", "held", "placed"} and not is_done:
        return "payment"
    if row.step in {"paid", "settled"} and not is_done:
        return "goods"
    if _is_owed(row) or (row.step == "settled" and found is not None and found.state == "cancelled"):
        return "money"
    is_told = row.due_at is None and (row.step == "over" or row.tells_at is None)
    return None if is_told and row.step in {"settled", "over"} else "end"


def sever(person: uuid.UUID) -> int:
    """Put a random person in the place of one who is forgotten, each order's own; returns in how many orders.

    Nothing is left by which it could be brought, written about or opened. Money still goes back by the order's number.
    Safe to call again.
    """
    return _sever(Checkout.objects.filter(person=person, is_guest=False))


def _sever(found: QuerySet[Checkout]) -> int:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        rows = list(found.using(VAULT.name).select_for_update().order_by("order"))
        for row in rows:
            row.person, row.customer, row.key, row.recipient, row.tells_at = uuid.uuid4(), None, b"", b"", None
            row.said = {name: value for name, value in row.said.items() if name != "parcel"}
            if row.step == "settled" or (row.step == "over" and row.why == "cancelled"):
                row.due_at = None  # a letter, which nobody gets any more
            row.save(update_fields=["person", "customer", "key", "recipient", "tells_at", "said", "due_at"])
    return len(rows)


# -- one purchase of theirs ---------------------------------------------------------------------------------------


def open_order(person: uuid.UUID, source: str, receipt: str) -> Open | None:
    """Return the order whose sale this is, while something of it is still to reach somebody with an account."""
    with entered(VAULT):
        rows = _of_sale(source, receipt).filter(person=person, is_guest=False).exclude(recipient=b"")
        return next((Open(row.order, receipt, waits) for row in rows if (waits := _waits(row)) is not None), None)


def sever_order(person: uuid.UUID, source: str, receipt: str) -> None:
    """Sever the one order whose sale is forgotten, as :func:`sever` does. Safe to call again.

    A guest's keeps its recipient, which is theirs to have forgotten, and names no customer any more.
    """
    with entered(VAULT):
        found = _of_sale(source, receipt)
        found.filter(is_guest=True).update(customer=None)
    _sever(found.filter(person=person, is_guest=False))


def sever_restored(is_forgotten: Callable[[str, str], bool]) -> None:
    """Sever the orders of a restored database whose sales, by source and receipt, were forgotten meanwhile."""
    source = house.vault_source()
    with entered(VAULT):
        rows = Checkout.objects.exclude(recipient=b"", customer=None).values_list("order", "person")
        gone = [(number, person) for order, person in rows if is_forgotten(source, number := number_of(order))]
    for number, person in gone:
        sever_order(person, source, number)


def _of_sale(source: str, receipt: str) -> QuerySet[Checkout]:
    """Return the order whose sale is booked under this number, where the vault has booked it; in the vault's room."""
    found = orders.of_receipts([receipt]) if source == house.vault_source() else {}
    return Checkout.objects.filter(order__in=[each.id for each in found.values()])


def let_go(customers: Collection[uuid.UUID]) -> None:
    """Have orders name these customers no more, who are forgotten: theirs, and those at which they were recognised."""
    with entered(VAULT):
        Checkout.objects.filter(customer__in=list(customers)).update(customer=None)


def customers() -> list[uuid.UUID]:
    """Return the customers whom orders name."""
    with entered(VAULT):
        named = Checkout.objects.exclude(customer=None).values_list("customer", flat=True).distinct()
        return [each for each in named if each is not None]
