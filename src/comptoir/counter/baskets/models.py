"""Tables of baskets: what each holds, and the short numbers under which some are shown at a till."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.counter.baskets.policy import CUSTOMERS_DAYS
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose


class Basket(models.Model):
    """A basket: its operations in the canonical order, of which ``folding.py`` makes what is in it.

    ``position`` is the place in the log of its last ``basket.changed``, ``changed_at`` when the latest of its
    operations happened, sales apart.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "customer": "pseudonym", "position": "mechanical", "changed_at": "time",
            "operations": "sale",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept(f"nobody has touched it for {CUSTOMERS_DAYS} days; the clock says so in the log"),
    )  # fmt: skip

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField(null=True)
    position = models.UUIDField()
    changed_at = models.DateTimeField()
    operations = models.JSONField()

    class Meta:
        """Found by customer, and by how long nobody has touched it."""

        indexes = (
            models.Index(fields=["customer"], name="basket_of_customer", condition=models.Q(customer__isnull=False)),
            models.Index(fields=["changed_at"], name="basket_changed"),
        )

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class Number(models.Model):
    """A short number that a till types in for a basket that is being shown to it. It is in no log."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A number that was shown, and the opaque id of a basket.",
        kept=Kept("it is over", days=1, since="ends_at"),
    )

    number = models.TextField(primary_key=True, db_collation="C")
    basket = models.UUIDField(db_index=True)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return the number."""
        return self.number


class Looked(models.Model):
    """At which position a basket was last looked at as a left one, so that it is said once of each. It is in no log."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "The opaque id of a basket, and a place in the log.",
        kept=Kept("the basket's own time is over", days=CUSTOMERS_DAYS + 1, since="looked_at"),
    )

    basket = models.UUIDField(primary_key=True)
    position = models.UUIDField()
    looked_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return the basket."""
        return str(self.basket)
