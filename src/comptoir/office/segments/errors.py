"""Refusals of segments, by name. Each of an expression says where in it: ``position`` counts characters from 1."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from comptoir.foundation.kernel.problem import Problem

#: What refusals of an expression say, by their code; the doors say it in other languages.
DETAILS: Final[Mapping[str, str]] = {
    "brackets": "A fact is asked with brackets: {name}(...).",
    "by_money": "A number cannot be divided by money.",
    "comment": "It has a comment; there are none in expressions.",
    "days": "days is a whole number from 1 to {limit}.",
    "digits": "A number has at most 12 digits, and 6 behind the point.",
    "empty": "There is nothing in it.",
    "inner_circle": "It would rest on itself: {chain}.",
    "inner_deep": "Segments rest on each other more than {limit} deep.",
    "inner_many": "With the segments that it rests on it asks for more than {limit} facts.",
    "inner_unknown": "There is no segment {name}.",
    "inner_unreadable": "The segment {name} cannot be read any more.",
    "kinds_added": "Money and a number do not add up.",
    "kinds_compared": "Money and a number are not compared with each other.",
    "literal_wanted": "Here a number or a text in quotes has to stand.",
    "money_times": "Money times money is nothing.",
    "needs": "{name} needs {parameter}.",
    "no_fact": "There is no fact {name}.",
    "no_part": "This is no part of an expression.",
    "no_part_word": "{word} is no part of an expression.",
    "not_like_this": "It does not go on like this.",
    "number_alone": "{name} is a number; compare it with one.",
    "number_wanted": "Here a number has to stand.",
    "quote_open": "A text in quotes does not end.",
    "segment_wanted": "Here the name of one segment has to stand, in quotes.",
    "takes_no": "{name} takes {known}, and no {word}.",
    "takes_no_more": "{name} takes {known}, and no more.",
    "text": "A text has 1 to {limit} characters.",
    "text_no_number": "A text is no number.",
    "too_deep": "It nests more than {limit} deep.",
    "too_large": "It reckons with numbers that are too large.",
    "too_many_characters": "It has more than {limit} characters.",
    "too_many_words": "It has more than {limit} words and signs.",
    "truth_no_number": "{name} is true or false, and no number.",
    "truth_wanted": "Here something has to be true or false.",
    "twice": "{name} is given twice.",
    "unreadable": "It cannot be read.",
    "zero": "Nothing can be divided by zero.",
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
