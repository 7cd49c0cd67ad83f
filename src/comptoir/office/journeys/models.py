"""What staff have said of journeys: versions, and whether they are on. Rows are added and never changed.

Nobody is named here: who is on a journey stands at the counter (``counter/trips``).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import OFFICE, Access
from comptoir.foundation.rooms.personal import NothingPersonal

_WRITTEN: NothingPersonal = NothingPersonal("What staff plan and do; of customers, nothing.")
_APPENDED: Access = Access.only(OFFICE, "SELECT", "INSERT")


class JourneyVersion(models.Model):
    """A version of a journey, from 1 on: ``definition`` is a ``contracts.Version``."""

    personal: ClassVar[NothingPersonal] = _WRITTEN
    access: ClassVar[Access] = _APPENDED

    pk = CompositePrimaryKey("journey", "number")
    journey = models.UUIDField()
    number = models.IntegerField()
    definition = models.JSONField()
    written_at = models.DateTimeField()
    written_by = models.TextField()

    def __str__(self) -> str:
        """Return the journey and the version."""
        return f"{self.journey} {self.number}"


class Switched(models.Model):
    """That a journey was switched: ``on`` with a version, ``off``, or ``killed`` for good. The latest word holds."""

    personal: ClassVar[NothingPersonal] = _WRITTEN
    access: ClassVar[Access] = _APPENDED

    number = models.BigAutoField(primary_key=True)
    journey = models.UUIDField(db_index=True)
    how = models.TextField()
    version = models.IntegerField()
    reason = models.TextField(default="")
    at = models.DateTimeField()
    by = models.TextField()

    class Meta:
        """There are three ways to be switched."""

        constraints = (
            models.CheckConstraint(condition=models.Q(how__in=["on", "off", "killed"]), name="journey_switched_how"),
        )

    def __str__(self) -> str:
        """Return the journey and how."""
        return f"{self.journey} {self.how}"


class Heard(models.Model):
    """Up to which place in the log a journey has heard what begins it."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("A place in the log up to which everything was heard.")
    access: ClassVar[Access] = Access.only(OFFICE)

    journey = models.UUIDField(primary_key=True)
    until = models.UUIDField()

    def __str__(self) -> str:
        """Return the journey."""
        return str(self.journey)
