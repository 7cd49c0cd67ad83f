"""Refusals that concern answers and till codes."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class AnswerLastsTooLong(Problem):
    """An answer is remembered for a year at most, and not until before it was given."""

    name = "answer_lasts_too_long"


class AnswerCodeInvalid(Problem):
    """This is not a code that this shop has made."""

    name = "answer_code_invalid"


class AnswerCodeOver(Problem):
    """This code was good for two minutes, and they are over."""

    name = "answer_code_over"
    status = 410


class AnswerCodeUsed(Problem):
    """This code was shown before: each is good for one use."""

    name = "answer_code_used"
    status = 409


class AnswerCodeTooYoung(Problem):
    """This code answers for a lower age than was asked."""

    name = "answer_code_too_young"


class ThresholdsInvalid(Problem):
    """The shop's list of thresholds cannot be used."""

    name = "thresholds_invalid"
