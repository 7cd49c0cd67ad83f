"""Tables of the log, its identities and the outbox. The log is partitioned by time through its position."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey
from django.db.models.functions import Now

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT, Access

#: Every room may append; only those from the counter inwards may read.
_LOG = Access.everyone("INSERT").and_for(COUNTER, "SELECT").and_for(OFFICE, "SELECT").and_for(VAULT, "SELECT")


class WrittenJsonField(models.TextField):  # type: ignore[type-arg]
    """A ``json`` column: kept exactly as it was written (``jsonb`` would reorder), read as a value."""

    def db_type(self, connection: object) -> str:  # noqa: ARG002 - Django's signature
        """Return the column's type."""
        return "json"


class Event(models.Model):
    """One event of the log. ``outcome`` holds the bytes that were answered, ``decision`` what they rest on."""

    access: ClassVar[Access] = _LOG

    position = models.UUIDField(primary_key=True)
    customer = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    source = models.TextField()
    id = models.TextField()
    type = models.TextField()
    touchpoint = models.TextField()
    status = models.TextField()
    data = WrittenJsonField()
    outcome = models.TextField()
    decision = WrittenJsonField(null=True)

    def __str__(self) -> str:
        """Return type and identity."""
        return f"{self.type} {self.source} {self.id}"


class Identity(models.Model):
    """Who has sent which id: one row for each event, apart from the log, since a log cut by time can't be unique."""

    access: ClassVar[Access] = _LOG

    pk = CompositePrimaryKey("source", "id")
    source = models.TextField(db_collation="C")
    id = models.TextField(db_collation="C")
    position = models.UUIDField()
    fingerprint = models.BinaryField()

    def __str__(self) -> str:
        """Return the identity."""
        return f"{self.source} {self.id}"


class Outbox(models.Model):
    """One row for each committed batch: the positions that other systems have yet to hear of, in order."""

    access: ClassVar[Access] = _LOG.and_for(COUNTER, "DELETE")

    id = models.BigAutoField(primary_key=True)
    transaction = models.BigIntegerField()
    positions = ArrayField(models.UUIDField())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Read in the order of transactions."""

        indexes = (models.Index(fields=["transaction", "id"], name="outbox_in_order"),)

    def __str__(self) -> str:
        """Return the row's number."""
        return str(self.pk)


class Relay(models.Model):
    """How far a destination has got: everything up to this transaction and row was delivered."""

    access: ClassVar[Access] = Access.at_home(COUNTER)

    destination = models.TextField(primary_key=True)
    transaction = models.BigIntegerField()
    outbox = models.BigIntegerField()
    delivered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.TextField(default="")

    def __str__(self) -> str:
        """Return the destination's name."""
        return self.destination
