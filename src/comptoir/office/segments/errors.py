"""Refusals of segments, by name. Each of an expression says where in it: ``position`` counts characters from 1."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from comptoir.foundation.kernel.problem import Problem


def _(text: str) -> str:
    """Mark a text for the catalogues; no Django here."""
    return text


#: What refusals of an expression say, by their code; marked for translation, since the doors say it in other languages.
DETAILS: Final[Mapping[str, str]] = {
    "brackets": _("A fact is asked with brackets: {name}(...)."),
    "by_money": _("A number cannot be divided by money."),
    "comment": _("It has a comment; there are none in expressions."),
    "days": _("days is a whole number from 1 to {limit}."),
    "digits": _("A number has at most 12 digits, and 6 behind the point."),
    "empty": _("There is nothing in it."),
    "inner_circle": _("It would rest on itself: {chain}."),
    "inner_deep": _("Segments rest on each other more than {limit} deep."),
    "inner_many": _("With the segments that it rests on it asks for more than {limit} facts."),
    "inner_unknown": _("There is no segment {name}."),
    "inner_unreadable": _("The segment {name} cannot be read any more."),
    "kinds_added": _("Money and a number do not add up."),
    "kinds_compared": _("Money and a number are not compared with each other."),
    "literal_wanted": _("Here a number or a text in quotes has to stand."),
    "money_times": _("Money times money is nothing."),
    "needs": _("{name} needs {parameter}."),
    "no_fact": _("There is no fact {name}."),
    "no_part": _("This is no part of an expression."),
    "no_part_word": _("{word} is no part of an expression."),
    "not_like_this": _("It does not go on like this."),
    "number_alone": _("{name} is a number; compare it with one."),
    "number_wanted": _("Here a number has to stand."),
    "quote_open": _("A text in quotes does not end."),
    "segment_wanted": _("Here the name of one segment has to stand, in quotes."),
    "takes_no": _("{name} takes {known}, and no {word}."),
    "takes_no_more": _("{name} takes {known}, and no more."),
    "text": _("A text has 1 to {limit} characters."),
    "text_no_number": _("A text is no number."),
    "too_deep": _("It nests more than {limit} deep."),
    "too_large": _("It reckons with numbers that are too large."),
    "too_many_characters": _("It has more than {limit} characters."),
    "too_many_words": _("It has more than {limit} words and signs."),
    "truth_no_number": _("{name} is true or false, and no number."),
    "truth_wanted": _("Here something has to be true or false."),
    "twice": _("{name} is given twice."),
    "unreadable": _("It cannot be read."),
    "zero": _("Nothing can be divided by zero."),
}


class ExpressionRefused(Problem):
    """The expression cannot be used."""

    name: ClassVar[str] = "expression_refused"

    def __init__(
        self, code: str, *, position: int, length: int = 1, nearest: str | None = None,
        values: Mapping[str, str] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """Say what is wrong, where (from 1 on), over how many characters, and what was perhaps meant.

        ``code`` is one of :data:`DETAILS`, ``values`` are what stands in its brackets.
        """
        extra = {"position": position, "length": length} | ({} if nearest is None else {"nearest": nearest})
        meant = "" if nearest is None else f" Is {nearest} meant?"
        super().__init__(DETAILS[code].format_map(values) + meant, field="expression", **extra)
        self.code = code
        self.values = values
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


class InnerSegmentUnknown(ExpressionRefused):
    """The expression rests on a segment that there is not."""

    name = "inner_segment_unknown"


class SegmentsInCircle(ExpressionRefused):
    """The expression would rest on itself."""

    name = "segments_in_circle"


class SegmentInUse(Problem):
    """Other segments rest on this one."""

    name = "segment_in_use"
    status = 409


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
