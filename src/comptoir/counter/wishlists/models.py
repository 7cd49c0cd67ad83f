"""Tables of wish lists: the owners' lists, and, apart from them, what friends have claimed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class WishList(models.Model):
    """A wish list as its owner made it (see ``rules.WishList``). Nothing in it depends on claims."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "customer": "pseudonym", "position": "mechanical", "title": "words",
            "begun_at": "time", "opens_at": "time", "secret_until": "time", "to_address": "consent",
            "share": "mechanical", "link": "mechanical", "ended_at": "time", "wishes": "activity",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its owner is forgotten: then nothing that they wrote is left of it, and no way to it"),
    )  # fmt: skip

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField()
    position = models.UUIDField()
    title = models.TextField()
    begun_at = models.DateTimeField()
    opens_at = models.DateTimeField(null=True)
    secret_until = models.DateTimeField(null=True)
    to_address = models.BooleanField(default=False)
    share = models.UUIDField(null=True)
    link = models.UUIDField(null=True, unique=True)
    ended_at = models.DateTimeField(null=True)
    wishes = models.JSONField()

    class Meta:
        """Found by customer, and by the digest of the secret in its link."""

        indexes = (models.Index(fields=["customer", "begun_at"], name="wish_list_of_customer"),)

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class Claim(models.Model):
    """What a friend gives (see ``rules.Claim``). It is the friend's, and leads to no owner but by the list's id."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "wish_list": "mechanical", "wish": "mechanical", "product": "sale", "quantity": "sale",
            "position": "mechanical", "claimed_at": "time", "state": "sale", "customer": "pseudonym",
            "friend": "mechanical", "order": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("whoever claimed it lets it go; whose it was is forgotten with the friend, and the wish stays taken"),
    )  # fmt: skip

    id = models.UUIDField(primary_key=True)
    wish_list = models.UUIDField(db_index=True)
    wish = models.UUIDField()
    product = models.TextField()
    quantity = models.IntegerField()
    position = models.UUIDField()
    claimed_at = models.DateTimeField()
    state = models.TextField()
    customer = models.UUIDField(null=True)
    friend = models.UUIDField(null=True)
    order = models.UUIDField(null=True)

    class Meta:
        """Found by list, by customer, and by order."""

        indexes = (
            models.Index(fields=["customer"], name="claim_of_customer", condition=models.Q(customer__isnull=False)),
            models.Index(fields=["order"], name="claim_of_order", condition=models.Q(order__isnull=False)),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["claimed", "ordered", "bought"]), name="claim_has_a_state"
            ),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="claim_is_of_something"),
        )

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)
