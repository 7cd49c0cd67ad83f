"""What is due in the start-up programme, and what a gate says: pure, from the plan and the steps that were taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from comptoir.square.health.rules import Figure
from comptoir.square.programme import experiments
from comptoir.square.programme.experiments import Experiment
from comptoir.square.programme.plan import Gate, Guarantee, Phase, Plan, Words

PROMPTS: Final = "prompts"
RITUALS: Final = "rituals"
FIRST_REPLY: Final = "first-reply"
TRIALS: Final = "experiments"
INVITATIONS: Final = "invitations"
#: What can be switched off as a whole; single prompts and rituals can, by their names.
ELEMENTS: Final = (PROMPTS, RITUALS, FIRST_REPLY, TRIALS, INVITATIONS)
_WEEK: Final = dt.timedelta(weeks=1)
#: The hours are counted in these.
_HOUR: Final = dt.timedelta(hours=1)


class Taken(msgspec.Struct, frozen=True):
    """A step that was taken: a task, a phase that began, a switch (``models.Step``)."""

    at: dt.datetime
    kind: str
    item: str
    how: str | None
    name: str
    reason: str | None


class Standing(msgspec.Struct, frozen=True):
    """Where the programme stands: since which day, in which phase and since when, what is off, what is done."""

    began: dt.date | None
    phase: str | None
    since: dt.date | None
    off: frozenset[str]
    done: frozenset[str]


class Due(msgspec.Struct, frozen=True):
    """A task that is due: ``element`` is what switches it off. ``text`` is what would be posted."""

    task: str
    kind: Literal["prompt", "ritual", "check", "trial"]
    element: str
    title: Words
    day: dt.date
    is_overdue: bool
    text: Words | None = None


class Newcomer(msgspec.Struct, frozen=True):
    """Somebody whose first contribution nobody has answered: whose turn it is, and until when."""

    post: str
    thread: str
    title: str
    at: dt.datetime
    turn: Literal["customers", "staff", "overdue"]
    until: dt.datetime


Verdict = Literal["met", "missed", "cannot_tell"]


def standing(taken: Sequence[Taken]) -> Standing:
    """Return where the programme stands, from all steps in their order."""
    began: dt.date | None = None
    phase: str | None = None
    since: dt.date | None = None
    off, done = set(), set()
    for step in taken:
        day = step.at.astimezone(dt.UTC).date()
        if step.kind == "phase":
            began, phase, since = began or day, step.item, day
        elif step.kind == "done":
            done.add(step.item)
        elif step.how == "off":
            off.add(step.item)
        else:
            off.discard(step.item)
    return Standing(began, phase, since, frozenset(off), frozenset(done))


def phase_of(plan: Plan, name: str | None) -> Phase | None:
    """Return a phase of the plan by its name; one that the plan has no longer is none."""
    return next((each for each in plan.phase if each.name == name), None)


def next_phase(plan: Plan, name: str | None) -> Phase | None:
    """Return the phase that a gate leads to: the first, or the one behind this; never the winding down."""
    way = [each for each in plan.phase if not each.is_wind_down]
    names = [each.name for each in way]
    place = names.index(name) + 1 if name in names else 0 if name is None else len(way)
    return way[place] if place < len(way) else None


def due(plan: Plan, stands: Standing, *, today: dt.date) -> list[Due]:
    """Return what is due today, what is overdue first. Before the start and without its phase, nothing is."""
    phase = phase_of(plan, stands.phase)
    if stands.began is None or stands.since is None or phase is None:
        return []
    monday = stands.began - dt.timedelta(days=stands.began.weekday())
    found = [
        Due(f"check:{check.name}", "check", phase.name, check.title, stands.since, today >= stands.since + _WEEK)
        for check in phase.checks
    ]
    if PROMPTS not in stands.off and not phase.is_wind_down:
        for prompt in plan.prompt:
            day = max(stands.began, monday + (prompt.week - 1) * _WEEK)
            if day <= today:
                late = today >= day + _WEEK
                found.append(Due(f"prompt:{prompt.name}", "prompt", prompt.name, prompt.title, day, late, prompt.text))
    if RITUALS not in stands.off:
        for ritual in plan.ritual:
            first = monday + dt.timedelta(days=ritual.day - 1)
            while first < stands.began:
                first += ritual.every_weeks * _WEEK
            if first > today or (ritual.phases and phase.name not in ritual.phases):
                continue
            times = (today - first) // (ritual.every_weeks * _WEEK)
            # One that was missed is not made up for: the next one is due.
            day = first + times * ritual.every_weeks * _WEEK
            found.append(Due(f"ritual:{ritual.name}:{day}", "ritual", ritual.name, ritual.title, day, day < today))
    found = [each for each in found if each.task not in stands.done and each.element not in stands.off]
    return _in_order(found)


def due_trials(trials: Sequence[Experiment], stands: Standing, *, now: dt.datetime) -> list[Due]:
    """Return the prompts that experiments make due this week, each in the variant that its seed gives the week.

    A week in which nothing was posted is no unit, and is not made up for.
    """
    if {PROMPTS, TRIALS} & stands.off:
        return []
    found, monday = [], experiments.monday(now)
    for each in trials:
        if each.element == "prompt" and each.state(now) == "running":
            variant = experiments.assign_in_order(each.seed, experiments.number_of_week(each, monday))
            title, text = Words(**{each.language: each.title(variant)}), Words(**{each.language: each.text(variant)})
            found.append(
                Due(
                    f"trial:{each.experiment}:{monday}",
                    "trial",
                    each.experiment,
                    title,
                    monday,
                    is_overdue=False,
                    text=text,
                )
            )
    return _in_order([each for each in found if each.task not in stands.done])


def _in_order(found: Sequence[Due]) -> list[Due]:
    return sorted(found, key=lambda each: (not each.is_overdue, each.day, each.task))


def turn(first_at: dt.datetime, guarantee: Guarantee, *, now: dt.datetime) -> tuple[
    Literal["customers", "staff", "overdue"], dt.datetime
]:  # fmt: skip
    """Return whose turn it is to answer a newcomer, and until when; overdue, since when."""
    theirs = first_at + guarantee.customers_hours * _HOUR
    ours = first_at + guarantee.promised_hours * _HOUR
    if now < theirs:
        return "customers", theirs
    return ("staff" if now < ours else "overdue"), ours


def judge(gate: Gate, figure: Figure) -> Verdict:
    """Return what a figure says of a gate: sure only where the whole interval lies on one side of it."""
    if figure.value is None:
        # Of nothing nothing can be told; a median that was not reached is a wait longer than any that is allowed.
        waits = gate.figure in {"first_reply_hours", "decided_hours"} and figure.denominator > 0
        return "missed" if waits and gate.at_most is not None else "cannot_tell"
    interval = figure.interval
    if interval is None:
        return "cannot_tell"
    if gate.at_least is not None:
        return "met" if interval.low >= gate.at_least else "missed" if interval.high < gate.at_least else "cannot_tell"
    assert gate.at_most is not None
    return "met" if interval.high <= gate.at_most else "missed" if interval.low > gate.at_most else "cannot_tell"
