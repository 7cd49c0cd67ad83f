"""Which usernames rest in weeks that chance draws, since when and for how long. Rows are added and never changed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.declaration import OFFICE, Access
from comptoir.foundation.rooms.personal import NothingPersonal


class PlanStep(models.Model):
    """That a username's plan of so many ``pairs`` of weeks begins on the Monday ``week``, or is given up (no pairs)."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("When the shop's own accounts post.")
    access: ClassVar[Access] = Access.only(OFFICE, "SELECT", "INSERT")

    id = models.BigAutoField(primary_key=True)
    network = models.TextField()
    username = models.TextField()
    week = models.DateField()
    pairs = models.IntegerField()
    said_at = models.DateTimeField()
    said_by = models.TextField()

    class Meta:
        """The last word on a username holds."""

        indexes = (models.Index(fields=["network", "username", "id"], name="plan_step_of_username"),)

    def __str__(self) -> str:
        """Return the username and the week."""
        return f"{self.username} {self.week}"
