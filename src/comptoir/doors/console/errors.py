"""Refusals of the console, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class GatewayAway(Problem):
    """The gateway does not answer."""

    name = "gateway_away"
    status = 503


class ConsoleNotInMap(Problem):
    """The map has no touchpoint for the staff that sends points.adjust."""

    name = "console_not_in_map"
    status = 409


class ConsoleWithoutKey(Problem):
    """The console has no key for the gateway."""

    name = "console_without_key"
    status = 409
