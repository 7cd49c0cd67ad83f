"""Tables of what goes with what. The counter makes them anew as a whole; everybody may read them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import Access
from comptoir.foundation.rooms.personal import NothingPersonal
from comptoir.square.community.models import WRITTEN_BY_COUNTER


class Pair(models.Model):
    """That a product is bought by those who buy another one: by ``people`` different ones, in ``baskets`` at once."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Sums over at least five different people.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("product", "place")
    product = models.TextField(db_collation="C")
    place = models.SmallIntegerField()
    companion = models.TextField(db_collation="C")
    weight = models.FloatField()
    people = models.IntegerField()
    baskets = models.IntegerField()

    class Meta:
        """Nothing is its own companion, and nobody could be found behind a pair."""

        constraints = (
            models.CheckConstraint(condition=models.Q(people__gte=5), name="pair_of_many"),
            models.CheckConstraint(condition=~models.Q(companion=models.F("product")), name="pair_of_two"),
            models.UniqueConstraint(fields=["product", "companion"], name="pair_once"),
        )

    def __str__(self) -> str:
        """Return both products."""
        return f"{self.product} {self.companion}"


class Popular(models.Model):
    """A product that many different people bought lately: at a store, or anywhere where ``store`` is empty."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Sums over at least five different people.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("store", "place")
    store = models.TextField(db_collation="C")
    place = models.SmallIntegerField()
    product = models.TextField(db_collation="C")
    people = models.IntegerField()

    class Meta:
        """Nobody could be found behind it."""

        constraints = (models.CheckConstraint(condition=models.Q(people__gte=5), name="popular_with_many"),)

    def __str__(self) -> str:
        """Return the product."""
        return self.product


class Making(models.Model):
    """When all of this was made, of which days, and out of how much; the latest row holds."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("How much was counted, of nobody in particular.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    made_at = models.DateTimeField(primary_key=True)
    since = models.DateField()
    until = models.DateField()
    people = models.IntegerField()
    left_out = models.IntegerField()
    baskets = models.IntegerField()
    products = models.IntegerField()
    pairs = models.IntegerField()

    def __str__(self) -> str:
        """Return the moment."""
        return self.made_at.isoformat()
