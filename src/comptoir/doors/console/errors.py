"""Refusals of the console, by name."""

from __future__ import annotations

from comptoir.foundation.touchpoints.errors import HouseNotInMap, HouseWithoutKey


class ConsoleNotInMap(HouseNotInMap):
    """The map has no touchpoint for the staff that sends points.adjust."""

    name = "console_not_in_map"
    status = 409


class ConsoleWithoutKey(HouseWithoutKey):
    """The console has no key for the gateway."""

    name = "console_without_key"
    status = 409
