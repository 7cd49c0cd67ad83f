"""The table of orders, derived from the log."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Order(models.Model):
    """An order as it stands (see ``rules.Order``)."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "number": "sale", "position": "mechanical", "customer": "pseudonym", "state": "sale",
            "by": "sale", "store": "place", "currency": "sale", "total": "sale", "lines": "sale",
            "pickup": "mechanical", "moments": "time", "basket": "mechanical", "hold": "mechanical", "receipt": "sale",
            "paid_by": "sale", "ended_where": "place", "because": "sale", "placed_at": "time",
            "delivery": "sale", "pay_until": "time", "taken": "sale",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the law asks a shop for what it sold; whose it was is forgotten with the customer"),
    )  # fmt: skip

    id = models.UUIDField(primary_key=True)
    number = models.TextField(unique=True)
    position = models.UUIDField()
    customer = models.UUIDField(null=True)
    state = models.TextField()
    by = models.TextField()
    store = models.TextField(null=True)
    currency = models.TextField()
    total = models.BigIntegerField()
    lines = models.JSONField()
    pickup = models.UUIDField(unique=True)
    moments = models.JSONField()
    basket = models.UUIDField(null=True)
    hold = models.UUIDField(null=True)
    receipt = models.TextField(null=True)
    paid_by = models.JSONField()
    ended_where = models.TextField(null=True)
    because = models.TextField(null=True)
    placed_at = models.DateTimeField()
    delivery = models.JSONField(null=True)
    pay_until = models.DateTimeField(null=True)
    taken = models.JSONField(null=True)

    class Meta:
        """Found by customer, by what is to be done at a store, and by when it was placed."""

        indexes = (
            models.Index(
                fields=["customer", "placed_at"], name="order_of_customer",
                condition=models.Q(customer__isnull=False),
            ),
            models.Index(
                fields=["store", "state", "placed_at"], name="order_to_do",
                condition=models.Q(state__in=["placed", "paid", "packed"]),
            ),
        )  # fmt: skip
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["placed", "paid", "packed", "handed_over", "returned", "cancelled"]),
                name="order_has_a_state",
            ),
            models.CheckConstraint(condition=models.Q(total__gte=0), name="order_costs_nothing_below_zero"),
        )

    def __str__(self) -> str:
        """Return the number."""
        return str(self.number)
