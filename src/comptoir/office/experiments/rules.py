"""What figures say: did an arm do what it was for. Pure.

Not here: the figures (``measuring.py``), the words (``telling.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from comptoir.office.experiments.contracts import Money, Verdict

#: Arms whose sizes differ from what was planned more than chance does in one of a thousand cases: something is broken.
MISMATCH_P_VALUE: Final = 0.001


def money(*, n: int, interval: tuple[float, float], effect: float, margin: float, cost: float) -> Money:
    """Return what an arm brought over all its people. It paid where even the low end of the interval earns its cost."""
    low, high = interval
    earned, earned_low, earned_high = (n * margin * each for each in (effect, low, high))
    return Money(
        earned=earned,
        earned_low=earned_low,
        earned_high=earned_high,
        cost=cost,
        profit=earned - cost,
        profit_low=earned_low - cost,
        profit_high=earned_high - cost,
        verdict="paid" if earned_low > cost else "lost_money" if earned_high < cost else "cannot_tell",
    )


def arm_verdict(
    interval: tuple[float, float] | None, *, p_value: float | None, alpha: float, made: Money | None
) -> Verdict:
    """Return an arm's verdict: of its money where costs are known, else of its effect.

    An effect is there where its interval leaves out 0 and the test, where there is one, says so too.
    """
    if interval is None:
        return "cannot_tell"
    if made is not None:
        return made.verdict
    if p_value is not None and p_value > alpha:
        return "cannot_tell"
    return "better" if interval[0] > 0 else "worse" if interval[1] < 0 else "cannot_tell"


def verdict(srm_p_value: float | None, arms: Sequence[Verdict]) -> Verdict:
    """Return the file's verdict: a broken assignment overrules all; one arm that works is enough; all have to fail."""
    if srm_p_value is not None and srm_p_value < MISMATCH_P_VALUE:
        return "mismatch"
    for good in ("paid", "better"):
        if good in arms:
            return good
    for bad in ("lost_money", "worse"):
        if all(each == bad for each in arms):
            return bad
    return "cannot_tell"
