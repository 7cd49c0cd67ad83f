"""What the checkout makes of a quote: an order's lines, what is asked of coupons and stock, from which age on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from comptoir.counter.baskets.pricing import Quote, QuotedLine
from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.orders.contracts import OrderLine
from comptoir.foundation.kernel.money import Money
from comptoir.square.stock.contracts import HoldLine


def explained(line: QuotedLine, currency: str) -> dict[str, Any]:
    """Return a line as the page shows it, with what comes off it and why, as the basket says it."""
    return {
        "name": line.name, "product": line.product, "quantity": line.quantity, "total": Money(line.total, currency),
        "before": Money(line.amount, currency) if line.off else None,
        "off": [(Money(-each.amount, currency), each.because) for each in line.off],
    }  # fmt: skip


def lines_of(quote: Quote) -> list[OrderLine]:
    """Return an order's lines of what was quoted."""
    return [
        OrderLine(
            product=line.product, quantity=line.quantity, amount=line.total, discount=line.discount, tax=line.tax,
            tax_on_top=line.tax_on_top, category=line.category, gtin=line.gtin,
        )
        for line in quote.lines
    ]  # fmt: skip


def delivery_of(said: Mapping[str, Any]) -> Delivery | None:
    """Return what delivery costs, as it was written down with an order; nothing where none was taken."""
    return msgspec.convert(said.get("delivery"), Delivery | None)


def basket_of(quote: Quote) -> list[dict[str, Any]]:
    """Return the lines as a coupon's request asks for them: before promotions."""
    return [
        {
            "product": line.product, "quantity": line.quantity, "amount": line.amount,
            **({"category": line.category} if line.category else {}), **({"gtin": line.gtin} if line.gtin else {}),
        }
        for line in quote.lines
    ]  # fmt: skip


def codes_of(quote: Quote) -> list[str]:
    """Return the digests of those codes that give something: a code that gives nothing here is left for later."""
    return [quote.codes[each.code - 1] for each in quote.deductions if each.code]


def held_lines(quote: Quote, known: Collection[str], *, store: str | None) -> list[HoldLine]:
    """Return what is to be held at a store; what was never counted there cannot be, and is sold on trust."""
    if store is None:
        return []
    return [HoldLine(store, line.product, line.quantity) for line in quote.lines if line.product in known]


def asks_over(quote: Quote) -> int | None:
    """Return over which age somebody has to be for what was quoted, if for anything."""
    return max((line.asks_over for line in quote.lines if line.asks_over is not None), default=None)
