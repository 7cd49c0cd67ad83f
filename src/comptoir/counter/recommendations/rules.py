"""Which of all products fit somebody, and why. Pure: what they bought, and what goes with it, come in as arguments.

A product's score is the sum of its weights with everything that somebody has; its reason is that of it with the
greatest weight. Not here: what may be shown at all (``queries.py``), the arithmetic (``neighbours.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec

from comptoir.foundation.kernel.ids import Id

#: ``bought``: because of something that they bought; ``basket``: because it lies in their basket; ``popular``.
Kind = Literal["bought", "basket", "popular"]
T = TypeVar("T")


class Reason(msgspec.Struct, frozen=True):
    """Why a product is shown: ``because`` of which product, empty for what is popular.

    ``people`` is how many different people bought both, or it.
    """

    product: str
    kind: Kind
    because: str
    people: int
    score: float


class Companion(msgspec.Struct, frozen=True):
    """That a product goes with another one that somebody has."""

    product: str
    companion: str
    weight: float
    people: int


class Hidden(msgspec.Struct, frozen=True):
    """What a customer said of a product: that it is hidden, or not any more."""

    customer: Id
    product: str
    hidden: bool
    said_at: dt.datetime
    position: Id


class Drawn(msgspec.Struct, frozen=True):
    """What chance has drawn for a customer, with a share of so many of a thousand who are held out."""

    customer: Id
    arm: str
    share: int
    drawn_at: dt.datetime
    position: Id


def latest(one: Hidden | None, other: Hidden) -> Hidden:
    """Return what was said last."""
    return other if one is None or (other.said_at, other.position) > (one.said_at, one.position) else one


def first(one: Drawn | None, other: Drawn) -> Drawn:
    """Return what was drawn first."""
    return other if one is None or (other.drawn_at, other.position) < (one.drawn_at, one.position) else one


def scored(own: Iterable[T], companions: Mapping[T, Sequence[tuple[T, float]]]) -> dict[T, float]:
    """Return the score of every product that goes with one of these."""
    scores: dict[T, float] = {}
    for each in own:
        for other, weight in companions.get(each, ()):
            scores[other] = scores.get(other, 0.0) + weight
    return scores


def choose(
    companions: Iterable[Companion], *, kind: Kind, never: Collection[str], own: Collection[str]
) -> list[Reason]:
    """Return what fits whoever has these products, the best first, each with its reason.

    Nothing of ``never`` is in it, nothing of ``own``, and nothing whose reason is not of ``own``. Of two alike the one
    with the lower number comes first.
    """
    best: dict[str, Companion] = {}
    scores: dict[str, float] = {}
    for each in companions:
        if each.product not in own or each.companion in own or each.companion in never:
            continue
        scores[each.companion] = scores.get(each.companion, 0.0) + each.weight
        known = best.get(each.companion)
        if known is None or (-each.weight, each.product) < (-known.weight, known.product):
            best[each.companion] = each
    order = sorted(best, key=lambda product: (-scores[product], product))
    return [Reason(each, kind, best[each].product, best[each].people, scores[each]) for each in order]
