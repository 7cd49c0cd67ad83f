"""Whether somebody may spend: what was shown, whose it is, where and how fresh, and what its customer allows. Pure.

A *standing* is what was said about one customer's spending: the customer's own limits, a time of cooling after a
change of what they sign in with, a freeze. Each part is the last word on it, in the order of facts, so that it ends
the same whichever comes first. Of limits, a former word goes on holding beside the later ones until one of those is
*free*: at once, if a passkey was asked about it, or when it has waited. So what is stricter holds at once, and what is
not waits, without anybody comparing the two when they come. For a person, whatever stops one of its customers stops
all of them. Not here: whether there are points (``rules.py``), how codes are made (``codes.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.loyalty.codes import AHEAD_SECONDS_TOLERATED, VALID_SECONDS, Code
from comptoir.counter.loyalty.contracts import COOLED, FROZEN, LIMITED
from comptoir.counter.loyalty.errors import (
    CodeElsewhere,
    CodeExpired,
    CodeInvalid,
    CodeNotYetValid,
    CodeOfAnotherCustomer,
    CodePointsExceeded,
    CodeUsed,
    CodeUsedElsewhere,
    DailyLimitReached,
    PasskeyNeeded,
    PlaceNotAllowed,
    SpendingCooling,
    SpendingFrozen,
    SpendingLocked,
)
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

_FIELD: Final = "data.proof.value"

#: So many words about limits wait at once at most.
WORDS_MAX: Final = 50
_NEVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)

#: When something was said and by whom: of two words on one thing, the greater one holds.
Said = tuple[dt.datetime, str, str]


class Limits(msgspec.Struct, frozen=True):
    """What a customer allows; what is ``None`` is not limited."""

    locked: bool = False
    places: tuple[str, ...] | None = None
    points_per_day: int | None = None
    points_without_passkey: int | None = None


class Word(msgspec.Struct, frozen=True):
    """What was said about limits once, and from when on it takes the place of what was said before it."""

    said: Said
    limits: Limits
    free_at: dt.datetime


class Standing(msgspec.Struct, frozen=True):
    """What was said about one customer's spending.

    ``words`` are those about limits in the order of facts, from the last one that was free when the latest of them
    came (``heard_at``): whatever is older says nothing any more.
    """

    words: tuple[Word, ...] = ()
    heard_at: dt.datetime | None = None
    cooling_until: dt.datetime | None = None
    is_frozen: bool = False
    frozen: Said | None = None

    @property
    def wanted(self) -> Limits:
        """Return what the customer has said last, whether it holds as a whole yet or not."""
        return self.words[-1].limits if self.words else Limits()

    @property
    def is_full(self) -> bool:
        """Tell whether as much waits already as may."""
        return len(self.words) >= WORDS_MAX

    def limits(self, at: dt.datetime) -> Limits:
        """Return what holds at a moment: the last word, and the former ones whose place none has taken yet."""
        if len(self.words) == 1:
            return self.words[0].limits
        until = _NEVER
        held = []
        for word in reversed(self.words):
            if until > at:
                held.append(word.limits)
            until = min(until, word.free_at)
        return strictest(held[::-1])

    def after(self, kind: str, data: Any, said: Said, *, heard_at: dt.datetime, free_at: dt.datetime) -> Standing:
        """Return what it is once this was heard, whatever was heard before.

        ``heard_at`` is when it came, ``free_at`` from when on limits take the place of former ones.
        """
        if kind == LIMITED:
            latest = heard_at if self.heard_at is None else max(self.heard_at, heard_at)
            known = {each.said: each for each in (*self.words, Word(said, limits_said(data), free_at))}
            words = [known[each] for each in sorted(known)]
            first = max((number for number, each in enumerate(words) if each.free_at <= latest), default=0)
            return msgspec.structs.replace(self, words=tuple(words[first:]), heard_at=latest)
        if kind == COOLED:
            until = data.until.astimezone(dt.UTC)
            if self.cooling_until is not None and self.cooling_until >= until:
                return self
            return msgspec.structs.replace(self, cooling_until=until)
        if self.frozen is not None and self.frozen > said:
            return self
        return msgspec.structs.replace(self, is_frozen=kind == FROZEN, frozen=said)


def limits_said(data: Any) -> Limits:
    """Return the limits that an event says."""
    places = None if data.places is None else tuple(data.places)
    return Limits(data.locked, places, data.points_per_day, data.points_without_passkey)


def together(standings: Sequence[Standing], *, at: dt.datetime) -> Limits:
    """Return what all of a person's customers allow at a moment: what any of them forbids is forbidden."""
    return strictest([each.limits(at) for each in standings])


class Waiting(msgspec.Struct, frozen=True):
    """Limits that a person wants, and from when on they hold as a whole."""

    limits: Limits
    since: dt.datetime


def waiting(standings: Sequence[Standing], *, at: dt.datetime) -> Waiting | None:
    """Return what a person wants and does not have yet, or ``None`` if all that was said holds."""
    wanted = strictest([each.wanted for each in standings])
    if is_same(together(standings, at=at), wanted):
        return None
    moments = sorted({word.free_at for each in standings for word in each.words if word.free_at > at})
    return Waiting(wanted, next(m for m in moments if is_same(together(standings, at=m), wanted)))


def is_same(one: Limits, other: Limits) -> bool:
    """Tell whether two limits allow the same, however their places are written."""

    def unordered(limits: Limits) -> tuple[object, ...]:
        places = None if limits.places is None else frozenset(_largest(limits.places))
        return (limits.locked, places, limits.points_per_day, limits.points_without_passkey)

    return unordered(one) == unordered(other)


def _largest(places: Sequence[str]) -> list[str]:
    """Return places without those that lie in another of them."""
    return [each for each in places if not any(is_at(each, other) for other in places if other != each)]


def strictest(several: Sequence[Limits]) -> Limits:
    """Return what each of several limits allows: what any of them forbids is forbidden."""
    places: tuple[str, ...] | None = None
    for limits in several:
        if limits.places is not None:
            found = limits.places if places is None else _within(places, limits.places)
            places = tuple(dict.fromkeys(found))
    each_day = [each.points_per_day for each in several if each.points_per_day is not None]
    at_once = [each.points_without_passkey for each in several if each.points_without_passkey is not None]
    return Limits(any(each.locked for each in several), places, min(each_day, default=None), min(at_once, default=None))


def limits_refusal(
    standings: Sequence[Standing], *, source: str, points: int, spent: int, is_confirmed: bool, at: dt.datetime
) -> Problem | None:
    """Return why a person's points cannot be spent like this, or ``None`` if they can.

    ``spent`` is how many the person has spent or holds of the same day, ``is_confirmed`` whether the amount was
    confirmed with a passkey.
    """
    if any(each.is_frozen for each in standings):
        return SpendingFrozen(field="data.customer")
    cooling = max((each.cooling_until for each in standings if each.cooling_until is not None), default=at)
    if cooling > at:
        return SpendingCooling(f"Until {cooling.isoformat(timespec='minutes')}.", field="data.customer")
    limits = together(standings, at=at)
    if limits.locked:
        return SpendingLocked("They can unlock them on their own page.", field="data.customer")
    if limits.places is not None and not any(is_at(source, place) for place in limits.places):
        return PlaceNotAllowed(field="source")
    if limits.points_without_passkey is not None and points > limits.points_without_passkey and not is_confirmed:
        return PasskeyNeeded(f"Without one: {limits.points_without_passkey} points.", field="data.points")
    if limits.points_per_day is not None and spent + points > limits.points_per_day:
        left = max(0, limits.points_per_day - spent)
        return DailyLimitReached(f"{left} more points today.", field="data.points", left=left)
    return None


def _within(some: Collection[str], others: Collection[str]) -> list[str]:
    """Return the places that lie in both: of two of which one holds the other, the smaller one."""
    return [
        one if is_at(one, other) else other
        for one in some
        for other in others
        if is_at(one, other) or is_at(other, one)
    ]


def code_refusal(
    code: Code | None, *, members: Collection[Id], source: str, points: int, at: dt.datetime, used_at: str | None
) -> Problem | None:
    """Return why a code that was shown does not let its customer spend, or ``None`` if it does.

    ``members`` are the customers of the person who spends, ``source`` who sends the request, ``used_at`` the source
    that this code was used at before.
    """
    if used_at is not None:
        return CodeUsed(field=_FIELD) if used_at == source else CodeUsedElsewhere(field=_FIELD)
    if code is None:
        return CodeInvalid(field=_FIELD)
    if code.customer not in members:
        return CodeOfAnotherCustomer(field="data.customer")
    now = at.timestamp()
    if code.issued_at > now + AHEAD_SECONDS_TOLERATED:
        return CodeNotYetValid(field=_FIELD)
    if now >= code.expires_at:
        return CodeExpired(f"A code is good for {VALID_SECONDS} seconds.", field=_FIELD)
    if code.points_max is not None and points > code.points_max:
        return CodePointsExceeded(f"It is good for {code.points_max} points.", field="data.points")
    if code.place is not None and not is_at(source, code.place):
        return CodeElsewhere(field=_FIELD)
    return None


def is_at(source: str, place: str) -> bool:
    """Tell whether a source is this place, or lies within it."""
    return source == place or source.startswith(place.rstrip("/") + "/")
