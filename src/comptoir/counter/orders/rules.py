"""What becomes of an order. Pure; the same live and from the log."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.delivery import rules as delivering
from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.orders.contracts import CANCEL, HAND_OVER, HANDED_OVER, PACK, PAID, By, OrderLine, State, Taken
from comptoir.counter.orders.errors import OrderElsewhere, OrderMismatch, OrderNotPaid, OrderOver
from comptoir.counter.sales.rules import Return, of_pieces
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
    delivery: Delivery | None = None
    pay_until: dt.datetime | None = None
    taken: Taken | None = None

    @property
    def was_handed_over(self) -> bool:
        """Tell whether somebody has had it in hand, whatever came back since."""
        return self.state in HANDED_OVER

    @property
    def is_to_be_taken(self) -> bool:
        """Tell whether it is paid where it is handed over, and waits for that."""
        return self.state == "placed" and self.pay_until is not None


def placed(data: Any, *, customer: Id | None, position: Id, at: dt.datetime, pickup: Id) -> Order:
    """Return an order as it is placed."""
    return Order(
        data.order, data.number, position, customer, "placed", data.by, data.store, data.currency, data.total,
        tuple(data.lines), pickup, {"placed": at}, data.basket, data.hold, delivery=data.delivery,
        pay_until=data.pay_until,
    )  # fmt: skip


def judge_placing(data: Any) -> Problem | None:
    """Return why an order cannot be placed as it is, or ``None``: sums have to be right, and a pick-up has a store."""
    total = sum(line.amount + (line.tax if line.tax_on_top else 0) for line in data.lines)
    if data.delivery is not None:
        if data.by == "pickup":
            return OrderMismatch("Nothing is brought to a pick-up.", field="data.delivery")
        total += data.delivery.paid
    if data.pay_until is not None and data.by != "pickup":
        return OrderMismatch("Only a pick-up is paid in the store.", field="data.pay_until")
    if total != data.total:
        return OrderMismatch(f"The lines and the delivery sum to {total}.", field="data.total")
    if data.by == "pickup" and data.store is None:
        return OrderMismatch("A pick-up names its store.", field="data.store")
    return None


def judge(order: Order, kind: str, data: Any) -> Problem | None:
    """Return why an order cannot take a step, or ``None``."""
    if kind == HAND_OVER and order.by == "pickup" and data.store is not None and data.store != order.store:
        return OrderElsewhere(f"It waits at {order.store}.", field="data.store", store=order.store)
    if kind == HAND_OVER and (order.is_to_be_taken or data.taken is not None):
        return _judge_taking(order, data)
    if kind == PACK and order.is_to_be_taken and "packed" not in order.moments:
        return None
    if order.state in STEPS[kind][0] or (kind == PAID and _is_taken(order)):
        if kind == PAID and (paid := sum(leg.amount for leg in data.legs)) != order.total:
            return OrderMismatch(f"{paid} was paid, and {order.total} is to be paid.", field="data.legs")
        if kind == PAID and order.pay_until is not None and not _is_taken(order):
            return OrderNotPaid("It is paid where it is handed over.", field="data.order")
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


def _is_taken(order: Order) -> bool:
    return order.was_handed_over and order.taken is not None and order.receipt is None


def _judge_taking(order: Order, data: Any) -> Problem | None:
    """Return why an order cannot be handed over for what was taken, or ``None``."""
    if order.state != "placed":
        if order.pay_until is not None and (order.was_handed_over or order.state == "cancelled"):
            since = order.moments[order.state].isoformat()
            return OrderOver(
                f"It is {order.state.replace('_', ' ')} since {since}.", field="data.order", state=order.state,
                since=since, **({} if order.ended_where is None else {"where": order.ended_where}),
            )  # fmt: skip
        return OrderMismatch("It is paid: nothing is to be taken for it.", field="data.taken")
    if order.pay_until is None:
        return OrderNotPaid(field="data.order")
    if data.taken is None:
        return OrderNotPaid(f"{order.total} is to be taken for it.", field="data.taken", total=order.total)
    if data.taken.amount != order.total:
        return OrderMismatch(
            f"{data.taken.amount} was taken, and {order.total} is to be paid.", field="data.taken.amount"
        )  # fmt: skip
    return None


def stepped(order: Order, kind: str, data: Any, *, position: Id, at: dt.datetime, source: str) -> Order:
    """Return an order after a step that was judged."""
    state = STEPS[kind][1]
    moments = {**order.moments, state: at}
    if order.pay_until is not None and kind in {PACK, PAID}:
        # It lies ready and is not paid; and it is booked when whoever paid it has it already.
        state = order.state
    if kind == HAND_OVER and "returned" in order.moments:
        state = "returned"  # that it was handed over is heard after all of it came back
    order = msgspec.structs.replace(order, state=state, position=position, moments=moments)
    if kind == PAID:
        paid_by: dict[str, int] = {}
        for leg in data.legs:
            paid_by[leg.means] = paid_by.get(leg.means, 0) + leg.amount
        return msgspec.structs.replace(order, receipt=data.receipt, paid_by=paid_by)
    if kind == HAND_OVER:
        return msgspec.structs.replace(order, ended_where=source, taken=data.taken)
    if kind == CANCEL:
        return msgspec.structs.replace(order, because=data.because)
    return order


def all_back(lines: Sequence[OrderLine], returns: Iterable[Return]) -> dt.datetime | None:
    """Return when the last piece of an order came back, by the returns of its sale, or ``None`` while any did not."""
    left = Counter({number: line.quantity for number, line in enumerate(lines, start=1)})
    moments = []
    for one in returns:
        for back in one.lines:
            left[back.line] -= back.quantity
            if back.quantity:
                moments.append(one.occurred_at)
    return max(moments, default=None) if not any(left.values()) else None


def pieces_of(returns: Iterable[Return]) -> int:
    """Return how many pieces came back with these returns."""
    return sum(back.quantity for one in returns for back in one.lines)


def brought_back(order: Order, *, position: Id, at: dt.datetime) -> Order:
    """Return an order after all of it came back, which was booked at a ``position`` of the log.

    What nobody is known to have had is returned once that is heard. A cancelled order stays cancelled, also when its
    sale is taken back.
    """
    if "returned" in order.moments or (order.state == "cancelled" and order.position < position):
        return order
    return msgspec.structs.replace(
        order, state="returned" if order.state == "handed_over" else order.state,
        position=max(order.position, position), moments={**order.moments, "returned": at},
    )  # fmt: skip


def given_back(lines: Sequence[OrderLine], returns: Sequence[Return], delivery: Delivery | None = None) -> list[int]:
    """Return how much money each of an order's returns gives back, in the order in which they were booked.

    That is what its pieces cost, and the tax that came on top of them: of all pieces, all of it, and with the last of
    them the delivery (``counter/delivery``).
    """
    sold = [line.quantity for line in lines]
    on_top = of_pieces(sold, [line.tax if line.tax_on_top else 0 for line in lines], returns)
    gone, found, brought = [0] * len(lines), [], 0
    for one, tax in zip(returns, on_top, strict=True):
        for back in one.lines:
            gone[back.line - 1] += back.quantity
        back_now = delivering.comes_back(delivery, sold=sold, gone=dict(enumerate(gone)))
        found.append(one.total + tax + back_now - brought)
        brought = back_now
    return found
