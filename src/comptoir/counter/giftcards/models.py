"""Tables of gift cards, derived from the log. Constraints repeat what the rules promise, should the rules be wrong."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey, F, Q

from comptoir.foundation.rooms.personal import NothingPersonal

_ACCOUNTS = (1, 2, 11, 12, 13, 14, 15)


class Card(models.Model):
    """A gift card as it stands (see ``rules.Card``); of its code the digest alone is kept."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "Money that is owed to whoever shows a code; who bought it and who has it is not noted."
    )

    id = models.UUIDField(primary_key=True)
    number = models.TextField(unique=True)
    position = models.UUIDField()
    currency = models.TextField()
    amount = models.BigIntegerField()
    available = models.BigIntegerField()
    held = models.BigIntegerField()
    origin = models.TextField()
    source = models.TextField(db_collation="C")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    receipt = models.TextField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stopped_because = models.TextField(null=True)
    instead = models.TextField(null=True)

    class Meta:
        """No card is below zero, whatever the rules say. What runs out is found by when."""

        indexes = (
            models.Index(
                fields=["expires_at"], name="gift_card_runs_out",
                condition=Q(expires_at__isnull=False, available__gt=0),
            ),
            models.Index(fields=["issued_at"], name="gift_card_issued"),
        )  # fmt: skip
        constraints = (
            models.CheckConstraint(condition=Q(available__gte=0) & Q(held__gte=0), name="gift_card_not_negative"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="gift_card_is_worth_something"),
        )

    def __str__(self) -> str:
        """Return the number."""
        return self.number


class Transfer(models.Model):
    """So much of a card from one account to another, by the event at ``position``."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A sum that was moved on a card of nobody's; what was bought with it is not noted."
    )

    pk = CompositePrimaryKey("position", "ordinal")
    position = models.UUIDField()
    ordinal = models.SmallIntegerField()
    card = models.UUIDField()
    debit = models.SmallIntegerField()
    credit = models.SmallIntegerField()
    amount = models.BigIntegerField()
    source = models.TextField(db_collation="C")
    moved_at = models.DateTimeField()

    class Meta:
        """Every transfer has two sides, and one of them is the card's."""

        indexes = (models.Index(fields=["card", "position"], name="gift_card_history"),)
        constraints = (
            models.CheckConstraint(condition=Q(amount__gt=0), name="gift_card_transfer_moves"),
            models.CheckConstraint(
                condition=Q(debit__in=_ACCOUNTS, credit__in=_ACCOUNTS)
                & ~Q(debit=F("credit"))
                & (Q(debit__lte=2) | Q(credit__lte=2)),
                name="gift_card_transfer_has_sides",
            ),
        )

    def __str__(self) -> str:
        """Return the sides and the sum."""
        return f"{self.debit} > {self.credit}: {self.amount}"


class Draw(models.Model):
    """So much of a card that the event at ``position`` took (see ``rules.Draw``)."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A sum that was taken off a card of nobody's, under the name of an order or of nothing; whose order that was, "
        "the order alone knows, until it is forgotten."
    )

    position = models.UUIDField(primary_key=True)
    card = models.UUIDField(db_index=True)
    touchpoint = models.TextField(db_collation="C")
    name = models.TextField(null=True, db_collation="C")
    source = models.TextField(db_collation="C")
    amount = models.BigIntegerField()
    returned = models.BigIntegerField()
    status = models.TextField()
    expires_at = models.DateTimeField(null=True)
    receipt = models.TextField(null=True)

    class Meta:
        """A name holds once. No more comes back than was spent. What is held is found by when it is over."""

        indexes = (
            models.Index(fields=["expires_at"], name="gift_card_held", condition=Q(status="held")),
            models.Index(fields=["receipt"], name="gift_card_spent_for", condition=Q(receipt__isnull=False)),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["touchpoint", "name"], name="gift_card_held_once", condition=Q(name__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & Q(returned__gte=0) & Q(returned__lte=F("amount")),
                name="gift_card_comes_back_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["held", "spent", "freed", "expired"]), name="gift_card_draw_has_a_state"
            ),
        )

    def __str__(self) -> str:
        """Return how much, and what became of it."""
        return f"{self.amount} {self.status}"


class Guess(models.Model):
    """So many wrong codes were typed into a page within an hour, from one address or from all."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A count under a keyed digest, which says neither where from nor which code; gone after a day."
    )

    pk = CompositePrimaryKey("hour", "whose")
    hour = models.DateTimeField()
    whose = models.UUIDField()
    count = models.IntegerField()

    def __str__(self) -> str:
        """Return the hour and the count."""
        return f"{self.hour}: {self.count}"
