"""Refusals that concern an event as such, whatever it says."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class IdReused(Problem):
    """This id was used before, with other content."""

    name = "id_reused"
    status = 409
