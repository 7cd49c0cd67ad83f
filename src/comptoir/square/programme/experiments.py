"""Experiments on the programme: what is compared, which unit gets which variant, how long it would take. Pure.

An experiment compares two texts: of a *prompt*, which the shop posts each week, or of a *reminder*, a visible rule that
stands on conversations. What is assigned is what is analysed: a conversation or a week, never a person in it, since
people who talk with each other are not independent. Not here: the statistics (``sequential.py``), what came of each
unit (``outcomes.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from comptoir.foundation.kernel.problem import Problem
from comptoir.square.programme import sequential
from comptoir.square.programme.errors import ExperimentInvalid
from comptoir.square.programme.sequential import Difference, Verdict

Variant = Literal["a", "b"]
WEEK: Final = dt.timedelta(weeks=1)
#: So many weeks before an experiment say what to expect.
PAST_WEEKS: Final = 12
#: Fewer units of the past say less than what somebody expects.
PAST_MIN: Final = 5


class Experiment(msgspec.Struct, frozen=True):
    """An experiment as it was registered, and what has become of it (``models.Experiment``)."""

    experiment: str
    hypothesis: str
    element: str
    unit: str
    kind: str
    language: str
    title_a: str | None
    text_a: str
    title_b: str | None
    text_b: str
    topic: str | None
    seed: str
    outcome: str
    days: int
    cap: int
    smallest: float
    expected: float
    weeks_max: int
    name: str
    registered_at: dt.datetime
    started_at: dt.datetime | None = None
    planned_units: int | None = None
    planned_weeks: int | None = None
    stopped_at: dt.datetime | None = None
    stopped_by: str | None = None
    reason: str | None = None

    def text(self, variant: Variant) -> str:
        """Return a variant's text."""
        return self.text_a if variant == "a" else self.text_b

    def title(self, variant: Variant) -> str:
        """Return a variant's title, of a prompt."""
        return (self.title_a if variant == "a" else self.title_b) or ""

    @property
    def over_at(self) -> dt.datetime | None:
        """Return from when on no unit is assigned any more: it was stopped, or its stop rule says so."""
        if self.started_at is None:
            return None
        rule = self.started_at + self.weeks_max * WEEK
        return rule if self.stopped_at is None else min(rule, self.stopped_at)

    def state(self, now: dt.datetime) -> Literal["draft", "running", "over", "stopped"]:
        """Return how far it has come; ``over`` is what the stop rule ended and nobody has closed."""
        if self.stopped_at is not None:
            return "stopped"
        if self.started_at is None:
            return "draft"
        assert self.over_at is not None
        return "running" if now < self.over_at else "over"


class Unit(msgspec.Struct, frozen=True):
    """What was assigned: ``key`` is the conversation's id, or the week's Monday; ``value`` its outcome, once ripe."""

    key: str
    at: dt.datetime
    variant: Variant
    value: float | None


class Planned(msgspec.Struct, frozen=True):
    """How long it would take: units in each arm at one look and at every look, and weeks at this rate."""

    mean: float
    is_from_past: bool
    per_week: float
    units_once: int
    units: int
    weeks: int | None


class Standing(msgspec.Struct, frozen=True):
    """What an experiment says now: the difference, the verdict, and how many weeks it would take to tell."""

    difference: Difference
    verdict: Verdict
    ripe: int
    unripe: int
    weeks_left: int | None


def judge(data: Any) -> Problem | None:
    """Return why this cannot be registered."""
    return _judge_prompt(data) or _judge_outcome(data)


def _judge_prompt(data: Any) -> Problem | None:
    is_prompt = data.element == "prompt"
    if is_prompt and (data.title_a is None or data.title_b is None):
        return ExperimentInvalid("A prompt needs a title in both variants.", field="data.title_a")
    if is_prompt and data.unit != "thread":
        return ExperimentInvalid("A prompt begins a conversation, and that is the unit.", field="data.unit")
    if is_prompt and data.kind == "review":
        return ExperimentInvalid("A prompt asks for a question, an idea or a story.", field="data.kind")
    if (data.title_a, data.text_a) == (data.title_b, data.text_b):
        return ExperimentInvalid("Both variants say the same.", field="data.text_b")
    return None


def _judge_outcome(data: Any) -> Problem | None:
    if (data.unit == "week") != (data.outcome == "contributions"):
        return ExperimentInvalid("Contributions are counted in weeks, answers in conversations.", field="data.outcome")
    if data.outcome == "answered" and data.cap != 1:
        return ExperimentInvalid("Answered or not counts at most 1.", field="data.cap")
    if not 0 < data.smallest <= data.cap:
        return ExperimentInvalid(
            "The smallest difference lies between 0 and the most that counts.", field="data.smallest"
        )
    if not 0 <= data.expected <= data.cap:
        return ExperimentInvalid("What is expected lies between 0 and the most that counts.", field="data.expected")
    return None


def assign(seed: str, key: str) -> Variant:
    """Return the variant of a conversation: the first bit of SHA-256 over the seed and its id."""
    return "a" if hashlib.sha256(f"{seed}:{key}".encode()).digest()[0] < 0x80 else "b"


def assign_in_order(seed: str, number: int) -> Variant:
    """Return the variant of the unit with this number, from 0: of each two that follow, one gets each."""
    first = assign(seed, f"pair {number // 2}")
    return first if number % 2 == 0 else ("b" if first == "a" else "a")


def monday(moment: dt.datetime) -> dt.date:
    """Return the Monday of a moment's week, in UTC."""
    day = moment.astimezone(dt.UTC).date()
    return day - dt.timedelta(days=day.weekday())


def number_of_week(experiment: Experiment, day: dt.date) -> int:
    """Return the number of a week of the experiment, from 0: the week in which it began."""
    assert experiment.started_at is not None
    return (day - monday(experiment.started_at)).days // 7


def variant_for(experiment: Experiment, *, thread: str, opened_at: dt.datetime, now: dt.datetime) -> Variant | None:
    """Return which reminder a conversation shows, or ``None``: not running, or begun before it ran."""
    if experiment.element != "reminder" or experiment.state(now) != "running":
        return None
    assert experiment.started_at is not None
    if experiment.unit == "week":
        return assign_in_order(experiment.seed, number_of_week(experiment, monday(now)))
    return assign(experiment.seed, thread) if opened_at >= experiment.started_at else None


def plan(experiment: Experiment, past: Sequence[float], *, per_week: float) -> Planned:
    """Return how long an experiment would take, from outcomes of the weeks before, or from what is expected.

    Expected counts have a variance as large as their mean, as independent ones would (Poisson's); shares have
    p (1 - p). Real counts vary more, which makes it longer.
    """
    is_from_past = len(past) >= PAST_MIN
    mean = sum(past) / len(past) if is_from_past else experiment.expected
    smallest = experiment.smallest
    if experiment.outcome == "answered":
        other = mean + smallest if mean + smallest <= 1 else mean - smallest
        spread_a, spread_b = mean * (1 - mean), other * (1 - other)
    elif is_from_past:
        spread_a = spread_b = sum((each - mean) ** 2 for each in past) / (len(past) - 1)
    else:
        spread_a, spread_b = mean, mean + smallest
    units = sequential.units_at_every_look(variance_a=spread_a, variance_b=spread_b, smallest=smallest)
    once = sequential.units_at_one_look(variance_a=spread_a, variance_b=spread_b, smallest=smallest)
    weeks = None if per_week <= 0 else -int(-2 * units // per_week)
    return Planned(mean, is_from_past, per_week, once, units, weeks)


def stand(experiment: Experiment, units: Sequence[Unit], *, planned: Planned) -> Standing:
    """Return what the ripe units say, all of them, in one look among as many as one likes."""
    ripe = {variant: [u.value for u in units if u.variant == variant and u.value is not None] for variant in ("a", "b")}
    found = sequential.difference(
        ripe["a"], ripe["b"], cap=experiment.cap, planned=experiment.planned_units or planned.units
    )
    count = len(ripe["a"]) + len(ripe["b"])
    missing = max(1, 2 * planned.units - count)
    weeks = None if planned.per_week <= 0 else -int(-missing // planned.per_week)
    return Standing(
        found, sequential.verdict(found, smallest=experiment.smallest), count, len(units) - count, weeks
    )  # fmt: skip


def history(
    experiment: Experiment, units: Sequence[Unit], *, planned: Planned, now: dt.datetime
) -> list[tuple[dt.date, Difference]]:
    """Return what each week's look has said, up to now: the Monday after the week, and the difference as known then."""
    if experiment.started_at is None:
        return []
    ripens = WEEK if experiment.unit == "week" else experiment.days * dt.timedelta(days=1)
    made: list[tuple[dt.date, Difference]] = []
    day = monday(experiment.started_at) + WEEK
    while day <= now.date() and len(made) < 120:
        look = dt.datetime.combine(day, dt.time(), dt.UTC)
        ripe = [each for each in units if each.value is not None and each.at + ripens <= look]
        made.append((day, stand(experiment, ripe, planned=planned).difference))
        day += WEEK
    return made
