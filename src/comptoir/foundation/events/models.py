"""Tables of the log, its identities and the outbox. The log is partitioned by time through its position."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey
from django.db.models.functions import Now

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT, Access
from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose

#: Every room may append; only those from the counter inwards may read.
_LOG = Access.everyone("INSERT").and_for(COUNTER, "SELECT").and_for(OFFICE, "SELECT").and_for(VAULT, "SELECT")


class WrittenJsonField(models.TextField):  # type: ignore[type-arg]
    """A ``json`` column: kept exactly as it was written (``jsonb`` would reorder), read as a value."""

    def db_type(self, connection: object) -> str:  # noqa: ARG002 - Django's signature
        """Return the column's type."""
        return "json"


class Event(models.Model):
    """One event of the log. ``outcome`` holds the bytes that were answered, ``decision`` what they rest on."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "position": "mechanical",
            "customer": "pseudonym",
            "occurred_at": "time",
            "received_at": "time",
            "source": "place",
            "id": "mechanical",
            "type": "activity",
            "touchpoint": "place",
            "status": "mechanical",
            "data": "declared",
            "outcome": "points",
            "decision": "points",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="events",
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

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

    personal: ClassVar[Personal] = Personal(
        columns={
            "source": "place",
            "id": "mechanical",
            "position": "mechanical",
            "fingerprint": "mechanical",
        },
        subject="position",
        whose=Whose.EVENT,
        exported=Export.WITHHELD,
        erased=Erasure.KEPT,
        kept=Kept("the event itself goes"),
        because="It recognises an event that is sent twice; whose the event is, only the event says.",
    )

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

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "transaction": "mechanical",
            "positions": "mechanical",
            "created_at": "time",
        },
        subject="positions",
        whose=Whose.EVENT,
        exported=Export.WITHHELD,
        erased=Erasure.KEPT,
        kept=Kept("every destination has passed it; an hour where there is none"),
        because="A queue of positions, empty within seconds; whose an event is, only the event says.",
    )

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

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    access: ClassVar[Access] = Access.at_home(COUNTER)

    destination = models.TextField(primary_key=True)
    transaction = models.BigIntegerField()
    outbox = models.BigIntegerField()
    delivered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    failure = models.TextField(default="")
    #: How many events it did not hear of, since the customer does not allow its purpose.
    held_back = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        """Return the destination's name."""
        return self.destination


class Audit(models.Model):
    """One entry of the audit chain: its JSON as it was hashed, and the hash that chains it to the one before.

    ``subject`` stands in the content too; here it is for the index. Every room appends by ``events_append_audit``.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "number": "mechanical",
            "subject": "pseudonym",
            "content": "reason",
            "hash": "mechanical",
        },
        subject="subject",
        whose=Whose.USER,
        exported=Export.TOLD,
        section="accesses",
        erased=Erasure.KEPT,
        kept=Kept("the shop is closed: a chain has no end that could be cut off"),
        because="It proves what was done, by the vault's random id, to which nothing leads back after forgetting.",
    )

    access: ClassVar[Access] = Access.only(VAULT, "SELECT").and_for(OFFICE, "SELECT")

    number = models.BigIntegerField(primary_key=True)
    subject = models.UUIDField(null=True)
    content = models.TextField()
    hash = models.BinaryField()

    class Meta:
        """Read by whom it concerns."""

        indexes = (models.Index(fields=["subject", "number"], name="audit_by_subject"),)

    def __str__(self) -> str:
        """Return the entry's number."""
        return str(self.number)


class Checkpoint(models.Model):
    """A signed root of the audit chain's first ``size`` entries. The same note stands in a file outside.

    ``edge`` is the right edge of the tree at that size, from which the next checkpoint goes on.
    """

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    access: ClassVar[Access] = Access.only(OFFICE, "SELECT", "INSERT").and_for(VAULT, "SELECT")

    size = models.BigIntegerField(primary_key=True)
    note = models.TextField()
    edge = models.BinaryField()
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return how many entries it covers."""
        return str(self.size)
