"""Reads for pages: the sales and returns behind what a customer sees, found by their place in the log.

Every function runs in the current room. Not here: figures over many sales.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence

import msgspec

from comptoir.counter.sales.models import Return, Sale
from comptoir.foundation.kernel.money import Money


class SaleWords(msgspec.Struct, frozen=True):
    """A sale or a return as somebody would tell it. ``lines`` counts them; ``status`` is empty for a sale."""

    position: uuid.UUID
    source: str
    receipt: str
    occurred_at: dt.datetime
    store: str
    total: Money
    lines: int
    is_return: bool = False
    sale_receipt: str = ""
    status: str = ""


def find(positions: Iterable[uuid.UUID], customers: Sequence[uuid.UUID]) -> dict[uuid.UUID, SaleWords]:
    """Return the sales and returns at these positions of the log that belong to one of these customers.

    A return is told with the sale it belongs to. Positions of other events are left out.
    """
    wanted = set(positions)
    found: dict[uuid.UUID, SaleWords] = {}
    if not wanted:
        return found
    sales = list(Sale.objects.filter(customer__in=customers, position__in=wanted))
    for sale in sales:
        found[sale.position] = SaleWords(
            position=sale.position,
            source=sale.source,
            receipt=sale.receipt,
            occurred_at=sale.occurred_at,
            store=sale.store or "",
            total=Money(sale.total_minor, sale.currency),
            lines=len(sale.lines),
        )
    return found
