"""A guest's right to be forgotten: who got an order goes before the law of sale lets go of it, if they want that.

Whoever has an account does it with everything else that is kept of them (``vault/rights``). Not here: what is destroyed
by itself, and when (``recipients.py``).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from comptoir.counter.orders import queries as orders
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import returning
from comptoir.vault.checkout.models import Checkout, Repayment
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.payments import queries as payments


def is_forgotten(row: Checkout) -> bool:
    """Tell whether it was forgotten who got an order."""
    return not row.recipient


def may_forget(row: Checkout) -> bool:
    """Tell whether it may be forgotten: a guest's, once nothing is to be brought, written or given back to them."""
    if not row.is_guest or is_forgotten(row) or row.due_at is not None or _is_owed(row):
        return False
    found = orders.order(row.order)
    return row.step == "over" or (row.step == "settled" and found is not None and found.state == "handed_over")


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
        is_first = bool(waits.update(recipient=b""))
        if is_first:
            contacts.destroy(row.person, actor="guest", at=at, face=row.order, is_told=False)
    return is_first
