"""Tables of the catalog: categories, products, variants, prices, stores."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import CompositePrimaryKey
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Now

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, Access
from comptoir.foundation.rooms.personal import NothingPersonal
from comptoir.square.community.models import WRITTEN_BY_COUNTER

_LISTED = models.Q(is_listed=True)


class Category(models.Model):
    """Where products stand in the shop window. ``said`` is its name by language."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Where goods stand.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    category = models.TextField(primary_key=True, db_collation="C")
    within = models.TextField(null=True, db_collation="C")
    place = models.IntegerField()
    said = models.JSONField()
    at = models.DateTimeField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return its slug."""
        return self.category


class Product(models.Model):
    """Something that is sold, or was. ``said`` is name and text by language, as the last listing has them.

    ``at`` and ``position`` are those of that listing; ``ended_at`` and ``ended_position`` those of the last delisting:
    the later one of both decides ``is_listed``.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("What the shop sells.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    product = models.TextField(primary_key=True, db_collation="C")
    category = models.TextField(null=True, db_collation="C")
    maker = models.TextField(null=True)
    said = models.JSONField()
    asks_over = models.SmallIntegerField(null=True)
    tax = models.TextField()
    words = SearchVectorField()
    at = models.DateTimeField()
    position = models.UUIDField()
    ended_at = models.DateTimeField(null=True)
    ended_position = models.UUIDField(null=True)
    is_listed = models.BooleanField()

    class Meta:
        """Found by words, and listed by category, maker and age of the listing."""

        indexes = (
            GinIndex(fields=["words"], name="product_words", condition=_LISTED),
            models.Index(fields=["category", "-at", "product"], name="product_of_category", condition=_LISTED),
            models.Index(fields=["maker", "-at", "product"], name="product_of_maker", condition=_LISTED),
            models.Index(fields=["-at", "product"], name="product_latest", condition=_LISTED),
            models.Index(fields=["position"], name="product_position"),
            GinIndex(OpClass(KeyTransform("pictures", "said"), name="jsonb_path_ops"), name="product_pictures"),
        )

    def __str__(self) -> str:
        """Return its number."""
        return self.product


class Variant(models.Model):
    """One kind of a product; ``prices`` are as they were listed."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What the shop sells.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    sku = models.TextField(primary_key=True, db_collation="C")
    product = models.TextField(db_collation="C")
    place = models.SmallIntegerField()
    gtin = models.TextField(null=True, db_collation="C")
    options = models.JSONField()
    prices = models.JSONField()

    class Meta:
        """Found by product, and by the number in its barcode."""

        indexes = (
            models.Index(fields=["product", "place"], name="variant_of_product"),
            models.Index(fields=["gtin"], name="variant_gtin", condition=models.Q(gtin__isnull=False)),
        )

    def __str__(self) -> str:
        """Return its SKU."""
        return self.sku


class Price(models.Model):
    """What the variants of a listed product cost in a currency, from ``lowest`` to ``highest`` minor units."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What it costs.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("product", "currency")
    product = models.TextField(db_collation="C")
    currency = models.TextField(db_collation="C")
    lowest = models.BigIntegerField()
    highest = models.BigIntegerField()

    class Meta:
        """Listed from the cheapest on."""

        indexes = (models.Index(fields=["currency", "lowest", "product"], name="price_cheapest"),)

    def __str__(self) -> str:
        """Return what costs how much."""
        return f"{self.product} {self.lowest} {self.currency}"


class Showing(models.Model):
    """Which pictures staff say that a product has: digest, size and words of each. None: those of its listing."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What goods look like.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    product = models.TextField(primary_key=True, db_collation="C")
    pictures = models.JSONField()
    at = models.DateTimeField()
    position = models.UUIDField()

    class Meta:
        """Asked for by picture, when one is to be dropped."""

        indexes = (GinIndex(fields=["pictures"], opclasses=["jsonb_path_ops"], name="showing_pictures"),)

    def __str__(self) -> str:
        """Return the product's number."""
        return self.product


class Picture(models.Model):
    """What is kept of a product's picture, in two sizes (WebP), by the digest of the larger one.

    Not derived from the log, which has digests and addresses. What no product shows goes after a day (``jobs.py``).
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("What goods look like.")
    access: ClassVar[Access] = (
        Access.everyone("SELECT").and_for(OFFICE, "INSERT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")
    )

    digest = models.TextField(primary_key=True, db_collation="C")
    width = models.SmallIntegerField()
    height = models.SmallIntegerField()
    large = models.BinaryField()
    small = models.BinaryField()
    uploaded_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        """Return the digest."""
        return self.digest


class Fetched(models.Model):
    """A picture elsewhere that a listing names: what it was when it was fetched, or in a word why there is none.

    Not derived from the log: what another server answers stands nowhere in it.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("Where pictures of goods lie.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    url = models.TextField(primary_key=True, db_collation="C")
    digest = models.TextField(null=True, db_collation="C")
    width = models.SmallIntegerField(null=True)
    height = models.SmallIntegerField(null=True)
    why = models.TextField()
    failures = models.SmallIntegerField()
    again_at = models.DateTimeField()

    class Meta:
        """Asked for by when it is fetched, and by picture."""

        indexes = (
            models.Index(fields=["again_at", "url"], name="fetched_due"),
            models.Index(fields=["digest"], name="fetched_digest"),
        )

    def __str__(self) -> str:
        """Return where it lies."""
        return self.url


class Store(models.Model):
    """A place with opening hours; ``said`` is all that was listed of it. Listed or ended like a product."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Where the shop's stores are.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    store = models.TextField(primary_key=True, db_collation="C")
    name = models.TextField()
    locality = models.TextField(null=True)
    said = models.JSONField()
    at = models.DateTimeField()
    position = models.UUIDField()
    ended_at = models.DateTimeField(null=True)
    ended_position = models.UUIDField(null=True)
    is_listed = models.BooleanField()

    class Meta:
        """Listed by locality and name."""

        indexes = (models.Index(fields=["locality", "name", "store"], name="store_places", condition=_LISTED),)

    def __str__(self) -> str:
        """Return its number."""
        return self.store
