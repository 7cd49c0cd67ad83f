"""A guest's right to be forgotten: who got an order goes before the law of sale lets go of it, if they want that.

Whoever has an account does it with everything else that is kept of them (``vault/rights``). Not here: what is destroyed
by itself, and when (``recipients.py``).
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from comptoir.counter.orders import queries as orders
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts import commands as contacts


def is_forgotten(row: Checkout) -> bool:
    """Tell whether it was forgotten who got an order."""
    return not row.recipient


def may_forget(row: Checkout) -> bool:
    """Tell whether it may be forgotten: a guest's, once nothing is to be brought or written to them any more."""
    if not row.is_guest or is_forgotten(row) or row.due_at is not None:
        return False
    found = orders.order(row.order)
    return row.step == "over" or (row.step == "settled" and found is not None and found.state == "handed_over")


def forget(row: Checkout, *, at: dt.datetime) -> bool:
    """Destroy a guest's name and addresses with the key that opened them; ``False`` if they are needed, or gone.

    The order stays in the books, and is nobody's. Its page still opens by its secret.
    """
    if not may_forget(row):
        return False
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        waits = Checkout.objects.filter(order=row.order, due_at=None).exclude(recipient=b"")
        is_first = bool(waits.update(recipient=b""))
        if is_first:
            contacts.destroy(row.person, actor="guest", at=at, face=row.order, is_told=False)
    return is_first
