"""Refusals of a file of results, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ResultsUnreadable(Problem):
    """The file of results cannot be read."""

    name = "results_unreadable"


class ColumnMissing(Problem):
    """The file of results has no such column."""

    name = "column_missing"


class CellRefused(Problem):
    """A cell does not hold what its column is for."""

    name = "cell_refused"


class PersonRepeated(Problem):
    """A person stands in the file of results twice."""

    name = "person_repeated"


class ArmsIncomplete(Problem):
    """There is nothing to compare: a control group and another arm are needed, each with enough people."""

    name = "arms_incomplete"


class SharesInvalid(Problem):
    """The planned shares do not fit the arms."""

    name = "shares_invalid"


class NoSpread(Problem):
    """Nobody differs from the others in a column, so nothing says how much chance does."""

    name = "no_spread"
