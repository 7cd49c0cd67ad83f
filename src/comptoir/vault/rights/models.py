"""Tables of wishes to be forgotten that are under way, and of the receipts that nobody's name is on."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose


class Forgetting(models.Model):
    """Somebody wants to be forgotten, and it is not done yet. The row is the last thing that goes."""

    personal: ClassVar[Personal] = Personal(
        columns={"id": "mechanical", "user": "pseudonym", "asked_at": "time", "actor": "pseudonym"},
        subject="user",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the person is forgotten"),
    )

    id = models.UUIDField(primary_key=True)
    user = models.UUIDField(unique=True)
    asked_at = models.DateTimeField()
    actor = models.TextField()

    def __str__(self) -> str:
        """Return the wish's number."""
        return str(self.id)


class PieceWish(models.Model):
    """Somebody wants one card or one purchase forgotten, and it is not done yet. It goes as soon as it is done."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "user": "pseudonym",
            "what": "activity",
            "customer": "pseudonym",
            "source": "place",
            "receipt": "sale",
            "points": "points",
            "asked_at": "time",
            "actor": "pseudonym",
        },
        subject="user",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the piece is forgotten, or the counter refused"),
    )

    id = models.UUIDField(primary_key=True)
    user = models.UUIDField(db_index=True)
    what = models.TextField()
    customer = models.UUIDField(null=True)
    source = models.TextField(default="")
    receipt = models.TextField(default="")
    points = models.TextField(default="")
    asked_at = models.DateTimeField()
    actor = models.TextField()

    class Meta:
        """One wish for each piece, whoever asks how often."""

        constraints = (
            models.UniqueConstraint(
                fields=("user", "what", "customer", "source", "receipt"), nulls_distinct=False, name="rights_piece_once"
            ),
        )

    def __str__(self) -> str:
        """Return the wish's number."""
        return str(self.id)


class Receipt(models.Model):
    """What was done for a wish, signed, for whoever knows the wish's number. It does not say who it was."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "It says that somebody was forgotten and what was destroyed, and is found by a random number."
    )

    wish = models.UUIDField(primary_key=True)
    text = models.TextField()
    kept_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return the wish's number."""
        return str(self.wish)
