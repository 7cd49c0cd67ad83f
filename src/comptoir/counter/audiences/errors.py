"""Refusals of the lake, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class EngineMissing(Problem):
    """The engine is not installed."""

    name = "engine_missing"


class LakeEmpty(Problem):
    """There is nothing in the lake yet."""

    name = "lake_empty"


class LakePlaceTaken(Problem):
    """Something else lies where the lake is to be."""

    name = "lake_place_taken"
    status = 409
