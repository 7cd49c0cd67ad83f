"""What is to be done about a checkout. Pure.

A checkout goes ``begun`` > ``held`` > ``placed`` > ``paid`` > ``settled``, or ends as ``over``. What is paid for holds
its goods, coupons and promises longer than the provider can take money for it: first the payment ends, then they.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Final

from comptoir.counter.orders.contracts import By, OrderLine
from comptoir.vault.checkout.contracts import Tender

#: For so long somebody can pay: the shortest life of a provider's hosted page that all of them have.
PAY_WITHIN: Final = dt.timedelta(minutes=30)
#: No provider's page lives shorter. One that is opened late is closed when the time to pay is over.
SESSION_MIN: Final = dt.timedelta(minutes=30, seconds=30)
#: So much longer goods and coupons are held: a payment of the last second is still heard of.
HOLD_BEYOND: Final = dt.timedelta(minutes=30)
#: So much longer for what is paid in a store: what was handed over in the last minute is booked later, if need be.
STORE_HOLD_BEYOND: Final = dt.timedelta(days=1)
#: What was begun and not taken further is looked at again after so long.
LOOK_AGAIN: Final = dt.timedelta(seconds=30)
#: The namespace of requests' ids: the same step of the same order has the same id, whoever repeats it.
_REQUESTS: Final = uuid.UUID("5f0b7a0e-2b7c-5a34-9d5e-636865636b6f")


def request_of(order: uuid.UUID, step: str) -> uuid.UUID:
    """Return the id of a request about an order."""
    return uuid.uuid5(_REQUESTS, f"{order} {step}")


def sale_lines(lines: Sequence[OrderLine]) -> list[dict[str, Any]]:
    """Return the lines of an order's sale."""
    return [
        {
            "product": line.product, "quantity": line.quantity, "amount": line.amount, "discount": line.discount,
            **({"category": line.category} if line.category else {}), **({"gtin": line.gtin} if line.gtin else {}),
        }
        for line in lines
    ]  # fmt: skip


def tenders_of(total: int, *, points: int = 0, worth: int = 1, card: int = 0) -> list[Tender]:
    """Return with what a sum is paid: so many points, so much of a gift card, and the rest at the provider.

    That is the order in which odd minor units come back, too: see :func:`split_back`.
    """
    paid = points * worth + card
    found = [Tender("points", points * worth, worth)] if points else []
    found += [Tender("gift_card", card)] if card else []
    return found + ([Tender("provider", total - paid)] if total > paid or not found else [])


def split_back(tenders: Sequence[Tender], amounts: Sequence[int]) -> list[dict[str, int]]:
    """Return how much of each of these amounts goes back to each tender, in minor units: in proportion to what is left.

    A minor unit that does not divide goes to the gift card first, then to the provider; what is less than a point goes
    to those, and waits for the next amount where there are none. When all has come back, everything went back to where
    it came from, exactly.
    """
    left: dict[str, int] = {each.means: each.amount for each in tenders}
    found: list[dict[str, int]] = []
    owed = 0
    for amount in amounts:
        owed = min(owed + amount, sum(left.values()))
        whole = sum(left.values())
        parts: dict[str, int] = {
            each.means: owed * left[each.means] // whole // each.unit * each.unit if whole else 0 for each in tenders
        }
        rest = owed - sum(parts.values())
        for each in sorted(tenders, key=lambda one: (one.means == "points", one.unit)):
            more = min(rest, left[each.means] - parts[each.means]) // each.unit * each.unit
            parts[each.means], rest = parts[each.means] + more, rest - more
        for means, part in parts.items():
            left[means] -= part
        owed = rest
        found.append(parts)
    return found


def needs_address(by: By) -> bool:
    """Tell whether an order needs an address: a pick-up has none at all."""
    return by == "delivery"
