"""How exactly numbers of people are told. Pure.

What somebody said on the square everybody sees under their name. Whoever could count, exactly, those who asked three
questions and buy coffee, and count again without one condition, would learn who is behind a name. So numbers of people
in what asks the square are told by the score, wherever they are shown.
"""

from __future__ import annotations

from typing import Final

from comptoir.office.segments.contracts import Tree, leaves
from comptoir.office.segments.facts import FACTS

#: Numbers of people who said something on the square are told by so many.
STEP: Final = 20


def is_of_square(tree: Tree) -> bool:
    """Tell whether an expression asks what somebody said on the square."""
    return any(FACTS[leaf.fact].family == "square" for leaf in leaves(tree))


def roughly(count: int) -> int:
    """Return a number of people so that one more or less is not told: to the next score, 0 for fewer than one."""
    return 0 if count < STEP else round(count / STEP) * STEP
