"""Tables of answers: a predicate, how it was shown, when, until when. Nothing that leads to a credential."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose


class Answer(models.Model):
    """One customer's yes; ``position`` is its event's place in the log."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "position": "mechanical",
            "customer": "pseudonym",
            "over": "answer",
            "method": "answer",
            "given_at": "time",
            "valid_until": "time",
            "by": "reason",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("as long as the log; it says yes until its day only"),
    )

    position = models.UUIDField(primary_key=True)
    customer = models.UUIDField()
    over = models.SmallIntegerField()
    method = models.TextField()
    given_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    by = models.TextField(null=True)

    class Meta:
        """Answers are looked for by customer."""

        indexes = (models.Index(fields=["customer", "over"], name="answer_of_customer"),)

    def __str__(self) -> str:
        """Return the predicate and how it was shown."""
        return f"over {self.over}, {self.method}"


class Withdrawal(models.Model):
    """When a customer last wanted an answer forgotten, for each predicate."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym",
            "over": "answer",
            "withdrawn_at": "time",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("as long as the log"),
    )

    pk = CompositePrimaryKey("customer", "over")
    customer = models.UUIDField()
    over = models.SmallIntegerField()
    withdrawn_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the predicate."""
        return f"over {self.over}, withdrawn"


class Treat(models.Model):
    """For whom a treat is due, until the month is over: an answer without its reason.

    The vault writes it, and it is in no log: there it would say for ever in which month somebody was born.
    """

    access: ClassVar[Access] = Access.only(COUNTER, "SELECT", "UPDATE", "DELETE").and_for(
        VAULT, "SELECT", "INSERT", "UPDATE", "DELETE"
    )

    personal: ClassVar[Personal] = Personal(
        columns={"customer": "pseudonym", "until": "time"},
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the month is over", days=0, since="until"),
    )

    customer = models.UUIDField(primary_key=True)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return until when."""
        return f"until {self.until}"


class UsedCode(models.Model):
    """A till code that was shown, as a digest, until it would have ended by itself."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A digest of a code that was shown; it says nothing of who showed it.",
        kept=Kept("it would have ended by itself", days=1, since="ends_at"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return when it is over."""
        return f"until {self.ends_at}"
