"""Tables of stock: articles and shelf places for everybody, holds and movements for those who keep them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose
from comptoir.square.community.models import WRITTEN_BY_COUNTER

#: Whoever takes the money in the vault holds in its own transaction.
_OPEN = WRITTEN_BY_COUNTER.and_for(VAULT, "INSERT", "UPDATE", "DELETE")
_INSIDE = Access.only(COUNTER).and_for(VAULT, "SELECT", "INSERT", "UPDATE", "DELETE").and_for(OFFICE, "SELECT")


class Article(models.Model):
    """A SKU at a store: the last count with its place in the log, the sums of what moved since and of what is held.

    ``is_followed`` tells whether what was sold before the first count arrived, and after it was taken, is in ``moved``.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("How much of what is where.")
    access: ClassVar[Access] = _OPEN

    pk = CompositePrimaryKey("store", "sku")
    store = models.TextField(db_collation="C")
    sku = models.TextField(db_collation="C")
    counted = models.BigIntegerField()
    counted_at = models.DateTimeField()
    position = models.UUIDField()
    moved = models.BigIntegerField()
    held = models.BigIntegerField()
    is_followed = models.BooleanField()

    class Meta:
        """Found by SKU at every store; what was not counted for long, by store. Less than nothing is not held."""

        indexes = (
            models.Index(fields=["sku", "store"], name="article_of_sku"),
            models.Index(fields=["store", "counted_at"], name="article_counted"),
        )
        constraints = (models.CheckConstraint(condition=models.Q(held__gte=0), name="article_held"),)

    def __str__(self) -> str:
        """Return what is where."""
        return f"{self.sku} at {self.store}"


class Place(models.Model):
    """Where an article lies; neither aisle nor shelf: it is not known any more."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Where goods lie.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("store", "sku")
    store = models.TextField(db_collation="C")
    sku = models.TextField(db_collation="C")
    aisle = models.TextField(null=True)
    shelf = models.TextField(null=True)
    at = models.DateTimeField()
    position = models.UUIDField()

    class Meta:
        """Found by SKU at every store."""

        indexes = (models.Index(fields=["sku", "store"], name="place_of_sku"),)

    def __str__(self) -> str:
        """Return where it lies."""
        return f"{self.sku} at {self.store}: {self.aisle} {self.shelf}"


class Hold(models.Model):
    """Articles set aside; ``ended`` is how that ended, empty while it is open."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("An id that a shop's software made up, said of nobody.")
    access: ClassVar[Access] = _INSIDE

    hold = models.UUIDField(primary_key=True)
    position = models.UUIDField()
    touchpoint = models.TextField()
    until = models.DateTimeField()
    ended = models.TextField()

    class Meta:
        """What is over is found by the clock."""

        indexes = (models.Index(fields=["until"], name="hold_open", condition=models.Q(ended="")),)

    def __str__(self) -> str:
        """Return its id."""
        return str(self.hold)


class HeldLine(models.Model):
    """How much of an article a hold has: while it is open, and until its sale is followed. ``is_short``: was told."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Goods set aside, for nobody by name.")
    access: ClassVar[Access] = _INSIDE

    pk = CompositePrimaryKey("hold", "store", "sku")
    hold = models.UUIDField()
    store = models.TextField(db_collation="C")
    sku = models.TextField(db_collation="C")
    quantity = models.BigIntegerField()
    is_short = models.BooleanField()

    class Meta:
        """Who holds an article is found by it."""

        indexes = (models.Index(fields=["store", "sku"], name="heldline_of_article"),)

    def __str__(self) -> str:
        """Return what is held."""
        return f"{self.quantity} of {self.sku} at {self.store}"


class Movement(models.Model):
    """What came or went since the last count of an article: a line of the event at its position."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "position": "mechanical",
            "line": "mechanical",
            "store": "place",
            "sku": "sale",
            "at": "time",
            "quantity": "sale",
        },
        subject="position",
        whose=Whose.EVENT,
        exported=Export.WITHHELD,
        erased=Erasure.KEPT,
        kept=Kept("the article is counted again"),
        because="It counts goods; whose the sale is, only the sale says, and is told with it.",
    )
    access: ClassVar[Access] = _INSIDE

    pk = CompositePrimaryKey("position", "line")
    position = models.UUIDField()
    line = models.IntegerField()
    store = models.TextField(db_collation="C")
    sku = models.TextField(db_collation="C")
    at = models.DateTimeField()
    quantity = models.BigIntegerField()

    class Meta:
        """Summed by article."""

        indexes = (models.Index(fields=["store", "sku", "at"], name="movement_of_article"),)

    def __str__(self) -> str:
        """Return what moved."""
        return f"{self.quantity} of {self.sku} at {self.store}"
