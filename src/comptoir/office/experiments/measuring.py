"""From a file of results to its effects: which estimator is used when, and what a reader has to know beforehand.

Not here: the statistics (``estimators.py``), the verdict (``rules.py``), its words (``telling.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from comptoir.office.experiments import estimators, rules, telling
from comptoir.office.experiments.assignment import judge_shares
from comptoir.office.experiments.contracts import (
    ArmEffect,
    Control,
    Effects,
    GroupEffect,
    Method,
    Money,
    Notice,
    Question,
)
from comptoir.office.experiments.errors import ArmsIncomplete, NoSpread, SharesInvalid
from comptoir.office.experiments.estimators import ALPHA, Codes, Estimate, Floats
from comptoir.office.experiments.reading import Results, read

#: Of fewer people of an arm in a group nothing is said of that group.
GROUP_MIN: Final = 20
CLUSTERS_FEW: Final = 20
PEOPLE_FEW: Final = 30
#: So many people for each squared unit of skewness: Kohavi, Deng, Longbotham, Xu 2014 (KDD), rule 7.
SKEWED: Final = 355
_HAIR: Final = 1e-11


class _Arm(msgspec.Struct, frozen=True):
    """One arm's people, or those of them in a group."""

    outcome: Floats
    covariate: Floats | None
    cluster: Codes | None

    def tally(self) -> tuple[int, int]:
        return round(float(np.sum(self.outcome))), len(self.outcome)

    def clusters(self) -> int | None:
        return None if self.cluster is None else len(np.unique(self.cluster))

    def units(self) -> int:
        return self.clusters() or len(self.outcome)


def measure(path: Path, question: Question) -> Effects:
    """Read a file of results and say what it says. Raises a named problem."""
    return effects(read(path, question), question)


def effects(results: Results, question: Question) -> Effects:
    """Return what results say about every arm."""
    return _Measuring(results, question).effects()


class _Measuring:
    def __init__(self, results: Results, question: Question) -> None:
        self.results, self.question = results, question
        self.notices: list[Notice] = []
        self._judge()
        self.names = [name for name in results.arms if name != question.control]
        #: All arms together are wrong in one of twenty cases: Bonferroni.
        self.alpha = ALPHA / len(self.names)
        self.is_binary = bool(np.isin(results.outcome, (0.0, 1.0)).all())
        self.method: Method = "welch"
        if results.cluster is not None:
            self.method = "clustered" if results.covariate is None else "clustered_lin"
        elif results.covariate is not None:
            self.method = "lin"
        elif self.is_binary:
            self.method = "newcombe"
        self.control = self._people(question.control)

    def _judge(self) -> None:
        """Refuse what cannot be compared."""
        results, question = self.results, self.question
        said = ", ".join(map(repr, results.arms))
        if question.control not in results.arms:
            raise ArmsIncomplete(
                f"No row of the column {question.arm!r} says {question.control!r}. It says: {said}.", field=question.arm
            )
        if len(results.arms) == 1:
            raise ArmsIncomplete(f"The column {question.arm!r} says {said} and nothing else.", field=question.arm)
        if question.shares:
            judge_shares(question.shares)
            if missing := [name for name in question.shares if name not in results.arms]:
                raise ArmsIncomplete(
                    f"The arm {missing[0]!r} has a share and no row in the column {question.arm!r}.", field=question.arm
                )
            if unplanned := [name for name in results.arms if not question.shares.get(name)]:
                raise SharesInvalid(f"The arm {unplanned[0]!r} has rows and no share.", field="--shares")
        least = 2 if question.covariate is None else 3
        for name in results.arms:
            people = self._people(name)
            if len(people.outcome) < least:
                raise ArmsIncomplete(
                    f"The arm {name!r} has too few rows, {len(people.outcome)}; an interval needs {least}.",
                    field=question.arm,
                )
            if (people.clusters() or least) < least:
                raise ArmsIncomplete(
                    f"The arm {name!r} has too few clusters, {people.clusters()}; an interval needs {least}.",
                    field=question.cluster,
                )
            if people.covariate is not None and np.ptp(people.covariate) == 0:
                raise NoSpread(
                    f"In the arm {name!r} the column {question.covariate!r} never changes.", field=question.covariate
                )
        if np.ptp(results.outcome) == 0:
            raise NoSpread(
                f"The column {question.outcome!r} says {results.outcome[0]:g} in every row.", field=question.outcome
            )

    def _people(self, name: str, group: int | None = None) -> _Arm:
        results = self.results
        chosen = results.arm == results.arms.index(name)
        if group is not None and results.group is not None:
            chosen &= results.group == group
        return _Arm(
            results.outcome[chosen],
            None if results.covariate is None else results.covariate[chosen],
            None if results.cluster is None else results.cluster[chosen],
        )

    def effects(self) -> Effects:
        question, results = self.question, self.results
        srm_p_value = self._sample_ratio()
        people = [self._people(name) for name in self.names]
        found = [self._estimate(self.control, each) for each in people]
        alone = [self._p_value(self.control, *each) for each in zip(people, found, strict=True)]
        groups = self._groups()
        arms = [
            self._arm(name, its, estimate, p_value, corrected, groups.get(name, []))
            for name, its, estimate, p_value, corrected in zip(
                self.names, people, found, alone, estimators.holm(alone), strict=True
            )
        ]
        self.notices += self._said_of_rows()
        verdict = rules.verdict(srm_p_value, [arm.verdict for arm in arms])
        if verdict == "mismatch":
            if not question.shares:
                self._notice("equal_shares_supposed", telling.EQUAL_SHARES_SUPPOSED)
            arms = [msgspec.structs.replace(arm, verdict=verdict) for arm in arms]
        said = Effects(
            verdict=verdict,
            sentence="",
            srm_p_value=srm_p_value,
            kind="binary" if self.is_binary else "continuous",
            method=self.method,
            level=1 - ALPHA,
            rows=len(results.outcome) + sum(results.left_out_by_arm),
            left_out=sum(results.left_out_by_arm),
            as_zero=results.as_zero,
            control=Control(
                arm=question.control,
                n=len(self.control.outcome),
                mean=float(np.mean(self.control.outcome)),
                clusters=self.control.clusters(),
            ),
            arms=arms,
            notices=self.notices,
        )
        return msgspec.structs.replace(said, sentence=telling.sentence(said))

    # -- the assignment ------------------------------------------------------------------------------------------

    def _sample_ratio(self) -> float | None:
        """Return how likely the arms' sizes are, counted in what was assigned: people, left out or not, or clusters."""
        results, shares = self.results, self.question.shares
        counts = [
            int(np.sum(results.arm == number)) + results.left_out_by_arm[number] for number in range(len(results.arms))
        ]
        if results.cluster is not None:
            pairs = np.unique(np.column_stack((results.cluster, results.arm)), axis=0)
            if len(pairs) == len(np.unique(results.cluster)):
                counts = [int(np.sum(pairs[:, 1] == number)) for number in range(len(results.arms))]
            else:
                self._notice(
                    "clusters_in_several_arms",
                    "Some clusters have people in several arms, so clusters were not what was assigned.",
                )
        p_value = estimators.sample_ratio(counts, [shares.get(name, 1.0) for name in results.arms])
        if p_value is None:
            self._notice(
                "too_few_for_shares", "Too few were assigned to tell whether the arms have the sizes that were planned."
            )
        return p_value

    # -- one arm -------------------------------------------------------------------------------------------------

    def _estimate(self, control: _Arm, arm: _Arm, group: int | None = None) -> Estimate:
        """Compare two arms, or those of their people who are in a group: with others of that group, not with all."""
        results = self.results
        chosen = slice(None) if group is None or results.group is None else results.group == group
        if results.covariate is None or control.covariate is None or arm.covariate is None:
            if control.cluster is not None and arm.cluster is not None:
                return estimators.clustered(
                    (control.outcome, None, control.cluster), (arm.outcome, None, arm.cluster), centre=0, spread=0
                )
            return estimators.welch(control.outcome, arm.outcome)
        covariate = results.covariate[chosen]
        centre = float(np.mean(covariate))
        spread = estimators.variance_of_mean(covariate, None if results.cluster is None else results.cluster[chosen])
        if control.cluster is not None and arm.cluster is not None:
            return estimators.clustered(
                (control.outcome, control.covariate, control.cluster), (arm.outcome, arm.covariate, arm.cluster),
                centre=centre, spread=spread,
            )  # fmt: skip
        return estimators.lin(
            (control.outcome, control.covariate), (arm.outcome, arm.covariate), centre=centre, spread=spread
        )

    def _p_value(self, control: _Arm, arm: _Arm, found: Estimate) -> float:
        if self.method == "newcombe":
            return estimators.shares_p_value(control.tally(), arm.tally())
        return found.p_value()

    def _interval(self, control: _Arm, arm: _Arm, found: Estimate, alpha: float) -> tuple[float, float]:
        if self.method == "newcombe":
            return estimators.newcombe(control.tally(), arm.tally(), alpha)
        return found.interval(alpha)

    def _arm(
        self, name: str, its: _Arm, found: Estimate, alone: float, corrected: float, groups: list[GroupEffect]
    ) -> ArmEffect:
        question = self.question
        if self._is_certain(self.control, its, found):
            raise NoSpread(
                f"Within the arms {question.control!r} and {name!r} the column {question.outcome!r} holds no surprise.",
                field=question.outcome,
            )
        interval = self._interval(self.control, its, found, self.alpha)
        careful = found
        if self.method == "newcombe":
            careful = estimators.cautious(found, self.control.tally(), its.tally())
        looked = None
        if self.method == "newcombe" or all(estimators.is_told_apart(each.outcome) for each in (self.control, its)):
            # What people do in a part of the time is as much as a part of the people would have told in all of it.
            units = math.floor(min(self.control.units(), its.units()) * question.time_over)
            looked = estimators.at_every_look(careful, units=units, planned=question.planned, alpha=self.alpha)
        if looked is not None and self.method == "newcombe":
            looked = max(-1.0, looked[0]), min(1.0, looked[1])
        decides = looked if question.is_for_every_look else interval
        made: Money | None = None
        if question.margin is not None and decides is not None:
            made = rules.money(
                n=len(its.outcome), interval=decides, effect=found.effect, margin=question.margin,
                cost=self._contacts(name, its) * (question.cost_per_contact or 0.0) + self._further_cost(name),
            )  # fmt: skip
        self.notices += self._said_of_arm(name, its, found, interval, corrected)
        return ArmEffect(
            arm=name,
            n=len(its.outcome),
            mean=float(np.mean(its.outcome)),
            effect=found.effect,
            low=interval[0],
            high=interval[1],
            p_value=corrected,
            p_value_alone=alone,
            standard_error=found.standard_error,
            degrees_of_freedom=found.degrees,
            detectable=careful.detectable(self.alpha),
            low_at_every_look=looked[0] if looked else None,
            high_at_every_look=looked[1] if looked else None,
            variance_removed=self._variance_removed(its, found),
            clusters=its.clusters(),
            money=made,
            groups=groups,
            groups_differ_p_value=self._groups_differ(name, groups),
            verdict=rules.arm_verdict(
                decides, p_value=None if question.is_for_every_look else corrected, alpha=ALPHA, made=made
            ),
        )

    def _contacts(self, name: str, its: _Arm) -> int:
        """Return how many contacts an arm cost: what left, where that is known."""
        by_arm = self.results.contacts_by_arm
        return len(its.outcome) if by_arm is None else by_arm[self.results.arms.index(name)]

    def _further_cost(self, name: str) -> float:
        """Return what an arm cost beside its contacts."""
        by_arm = self.results.costs_by_arm
        return 0.0 if by_arm is None else by_arm[self.results.arms.index(name)]

    def _is_certain(self, control: _Arm, arm: _Arm, found: Estimate) -> bool:
        """Tell whether the interval would have no width, but for what arithmetic misses."""
        if self.method == "newcombe":
            return False
        return found.standard_error <= _HAIR * float(np.ptp(np.concatenate((control.outcome, arm.outcome))))

    def _variance_removed(self, its: _Arm, found: Estimate) -> float | None:
        if its.covariate is None:
            return None
        if its.cluster is None or self.control.cluster is None:
            plain = estimators.welch(self.control.outcome, its.outcome)
        else:
            plain = estimators.clustered(
                (self.control.outcome, None, self.control.cluster), (its.outcome, None, its.cluster), centre=0, spread=0
            )
        return 1 - (found.standard_error / plain.standard_error) ** 2 if plain.standard_error else None

    # -- groups --------------------------------------------------------------------------------------------------

    def _groups(self) -> dict[str, list[GroupEffect]]:
        """Return the effects by group, all of them corrected for all of them."""
        results = self.results
        if results.group is None:
            return {}
        cases: list[tuple[str, str, _Arm, _Arm, Estimate]] = []
        passed_over = []
        for name in self.names:
            for number, group in enumerate(results.groups):
                control, its = self._in_group(name, number)
                if min(control.units(), its.units()) < GROUP_MIN or not _has_spread(control, its):
                    passed_over.append(f"{group} ({name})")
                else:
                    found = self._estimate(control, its, number)
                    if self._is_certain(control, its, found):
                        passed_over.append(f"{group} ({name})")
                    else:
                        cases.append((name, group, control, its, found))
        if passed_over:
            self._notice(
                "groups_left_out",
                f"Too few people, or no difference between any of them, in: {', '.join(passed_over[:10])}.",
            )
        if not cases:
            return {}
        corrected = estimators.holm([self._p_value(control, its, found) for _, _, control, its, found in cases])
        said: dict[str, list[GroupEffect]] = {}
        for (name, group, control, its, found), p_value in zip(cases, corrected, strict=True):
            low, high = self._interval(control, its, found, ALPHA / len(cases))
            said.setdefault(name, []).append(
                GroupEffect(
                    group=group, n=len(its.outcome), n_control=len(control.outcome), effect=found.effect, low=low,
                    high=high, p_value=p_value,
                )
            )  # fmt: skip
        by_chance = 1 - (1 - ALPHA) ** len(cases)
        self._notice(
            "fishing",
            f"Looking at {len(cases)} groups finds something where there is nothing in {by_chance:.0%} of all cases, so"
            " intervals and p-values of groups are corrected for that. A group that was not named beforehand is"
            " a question for the"
            " next experiment, not an answer.",
        )
        return said

    def _in_group(self, name: str, number: int) -> tuple[_Arm, _Arm]:
        """Return those of the control group and of an arm who are in a group.

        Where all of them are alike in the covariate (a group of those who never bought), it is left aside.
        """
        control, its = (self._people(each, number) for each in (self.question.control, name))
        if control.covariate is not None and its.covariate is not None:
            alike = [not len(each) or np.ptp(each) == 0 for each in (control.covariate, its.covariate)]
            if any(alike):
                control, its = (msgspec.structs.replace(each, covariate=None) for each in (control, its))
        return control, its

    def _groups_differ(self, name: str, groups: list[GroupEffect]) -> float | None:
        errors = []
        for each in groups:
            number = self.results.groups.index(each.group)
            found = self._estimate(*self._in_group(name, number), number)
            errors.append(found.standard_error)
        return estimators.differ([each.effect for each in groups], errors) if groups else None

    # -- what has to be known ------------------------------------------------------------------------------------

    def _notice(self, name: str, text: str) -> None:
        self.notices.append(Notice(name, text))

    def _said_of_rows(self) -> Iterator[Notice]:
        results, question = self.results, self.question
        if results.as_zero:
            yield Notice("taken_for_zero", f"{results.as_zero:,} rows have an empty cell, which was taken for 0.")
        if left_out := sum(results.left_out_by_arm):
            text = f"{left_out:,} rows have an empty cell and were left out."
            kept = [int(np.sum(results.arm == number)) for number in range(len(results.arms))]
            apart = estimators.independence([kept, results.left_out_by_arm])
            if apart < rules.MISMATCH_P_VALUE:
                text += " Arms differ in how many: what is left of them can no longer be compared."
            yield Notice("left_out", text)
        if question.is_for_every_look:
            yield Notice(
                "one_look", "The interval for every look decides; low, high and p-values hold for one look alone."
            )

    def _said_of_arm(
        self, name: str, its: _Arm, found: Estimate, interval: tuple[float, float], corrected: float
    ) -> Iterator[Notice]:
        if (clusters := its.clusters()) is not None:
            clusters += self.control.clusters() or 0
            if clusters < CLUSTERS_FEW or found.degrees < CLUSTERS_FEW / 2:
                yield Notice(
                    "few_clusters",
                    f"{name}: {clusters} clusters, worth {found.degrees:.1f} degrees of freedom. The interval"
                    " allows for"
                    " that, but one unusual cluster can still decide everything.",
                )
        least = min((self.control, its), key=lambda each: len(each.outcome))
        n = len(least.outcome)
        if n < PEOPLE_FEW and self.method != "newcombe":
            yield Notice(
                "few_people",
                f"{name}: only {n} people in the smaller arm. The interval supposes outcomes that are nearly normal.",
            )
        elif self.method != "newcombe" and n < SKEWED * estimators.skewness(least.outcome) ** 2:
            yield Notice(
                "skewed",
                f"{name}: a few large outcomes weigh so much that the interval may be too short on one side;"
                f" with so uneven outcomes {SKEWED * estimators.skewness(least.outcome) ** 2:,.0f} people in"
                " each arm would do.",
            )
        if (corrected <= ALPHA) != (interval[0] > 0 or interval[1] < 0):
            yield Notice(
                "test_and_interval_differ",
                f"{name}: the p-value ({corrected:.3f}) and the interval do not agree on whether there is an"
                " effect. The verdict wants both.",
            )
        if its.covariate is not None and self.control.covariate is not None and self.control.cluster is None:
            before = estimators.welch(self.control.covariate, its.covariate).p_value()
            if before < rules.MISMATCH_P_VALUE:
                yield Notice(
                    "different_before",
                    f"{name}: the arms differed in {self.question.covariate} already (p = {before:.2g}). Chance seldom"
                    " does that: look at how people were assigned.",
                )


def _has_spread(control: _Arm, arm: _Arm) -> bool:
    return bool(np.ptp(np.concatenate((control.outcome, arm.outcome))) > 0)
