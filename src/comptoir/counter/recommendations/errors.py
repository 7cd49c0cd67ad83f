"""Refusals that concern recommendations."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class HiddenFull(Problem):
    """So many recommendations are hidden that no more can be."""

    name = "hidden_full"
