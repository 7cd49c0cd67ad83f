"""The one table of letters: up to which event the last round of each rhythm told. It knows nobody."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.declaration import COUNTER, Access
from comptoir.foundation.rooms.personal import NothingPersonal


class Round(models.Model):
    """The last round of a rhythm, the same for everybody in it."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("That letters were due, and nothing of whose.")
    access: ClassVar[Access] = Access.only(COUNTER)

    rhythm = models.TextField(primary_key=True)
    until = models.UUIDField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the rhythm."""
        return self.rhythm
