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
from comptoir.foundation.touchpoints.errors import FieldInvalid

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


def misstated(lines: Sequence[Line]) -> Problem | None:
    """Return what cannot be right about a line of a sale, or ``None``.

    Tax has the sign of what it is a tax on, and is no more than that: the price before discounts, since tax may be due
    on what a coupon paid. Points pay no more than a line costs.
    """
    for index, line in enumerate(lines):
        before = line.amount + (line.discount or 0) if line.amount >= 0 else line.amount
        if not min(0, before) <= line.tax <= max(0, before):
            return FieldInvalid(
                "A line's tax has the sign of its amount, and is no more than amount and discount together.",
                field=f"data.lines[{index}].tax",
            )
        if line.paid_with_points > max(0, line.amount + line.added):
            return FieldInvalid(
                "Points pay no more than the line costs.", field=f"data.lines[{index}].paid_with_points"
            )
    return None


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
    """Return for each return what goes back of the tax on top, and of what points had paid.

    What points had paid goes back in proportion to what a line gives back, so that no piece gives back more as points
    than it does at all.
    """
    quantities, cost, taxed = [line.quantity for line in sale.lines], costs(sale), taxes_on_top(sale)
    whole = [goods + tax for goods, tax in zip(cost, taxed, strict=True)]
    points = paid_with_points(sale)
    given, done, found = [0] * len(whole), [0] * len(whole), []
    for one, of_lines in zip(returns, _taxes_of(quantities, cost, taxed, returns), strict=True):
        by_points = 0
        for back, tax in zip(one.lines, of_lines, strict=True):
            at = back.line - 1
            if whole[at]:
                given[at] = min(given[at] + max(0, back.amount + tax), whole[at])
                before, done[at] = done[at], points[at] * given[at] // whole[at]
                by_points += done[at] - before
        found.append(Beside(sum(of_lines), by_points))
    return found


def _taxes_of(
    quantities: Sequence[int], cost: Sequence[int], taxed: Sequence[int], returns: Sequence[Return]
) -> list[list[int]]:
    """Return for each line of each return its part of the tax; below zero it is no more than what the piece costs."""
    above, below = [max(0, tax) for tax in taxed], [goods + min(0, tax) for goods, tax in zip(cost, taxed, strict=True)]
    parts = (_parts(quantities, each, returns) for each in (above, below, cost))
    return [
        [tax + less - goods for tax, less, goods in zip(*of_return, strict=True)]
        for of_return in zip(*parts, strict=True)
    ]


def of_pieces(quantities: Sequence[int], amounts: Sequence[int], returns: Iterable[Return]) -> list[int]:
    """Return for each return its part of an amount of each line, in minor units.

    Each piece has its part, and the last one of a line what is left: of all pieces, all of it.
    """
    return [sum(parts) for parts in _parts(quantities, amounts, returns)]


def _parts(quantities: Sequence[int], amounts: Sequence[int], returns: Iterable[Return]) -> list[list[int]]:
    """Return the part of each line of each return."""
    gone, found = [0] * len(quantities), []
    for one in returns:
        parts = []
        for back in one.lines:
            line = back.line - 1
            parts.append(
                taxes.refund(amounts[line], quantities[line], returned=gone[line], coming_back=back.quantity)
                if back.quantity else 0
            )  # fmt: skip
            gone[line] += back.quantity
        found.append(parts)
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


def paid(sale: Sale) -> int:
    """Return what was paid for a sale, tax on top with it; nothing where the customer was given money."""
    return max(0, sale.total + sum(line.added for line in sale.lines))


def costs(sale: Sale) -> list[int]:
    """Return what the pieces of each line cost together: what negative lines took off is split over the others."""
    return _less([line.amount for line in sale.lines], -sum(line.amount for line in sale.lines if line.amount < 0))


def taxes_on_top(sale: Sale) -> list[int]:
    """Return how much tax on top each line gives back: with what the lines cost, all of them what was paid.

    What negative lines took off is split here, too. Where they took off more tax than there is on the others, or more
    than the goods cost, some of these are below zero, or nothing is left.
    """
    cost, added = costs(sale), [line.added for line in sale.lines]
    taken = sum(tax for tax in added if tax > 0) - (paid(sale) - sum(cost))
    left = _less(added, taken)
    beyond = taken - sum(tax for tax in added if tax > 0)
    if beyond <= 0:
        return left
    return [less - goods for less, goods in zip(_less(cost, beyond), cost, strict=True)]


def paid_with_points(sale: Sale) -> list[int]:
    """Return how much of each line goes back as points, in minor units: no more than it gives back at all."""
    lines = zip(sale.lines, costs(sale), taxes_on_top(sale), strict=True)
    return [min(line.paid_with_points, cost + tax) for line, cost, tax in lines]


def _less(amounts: Sequence[int], taken: int) -> list[int]:
    """Return the amounts above zero, so much less in proportion to them; the others are nothing."""
    whole = sum(amount for amount in amounts if amount > 0)
    taken = min(taken, whole)
    found, seen = [], 0
    for amount in amounts:
        share = 0
        if amount > 0:
            before, seen = seen, seen + amount
            share = taken * seen // whole - taken * before // whole
        found.append(max(0, amount) - share)
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
