"""Tables of sales and returns. A sale's lines stand in the log; a return's in its row, since it is read with others."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Sale(models.Model):
    """A booked sale; its lines are those of the event at its position."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "source": "place",
            "receipt": "sale",
            "position": "mechanical",
            "customer": "pseudonym",
            "occurred_at": "time",
            "store": "place",
            "currency": "sale",
            "total_minor": "sale",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="sales",
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

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


class SaleByLink(models.Model):
    """That a sale named a short link. Most sales name none."""

    personal: ClassVar[Personal] = Personal(
        columns={"source": "place", "receipt": "sale", "short_link": "sale"},
        subject="receipt",
        beside="source",
        whose=Whose.RECEIPT,
        exported=Export.TOLD,
        section="sales",
        erased=Erasure.KEPT,
        kept=Kept("the shop gives up its books"),
        because="It names a sale; once that is severed, it leads to nobody.",
    )

    pk = CompositePrimaryKey("source", "receipt")
    source = models.TextField(db_collation="C")
    receipt = models.TextField(db_collation="C")
    short_link = models.TextField(db_collation="C")

    class Meta:
        """What a short link sold is looked up by it."""

        indexes = (models.Index(fields=["short_link"], name="sale_by_link"),)

    def __str__(self) -> str:
        """Return the receipt number."""
        return self.receipt


class Return(models.Model):
    """A booked return; ``lines`` is a list of {line, quantity, amount} in minor units."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "source": "place",
            "receipt": "sale",
            "position": "mechanical",
            "sale_source": "place",
            "sale_receipt": "sale",
            "occurred_at": "time",
            "store": "place",
            "currency": "sale",
            "total_minor": "sale",
            "lines": "sale",
            "status": "mechanical",
            "goods": "sale",
            "refund": "sale",
        },
        subject="sale_receipt",
        beside="sale_source",
        whose=Whose.RECEIPT,
        exported=Export.TOLD,
        section="sales",
        erased=Erasure.KEPT,
        kept=Kept("the shop gives up its books"),
        because="It names a sale; once that is severed, it leads to nobody.",
    )

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
    goods = models.TextField(db_default="on_shelf")
    refund = models.TextField(null=True)

    class Meta:
        """Returns are found by their sale."""

        indexes = (
            models.Index(fields=["sale_source", "sale_receipt"], name="return_of_sale"),
            models.Index(fields=["position"], name="return_waiting", condition=models.Q(status="waiting")),
            models.Index(fields=["position"], name="return_as_paid", condition=models.Q(refund="as_paid")),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status__in=["waiting", "applied", "excessive"]), name="return_status"
            ),
        )

    def __str__(self) -> str:
        """Return the receipt number."""
        return self.receipt
