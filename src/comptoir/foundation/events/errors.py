"""Refusals that concern an event as such, whatever it says, and destinations that cannot be served."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class IdReused(Problem):
    """This id was used before, with other content."""

    name = "id_reused"
    status = 409


class RelayInvalid(Problem):
    """A destination of the relay is declared wrongly."""

    name = "relay_invalid"
