"""What becomes of an order. Pure; the same live and from the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.orders.contracts import CANCEL, HAND_OVER, PACK, PAID, By, OrderLine, State
from comptoir.counter.orders.errors import OrderElsewhere, OrderMismatch, OrderNotPaid, OrderOver
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

#: From which states each leads, and to which.
STEPS: Final[Mapping[str, tuple[frozenset[State], State]]] = {
    PAID: (frozenset({"placed"}), "paid"),
    PACK: (frozenset({"paid"}), "packed"),
    HAND_OVER: (frozenset({"paid", "packed"}), "handed_over"),
    CANCEL: (frozenset({"placed", "paid", "packed"}), "cancelled"),
}


class Order(msgspec.Struct, frozen=True):
    """An order as it stands. ``pickup`` is the digest of its pick-up code, as the text of a UUID.

    ``moments`` has when it came into each state, ``ended_where`` the source that handed it over, ``paid_by`` what was
    paid with each means, ``receipt`` under which its sale is booked; ``position`` is its last event's place in the log.
    """

    id: Id
    number: str
    position: Id
    customer: Id | None
    state: State
    by: By
    store: str | None
    currency: str
    total: int
    lines: tuple[OrderLine, ...]
    pickup: Id
    moments: dict[str, dt.datetime]
    basket: Id | None = None
    hold: Id | None = None
    receipt: str | None = None
    paid_by: dict[str, int] = {}
    ended_where: str | None = None
    because: str | None = None


def placed(data: Any, *, customer: Id | None, position: Id, at: dt.datetime, pickup: Id) -> Order:
    """Return an order as it is placed."""
    return Order(
        data.order, data.number, position, customer, "placed", data.by, data.store, data.currency, data.total,
        tuple(data.lines), pickup, {"placed": at}, data.basket, data.hold,
    )  # fmt: skip


def judge_placing(data: Any) -> Problem | None:
    """Return why an order cannot be placed as it is, or ``None``: sums have to be right, and a pick-up has a store."""
    total = sum(line.amount + (line.tax if line.tax_on_top else 0) for line in data.lines)
    if total != data.total:
        return OrderMismatch(f"The lines sum to {total}.", field="data.total")
    if data.by == "pickup" and data.store is None:
        return OrderMismatch("A pick-up names its store.", field="data.store")
    return None


def judge(order: Order, kind: str, data: Any) -> Problem | None:
    """Return why an order cannot take a step, or ``None``."""
    if kind == HAND_OVER and order.by == "pickup" and data.store is not None and data.store != order.store:
        return OrderElsewhere(f"It waits at {order.store}.", field="data.store", store=order.store)
    if order.state in STEPS[kind][0]:
        if kind == PAID and (paid := sum(leg.amount for leg in data.legs)) != order.total:
            return OrderMismatch(f"{paid} was paid, and {order.total} is to be paid.", field="data.legs")
        return None
    if order.state == "placed":
        return OrderNotPaid(field="data.order")
    since = order.moments[order.state]
    where = {} if order.ended_where is None else {"where": order.ended_where}
    words = order.state.replace("_", " ")
    return OrderOver(
        f"It is {words} since {since.isoformat()}.", field="data.order", state=order.state, since=since.isoformat(),
        **where,
    )  # fmt: skip


def stepped(order: Order, kind: str, data: Any, *, position: Id, at: dt.datetime, source: str) -> Order:
    """Return an order after a step that was judged."""
    state = STEPS[kind][1]
    moments = {**order.moments, state: at}
    order = msgspec.structs.replace(order, state=state, position=position, moments=moments)
    if kind == PAID:
        paid_by: dict[str, int] = {}
        for leg in data.legs:
            paid_by[leg.means] = paid_by.get(leg.means, 0) + leg.amount
        return msgspec.structs.replace(order, receipt=data.receipt, paid_by=paid_by)
    if kind == HAND_OVER:
        return msgspec.structs.replace(order, ended_where=source)
    if kind == CANCEL:
        return msgspec.structs.replace(order, because=data.because)
    return order
