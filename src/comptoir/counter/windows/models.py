"""Tables of windows: what each customer has composed, and how they answered guesses."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Window(models.Model):
    """The rules that a customer said last."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "version": "mechanical", "rules": "activity", "at": "time",
            "position": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its customer composes another one; once they are forgotten it is nobody's"),
    )  # fmt: skip

    customer = models.UUIDField(primary_key=True)
    version = models.SmallIntegerField()
    rules = models.JSONField()
    at = models.DateTimeField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return whose it is."""
        return str(self.customer)


class GuessAnswer(models.Model):
    """What a customer answered last to a guess, which is not made again."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "guess": "activity", "answer": "activity", "at": "time", "position": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("it keeps a guess from coming back; once its customer is forgotten it is nobody's"),
    )  # fmt: skip

    pk = CompositePrimaryKey("customer", "guess")
    customer = models.UUIDField()
    guess = models.TextField(db_collation="C")
    answer = models.TextField()
    at = models.DateTimeField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return the guess and its answer."""
        return f"{self.guess}: {self.answer}"
