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


class AuditEntryInvalid(Problem):
    """An entry of the audit chain says something that cannot stand there."""

    name = "audit_entry_invalid"


class Apart(Exception):  # noqa: N818 - a state of a batch that its recorder deals with, not a failure
    """An event of the batch has to have a transaction of its own; ``index`` is its place among the arrivals."""

    def __init__(self, index: int) -> None:
        """Say which."""
        super().__init__(index)
        self.index = index


class Outdated(Exception):  # noqa: N818 - as above
    """What was read before the locks has changed meanwhile: the batch has to be decided again."""
