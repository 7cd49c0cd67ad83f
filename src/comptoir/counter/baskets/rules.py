"""What an event makes of a basket. Pure; the same live and from the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final, Protocol

import msgspec

from comptoir.counter.baskets.contracts import BASKET_OPERATIONS_MAX, EMPTIED
from comptoir.counter.baskets.errors import BasketFull, BasketTaken, BasketUnchanged
from comptoir.counter.baskets.folding import Claimed, Kept, Operation, Put, Shown, Sold, order
from comptoir.counter.sales.errors import CurrencyNotAccepted
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.errors import FieldInvalid

#: The position of a basket that only a sale has ever named.
NEVER: Final = "00000000-0000-0000-0000-000000000000"


class Basket(msgspec.Struct, frozen=True):
    """A basket as it stands, its operations in the canonical order.

    ``position`` is the place of the last ``basket.changed`` (of none: :data:`NEVER`).
    """

    id: Id
    customer: Id | None
    position: Id
    changed_at: dt.datetime
    operations: tuple[Operation, ...]


class SoldLine(Protocol):
    """A line of a sale, as far as a basket goes."""

    @property
    def product(self) -> str:
        """What was sold."""
        ...

    @property
    def quantity(self) -> int:
        """How many pieces."""
        ...


def operations_of(data: Any, *, at: dt.datetime, source: str, event: str) -> tuple[Operation, ...]:
    """Return what a ``basket.changed`` does."""
    put: list[Operation] = [
        Put(at, source, event, line, each.product, each.quantity, each.seen)
        for line, each in enumerate(data.put, start=1)
    ]
    kept: list[Operation] = [
        Kept(at, source, event, line, (each.put.source or source, each.put.id, each.put.line), each.quantity)
        for line, each in enumerate(data.keep, start=1)
    ]
    codes = [(code, True) for code in data.show] + [(code, False) for code in data.hide]
    shown: list[Operation] = [
        Shown(at, source, event, line, code, is_shown) for line, (code, is_shown) in enumerate(codes, start=1)
    ]
    claimed: list[Operation] = [] if data.customer is None else [Claimed(at, source, event)]
    return (*claimed, *put, *kept, *shown)


def sold(lines: Sequence[SoldLine], *, at: dt.datetime, source: str, position: Id) -> tuple[Operation, ...]:
    """Return what a sale takes out of a basket."""
    return tuple(
        Sold(at, source, position, number, line.product, line.quantity)
        for number, line in enumerate(lines, start=1)
        if line.quantity
    )


def sold_at(basket_at: dt.datetime | None, closed_at: dt.datetime) -> dt.datetime:
    """Return as of when a sale takes its goods out of a basket: when it closed, or earlier, where it says so."""
    return closed_at if basket_at is None else min(basket_at, closed_at)


def refusal(
    basket: Basket | None, data: Any, *, count: int, claims: Id | None, members: Collection[Id], currency: str
) -> Problem | None:
    """Return why a ``basket.changed`` with so many operations cannot be, or ``None``.

    ``claims`` is the customer who wants the basket, ``members`` everybody who is one person with them.
    """
    if data.basket == EMPTIED:
        return FieldInvalid("Give every basket a random UUID.", field="data.basket")
    if not count:
        return BasketUnchanged("Put something in, take something out, show a code, or say whose it is.", field="data")
    if basket is not None and claims is not None and basket.customer is not None and basket.customer not in members:
        return BasketTaken("Begin another one.", field="data.basket")
    for each in data.put:
        if each.seen is not None and each.seen.currency != currency:
            return CurrencyNotAccepted(f"This shop sells in {currency}, and a basket has one currency.",
                                       field="data.put.seen.currency")  # fmt: skip
    if (0 if basket is None else len(basket.operations)) + count > BASKET_OPERATIONS_MAX:
        return BasketFull(f"A basket takes {BASKET_OPERATIONS_MAX} operations in all.", field="data.basket")
    return None


def joined(
    basket: Basket | None, number: Id, operations: Sequence[Operation], *, position: Id = NEVER,
    customer: Id | None = None,
) -> Basket:  # fmt: skip
    """Return a basket with further operations, by a ``basket.changed`` at a position or by a sale.

    It is theirs who claimed it first. A sale is no reason to keep it longer.
    """
    if basket is None:
        return _made(number, customer, position, operations)
    whole = (*basket.operations, *operations)
    return _made(number, basket.customer or customer, max(basket.position, position), whole)


def _made(number: Id, customer: Id | None, position: Id, operations: Sequence[Operation]) -> Basket:
    ordered = tuple(sorted(operations, key=order))
    changes = [each.at for each in ordered if not isinstance(each, Sold)]
    return Basket(number, customer, position, max(changes or [each.at for each in ordered]), ordered)
