"""Who has company enough to be spoken of. Pure: facts and chance come in as arguments.

Whoever knows all public pages, with the time of everything on them, and all that somebody at the counter may see of
purchases and points, must not be able to tell which customer is behind a public name. So each thing is said only if it
would be as true of at least :data:`COMPANY_MIN` people (k-anonymity, Sweeney 2002, with the sequence of what was said
before held against it, as in Fung et al. 2010, section 4).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from comptoir.foundation.kernel.ids import Id

#: So many people are meant at least, by everything that is known outside the counter.
COMPANY_MIN: Final = 5
#: What is said about a contribution is said so long after it: tills that were away have sent their sales by then, and
#: moderation has had its time.
WAIT: Final = dt.timedelta(days=3)
#: Of one person's contributions in a month (UTC), so many earn.
MONTHLY_MAX: Final = 3
T = TypeVar("T")


class Chance(Protocol):
    """What decides where it must not be known why: :class:`random.SystemRandom` is one."""

    def shuffle(self, x: list[T], /) -> None:
        """Put a list into a random order."""
        ...

    def randint(self, a: int, b: int, /) -> int:
        """Return a number from ``a`` to ``b``."""
        ...


class Review(msgspec.Struct, frozen=True):
    """A review of a product, as everybody may see it; ``at`` is when it was published."""

    post: Id
    persona: Id
    product: str
    at: dt.datetime


class Buyers:
    """Who had bought which product first when: by person, of the products that are asked about."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._first: dict[Id, dict[str, dt.datetime]] = {}

    def note(self, person: Id, product: str, at: dt.datetime) -> None:
        """Note a purchase; the earliest of a person counts."""
        bought = self._first.setdefault(person, {})
        if product not in bought or at < bought[product]:
            bought[product] = at

    def company(self, reviews: Collection[Review]) -> int:
        """Return how many people had bought the product of each of these reviews before it was published."""
        return sum(
            all(each.product in bought and bought[each.product] < each.at for each in reviews)
            for bought in self._first.values()
        )


def confirmable(candidates: Iterable[Review], confirmed: Mapping[Id, Sequence[Review]], bought: Buyers) -> list[Review]:
    """Return the reviews that may be confirmed, of candidates whose writers have bought what they write about.

    ``confirmed`` are those of each public name that are confirmed already: what is known of a name is known together,
    so the same people must have bought all of it. The oldest review of a name comes first.
    """
    said = {persona: list(reviews) for persona, reviews in confirmed.items()}
    chosen = []
    for each in sorted(candidates, key=lambda review: (review.at, review.post)):
        together = [*said.get(each.persona, ()), each]
        if bought.company(together) >= COMPANY_MIN:
            said[each.persona] = together
            chosen.append(each)
    return chosen


class Contribution(msgspec.Struct, frozen=True):
    """Something for which points are promised: under which name it was done, who is behind it, and when."""

    persona: Id
    customer: Id
    person: Id
    at: dt.datetime


class Candidate(msgspec.Struct, frozen=True):
    """A customer who has points coming: which (rule and points), and when it was thanked before, oldest first."""

    customer: Id
    person: Id
    earned: tuple[tuple[str, int], ...]
    thanked_at: tuple[dt.datetime, ...] = ()


def under_ceiling(contributions: Iterable[Contribution]) -> list[Contribution]:
    """Return the contributions that earn, in their order: the first few of a person in each month (UTC)."""
    counts: dict[tuple[Id, int, int], int] = {}
    kept = []
    for each in sorted(contributions, key=lambda one: (one.at, one.persona)):
        month = (each.person, *each.at.astimezone(dt.UTC).timetuple()[:2])
        counts[month] = counts.get(month, 0) + 1
        if counts[month] <= MONTHLY_MAX:
            kept.append(each)
    return kept


def public_times(contributions: Iterable[Contribution]) -> list[tuple[Id, tuple[dt.datetime, ...]]]:
    """Return for each public name who is behind it and when it contributed, oldest first; the earliest names first."""
    found: dict[tuple[Id, Id], list[dt.datetime]] = {}
    for each in contributions:
        found.setdefault((each.person, each.persona), []).append(each.at)
    return sorted(
        ((person, tuple(sorted(times))) for (person, _), times in found.items()), key=lambda pair: (pair[1], pair[0])
    )


def could_have_earned(times: Sequence[dt.datetime], thanked_at: Sequence[dt.datetime]) -> bool:
    """Tell whether contributions at these times could have earned all of these thanks, for all that is known."""
    return len(times) >= len(thanked_at) and all(
        time + WAIT <= thanked for time, thanked in zip(times, thanked_at, strict=False)
    )


def thanked(
    candidates: Iterable[Candidate],
    names: Sequence[tuple[Id, Sequence[dt.datetime]]],
    *,
    at: dt.datetime,
    chance: Chance,
) -> list[Candidate]:
    """Return whom to thank at a moment, in a random order: for each sum of points five people or more, or nobody.

    ``names`` are the public names with the person behind each and the times of its contributions. Nobody is thanked
    for more than five people's names could have earned by then; and not all who could be are: that somebody is left
    out must tell as little.
    """
    groups: dict[tuple[tuple[str, int], ...], dict[Id, Candidate]] = {}
    ordered = list(candidates)
    chance.shuffle(ordered)
    for each in ordered:
        if _has_company((*each.thanked_at, at), names):
            groups.setdefault(each.earned, {}).setdefault(each.person, each)
    chosen: list[Candidate] = []
    for by_person in groups.values():
        group = list(by_person.values())
        if len(group) >= COMPANY_MIN:
            chance.shuffle(group)
            chosen += group[: chance.randint(COMPANY_MIN, len(group))]
    chance.shuffle(chosen)
    return chosen


def _has_company(thanked_at: Sequence[dt.datetime], names: Iterable[tuple[Id, Sequence[dt.datetime]]]) -> bool:
    people: set[Id] = set()
    for person, times in names:
        if person not in people and could_have_earned(times, thanked_at):
            people.add(person)
            if len(people) >= COMPANY_MIN:
                return True
    return False
