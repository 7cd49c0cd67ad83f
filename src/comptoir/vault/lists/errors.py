"""Refusals that concern customer lists and what is proposed of them."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ListTooLarge(Problem):
    """So many entries cannot be compared in the memory that this may use."""

    name = "list_too_large"


class ProposalUnknown(Problem):
    """There is no such proposal, or it is gone with one of its persons."""

    name = "proposal_unknown"
    status = 404


class ReasonMissing(Problem):
    """Say why, in a few words and without names."""

    name = "reason_missing"


class AnswerNotPossible(Problem):
    """This cannot be said of the proposal now."""

    name = "answer_not_possible"
    status = 409


class ChoiceNotPossible(Problem):
    """What a list says cannot be chosen here: not surely theirs, or they have given it themselves."""

    name = "choice_not_possible"
    status = 409


class LinkNotMade(Problem):
    """The counter refused to link, or to part, the two customers."""

    name = "link_not_made"
    status = 409


class KindOfAnotherList(Problem):
    """This kind of identifier is an e-mail address in one list, which it belongs to alone."""

    name = "kind_of_another_list"
    status = 409
