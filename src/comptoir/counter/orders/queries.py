"""Reads for pages: orders of a customer, one by its id, and what is to be done at a store. In the current room."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

from comptoir.counter.orders import models, store
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


def to_do(*, store_number: str | None = None, states: Collection[str] = OPEN) -> list[Order]:
    """Return orders that are to be packed or handed over, the oldest first."""
    return store.find_to_do(borrowed(models.Order), states, store=store_number, limit=SHOWN_MAX)


def moment(order: Order, state: str) -> dt.datetime | None:
    """Return when an order came into a state, if it did."""
    return order.moments.get(state)
