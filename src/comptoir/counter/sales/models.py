"""Tables of sales and returns. A sale's lines stand in the log; a return's in its row, since it is read with others."""

from __future__ import annotations

from django.db import models
from django.db.models import CompositePrimaryKey


class Sale(models.Model):
    """A booked sale; its lines are those of the event at its position."""

    pk = CompositePrimaryKey("source", "receipt")
    source = models.TextField(db_collation="C")
    receipt = models.TextField(db_collation="C")
    position = models.UUIDField()
    customer = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()
    store = models.TextField(null=True)
    currency = models.TextField()
    total_minor = models.BigIntegerField()

    def __str__(self) -> str:
        """Return the receipt number."""
        return self.receipt


class Return(models.Model):
    """A booked return; ``lines`` is a list of {line, quantity, amount} in minor units."""

    pk = CompositePrimaryKey("source", "receipt")
    source = models.TextField(db_collation="C")
    receipt = models.TextField(db_collation="C")
    position = models.UUIDField()
    sale_source = models.TextField(db_collation="C")
    sale_receipt = models.TextField(db_collation="C")
    occurred_at = models.DateTimeField()
    store = models.TextField(null=True)
    currency = models.TextField()
    total_minor = models.BigIntegerField()
    lines = models.JSONField()
    status = models.TextField()

    class Meta:
        """Returns are found by their sale."""

        indexes = (
            models.Index(fields=["sale_source", "sale_receipt"], name="return_of_sale"),
            models.Index(fields=["position"], name="return_waiting", condition=models.Q(status="waiting")),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["waiting", "applied", "excessive"]), name="return_status"
            ),
        )

    def __str__(self) -> str:
        """Return the receipt number."""
        return self.receipt
