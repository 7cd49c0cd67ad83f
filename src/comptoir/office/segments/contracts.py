"""The tree of an expression, a segment, and what it says of one person. Knows no Django and no engine."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, Literal

import msgspec

from comptoir.foundation.kernel import codec

#: What a value is: yes or no, a plain number, money in the shop's currency.
Kind = Literal["truth", "number", "money"]
Comparison = Literal["=", "<>", "<", "<=", ">", ">="]
Operation = Literal["+", "-", "*", "/"]


class Leaf(msgspec.Struct, frozen=True, tag="fact"):
    """A fact with its arguments, in the order in which the fact declares them; ``None`` was not given."""

    fact: str
    arguments: tuple[str | int | None, ...] = ()


class Number(msgspec.Struct, frozen=True, tag="number"):
    """A number that stands in the expression: a fraction of whole numbers."""

    numerator: int
    denominator: int = 1

    @property
    def value(self) -> Fraction:
        """Return the number."""
        return Fraction(self.numerator, self.denominator)


class Truth(msgspec.Struct, frozen=True, tag="truth"):
    """TRUE or FALSE."""

    value: bool


class Arithmetic(msgspec.Struct, frozen=True, tag="arithmetic"):
    """Two values reckoned into one; what is divided by nothing is unknown."""

    operation: Operation
    left: Value
    right: Value


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """Two values compared."""

    comparison: Comparison
    left: Value
    right: Value


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The opposite; of what is unknown, unknown."""

    part: Tree


class All(msgspec.Struct, frozen=True, tag="all"):
    """Every part holds (AND)."""

    parts: tuple[Tree, ...]


class Any(msgspec.Struct, frozen=True, tag="any"):
    """At least one part holds (OR)."""

    parts: tuple[Tree, ...]


class Within(msgspec.Struct, frozen=True, tag="segment"):
    """To be in another segment, by its name; ``part`` is what that one says, as it was when this was read."""

    name: str
    part: Tree


Value = Leaf | Number | Arithmetic
Tree = Leaf | Truth | Compare | Not | All | Any | Within
Node = Leaf | Number | Truth | Arithmetic | Compare | Not | All | Any | Within


def leaves(node: Node) -> Iterator[Leaf]:
    """Give the facts of a tree, from left to right; one that stands there twice comes twice."""
    match node:
        case Leaf():
            yield node
        case Arithmetic(_, left, right) | Compare(_, left, right):
            yield from leaves(left)
            yield from leaves(right)
        case Not(part) | Within(_, part):
            yield from leaves(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from leaves(part)


def hash_of(tree: Tree) -> str:
    """Return what a tree says, as a SHA-256 of its canonical JSON."""
    return hashlib.sha256(codec.canonical(msgspec.to_builtins(tree))).hexdigest()


class Segment(msgspec.Struct, frozen=True):
    """A named segment as it stands: ``expression`` as it was written, ``hash`` of its tree, ``version`` from 1 on."""

    id: uuid.UUID
    name: str
    expression: str
    hash: str
    version: int


JOINED: Final = "segment.joined"
LEFT: Final = "segment.left"
#: Why somebody joined or left: something happened; a day went by; the segment was defined or changed.
Because = Literal["event", "day", "defined"]


class Moved(msgspec.Struct, frozen=True):
    """``segment.joined`` and ``segment.left``: a person is in a segment now, or is not any more, and why."""

    segment: str
    version: int
    because: Because


class Reason(msgspec.Struct, frozen=True):
    """One fact of an expression for one person: what it is, and whether it was allowed to be known.

    ``value`` is a number in its unit, or yes or no; ``None`` is unknown. ``is_needed``: without it the person would be
    no member.
    """

    leaf: Leaf
    value: Fraction | bool | None
    is_allowed: bool
    is_needed: bool


class Verdict(msgspec.Struct, frozen=True):
    """Whether a person is a member (``None``: unknown, which is no member), and every fact that was asked."""

    member: bool | None
    reasons: tuple[Reason, ...]
    at: dt.datetime
