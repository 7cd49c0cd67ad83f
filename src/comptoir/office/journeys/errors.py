"""Refusals of journeys, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class JourneyInvalid(Problem):
    """This is no journey that could be switched on."""

    name = "journey_invalid"


class JourneyUnknown(Problem):
    """No journey has this id."""

    name = "journey_unknown"
    status = 404


class JourneyChanged(Problem):
    """Somebody else has changed this journey meanwhile."""

    name = "journey_changed"
    status = 409


class JourneyKilled(Problem):
    """This journey was killed."""

    name = "journey_killed"
    status = 409
