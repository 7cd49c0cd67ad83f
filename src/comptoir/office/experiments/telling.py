"""The effects in plain sentences. Not here: the figures, and the verdict (``rules.py``)."""

from __future__ import annotations

from typing import Final

from comptoir.office.experiments.contracts import ArmEffect, Effects

EQUAL_SHARES_SUPPOSED: Final = "Equal shares were supposed; if others were planned, say so with --shares."


def sentence(said: Effects) -> str:
    """Return what a file says in a sentence or two, each arm by its name."""
    if said.verdict == "mismatch":
        chance = said.srm_p_value or 0.0
        often = f"one of {1 / chance:,.0f}" if chance > 1e-6 else "less than one of a million"
        supposed = any(notice.name == "equal_shares_supposed" for notice in said.notices)
        return (
            "Do not read the effects: the arms do not have the sizes that were planned (chance alone does this in "
            f"{often} cases), so something went wrong in assigning, sending or recording."
            + f" {EQUAL_SHARES_SUPPOSED}"
            * supposed
        )
    return " ".join(_of_arm(said, arm) for arm in said.arms)


def _of_arm(said: Effects, arm: ArmEffect) -> str:
    made = arm.money
    if made is not None:
        between = f"between {_money(made.profit_low)} and {_money(made.profit_high)}"
        if arm.verdict == "paid":
            return f"{arm.arm} paid: it earned {_money(made.profit)} after its cost of {_money(made.cost)} ({between})."
        if arm.verdict == "lost_money":
            return (
                f"{arm.arm} lost money: it cost {_money(made.cost)} and earned {_money(made.earned)}, a loss of"
                f" {_money(-made.profit)} ({between})."
            )
        return f"{arm.arm}: cannot tell yet whether it paid; what is left after its cost lies {between}."
    interval = said.interval(arm)
    if interval is None:
        return f"{arm.arm}: cannot tell yet; there are too few people to look before the end."
    low, high = interval
    between = f"between {difference(said, low)} and {difference(said, high)} for each person"
    if arm.verdict == "better":
        return f"{arm.arm} worked: {difference(said, arm.effect)} more than {said.control.arm} ({between})."
    if arm.verdict == "worse":
        return f"{arm.arm} did harm: {difference(said, -arm.effect)} less than {said.control.arm} ({between})."
    return (
        f"{arm.arm}: cannot tell yet. The effect lies {between}; with so many people an effect of"
        f" {difference(said, arm.detectable)} is found in four of five cases."
    )


def mean(said: Effects, value: float) -> str:
    """Return a mean: of yes and no as a share of a hundred, else with four digits."""
    return f"{100 * value:.2f} %" if said.kind == "binary" else f"{value:,.4g}"


def difference(said: Effects, value: float) -> str:
    """Return a difference of two means: of shares in points, so that nobody takes it for a share of the other one."""
    return f"{100 * value:.2f} points" if said.kind == "binary" else f"{value:,.4g}"


def _money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.2f}"
