"""From operations to what is in a basket. Pure, and the same for every order and every repetition of them.

A put's pieces are numbered. A removal says up to which number they stay, so the lowest one said holds, whenever it is
heard of; a sale takes them from the first number on. Sales are counted in the canonical order (when they happened, then
who says so), each on what was in the basket by then. Not here: what anything costs (``pricing.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from comptoir.counter.baskets.contracts import Seen
from comptoir.counter.offers.contracts import CODES_MAX

#: Source, id of the event (of a sale: its position in the log), and the place in it.
Key = tuple[str, str, int]


class Put(msgspec.Struct, frozen=True, array_like=True, tag="put"):
    """Pieces that were put in."""

    at: dt.datetime
    source: str
    id: str
    line: int
    product: str
    quantity: int
    seen: Seen | None = None

    @property
    def key(self) -> Key:
        """Return by what removals name it."""
        return (self.source, self.id, self.line)


class Kept(msgspec.Struct, frozen=True, array_like=True, tag="keep"):
    """At most so many of a put's pieces stay."""

    at: dt.datetime
    source: str
    id: str
    line: int
    of: Key
    quantity: int


class Sold(msgspec.Struct, frozen=True, array_like=True, tag="sold"):
    """Pieces of a product that were sold; ``id`` is the sale's position in the log."""

    at: dt.datetime
    source: str
    id: str
    line: int
    product: str
    quantity: int


class Shown(msgspec.Struct, frozen=True, array_like=True, tag="code"):
    """A code, by its digest, is shown, or not any more."""

    at: dt.datetime
    source: str
    id: str
    line: int
    code: str
    is_shown: bool


class Claimed(msgspec.Struct, frozen=True, array_like=True, tag="claim"):
    """A customer has claimed the basket; who, stands beside the operations."""

    at: dt.datetime
    source: str
    id: str
    line: int = 1


Operation = Put | Kept | Sold | Shown | Claimed


class Left(msgspec.Struct, frozen=True):
    """What is left of one put: ``quantity`` pieces beside the ``sold`` ones."""

    source: str
    id: str
    line: int
    quantity: int
    sold: int
    seen: Seen | None = None


class Line(msgspec.Struct, frozen=True):
    """A product in a basket, with the puts that brought it, the first one first."""

    product: str
    quantity: int
    puts: tuple[Left, ...]


class Content(msgspec.Struct, frozen=True):
    """What is in a basket: its lines in the order in which they were begun, and the last ten codes that are shown."""

    lines: tuple[Line, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def pieces(self) -> int:
        """Return how many pieces there are."""
        return sum(line.quantity for line in self.lines)


class _Pieces:
    """The pieces of one put while they are counted."""

    def __init__(self, put: Put) -> None:
        self.put = put
        self.kept = put.quantity
        self.sold = 0

    @property
    def left(self) -> int:
        return max(0, self.kept - self.sold)


def fold(operations: Iterable[Operation]) -> Content:
    """Return what these operations leave, whichever order they come in and however often each stands there."""
    found: dict[tuple[str, Key], Operation] = {}
    for each in operations:
        found[type(each).__name__, (each.source, each.id, each.line)] = each
    ordered = sorted(found.values(), key=order)
    puts = {each.key: _Pieces(each) for each in ordered if isinstance(each, Put)}
    # A piece that is sold was in the basket: what was taken out before the sale is not counted as sold.
    by_product: dict[str, list[_Pieces]] = {}
    waiting: dict[Key, int] = {}
    codes: dict[str, bool] = {}
    for each in ordered:
        match each:
            case Put():
                pieces = puts[each.key]
                pieces.kept = min(pieces.kept, waiting.get(each.key, pieces.kept))
                by_product.setdefault(each.product, []).append(pieces)
            case Kept(of=of, quantity=quantity):
                waiting[of] = min(waiting.get(of, quantity), quantity)
                if of in puts:
                    puts[of].kept = min(puts[of].kept, quantity)
            case Sold(product=product, quantity=quantity):
                _sell(by_product.get(product, ()), quantity)
            case Shown(code=code, is_shown=is_shown):
                codes.pop(code, None)
                codes[code] = is_shown
    lines = []
    for product, those in by_product.items():
        if quantity := sum(pieces.left for pieces in those):
            left = tuple(_left(pieces) for pieces in those if pieces.left)
            lines.append(Line(product, quantity, left))
    shown = [code for code, is_shown in codes.items() if is_shown]
    return Content(tuple(lines), tuple(shown[-CODES_MAX:]))


def _sell(those: Sequence[_Pieces], quantity: int) -> None:
    for pieces in those:
        taken = min(quantity, pieces.left)
        pieces.sold += taken
        quantity -= taken


def _left(pieces: _Pieces) -> Left:
    put = pieces.put
    return Left(put.source, put.id, put.line, pieces.left, pieces.sold, put.seen)


_RANKS: Final = {Claimed: 0, Put: 1, Kept: 2, Sold: 3, Shown: 4}


def order(operation: Operation) -> tuple[dt.datetime, str, str, int, int]:
    """Return the canonical place of an operation: when it happened, then who says so, then what and where it is."""
    return (operation.at, operation.source, operation.id, _RANKS[type(operation)], operation.line)


def lower(line: Line, quantity: int) -> list[tuple[Key, int]]:
    """Return what to keep of each put so that a line has so many pieces: the last ones put in go first."""
    surplus = line.quantity - quantity
    kept: list[tuple[Key, int]] = []
    for put in reversed(line.puts):
        if surplus <= 0:
            break
        taken = min(surplus, put.quantity)
        surplus -= taken
        kept.append(((put.source, put.id, put.line), put.sold + put.quantity - taken))
    return kept
