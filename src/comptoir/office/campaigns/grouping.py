"""Into which groups people fall by what they did before they were drawn. Pure: what they did comes in as arguments.

A group is what somebody was before: how often they came, what they paid, where they bought. What came afterwards may
be an effect itself, and is no group. Not here: what they did (``effects.py``), what groups are called (the console).
"""

from __future__ import annotations

import statistics
import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, Literal

#: By what an effect may be looked at: how often somebody came before, what they paid, at which store they buy most.
By = Literal["visits", "spend", "store"]
BYS: Final[tuple[By, ...]] = ("visits", "spend", "store")
#: Groups of each, in their order; stores are groups by their own names.
VISITS: Final = ("none", "one", "two_to_four", "five_or_more")
SPEND: Final = ("nothing", "less", "more")
OTHER_STORES: Final = "other stores"
NO_STORE: Final = "no store"
#: So many stores are shown by themselves, the largest ones.
_STORES_MAX: Final = 10


def by_visits(people: Collection[uuid.UUID], purchases: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, str]:
    """Return each person's group by how often they bought."""
    return {each: VISITS[_visits(purchases.get(each, 0))] for each in people}


def _visits(purchases: int) -> int:
    return 0 if purchases < 1 else 1 if purchases == 1 else 2 if purchases < 5 else 3


def by_spend(people: Collection[uuid.UUID], paid: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, str]:
    """Return each person's group by what they paid (minor units): nothing, up to the median of the others, or more."""
    sums = [paid[each] for each in people if paid.get(each, 0) > 0]
    middle = statistics.median(sums) if sums else 0
    return {
        each: "nothing" if paid.get(each, 0) <= 0 else "less" if paid[each] <= middle else "more" for each in people
    }


def by_store(people: Collection[uuid.UUID], homes: Mapping[uuid.UUID, str]) -> dict[uuid.UUID, str]:
    """Return each person's group by the store at which they buy most; small stores are one group."""
    largest = {store for store, _ in Counter(homes[each] for each in people if each in homes).most_common(_STORES_MAX)}
    return {
        each: NO_STORE if each not in homes else homes[each] if homes[each] in largest else OTHER_STORES
        for each in people
    }


def in_order(by: By, groups: Mapping[uuid.UUID, str]) -> list[str]:
    """Return the groups that there are, in the order in which they are shown; stores from the largest on."""
    sizes = Counter(groups.values())
    if by == "store":
        last = {OTHER_STORES: 1, NO_STORE: 2}
        return sorted(sizes, key=lambda name: (last.get(name, 0), -sizes[name], name))
    return [name for name in (VISITS if by == "visits" else SPEND) if name in sizes]
