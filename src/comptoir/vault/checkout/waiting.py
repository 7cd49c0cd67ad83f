"""Pick-ups that are paid in the store: who may have one, and for how long it waits.

Whoever orders so pays nothing beforehand, so goods on the shelves are held for nobody's money. What that can cost a
shop is bounded: a store holds so many open orders of guests at once and not one more, each of a few pieces, so a
machine that orders all day holds no more than that; whoever has signed in has a few at once. Its goods leave the basket
at once, so none is ordered twice.
The limits are counted under a lock, whoever comes at the same moment. Not here: what becomes of an order.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from typing import Final

from django.db import connections
from django.db.models import Q

from comptoir.counter.baskets.pricing import Quote
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import rules
from comptoir.vault.checkout.contracts import Wish
from comptoir.vault.checkout.errors import NotInStore
from comptoir.vault.checkout.models import Checkout

#: A hold on the shelves lasts at most a week (``square/stock``), and one day of it is kept for booking.
HOURS_MAX: Final = 6 * 24
#: So many pieces a guest may have laid aside, and so many orders somebody who is signed in.
GUEST_PIECES_MAX: Final = 5
OPEN_MAX: Final = 3
_GUESTS: Final = 10
_LOCK: Final = 7_209_841
_OPEN: Final = ("begun", "held", "placed")


def hours() -> int:
    """Return for how many hours a pick-up waits for its payment in the store; 0: the shop does not offer it."""
    return min(_number("COMPTOIR_PAY_IN_STORE_HOURS", 0), HOURS_MAX)


def patience() -> dt.timedelta:
    """Return for how long a pick-up waits for its payment in the store."""
    return dt.timedelta(hours=hours())


def guests_max() -> int:
    """Return how many open orders of guests a store holds at once; 0: guests pay beforehand."""
    return _number("COMPTOIR_PAY_IN_STORE_GUESTS", _GUESTS)


def is_offered(quote: Quote, *, is_guest: bool) -> bool:
    """Tell whether a basket may be paid in a store, as far as its page can know."""
    if not hours() or not quote.total:
        return False
    return not is_guest or (guests_max() > 0 and quote.pieces <= GUEST_PIECES_MAX)


def check(wish: Wish, quote: Quote) -> None:
    """Refuse what is never paid in a store. Raises :class:`NotInStore`."""
    if not wish.in_store:
        return
    if wish.by != "pickup" or wish.points or wish.card or not is_offered(quote, is_guest=wish.user is None):
        raise NotInStore(field="pay")


def admit(wish: Wish, *, now: dt.datetime) -> None:
    """Refuse one order more than somebody may have; in the transaction that writes it down. Raises :class:`NotInStore`.

    Whoever comes at the same moment waits here; an order counts against no second request of its own.
    """
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
    # What is open is looked at again, so an index finds it.
    open_ones = Checkout.objects.filter(due_at__isnull=False, step__in=_OPEN, expires_at__gt=now, said__in_store=True)
    found = open_ones.exclude(order=wish.order)
    is_full = ~Q(step="placed") | Q(said__emptied__isnull=True)
    if found.filter(is_full, basket=uuid.UUID(wish.basket)).exists():
        raise NotInStore("This basket is ordered already, and waits in the store.", field="pay")
    if wish.user is None:
        if found.filter(is_guest=True, store=wish.store).count() >= guests_max():
            raise NotInStore("This store holds as much for guests as it can.", field="pay")
    elif found.filter(person=wish.user).count() >= OPEN_MAX:
        raise NotInStore(f"At most {OPEN_MAX} orders wait for the same person.", field="pay")


def pays_in_store(row: Checkout) -> bool:
    """Tell whether an order is paid where it is handed over."""
    return bool(row.said.get("in_store"))


def hold_beyond(row: Checkout) -> dt.timedelta:
    """Return how much longer an order is held than it can be paid."""
    return rules.STORE_HOLD_BEYOND if pays_in_store(row) else rules.HOLD_BEYOND


def _number(name: str, default: int) -> int:
    number = whole(os.environ.get(name, ""), 99_999)
    return default if number is None else number
