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

#: For so long somebody can pay: the shortest life of a provider's hosted page that all of them have.
PAY_WITHIN: Final = dt.timedelta(minutes=30)
#: No provider's page lives shorter. One that is opened late is closed when the time to pay is over.
SESSION_MIN: Final = dt.timedelta(minutes=30, seconds=30)
#: So much longer goods and coupons are held: a payment of the last second is still heard of.
HOLD_BEYOND: Final = dt.timedelta(minutes=30)
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


def needs_address(by: By) -> bool:
    """Tell whether an order needs an address: a pick-up has none at all."""
    return by == "delivery"
