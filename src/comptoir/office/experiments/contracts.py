"""What is asked of a file of results, and what comes out."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["binary", "continuous"]
Method = Literal["newcombe", "welch", "lin", "clustered", "clustered_lin"]
#: ``mismatch``: the arms have other sizes than planned. With costs ``paid`` or ``lost_money``, else ``better`` or
#: ``worse``.
Verdict = Literal["mismatch", "paid", "lost_money", "better", "worse", "cannot_tell"]
Empty = Literal["refuse", "zero", "leave_out"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: columns by their names, and what a contact costs and an outcome brings, in one currency.

    ``margin`` is what one more of the outcome brings: of a revenue the share that is kept, of a purchase (0 or 1) its
    margin. ``shares`` are weights of the arms as planned, equal when empty. ``planned`` is how many people the smaller
    arm was meant to have; it says where the interval for every look is narrowest, and is chosen before the first look.
    ``time_over`` is the share that is over of the time in which outcomes are counted, where everybody was assigned at
    its beginning: looks before its end count as looks.
    """

    arm: str
    control: str
    outcome: str
    covariate: str | None = None
    cluster: str | None = None
    by: str | None = None
    person: str | None = None
    shares: dict[str, float] = {}
    cost_per_contact: float | None = None
    margin: float | None = None
    empty: Empty = "refuse"
    is_for_every_look: bool = False
    planned: int = 1_000
    time_over: float = 1.0


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """What an arm brought, over all its people: what was earned more, what it cost, and what is left, with 95 %."""

    earned: float
    earned_low: float
    earned_high: float
    cost: float
    profit: float
    profit_low: float
    profit_high: float
    verdict: Literal["paid", "lost_money", "cannot_tell"]


class GroupEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of an arm in one group of people; intervals and p-values are corrected for all groups and arms."""

    group: str
    n: int
    n_control: int
    effect: float
    low: float
    high: float
    p_value: float


class ArmEffect(msgspec.Struct, frozen=True, kw_only=True):
    """An arm against the control group: for each person, with 95 % for all arms together.

    ``mean`` is the plain one; ``effect`` is adjusted where there is a covariate. ``p_value`` is Holm's,
    ``p_value_alone`` what it would be for this arm alone. ``detectable`` is the smallest effect that this file finds in
    four of five cases. The interval ``at_every_look`` may be looked at as often as one likes; ``None`` while there is
    too little.
    """

    arm: str
    n: int
    mean: float
    effect: float
    low: float
    high: float
    p_value: float
    p_value_alone: float
    standard_error: float
    degrees_of_freedom: float
    detectable: float
    low_at_every_look: float | None
    high_at_every_look: float | None
    variance_removed: float | None
    clusters: int | None
    money: Money | None
    groups: list[GroupEffect]
    groups_differ_p_value: float | None
    verdict: Verdict


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """The control group."""

    arm: str
    n: int
    mean: float
    clusters: int | None


class Notice(msgspec.Struct, frozen=True):
    """What a reader has to know before believing a figure: a name that never changes its meaning, and a sentence."""

    name: str
    text: str


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of results says; rows with an empty cell are ``left_out``, or ``as_zero`` among the others."""

    verdict: Verdict
    sentence: str
    srm_p_value: float | None
    kind: Kind
    method: Method
    level: float
    rows: int
    left_out: int
    as_zero: int
    control: Control
    arms: list[ArmEffect]
    notices: list[Notice]

    @property
    def is_for_every_look(self) -> bool:
        """Tell whether it was asked by whoever looks again and again, so that the wider interval decides."""
        return any(each.name == "one_look" for each in self.notices)

    def interval(self, arm: ArmEffect) -> tuple[float, float] | None:
        """Return between what an effect lies, by the interval that decides; ``None`` while there is too little."""
        if not self.is_for_every_look:
            return arm.low, arm.high
        if arm.low_at_every_look is None or arm.high_at_every_look is None:
            return None
        return arm.low_at_every_look, arm.high_at_every_look
