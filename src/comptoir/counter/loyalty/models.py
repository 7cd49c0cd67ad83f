"""Tables of the ledger. Constraints repeat what the rules promise, should the rules ever be wrong."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey, F, Q
from django.db.models.functions import Now


class Account(models.Model):
    """A customer's accounts in one row: the unit of locking. Lots are two arrays of equal length, by day."""

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


class Programme(models.Model):
    """A version of the programme: never changed, only followed by another."""

    version = models.AutoField(primary_key=True)
    starts_at = models.DateTimeField(null=True)
    definition = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        """Return the version's number."""
        return f"version {self.version}"


class ProgrammeBalance(models.Model):
    """A part of one of the programme's accounts: credits less debits. Parts keep writers out of each other's way."""

    pk = CompositePrimaryKey("account", "shard")
    account = models.SmallIntegerField()
    shard = models.SmallIntegerField()
    points = models.BigIntegerField()

    def __str__(self) -> str:
        """Return account and part."""
        return f"{self.account}/{self.shard}"
