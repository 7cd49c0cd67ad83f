"""Refusals of the square's stewardship."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class FilterUnreadable(Problem):
    """This is no filter and no set of labelled texts."""

    name = "filter_unreadable"


class FlagOfOneself(Problem):
    """Nobody flags what they have written themselves; take it back instead."""

    name = "flag_of_oneself"
    status = 409


class FlaggedAlready(Problem):
    """This person has flagged it already, under this name or another."""

    name = "flagged_already"
    status = 409


class FlaggingTooFast(Problem):
    """That were many flags in one day. Somebody looks at them first."""

    name = "flagging_too_fast"
    status = 429


class NoticesEnough(Problem):
    """Several notices about this post wait for a decision already; one more would not make it faster."""

    name = "notices_enough"
    status = 429


class NoticeTaken(Problem):
    """There is a notice with this id or this receipt already."""

    name = "notice_taken"
    status = 409


class DecisionTaken(Problem):
    """There is a decision with this id already."""

    name = "decision_taken"
    status = 409


class DecisionUnknown(Problem):
    """There is no such decision on this post."""

    name = "decision_unknown"
    status = 404


class DecisionUnreasoned(Problem):
    """What goes against a post says which rule or which law it rests on."""

    name = "decision_unreasoned"


class DecisionMisaddressed(Problem):
    """A decision is told to the author of the post, and to nobody else."""

    name = "decision_misaddressed"


class AppealedAlready(Problem):
    """This decision was objected to already, or was itself the answer to that."""

    name = "appealed_already"
    status = 409


class AppealTooLate(Problem):
    """A decision can be objected to for six months."""

    name = "appeal_too_late"
    status = 410


class AppealUnknown(Problem):
    """Nobody waits for an answer to this appeal."""

    name = "appeal_unknown"
    status = 404


class AppealNeedsSomebodyElse(Problem):
    """Whoever has decided does not answer the appeal against it."""

    name = "appeal_needs_somebody_else"
    status = 403
