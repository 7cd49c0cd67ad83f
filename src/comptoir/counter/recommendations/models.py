"""Tables of recommendations: what somebody hid, and what chance has drawn for them. Nothing of what would suit them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Hidden(models.Model):
    """That a customer does not want a product recommended, or does again: what was said last holds."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "product": "activity", "hidden": "activity", "said_at": "time",
            "position": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the customer is forgotten: then it is a fact about nobody"),
    )  # fmt: skip

    pk = CompositePrimaryKey("customer", "product")
    customer = models.UUIDField()
    product = models.TextField(db_collation="C")
    hidden = models.BooleanField()
    said_at = models.DateTimeField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return the product."""
        return self.product


class Drawn(models.Model):
    """What chance has drawn for a customer: recommendations of their own, or what everybody sees. The first holds."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "arm": "activity", "share": "mechanical", "drawn_at": "time",
            "position": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the customer is forgotten: then it is a fact about nobody"),
    )  # fmt: skip

    customer = models.UUIDField(primary_key=True)
    arm = models.TextField()
    share = models.IntegerField()
    drawn_at = models.DateTimeField()
    position = models.UUIDField()

    class Meta:
        """There are two arms."""

        constraints = (models.CheckConstraint(condition=models.Q(arm__in=["shown", "holdout"]), name="drawn_arm"),)

    def __str__(self) -> str:
        """Return the arm."""
        return self.arm
