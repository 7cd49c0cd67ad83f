"""How much is told of how many people stand behind something: roughly. Pure."""

from __future__ import annotations

from typing import Final

from comptoir.square.companions.contracts import PEOPLE_MIN

_STEPS: Final = (1, 2, 5)


def roughly(people: int) -> int:
    """Return the greatest of 5, 10, 20, 50, 100 and so on that is not above a number of people of at least five.

    What somebody adds by what they buy is so hardly ever to be seen.
    """
    assert people >= PEOPLE_MIN, "behind everything that is told stand so many"
    found, power = PEOPLE_MIN, 1
    while power <= people:
        for step in _STEPS:
            if PEOPLE_MIN <= step * power <= people:
                found = step * power
        power *= 10
    return found
