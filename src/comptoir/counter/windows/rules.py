"""What is guessed of somebody by what they bought: a category or a maker, with how often and since when. Pure.

Simple on purpose, so that it can be explained in one sentence: who bought of something on ``TIMES_MIN`` receipts or
more within a year, is thought to like it. Nothing that asks for an age is guessed about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final, Literal, get_args

import msgspec

from comptoir.square.catalog.composing import Composed, Rule

#: What is true instead of a guess: more than it says, not so much of it, or never.
Correction = Literal["more", "less", "never"]
CORRECTIONS: Final[tuple[Correction, ...]] = get_args(Correction)
#: Of what is liked, but not so much, at most every second thing.
LESS_EVERY: Final = 2
TIMES_MIN: Final = 3
SINCE_DAYS: Final = 365
#: So many guesses are shown at once, the best founded first.
GUESSES_MAX: Final = 5


class Bought(msgspec.Struct, frozen=True):
    """One product on one receipt; ``asks_over`` is the age that it asks for."""

    receipt: str
    at: dt.datetime
    category: str | None
    maker: str | None
    asks_over: int | None = None


class Guess(msgspec.Struct, frozen=True):
    """That somebody likes a category or a maker: on so many receipts since its first one."""

    of: Literal["category", "maker"]
    value: str
    times: int
    since: dt.datetime

    @property
    def key(self) -> str:
        """Return what an answer calls it."""
        return f"{self.of}:{self.value}"

    @property
    def rule(self) -> Rule:
        """Return the rule that comes of it, once it is kept."""
        return Rule("first", self.of, self.value)

    def corrected(self, correction: Correction) -> tuple[Rule, ...]:
        """Return the rules that come of it, once it is corrected. No sentence puts anything last: less is a share."""
        if correction == "more":
            return (Rule("only", self.of, self.value),)
        if correction == "less":
            return self.rule, Rule("new", every=LESS_EVERY)
        return (Rule("never", self.of, self.value),)


def guesses(bought: Iterable[Bought], *, answered: Collection[str], window: Composed, now: dt.datetime) -> list[Guess]:
    """Return what is guessed, the best founded first: nothing that was answered, and nothing that the window says."""
    receipts: dict[tuple[Literal["category", "maker"], str], dict[str, dt.datetime]] = {}
    for each in bought:
        if each.asks_over is not None or not now - dt.timedelta(days=SINCE_DAYS) <= each.at <= now:
            continue
        if each.category is not None and each.category not in window.never_categories + window.first_categories:
            receipts.setdefault(("category", each.category), {})[each.receipt] = each.at
        if each.maker is not None and each.maker not in window.never_makers + window.first_makers:
            receipts.setdefault(("maker", each.maker), {})[each.receipt] = each.at
    found = [
        Guess(of, value, len(times), min(times.values()))
        for (of, value), times in receipts.items()
        if len(times) >= TIMES_MIN and f"{of}:{value}" not in answered
    ]
    return sorted(found, key=lambda each: (-each.times, each.key))[:GUESSES_MAX]
