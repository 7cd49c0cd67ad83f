"""What a sale is and what is left of it after its returns. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from comptoir.counter.sales.contracts import Goods, Refund, SaleLine
from comptoir.counter.sales.errors import LineUnknown, RefundMismatch, ReturnExceedsSale
from comptoir.counter.taxes import rules as taxes
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

#: Who booked something, and under which number.
Key = tuple[str, str]
#: Who booked a sale, under which number, and which short link it named.
Led = tuple[str, str, str]


#: A line as it is kept is the line as it was sent.
Line = SaleLine


class Sale(msgspec.Struct, frozen=True, gc=False):
    """A booked sale."""

    source: str
    receipt: str
    position: Id
    customer: Id | None
    occurred_at: dt.datetime
    store: str | None
    currency: str
    total: int
    lines: tuple[Line, ...]

    @property
    def key(self) -> Key:
        """Who booked it, and under which number."""
        return (self.source, self.receipt)


class Returned(msgspec.Struct, frozen=True):
    """Goods of one line that came back; ``line`` counts from 1."""

    line: int
    quantity: int
    amount: int


class Return(msgspec.Struct, frozen=True):
    """A booked return: ``waiting`` for its sale, ``applied`` to it, or ``excessive``: the sale had not that much."""

    source: str
    receipt: str
    position: Id
    sale_source: str
    sale_receipt: str
    occurred_at: dt.datetime
    store: str | None
    currency: str
    total: int
    lines: tuple[Returned, ...]
    status: Literal["waiting", "applied", "excessive"]
    goods: Goods = "on_shelf"
    refund: Refund | None = None

    @property
    def key(self) -> Key:
        """Who booked it, and under which number."""
        return (self.source, self.receipt)

    @property
    def sale(self) -> Key:
        """The sale it belongs to."""
        return (self.sale_source, self.sale_receipt)

    @property
    def order(self) -> tuple[dt.datetime, str, str]:
        """The canonical order among the returns of one sale."""
        return (self.occurred_at, self.source, self.receipt)


def in_order(returns: Iterable[Return]) -> list[Return]:
    """Return the applied ones in canonical order: by the time they happened, then by who says so."""
    return sorted((one for one in returns if one.status == "applied"), key=lambda one: one.order)


def kept(sale: Sale, returns: Iterable[Return]) -> tuple[Line, ...]:
    """Return the sale's lines less what has come back."""
    if not returns:
        return sale.lines
    quantities = [line.quantity for line in sale.lines]
    amounts = [line.amount for line in sale.lines]
    for one in returns:
        for returned in one.lines:
            quantities[returned.line - 1] -= returned.quantity
            amounts[returned.line - 1] -= returned.amount
    return tuple(
        Line(line.product, quantity, amount, line.category)
        for line, quantity, amount in zip(sale.lines, quantities, amounts, strict=True)
    )


class Beside(NamedTuple):
    """What a return gives back beside what its goods cost, and how much of all of it points had paid; minor units."""

    tax: int
    by_points: int


def beside(sale: Sale, returns: Sequence[Return]) -> list[Beside]:
    """Return for each return what goes back of the tax on top, and of what points had paid."""
    quantities = [line.quantity for line in sale.lines]
    tax = of_pieces(quantities, [line.added for line in sale.lines], returns)
    by_points = of_pieces(quantities, [line.paid_with_points for line in sale.lines], returns)
    return [Beside(*each) for each in zip(tax, by_points, strict=True)]


def of_pieces(quantities: Sequence[int], amounts: Sequence[int], returns: Iterable[Return]) -> list[int]:
    """Return for each return its part of an amount of each line, in minor units.

    Each piece has its part, and the last one of a line what is left: of all pieces, all of it.
    """
    gone, found = [0] * len(quantities), []
    for one in returns:
        part = 0
        for back in one.lines:
            line = back.line - 1
            if back.quantity:
                part += taxes.refund(
                    amounts[line], quantities[line], returned=gone[line], coming_back=back.quantity
                )  # fmt: skip
            gone[line] += back.quantity
        found.append(part)
    return found


def excess(sale: Sale, earlier: Sequence[Return], coming_back: Sequence[Returned]) -> Problem | None:
    """Return why these goods cannot come back from this sale after the ``earlier`` returns, or ``None``."""
    left = kept(sale, earlier)
    quantities = [line.quantity for line in left]
    amounts = [line.amount for line in left]
    for index, returned in enumerate(coming_back):
        at = returned.line - 1
        if at >= len(quantities):
            return LineUnknown(f"The sale has {len(quantities)} lines.", field=f"data.lines[{index}].line")
        quantities[at] -= returned.quantity
        amounts[at] -= returned.amount
        if quantities[at] < 0:
            return ReturnExceedsSale(
                f"{quantities[at] + returned.quantity} of this line can still come back.",
                field=f"data.lines[{index}].quantity",
            )
        if amounts[at] < min(0, left[at].amount):
            return ReturnExceedsSale(
                f"{max(0, amounts[at] + returned.amount)} of this line's amount can still be refunded.",
                field=f"data.lines[{index}].amount",
            )
    return None


def settle(sale: Sale, waiting: Iterable[Return]) -> list[Return]:
    """Return what becomes of returns that waited for a sale: in canonical order, applied as far as it has so much."""
    settled: list[Return] = []
    applied: list[Return] = []
    for one in sorted(waiting, key=lambda one: one.order):
        fits = one.currency == sale.currency and excess(sale, applied, one.lines) is None
        after = msgspec.structs.replace(one, status="applied" if fits else "excessive")
        settled.append(after)
        if fits:
            applied.append(after)
    return settled


def costs(sale: Sale) -> list[int]:
    """Return what the pieces of each line cost together: what negative lines took off is split over the others."""
    taken = -sum(line.amount for line in sale.lines if line.amount < 0)
    goods = sum(line.amount for line in sale.lines if line.amount > 0)
    found, seen = [], 0
    for line in sale.lines:
        share = 0
        if line.amount > 0:
            before, seen = seen, seen + line.amount
            share = min(taken, goods) * seen // goods - min(taken, goods) * before // goods
        found.append(max(0, line.amount) - share)
    return found


def worth(sale: Sale, earlier: Sequence[Return], coming_back: Sequence[Returned]) -> list[int]:
    """Return what each of these goods gives back after the ``earlier`` returns, in minor units: what they cost.

    A line's last piece has what its division has left, so all pieces in any order give back what was paid for them.
    The lines have to be there, with so many pieces.
    """
    cost, left = costs(sale), [line.amount for line in kept(sale, earlier)]
    gone = [line.quantity - rest.quantity for line, rest in zip(sale.lines, kept(sale, earlier), strict=True)]
    found = []
    for one in coming_back:
        at = one.line - 1
        amount = 0
        if one.quantity:
            amount = taxes.refund(
                cost[at], sale.lines[at].quantity, returned=gone[at], coming_back=one.quantity
            )  # fmt: skip
        # What a till has given back by its own reckoning is not given back again.
        amount = max(0, min(amount, left[at]))
        gone[at], left[at] = gone[at] + one.quantity, left[at] - amount
        found.append(amount)
    return found


def mismatch(sale: Sale, earlier: Sequence[Return], coming_back: Sequence[Returned]) -> Problem | None:
    """Return why these goods do not give back what is said, or ``None``; they are known to fit the sale."""
    for index, (one, amount) in enumerate(zip(coming_back, worth(sale, earlier, coming_back), strict=True)):
        if one.amount != amount:
            return RefundMismatch(
                f"They give back {amount}.", field=f"data.lines[{index}].amount", line=one.line, amount=amount
            )
    return None
