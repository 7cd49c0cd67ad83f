"""Tables of the touchpoints: their keys, how fresh their links are, what they were refused, promises not kept."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, Access
from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, NothingPersonal


class Key(models.Model):
    """A touchpoint's key, as a hash. ``shown`` is its beginning, by which people tell keys apart."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    access: ClassVar[Access] = Access.only(COUNTER, "SELECT").and_for(OFFICE, "SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True)
    touchpoint = models.TextField()
    digest = models.BinaryField(unique=True)
    shown = models.TextField()
    note = models.TextField()
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return what people see of the key."""
        return self.shown


class Freshness(models.Model):
    """How long things took: counts by bucket of delay, for one arm, stage and minute (after two days: hour)."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    access: ClassVar[Access] = Access.at_home(COUNTER)

    pk = CompositePrimaryKey("touchpoint", "data", "stage", "minute")
    touchpoint = models.TextField(db_collation="C")
    data = models.TextField(db_collation="C")
    stage = models.SmallIntegerField()
    minute = models.DateTimeField(db_index=True)
    counts = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        """Return arm and minute."""
        return f"{self.touchpoint}:{self.data} {self.minute}"


class Refusal(models.Model):
    """How often a touchpoint was refused something for one reason, by the minute (after two days: hour)."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    access: ClassVar[Access] = Access.at_home(COUNTER)

    pk = CompositePrimaryKey("touchpoint", "reason", "minute")
    touchpoint = models.TextField(db_collation="C")
    reason = models.TextField(db_collation="C")
    minute = models.DateTimeField(db_index=True)
    count = models.BigIntegerField()

    def __str__(self) -> str:
        """Return touchpoint and reason."""
        return f"{self.touchpoint} {self.reason}"


class Breach(models.Model):
    """A promise that was not kept: since when, what was measured, what promised, when it ended and by what."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    access: ClassVar[Access] = Access.at_home(COUNTER).and_for(OFFICE, "UPDATE")

    id = models.UUIDField(primary_key=True)
    touchpoint = models.TextField()
    data = models.TextField()
    kind = models.TextField()
    since = models.DateTimeField()
    measured = models.FloatField()
    promised = models.FloatField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.TextField(default="")

    class Meta:
        """One arm has at most one open breach of a kind."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["touchpoint", "data", "kind"],
                condition=models.Q(closed_at__isnull=True),
                name="touchpoints_breach_open",
            )
        ]

    def __str__(self) -> str:
        """Return arm and kind."""
        return f"{self.touchpoint}:{self.data} {self.kind}"
