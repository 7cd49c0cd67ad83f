"""Refusals of segments, by name. Each of an expression says where in it: ``position`` counts characters from 1."""

from __future__ import annotations

from typing import ClassVar

from comptoir.foundation.kernel.problem import Problem


class ExpressionRefused(Problem):
    """The expression cannot be used."""

    name: ClassVar[str] = "expression_refused"

    def __init__(self, detail: str, *, position: int, length: int = 1, nearest: str | None = None) -> None:
        """Say what is wrong, where (from 1 on), over how many characters, and what was perhaps meant."""
        extra = {"position": position, "length": length} | ({} if nearest is None else {"nearest": nearest})
        super().__init__(detail, field="expression", **extra)
        self.position = position
        self.length = length
        self.nearest = nearest


class ExpressionUnreadable(ExpressionRefused):
    """The expression cannot be read."""

    name = "expression_unreadable"


class FactUnknown(ExpressionRefused):
    """There is no such fact."""

    name = "fact_unknown"


class ArgumentRefused(ExpressionRefused):
    """A fact is asked in a way that it does not understand."""

    name = "argument_refused"


class KindsDiffer(ExpressionRefused):
    """Things of different kinds are put together."""

    name = "kinds_differ"


class ExpressionTooLarge(ExpressionRefused):
    """The expression is too long, too deep, or reckons with numbers that are too large."""

    name = "expression_too_large"


class DividesByZero(ExpressionRefused):
    """The expression divides by zero."""

    name = "divides_by_zero"


class SegmentUnknown(Problem):
    """There is no such segment."""

    name = "segment_unknown"
    status = 404


class SegmentNameTaken(Problem):
    """Another segment has this name."""

    name = "segment_name_taken"
    status = 409


class SegmentNameRefused(Problem):
    """A segment's name has 1 to 80 characters and no line breaks."""

    name = "segment_name_refused"
