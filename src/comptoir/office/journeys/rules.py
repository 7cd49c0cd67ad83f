"""Who enters a journey, and what happens next on a trip. Pure: the same rules live and in a simulation.

Time moves from one step's moment to the next one's; whatever is asked of the world is asked as of such a moment. Not
here: what happens (``happenings.py``), what is written (``travelling.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Sequence

import msgspec

from comptoir.office.campaigns import rules as campaigns
from comptoir.office.campaigns.contracts import HOLDOUT
from comptoir.office.experiments.assignment import assign
from comptoir.office.journeys.contracts import Check, Give, Say, Version, Wait
from comptoir.office.journeys.errors import JourneyInvalid

#: The arm of whoever goes the whole way.
GO = "go"
_REASON_CHARACTERS_MIN = 10


class Former(msgspec.Struct, frozen=True):
    """An earlier trip of somebody on the same journey; ``cluster`` is the store that they were drawn with."""

    occurrence: str
    entered_at: dt.datetime
    cluster: str = ""


def gift_name(trip: uuid.UUID, step: int) -> str:
    """Return the name of the points that a step gives on a trip: by it they are given once, and found again."""
    return f"journey/{trip}/{step}"


def coupons_campaign(journey: uuid.UUID, occurrence: str) -> uuid.UUID:
    """Return by which number the coupons of one occurrence are issued: one for each trip, and another on the next."""
    return uuid.uuid5(journey, occurrence)


def occurrence_at(occurrence: str, step: int) -> str:
    """Return for which occurrence a step of a trip decides about its message: each step's is another one."""
    return f"{occurrence}/{step}"


def occurrence_of(decided: str) -> str:
    """Return from which occurrence the trip is whose step decided about a message."""
    return decided.rpartition("/")[0]


class Act(msgspec.Struct, frozen=True):
    """Something to do: the step, by its number, and at which moment it was due."""

    step: int
    at: dt.datetime


class Walk(msgspec.Struct, frozen=True):
    """How far somebody comes: what is to be done on the way, where they wait until when, or why it ended."""

    acts: tuple[Act, ...]
    step: int
    due_at: dt.datetime | None
    ended: str = ""


def judge(version: Version) -> None:
    """Refuse what could not be walked, or would never say anything."""
    if not any(isinstance(each, Say | Give) for each in version.steps):
        raise JourneyInvalid("Nothing ever happens on this journey.", field="steps")
    if isinstance(version.steps[-1], Wait | Check):
        raise JourneyInvalid("After the last wait or check nothing happens.", field="steps")
    if any(isinstance(each, Say) for each in version.steps) and not any(text.strip() for text in version.why.values()):
        raise JourneyInvalid("Say to whoever gets it why they do.", field="why")
    if version.holdout == 0 and len(version.holdout_reason.strip()) < _REASON_CHARACTERS_MIN:
        raise JourneyInvalid("Without a holdout nobody will know what it changed. Say why.", field="holdout_reason")
    if campaigns.lacks_margin(version.margin, version.cost_per_contact, version.cost_per_point):
        raise JourneyInvalid(campaigns.MARGIN_MISSING, field="margin")
    if not version.window.weekdays or version.window.from_hour >= version.window.until_hour:
        raise JourneyInvalid("In this window no message could ever leave.", field="window")


def occurrence(version: Version, *, event: str, at: dt.datetime, began_at: dt.datetime) -> str:
    """Return what a trip is counted by: nothing, the number of the period, or the event itself."""
    if version.re_entry == "once":
        return ""
    if version.re_entry == "each":
        return event
    return str((at - began_at) // dt.timedelta(days=version.every_days))


def may_enter(version: Version, former: Sequence[Former], *, occurrence: str, at: dt.datetime) -> bool:
    """Tell whether somebody may enter: never twice for one occurrence, and never twice within the days of ``every``."""
    if any(each.occurrence == occurrence for each in former):
        return False
    if version.re_entry == "once":
        return not former
    if version.re_entry == "every":
        between = dt.timedelta(days=version.every_days)
        return all(abs(at - each.entered_at) >= between for each in former)
    return True


def shares(version: Version) -> dict[str, float]:
    """Return how much of everybody who enters each arm is meant to have."""
    return {HOLDOUT: version.holdout, GO: 1 - version.holdout} if version.holdout else {GO: 1.0}


def store_of(former: Sequence[Former], home: str) -> str:
    """Return the store that somebody is drawn with: that of their first trip, whatever has become their ``home``."""
    return min(former, key=lambda each: each.entered_at).cluster if former else home


def arm(
    person: str, *, journey: str, version: Version, at: dt.datetime, salt: bytes, store: str = ""
) -> tuple[str, str]:  # fmt: skip
    """Return the arm of a person, always the same one on a journey, and why they are held out: of this, or of all.

    With a ``store`` it is drawn, with everybody who buys there.
    """
    if campaigns.is_held_out_of_all(person, at=at, salt=salt):
        return HOLDOUT, "everything"
    if not version.holdout:
        return GO, ""
    drawn = assign(campaigns.unit(person, store), experiment=journey, salt=salt, shares=shares(version))
    return (HOLDOUT, "campaign") if drawn == HOLDOUT else (GO, "")


def walk(
    version: Version,
    *,
    step: int,
    due_at: dt.datetime,
    until: dt.datetime,
    is_out: Callable[[dt.datetime], bool],
    is_in: Callable[[str, dt.datetime], bool],
    done_at: dt.datetime | None = None,
) -> Walk:
    """Go on from a step until one has to wait beyond ``until``, or it ends.

    ``is_out`` tells whether an exit was taken by a moment, ``is_in`` whether the person is in a segment at one. Before
    every step the exits are asked. ``done_at`` is when whatever is to be done is really done, which after a pause is
    later than it was due: what follows is counted from then. Unset, everything is done when it is due.
    """
    acts: list[Act] = []
    waits_from = due_at
    while step < len(version.steps):
        if due_at > until:
            return Walk(tuple(acts), step, due_at)
        if is_out(due_at):
            return Walk(tuple(acts), step, None, "exit")
        now = version.steps[step]
        if isinstance(now, Wait):
            due_at = max(due_at, waits_from) + dt.timedelta(hours=now.hours)
        elif isinstance(now, Check):
            if is_in(now.segment, due_at) is not now.is_in:
                return Walk(tuple(acts), step, None, "check")
        else:
            acts.append(Act(step, due_at))
            waits_from = done_at or due_at
        step += 1
    return Walk(tuple(acts), step, None, "done")
