"""Refusals of the charter."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class CharterSectionTaken(Problem):
    """There is a section of this name already; it changes by an amendment."""

    name = "charter_section_taken"
    status = 409


class CharterIsTheCommunitys(Problem):
    """Members have begun to amend the charter: new sections are proposed and voted on like changes."""

    name = "charter_is_the_communitys"
    status = 409


class CharterSectionUnknown(Problem):
    """The charter has no such section."""

    name = "charter_section_unknown"
    status = 404


class CharterChangedMeanwhile(Problem):
    """This section was changed meanwhile; begin with the text that holds now."""

    name = "charter_changed_meanwhile"
    status = 409


class CharterUnchanged(Problem):
    """This says what the section says already, or nothing in any language."""

    name = "charter_unchanged"


class CharterNeedsTrust(Problem):
    """Members propose from level 2 on, and vote from level 1 on."""

    name = "charter_needs_trust"
    status = 403


class AmendmentTaken(Problem):
    """There is a proposal with this id already."""

    name = "amendment_taken"
    status = 409


class AmendmentOpen(Problem):
    """You have another proposal that is still being voted on."""

    name = "amendment_open"
    status = 409


class AmendmentOver(Problem):
    """The time for this is over."""

    name = "amendment_over"
    status = 409


class AmendmentNotDue(Problem):
    """It is too early to say what becomes of this, or somebody has said it already."""

    name = "amendment_not_due"
    status = 409


class AmendmentUnknown(Problem):
    """There is no such proposal, or it is gone with its author."""

    name = "amendment_unknown"
    status = 404
