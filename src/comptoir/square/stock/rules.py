"""What can be held, and which holds are not covered. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community.writing import judge_text
from comptoir.square.stock.contracts import Article, CountedLine, HoldLine, PlacedLine
from comptoir.square.stock.errors import OutOfStock, StockInvalid, StockUnknown

#: How a hold ends.
HELD: Final = ""
SOLD: Final = "sold"
RELEASED: Final = "released"
EXPIRED: Final = "expired"


class Kept(msgspec.Struct):
    """What is known of an article: its last count, what moved since, and what is held."""

    counted: int
    counted_at: dt.datetime
    position: Id
    moved: int = 0
    held: int = 0

    @property
    def on_hand(self) -> int:
        """How many there are, below zero where more was sold than had been counted."""
        return self.counted + self.moved

    @property
    def available(self) -> int:
        """How many can be held."""
        return max(0, self.on_hand - self.held)


class Held(msgspec.Struct):
    """A hold; ``end`` is how it ended, empty while it is open."""

    hold: Id
    position: Id
    touchpoint: str
    until: dt.datetime
    lines: dict[Article, int]
    end: str = HELD


class HeldHere(msgspec.Struct, frozen=True):
    """How much of one article a hold has; ``position`` tells which of two holds came first."""

    hold: Id
    position: Id
    quantity: int
    is_short: bool


def judge_count(lines: Sequence[CountedLine]) -> Problem | None:
    """Return why this is no count, or nothing: each SKU is counted once."""
    seen: set[str] = set()
    for number, line in enumerate(lines):
        if line.sku in seen:
            return StockInvalid("A SKU stands once: say how many there are in all.", field=f"data.lines[{number}].sku")
        seen.add(line.sku)
    return None


def judge_places(lines: Sequence[PlacedLine]) -> Problem | None:
    """Return why these are no shelf places, or nothing."""
    for number, line in enumerate(lines):
        for name, said in (("aisle", line.aisle), ("shelf", line.shelf)):
            if said is not None and (problem := judge_text(said, field=f"data.lines[{number}].{name}")) is not None:
                return problem
    return None


def judge_hold(lines: Sequence[HoldLine], kept: Mapping[Article, Kept]) -> Problem | None:
    """Return why these cannot all be held, or nothing; lines of one article add up."""
    wanted: dict[Article, int] = {}
    for number, line in enumerate(lines):
        article = Article(line.store, line.sku)
        here = kept.get(article)
        if here is None:
            return StockUnknown(field=f"data.lines[{number}].sku", store=line.store, sku=line.sku)
        wanted[article] = wanted.get(article, 0) + line.quantity
        if wanted[article] > here.available:
            return OutOfStock(
                f"{here.available} can be held.", field=f"data.lines[{number}].quantity", store=line.store,
                sku=line.sku, available=here.available,
            )  # fmt: skip
    return None


def summed(lines: Iterable[HoldLine]) -> dict[Article, int]:
    """Return how much of each article these lines are."""
    found: dict[Article, int] = {}
    for line in lines:
        article = Article(line.store, line.sku)
        found[article] = found.get(article, 0) + line.quantity
    return found


def uncovered(on_hand: int, held: Iterable[HeldHere]) -> list[HeldHere]:
    """Return the holds of one article that it does not cover, the latest first: who came first is served first.

    >>> one, two = HeldHere("a", "1", 2, False), HeldHere("b", "2", 1, False)
    >>> [each.hold for each in uncovered(2, [two, one])], [each.hold for each in uncovered(1, [one, two])]
    (['b'], ['a'])
    """
    left, found = on_hand, []
    for each in sorted(held, key=lambda each: each.position):
        if each.quantity > left:
            found.append(each)
        else:
            left -= each.quantity
    return found[::-1]
