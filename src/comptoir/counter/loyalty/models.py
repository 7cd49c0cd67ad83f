"""Tables of the ledger. Constraints repeat what the rules promise, should the rules ever be wrong."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey, F, Q, Value
from django.db.models.functions import Now

from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose


class Account(models.Model):
    """A customer's accounts in one row: the unit of locking. Lots are two arrays of equal length, by day."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "available": "points",
            "held": "points",
            "owed": "points",
            "lot_days": "points",
            "lot_points": "points",
            "last_position": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="points",
        erased=Erasure.SEVERED,
        kept=Kept("the person is forgotten"),
    )

    customer = models.UUIDField(primary_key=True)
    available = models.BigIntegerField()
    held = models.BigIntegerField()
    owed = models.BigIntegerField()
    lot_days = ArrayField(models.DateField())
    lot_points = ArrayField(models.BigIntegerField())
    last_position = models.UUIDField()

    class Meta:
        """No balance is negative."""

        constraints = (
            models.CheckConstraint(
                condition=Q(available__gte=0) & Q(held__gte=0) & Q(owed__gte=0), name="account_not_negative"
            ),
        )

    def __str__(self) -> str:
        """Return the customer."""
        return str(self.customer)


class Transfer(models.Model):
    """Points from one account to another. The codes of the accounts stand in ``contracts.Account``."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "position": "mechanical",
            "cause": "mechanical",
            "occurred_at": "time",
            "points": "points",
            "day": "points",
            "ordinal": "mechanical",
            "debit": "points",
            "credit": "points",
            "reason": "reason",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="points",
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    pk = CompositePrimaryKey("customer", "position", "ordinal")
    customer = models.UUIDField()
    position = models.UUIDField()
    cause = models.UUIDField()
    occurred_at = models.DateTimeField()
    points = models.BigIntegerField()
    day = models.DateField(null=True)
    ordinal = models.SmallIntegerField()
    debit = models.SmallIntegerField()
    credit = models.SmallIntegerField()
    reason = models.TextField()

    class Meta:
        """A transfer moves something, from one account to another. What stands above as its key is held by no index."""

        indexes = (models.Index(fields=["customer"], name="transfer_of_customer"),)
        constraints = (
            models.CheckConstraint(condition=Q(points__gt=0), name="transfer_moves_points"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_between_two"),
        )

    def __str__(self) -> str:
        """Return what was moved."""
        return f"{self.points} from {self.debit} to {self.credit}"


class Reservation(models.Model):
    """Points held by a touchpoint under a name of its own. ``draws`` lists [customer, day, points]."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "touchpoint": "place",
            "name": "mechanical",
            "customer": "pseudonym",
            "position": "mechanical",
            "points": "points",
            "draws": "points",
            "expires_at": "time",
            "status": "points",
            "posted": "points",
        },
        subject="customer",
        mentions=("draws",),
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    pk = CompositePrimaryKey("touchpoint", "name")
    touchpoint = models.TextField(db_collation="C")
    name = models.TextField(db_collation="C")
    customer = models.UUIDField()
    position = models.UUIDField()
    points = models.BigIntegerField()
    draws = models.JSONField()
    expires_at = models.DateTimeField()
    status = models.TextField()
    posted = models.BigIntegerField()

    class Meta:
        """Open reservations are found by the moment they end, all by their customer."""

        indexes = (
            models.Index(fields=["expires_at"], name="reservation_open", condition=Q(status="held")),
            models.Index(fields=["customer"], name="reservation_of_customer"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=["held", "posted", "voided", "expired"]), name="reservation_status"
            ),
        )

    def __str__(self) -> str:
        """Return the touchpoint's name for it."""
        return self.name


class Lease(models.Model):
    """Points that a till may let be spent while it is cut off. ``draws`` lists [customer, day, points].

    ``sequences`` are the numbers of what was spent and has arrived, ``spends`` how many there are, once that is known.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "touchpoint": "place",
            "name": "mechanical",
            "holder": "place",
            "customer": "pseudonym",
            "position": "mechanical",
            "points": "points",
            "draws": "points",
            "expires_at": "time",
            "spent": "points",
            "sequences": "mechanical",
            "spends": "points",
            "status": "points",
        },
        subject="customer",
        mentions=("draws",),
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    pk = CompositePrimaryKey("touchpoint", "name")
    touchpoint = models.TextField(db_collation="C")
    name = models.TextField(db_collation="C")
    holder = models.TextField(db_collation="C")
    customer = models.UUIDField()
    position = models.UUIDField()
    points = models.BigIntegerField()
    draws = models.JSONField()
    expires_at = models.DateTimeField()
    spent = models.BigIntegerField()
    sequences = ArrayField(models.IntegerField())
    spends = models.IntegerField(null=True)
    status = models.TextField()

    class Meta:
        """Never more is spent of a lease than it has."""

        indexes = (
            models.Index(fields=["expires_at"], name="lease_open", condition=Q(status="open")),
            models.Index(fields=["customer"], name="lease_of_customer"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(points__gt=0) & Q(spent__gte=0) & Q(spent__lte=F("points")), name="lease_not_exceeded"
            ),
            models.CheckConstraint(condition=Q(status__in=["open", "closed", "lost"]), name="lease_status"),
        )

    def __str__(self) -> str:
        """Return its name."""
        return self.name


class UsedCode(models.Model):
    """A code that was accepted, by its digest: by which request, at which source."""

    personal: ClassVar[Personal] = Personal(
        columns={"digest": "mechanical", "position": "mechanical", "source": "place"},
        subject="position",
        whose=Whose.EVENT,
        exported=Export.WITHHELD,
        erased=Erasure.KEPT,
        kept=Kept("the event itself goes"),
        because="It remembers that a code was used; whose it was, only the event says.",
    )

    digest = models.UUIDField(primary_key=True)
    position = models.UUIDField()
    source = models.TextField(db_collation="C")

    def __str__(self) -> str:
        """Return the digest."""
        return str(self.digest)


class Standing(models.Model):
    """What a customer lets be spent, and what the house has stopped: one row once anything was said about it.

    Each of the three parts is the last word on it; ``limited_*`` and ``frozen_*`` say whose, in the order of facts. The
    last word about limits takes the place of ``former`` ones at ``free_at``.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "locked": "points",
            "places": "place",
            "points_per_day": "points",
            "points_without_passkey": "points",
            "limited_at": "time",
            "limited_source": "mechanical",
            "limited_id": "mechanical",
            "free_at": "time",
            "heard_at": "time",
            "former": "points",
            "cooling_until": "time",
            "frozen": "points",
            "frozen_at": "time",
            "frozen_source": "mechanical",
            "frozen_id": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the person is forgotten"),
    )

    customer = models.UUIDField(primary_key=True)
    locked = models.BooleanField()
    places = ArrayField(models.TextField(db_collation="C"), null=True)
    points_per_day = models.BigIntegerField(null=True)
    points_without_passkey = models.BigIntegerField(null=True)
    limited_at = models.DateTimeField(null=True)
    limited_source = models.TextField(null=True, db_collation="C")
    limited_id = models.TextField(null=True, db_collation="C")
    free_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    former = models.JSONField(db_default=Value([], output_field=models.JSONField()))
    cooling_until = models.DateTimeField(null=True)
    frozen = models.BooleanField()
    frozen_at = models.DateTimeField(null=True)
    frozen_source = models.TextField(null=True, db_collation="C")
    frozen_id = models.TextField(null=True, db_collation="C")

    def __str__(self) -> str:
        """Return the customer."""
        return str(self.customer)


class Programme(models.Model):
    """A version of the programme: never changed, only followed by another."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    version = models.AutoField(primary_key=True)
    starts_at = models.DateTimeField(null=True)
    definition = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        """Return the version's number."""
        return f"version {self.version}"


class ProgrammeBalance(models.Model):
    """A part of one of the programme's accounts: credits less debits. Parts keep writers out of each other's way."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    pk = CompositePrimaryKey("account", "shard")
    account = models.SmallIntegerField()
    shard = models.SmallIntegerField()
    points = models.BigIntegerField()

    def __str__(self) -> str:
        """Return account and part."""
        return f"{self.account}/{self.shard}"
