"""What the checkout tells the counter and asks of it, as the touchpoint ``vault``; each request has an id of its own.

What is repeated is answered with what came of it first. Called outside of every transaction.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import msgspec

from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.offers import contracts as offers
from comptoir.counter.orders import contracts as orders
from comptoir.counter.orders.codes import number_of
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Said
from comptoir.square.stock import contracts as stock
from comptoir.vault.checkout import rules
from comptoir.vault.checkout.models import Checkout

_BY_CLOCK: Final = " by the clock"


def hold(row: Checkout) -> tuple[Answer, Answer | None]:
    """Hold what promotions and coupons give, and the goods, in one batch; returns what came of each."""
    seconds = math.ceil((row.expires_at - row.created_at + rules.HOLD_BEYOND).total_seconds())
    reserve: dict[str, Any] = {
        "basket": row.said["basket"], "codes": row.said["codes"], "reservation": str(row.order),
        "expires_in": seconds, **_store(row), **_customer(row),
    }  # fmt: skip
    said = [_said(row, offers.RESERVE, reserve, "reserve")]
    if row.said["held"]:
        held = {"hold": str(row.order), "lines": row.said["held"], "expires_in": seconds}
        said.append(_said(row, stock.HOLD, held, "hold"))
    answers = house.send_all(said, touchpoint=house.VAULT)
    return answers[0], answers[1] if len(answers) > 1 else None


def release(row: Checkout, *, by_clock: bool) -> None:
    """Let coupons and goods go; what was not held, or is free already, stays as it is.

    ``by_clock`` asks under ids of its own: what was refused, since nothing was held yet, would be refused for ever.
    """
    late = _BY_CLOCK if by_clock else ""
    said = [_said(row, offers.RELEASE, {"reservation": str(row.order)}, f"release{late}")]
    if row.said["held"]:
        said.append(_said(row, stock.RELEASE, {"hold": str(row.order)}, f"unhold{late}"))
    house.send_all(said, touchpoint=house.VAULT)


def place(row: Checkout) -> Answer:
    """Say that the order is placed."""
    data = {
        "order": str(row.order), "number": number_of(row.order), "currency": row.currency, "total": row.total,
        "lines": row.said["lines"], "by": row.by, "basket": str(row.basket), **_customer(row), **_store(row),
        **({"hold": str(row.order)} if row.said["held"] else {}),
    }  # fmt: skip
    return _one(row, orders.PLACED, data, "place")


def take(row: Checkout) -> Answer:
    """Redeem what was held of coupons and promotions: the money is there."""
    data = {"reservation": str(row.order), "receipt": number_of(row.order)}
    return _one(row, offers.POST, data, "post")


def sell(row: Checkout) -> list[Answer]:
    """Book the sale, which ends the hold and empties the basket, and say that the order is paid."""
    assert row.paid_at is not None, "what is sold was paid"
    lines = msgspec.convert(row.said["lines"], list[orders.OrderLine])
    receipt = number_of(row.order)
    sale = {
        "receipt": receipt, "currency": row.currency, "total": sum(line.amount for line in lines),
        "lines": rules.sale_lines(lines), "basket": str(row.basket), **_customer(row), **_store(row),
        **({"hold": str(row.order)} if row.said["held"] else {}),
    }  # fmt: skip
    paid = {
        "order": str(row.order), "receipt": receipt, "legs": [{"means": "provider", "amount": row.total}],
    }  # fmt: skip
    said = [
        _said(row, SALE_CLOSED, sale, "sell", at=row.paid_at), _said(row, orders.PAID, paid, "pay", at=row.paid_at),
    ]  # fmt: skip
    return house.send_all(said, touchpoint=house.VAULT)


def undo(row: Checkout, *, at: dt.datetime) -> list[Answer]:
    """Take a sale back as a whole: goods onto the shelves, points and coupons to where they came from."""
    lines = msgspec.convert(row.said["lines"], list[orders.OrderLine])
    receipt = number_of(row.order)
    returned = {
        "receipt": f"{receipt}-R", "sale": {"receipt": receipt}, "currency": row.currency,
        "total": sum(line.amount for line in lines), **_store(row),
        "lines": [
            {"line": number, "quantity": line.quantity, "amount": line.amount}
            for number, line in enumerate(lines, start=1)
        ],
    }  # fmt: skip
    freed = {"redemption": {"id": str(rules.request_of(row.order, "reserve"))}}
    said = [_said(row, SALE_RETURNED, returned, "undo", at=at), _said(row, offers.RETURN, freed, "free", at=at)]
    return house.send_all(said, touchpoint=house.VAULT)


def cancel(row: Checkout, because: orders.Because, *, by_clock: bool) -> Answer:
    """Say that an order comes to nothing; ``by_clock`` as in :func:`release`."""
    late = _BY_CLOCK if by_clock else ""
    return _one(row, orders.CANCEL, {"order": str(row.order), "because": because}, f"cancel{late}")


def _one(row: Checkout, kind: str, data: dict[str, Any], step: str) -> Answer:
    return house.send(kind, data, request=rules.request_of(row.order, step), at=row.created_at)


def _said(row: Checkout, kind: str, data: dict[str, Any], step: str, *, at: dt.datetime | None = None) -> Said:
    return Said(kind, data, rules.request_of(row.order, step), at or row.created_at)


def _customer(row: Checkout) -> dict[str, Any]:
    return {} if row.customer is None else {"customer": {"kind": CUSTOMER_KIND, "value": str(row.customer)}}


def _store(row: Checkout) -> dict[str, Any]:
    return {} if row.store is None else {"store": row.store}
