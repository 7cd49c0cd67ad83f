"""Reads for pages: what a sale or a return in the log was about.

The log is read tolerantly: what an older version has recorded is told as far as it goes. Not here: sums over sales.
"""

from __future__ import annotations

import msgspec

from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.foundation.kernel.money import Money


class Deal(msgspec.Struct, frozen=True):
    """A sale or a return as somebody would tell it. ``sale_receipt`` is the sale that a return belongs to."""

    receipt: str
    store: str
    total: Money
    lines: int
    sale_receipt: str = ""


class _SaleReference(msgspec.Struct):
    receipt: str = ""


class _Logged(msgspec.Struct):
    receipt: str
    currency: str
    total: int
    store: str | None = None
    lines: list[msgspec.Raw] = []
    sale: _SaleReference | None = None


def deal_of(event_type: str, data: str) -> Deal | None:
    """Tell what an event of the log was about, or ``None`` if it is neither a sale nor a return."""
    if event_type not in (SALE_CLOSED, SALE_RETURNED):
        return None
    try:
        logged = msgspec.json.decode(data, type=_Logged)
        total = Money(logged.total, logged.currency)
    except (msgspec.DecodeError, ValueError):
        return None
    return Deal(
        receipt=logged.receipt,
        store=logged.store or "",
        total=total,
        lines=len(logged.lines),
        sale_receipt=logged.sale.receipt if logged.sale else "",
    )
