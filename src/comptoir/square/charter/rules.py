"""How an amendment is decided: pure decisions over what is known of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.charter.errors import (
    AmendmentOpen,
    AmendmentOver,
    AmendmentTaken,
    AmendmentUnknown,
    CharterChangedMeanwhile,
    CharterIsTheCommunitys,
    CharterNeedsTrust,
    CharterSectionTaken,
    CharterSectionUnknown,
    CharterUnchanged,
)
from comptoir.square.community.errors import VotedAlready

#: From which level of trust on members propose, and vote.
PROPOSING_LEVEL: Final = 2
VOTING_LEVEL: Final = 1
#: So many of the votes have to be for it: two thirds.
MAJORITY: Final = (2, 3)

Wordings = Mapping[str, Mapping[str, str]]


class Amendment:
    """What everything that speaks of a proposal knows of it, so that its dates and its outcome are computed once."""

    __slots__ = ()

    base: int
    state: str
    proposed_at: dt.datetime
    days: int
    veto_days: int
    quorum: int

    @property
    def votes_until(self) -> dt.datetime:
        """Return until when members vote."""
        return self.proposed_at + dt.timedelta(days=self.days)

    @property
    def veto_until(self) -> dt.datetime:
        """Return until when the shop can say no."""
        return self.votes_until + dt.timedelta(days=self.veto_days)


class Proposal(Amendment, msgspec.Struct, frozen=True):
    """A proposal as far as a decision needs it. ``state``: open, adopted, rejected, vetoed, or gone with its author."""

    id: Id
    section: str
    base: int
    persona: Id
    state: str
    proposed_at: dt.datetime
    days: int
    veto_days: int
    quorum: int


def has_passed(up: int, down: int, *, quorum: int) -> str:
    """Return why votes are not enough (``quorum``, ``majority``), or nothing."""
    if up + down < quorum:
        return "quorum"
    return "" if up * MAJORITY[1] >= (up + down) * MAJORITY[0] else "majority"


def outcome(proposal: Amendment, *, up: int, down: int, version: int, now: dt.datetime) -> str | None:
    """Return what becomes of a proposal by now: ``adopted``, why it is rejected, or ``None`` while it waits.

    ``version`` is that of its section now.
    """
    if proposal.state != "open" or now < proposal.votes_until:
        return None
    why = has_passed(up, down, quorum=proposal.quorum) or ("changed" if version != proposal.base else "")
    if why:
        return why
    return "adopted" if now >= proposal.veto_until else None


def judge_publishing(*, version: int, is_begun: bool) -> Problem | None:
    """Return why the shop cannot write a section, or ``None``. ``is_begun``: members have proposed something."""
    if version:
        return CharterSectionTaken(field="data.section")
    return CharterIsTheCommunitys(field="data.section") if is_begun else None


def judge_proposing(
    data: Any, *, is_taken: bool, level: int, version: int, current: Wordings, proposed: Wordings, has_open: bool
) -> Problem | None:
    """Return why somebody cannot propose this, or ``None``; ``current`` is what the section says now."""
    if is_taken:
        return AmendmentTaken("Make a new random id for every proposal.", field="data.proposal")
    if level < PROPOSING_LEVEL:
        return CharterNeedsTrust(field="data.persona")
    if data.base and not version:
        return CharterSectionUnknown(field="data.section")
    if data.base != version:
        return CharterChangedMeanwhile(f"It is at version {version}.", field="data.base")
    if all(current.get(language) == wording for language, wording in proposed.items()):
        return CharterUnchanged(field="data.section")
    return AmendmentOpen(field="data.persona") if has_open else None


def judge_vote(
    proposal: Proposal | None, *, level: int, voted: Collection[Id], persona: Id, at: dt.datetime
) -> Problem | None:
    """Return why somebody cannot vote, or ``None``; ``voted`` are the names of theirs whose vote stands."""
    if proposal is None or proposal.state == "gone":
        return AmendmentUnknown(field="data.proposal")
    if proposal.state != "open" or not proposal.proposed_at <= at < proposal.votes_until:
        return AmendmentOver(field="data.proposal")
    if level < VOTING_LEVEL:
        return CharterNeedsTrust(field="data.persona")
    return VotedAlready(field="data.proposal") if any(each != persona for each in voted) else None


def judge_veto(proposal: Proposal | None, *, at: dt.datetime) -> Problem | None:
    """Return why the shop cannot say no, or ``None``."""
    if proposal is None or proposal.state == "gone":
        return AmendmentUnknown(field="data.proposal")
    return AmendmentOver(field="data.proposal") if proposal.state != "open" or at >= proposal.veto_until else None


def judge_settling(proposal: Proposal | None, said: str, *, up: int, down: int, version: int, at: dt.datetime) -> bool:
    """Tell whether what the clock says of a proposal is so."""
    return proposal is not None and outcome(proposal, up=up, down=down, version=version, now=at) == said
