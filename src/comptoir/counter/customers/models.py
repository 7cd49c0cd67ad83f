"""Tables of customers: opaque ids and links between them, nothing that leads to a name."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Customer(models.Model):
    """An opaque id, and the kind of identifier it was derived from."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "kind": "pseudonym",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the person is forgotten"),
    )

    customer = models.UUIDField(primary_key=True)
    kind = models.TextField()

    def __str__(self) -> str:
        """Return the opaque id."""
        return str(self.customer)


class Link(models.Model):
    """The last words on whether two customers (``low`` < ``high``) are one person."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "low": "pseudonym",
            "high": "pseudonym",
            "linked_at": "time",
            "linked_source": "place",
            "linked_id": "mechanical",
            "linked_evidence": "reason",
            "unlinked_at": "time",
            "unlinked_source": "place",
            "unlinked_id": "mechanical",
            "unlinked_evidence": "reason",
        },
        subject="low",
        also=("high",),
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the person is forgotten"),
    )

    pk = CompositePrimaryKey("low", "high")
    low = models.UUIDField()
    high = models.UUIDField(db_index=True)
    linked_at = models.DateTimeField(null=True)
    linked_source = models.TextField(null=True)
    linked_id = models.TextField(null=True)
    linked_evidence = models.TextField(null=True)
    unlinked_at = models.DateTimeField(null=True)
    unlinked_source = models.TextField(null=True)
    unlinked_id = models.TextField(null=True)
    unlinked_evidence = models.TextField(null=True)

    class Meta:
        """A link has two ends, in order."""

        constraints = (models.CheckConstraint(condition=models.Q(low__lt=models.F("high")), name="link_ordered"),)

    def __str__(self) -> str:
        """Return both ends."""
        return f"{self.low} - {self.high}"


class Membership(models.Model):
    """Which person a linked customer belongs to. A customer without a row is a person alone."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "person": "pseudonym",
        },
        subject="customer",
        also=("person",),
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the person is forgotten"),
    )

    customer = models.UUIDField(primary_key=True)
    person = models.UUIDField(db_index=True)

    def __str__(self) -> str:
        """Return customer and person."""
        return f"{self.customer} in {self.person}"


class Choice(models.Model):
    """What a customer last said on one matter: how close they come, their terms, their consents."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "matter": "consent",
            "value": "consent",
            "said_at": "time",
            "said_source": "place",
            "said_id": "mechanical",
            "record": "consent",
            "ends_at": "time",
            "quiet_days": "consent",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the person is forgotten"),
    )

    pk = CompositePrimaryKey("customer", "matter")
    customer = models.UUIDField()
    matter = models.TextField()
    value = models.TextField()
    said_at = models.DateTimeField()
    said_source = models.TextField()
    said_id = models.TextField()
    record = models.TextField(default="")
    ends_at = models.DateTimeField(null=True)
    quiet_days = models.IntegerField(null=True)

    class Meta:
        """Consents are found when they are over."""

        indexes = (models.Index(fields=["ends_at"], name="choice_over", condition=models.Q(value="given")),)

    def __str__(self) -> str:
        """Return the customer and the matter."""
        return f"{self.customer}: {self.matter}"


class Forgotten(models.Model):
    """A mark of a customer who was forgotten: it tells one who comes again, and nothing to whoever only looks at it."""

    access: ClassVar[Access] = Access.only(COUNTER, "SELECT", "INSERT")

    personal: ClassVar[Personal] = Personal(
        columns={"mark": "pseudonym"},
        subject="mark",
        whose=Whose.CUSTOMER,
        exported=Export.WITHHELD,
        erased=Erasure.KEPT,
        kept=Kept("the shop closes"),
        because="a keyed hash remembers only that somebody was forgotten, so that nothing of theirs is taken in again",
    )

    mark = models.BinaryField(primary_key=True)

    def __str__(self) -> str:
        """Return the mark."""
        return bytes(self.mark).hex()


class Permission(models.Model):
    """On which channels one purpose is allowed for a customer, where that is not what it is for everybody.

    Asked by the function ``customers_permits(customer, purpose, channel)``.
    """

    personal: ClassVar[Personal] = Personal(
        columns={"customer": "pseudonym", "purpose": "consent", "channels": "consent"},
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the person is forgotten"),
    )

    pk = CompositePrimaryKey("customer", "purpose")
    customer = models.UUIDField()
    purpose = models.TextField()
    channels = ArrayField(models.TextField())

    def __str__(self) -> str:
        """Return the customer and the purpose."""
        return f"{self.customer}: {self.purpose}"


class PersonaHolder(models.Model):
    """Who is behind a public name: for the counter and further in only. What was given up is never given again."""

    personal: ClassVar[Personal] = Personal(
        columns={"persona": "persona", "customer": "pseudonym", "skeleton": "persona", "is_given_up": "activity"},
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the person is forgotten"),
    )

    persona = models.UUIDField(primary_key=True)
    customer = models.UUIDField(db_index=True)
    skeleton = models.TextField(unique=True)
    is_given_up = models.BooleanField()

    def __str__(self) -> str:
        """Return the persona's id."""
        return str(self.persona)
