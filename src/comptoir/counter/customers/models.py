"""Tables of customers: opaque ids and links between them, nothing that leads to a name."""

from __future__ import annotations

from django.db import models
from django.db.models import CompositePrimaryKey


class Customer(models.Model):
    """An opaque id, and the kind of identifier it was derived from."""

    customer = models.UUIDField(primary_key=True)
    kind = models.TextField()

    def __str__(self) -> str:
        """Return the opaque id."""
        return str(self.customer)


class Link(models.Model):
    """The last words on whether two customers (``low`` < ``high``) are one person."""

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

    customer = models.UUIDField(primary_key=True)
    person = models.UUIDField(db_index=True)

    def __str__(self) -> str:
        """Return customer and person."""
        return f"{self.customer} in {self.person}"
