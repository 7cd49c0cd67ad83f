"""What may be reported, decided and objected to: pure decisions over what is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community.errors import PostGone, PostNotYours, PostUnknown
from comptoir.square.stewardship.errors import (
    AppealedAlready,
    AppealNeedsSomebodyElse,
    AppealTooLate,
    AppealUnknown,
    DecisionMisaddressed,
    DecisionTaken,
    DecisionUnknown,
    DecisionUnreasoned,
    FlaggedAlready,
    FlaggingTooFast,
    FlagOfOneself,
    NoticesEnough,
)

#: At most so many flags of one person in a day.
FLAGS_PER_DAY_MAX: Final = 30
#: At most so many notices about one post wait for a decision.
NOTICES_WAITING_MAX: Final = 10
#: Article 20 of the Digital Services Act: at least six months.
APPEAL_DAYS: Final = 184
#: What can be decided without a rule that the post was against.
_IN_FAVOUR: Final = frozenset({"publish", "unlock"})
_DONE: Final = frozenset({"withdrawn", "gone"})


class Subject(msgspec.Struct, frozen=True):
    """The post that somebody reports or decides on. ``author`` is the public name of its author, if it has one."""

    post: Id
    state: str
    author: Id | None


class Decided(msgspec.Struct, frozen=True):
    """A decision as far as what follows it needs."""

    id: Id
    post: Id
    persona: Id | None
    staff: str
    at: dt.datetime
    appeal: Id | None


def judge_flag(
    subject: Subject | None, *, mates: Collection[Id], flaggers: Collection[Id], flags_today: int
) -> Problem | None:
    """Return why this person cannot flag this post, or ``None``; ``flaggers`` are the names that have."""
    if subject is None:
        return PostUnknown(field="data.post")
    if subject.state != "public":
        return PostGone(field="data.post")
    if subject.author in mates:
        return FlagOfOneself(field="data.post")
    if any(mate in flaggers for mate in mates):
        return FlaggedAlready(field="data.post")
    return FlaggingTooFast(field="data.persona") if flags_today >= FLAGS_PER_DAY_MAX else None


def judge_notice(subject: Subject | None, *, waiting: int) -> Problem | None:
    """Return why a notice cannot be taken, or ``None``."""
    if subject is None:
        return PostUnknown(field="data.post")
    if subject.state in _DONE:
        return PostGone(field="data.post")
    return NoticesEnough(field="data.post") if waiting >= NOTICES_WAITING_MAX else None


def judge_appeal(data: Any, decision: Decided | None, *, is_appealed: bool, now: dt.datetime) -> Problem | None:
    """Return why somebody cannot object to a decision, or ``None``."""
    if decision is None or decision.post != data.post:
        return DecisionUnknown(field="data.decision")
    if decision.persona != data.persona:
        return PostNotYours(field="data.persona")
    if is_appealed or decision.appeal is not None:
        return AppealedAlready(field="data.decision")
    if now - decision.at > dt.timedelta(days=APPEAL_DAYS):
        return AppealTooLate(field="data.decision")
    return None


def judge_decision(
    data: Any, subject: Subject | None, *, is_taken: bool, appealed: Decided | None, is_waiting: bool
) -> Problem | None:
    """Return why somebody cannot decide so, or ``None``.

    ``appealed`` is the decision to whose appeal it is the answer; ``is_waiting`` tells whether that has none yet.
    """
    if subject is None:
        return PostUnknown(field="data.post")
    if is_taken:
        return DecisionTaken("Make a new random id for every decision.", field="data.decision")
    if data.persona != subject.author:
        return DecisionMisaddressed(field="data.persona")
    if data.action not in _IN_FAVOUR and (data.ground == "none" or data.rule is None):
        return DecisionUnreasoned(field="data.rule" if data.ground != "none" else "data.ground")
    if data.appeal is None:
        return None
    if appealed is None or not is_waiting or appealed.post != data.post:
        return AppealUnknown(field="data.appeal")
    return AppealNeedsSomebodyElse(field="data.staff") if appealed.staff == data.staff else None
