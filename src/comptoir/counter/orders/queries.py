"""Reads for pages: orders of a customer, one by its id, and what is to be done at a store. In the current room."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

from comptoir.counter.loyalty.codes import grouped
from comptoir.counter.offers.codes import CODE_CHARACTERS, normal
from comptoir.counter.orders import codes, models, store
from comptoir.counter.orders.codes import NUMBER_CHARACTERS
from comptoir.counter.orders.rules import Order
from comptoir.foundation.rooms.borrowing import borrowed

#: So many orders one page shows.
SHOWN_MAX: Final = 100
#: What staff still have to do something with.
OPEN: Final = ("paid", "packed")


def of_person(members: Collection[uuid.UUID]) -> list[Order]:
    """Return what a person has ordered, the latest first."""
    return store.find_of_customers(borrowed(models.Order), [str(each) for each in members], limit=SHOWN_MAX)


def order(number: uuid.UUID | str) -> Order | None:
    """Return one order by its id."""
    return next(iter(store.find_orders(borrowed(models.Order), [str(number)])), None)


def called(shown: str) -> Order | None:
    """Return the order that somebody names: by its number, or by its pick-up code, in whatever way it is written."""
    plain = normal(shown)
    numbers = [grouped(plain)] if len(plain) == NUMBER_CHARACTERS else []
    digest = codes.digest_of(shown) if len(plain) == CODE_CHARACTERS else None
    if not numbers and digest is None:
        return None
    return next(iter(store.find_by_numbers(borrowed(models.Order), numbers, [digest] if digest else [])), None)


def of_receipts(receipts: Collection[str]) -> dict[str, Order]:
    """Return the orders whose sales are booked under these receipt numbers."""
    found = store.find_by_numbers(borrowed(models.Order), receipts) if receipts else []
    return {each.receipt: each for each in found if each.receipt is not None}


def to_do(*, store_number: str | None = None, states: Collection[str] = OPEN) -> list[Order]:
    """Return orders that are to be packed or handed over, the oldest first."""
    return store.find_to_do(borrowed(models.Order), states, store=store_number, limit=SHOWN_MAX)


def moment(order: Order, state: str) -> dt.datetime | None:
    """Return when an order came into a state, if it did."""
    return order.moments.get(state)
