"""The table of checkouts. Nobody but the vault's role reaches it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose

#: For so long an order's recipient is kept: two years of warranty in the European Union (Directive (EU) 2019/771,
#: article 10), and time to settle what was claimed on the last day.
RECIPIENT_DAYS = 800


class Checkout(models.Model):
    """How far an order has come in here.

    ``person`` is under whose key its recipient is sealed: the user's, or, of a guest, one that was made for this order
    alone; of a user who is forgotten, nobody. ``said`` is what was quoted, as the counter was told it. ``why`` says how
    it came to nothing. ``due_at`` is when it is looked at again by the clock. ``tells_at`` is from when on whoever
    ordered is told that it lies ready or has left; there is none once that is done. ``freed_at`` is when its coupons
    and the budgets of its promotions went back, since all of it came back.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "order": "mechanical", "person": "pseudonym", "is_guest": "mechanical", "customer": "pseudonym",
            "basket": "mechanical", "key": "credential", "step": "sale", "why": "sale", "by": "sale", "store": "place",
            "currency": "sale", "total": "sale", "said": "sale", "language": "activity", "recipient": "contact",
            "created_at": "time", "expires_at": "time", "paid_at": "time", "due_at": "time", "mailed_at": "time",
            "tells_at": "time", "freed_at": "time",
        },
        subject="person",
        whose=Whose.USER,
        exported=Export.ROWS,
        sealed=frozenset({"recipient", "key"}),
        erased=Erasure.SEVERED,
        kept=Kept("nobody can claim anything for the goods any more", days=RECIPIENT_DAYS, since="created_at"),
    )  # fmt: skip

    order = models.UUIDField(primary_key=True)
    person = models.UUIDField(db_index=True)
    is_guest = models.BooleanField()
    customer = models.UUIDField(null=True)
    basket = models.UUIDField()
    key = models.BinaryField(max_length=32)
    step = models.TextField()
    why = models.TextField(default="")
    by = models.TextField()
    store = models.TextField(null=True)
    currency = models.TextField()
    total = models.BigIntegerField()
    said = models.JSONField()
    language = models.TextField()
    recipient = models.BinaryField()
    created_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    tells_at = models.DateTimeField(null=True)
    freed_at = models.DateTimeField(null=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """What is due is found by when; whoever was recognised at it, by their id."""

        indexes = (
            models.Index(fields=["due_at"], name="checkout_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["tells_at"], name="checkout_tells", condition=models.Q(tells_at__isnull=False)),
            models.Index(fields=["customer"], name="checkout_customer", condition=models.Q(customer__isnull=False)),
        )

    def __str__(self) -> str:
        """Return the order's id."""
        return str(self.order)

    @property
    def is_severed(self) -> bool:
        """Tell whether it was somebody's with an account who is forgotten (``forgetting.py``)."""
        return not self.is_guest and not self.recipient


class Repayment(models.Model):
    """Money that goes back for goods that came back: once for each return, which is named by its place in the log.

    ``why`` says why it does not go back after all, where somebody has to look at it.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "An amount, and the number of an order; whose that is, the checkout alone knows, until they are forgotten."
    )

    position = models.UUIDField(primary_key=True)
    order = models.UUIDField(db_index=True)
    amount = models.BigIntegerField()
    why = models.TextField(default="")
    #: How staff gave it back themselves, where it did not go back.
    by_hand = models.TextField(default="")
    asked_at = models.DateTimeField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """No money goes the other way."""

        constraints = (models.CheckConstraint(condition=models.Q(amount__gte=0), name="repayment_amount"),)

    def __str__(self) -> str:
        """Return the place of its return."""
        return str(self.position)


class Gift(models.Model):
    """Where an order goes that is a gift: sealed under the key of ``person``, who gets it (``gifts.py``)."""

    personal: ClassVar[Personal] = Personal(
        columns={"order": "mechanical", "person": "pseudonym", "sealed": "contact", "created_at": "time"},
        subject="person",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        sealed=frozenset({"sealed"}),
        erased=Erasure.DELETED,
        kept=Kept("nobody can claim anything for the goods any more", days=RECIPIENT_DAYS, since="created_at"),
        because="It would tell of a gift before it is given; what is sealed in it is the contact data, which is told.",
    )

    order = models.UUIDField(primary_key=True)
    person = models.UUIDField(db_index=True)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        """Return the order's id."""
        return str(self.order)
