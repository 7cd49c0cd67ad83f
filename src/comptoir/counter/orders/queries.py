"""Reads for pages: orders of a customer, what is to be done at a store, and one by its number. In the current room."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any, Final

from django.db import connections, router

from comptoir.counter.orders import models, store
from comptoir.counter.orders.rules import Order
from comptoir.foundation.kernel.connection import Borrowed

#: So many orders one page shows.
SHOWN_MAX: Final = 100
#: What staff still have to do something with.
OPEN: Final = ("paid", "packed")


def of_person(members: Collection[uuid.UUID]) -> list[Order]:
    """Return what a person has ordered, the latest first."""
    return store.find_of_customers(_connection(), [str(each) for each in members], limit=SHOWN_MAX)


def order(number: uuid.UUID | str) -> Order | None:
    """Return one order by its id."""
    return next(iter(store.find_orders(_connection(), [str(number)])), None)


def numbered(number: str) -> Order | None:
    """Return one order by the number that people read to each other."""
    return store.find_numbered(_connection(), number.strip().upper())


def to_do(*, store_number: str | None = None, states: Collection[str] = OPEN) -> list[Order]:
    """Return orders that are to be packed or handed over, the oldest first."""
    return store.find_to_do(_connection(), states, store=store_number, limit=SHOWN_MAX)


def moment(order: Order, state: str) -> dt.datetime | None:
    """Return when an order came into a state, if it did."""
    return order.moments.get(state)


def _connection() -> Any:
    own = connections[router.db_for_read(models.Order)]
    own.ensure_connection()
    return Borrowed(own.connection)
