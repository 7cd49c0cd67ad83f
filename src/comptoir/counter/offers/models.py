"""Tables of promotions and coupons. Constraints repeat what the rules promise, should the rules ever be wrong."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey, Q
from django.db.models.functions import Coalesce

from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose

_ACTIVE = Q(status__in=["held", "redeemed"])


class Promotion(models.Model):
    """A promotion, as it was published at ``position``. What was given of it is counted where it has a budget only."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    id = models.UUIDField(primary_key=True)
    position = models.UUIDField(unique=True)
    definition = models.JSONField()
    codes = models.TextField()
    digest = models.UUIDField(null=True)
    published_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    redemptions = models.BigIntegerField()
    discount = models.BigIntegerField()

    class Meta:
        """What everybody may get is looked at for each basket; a shared code is one promotion's at a time."""

        indexes = (
            models.Index(fields=["codes"], name="promotion_without_code", condition=Q(codes="none", ended_at=None)),
        )
        constraints = (
            models.UniqueConstraint(fields=["digest"], name="promotion_code", condition=Q(ended_at=None)),
            models.CheckConstraint(condition=Q(redemptions__gte=0) & Q(discount__gte=0), name="promotion_not_negative"),
        )

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class HoneyCode(models.Model):
    """A code that nobody was given, by its digest."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    digest = models.UUIDField(primary_key=True)
    promotion = models.UUIDField(db_index=True)
    number = models.SmallIntegerField()

    def __str__(self) -> str:
        """Return whose it is."""
        return f"{self.number} of {self.promotion}"


class Alert(models.Model):
    """A honey code was shown: where, and by which event."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "Where a code was shown that was given to nobody; who showed it is not noted.",
    )

    pk = CompositePrimaryKey("position", "digest")
    position = models.UUIDField()
    digest = models.UUIDField()
    promotion = models.UUIDField(db_index=True)
    touchpoint = models.TextField(db_collation="C")
    source = models.TextField(db_collation="C")
    shown_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return where."""
        return self.source


class Coupon(models.Model):
    """A customer's right to a promotion; ``id`` is where the log has its issue. Of its code only the digest is kept."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "digest": "mechanical",
            "promotion": "sale",
            "campaign": "activity",
            "customer": "pseudonym",
            "issued_at": "time",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    id = models.UUIDField(primary_key=True)
    digest = models.UUIDField(unique=True)
    promotion = models.UUIDField()
    campaign = models.UUIDField(null=True)
    customer = models.UUIDField()
    issued_at = models.DateTimeField()

    class Meta:
        """For one campaign a customer has one coupon of a promotion."""

        indexes = (models.Index(fields=["customer"], name="coupon_of_customer"),)
        constraints = (
            models.UniqueConstraint(
                fields=["promotion", "campaign", "customer"], name="coupon_once", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class Targeting(models.Model):
    """Another system has told a customer of the promotions of a series; said by the event at ``position``."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "position": "mechanical",
            "customer": "pseudonym",
            "series": "activity",
            "targeted_at": "time",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    position = models.UUIDField(primary_key=True)
    customer = models.UUIDField()
    series = models.TextField(db_collation="C")
    targeted_at = models.DateTimeField()

    class Meta:
        """Counted by series, found by customer."""

        indexes = (
            models.Index(fields=["series", "customer"], name="targeting_of_series"),
            models.Index(fields=["customer"], name="targeting_of_customer"),
        )

    def __str__(self) -> str:
        """Return the series."""
        return self.series


class Redemption(models.Model):
    """A promotion given to a basket by the event at ``position``, and what became of it.

    ``use`` numbers the uses of a coupon, ``turn`` a customer's turns where a promotion counts them; no two redemptions
    that hold have the same. ``name`` is the reservation's, where it was one; ``receipt`` that of the sale, where it is
    to earn more points, and else nobody's business; ``sale_source`` who books that sale, if not ``source``. Without a
    promotion it is a reservation that holds nothing.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "position": "mechanical",
            "ordinal": "mechanical",
            "promotion": "sale",
            "coupon": "mechanical",
            "customer": "pseudonym",
            "use": "sale",
            "turn": "sale",
            "discount": "sale",
            "status": "sale",
            "touchpoint": "place",
            "source": "place",
            "name": "mechanical",
            "receipt": "sale",
            "redeemed_at": "time",
            "expires_at": "time",
            "sale_source": "place",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    pk = CompositePrimaryKey("position", "ordinal")
    position = models.UUIDField()
    ordinal = models.SmallIntegerField()
    promotion = models.UUIDField(null=True)
    coupon = models.UUIDField(null=True)
    customer = models.UUIDField(null=True)
    use = models.SmallIntegerField(null=True)
    turn = models.SmallIntegerField(null=True)
    discount = models.BigIntegerField()
    status = models.TextField()
    touchpoint = models.TextField(db_collation="C")
    source = models.TextField(db_collation="C")
    name = models.TextField(null=True, db_collation="C")
    receipt = models.TextField(null=True, db_collation="C")
    redeemed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    sale_source = models.TextField(null=True, db_collation="C")

    class Meta:
        """A use is used once, whatever the code that decides may do."""

        indexes = (
            models.Index(fields=["promotion"], name="redemption_of_promotion"),
            models.Index(fields=["customer"], name="redemption_of_customer", condition=Q(customer__isnull=False)),
            models.Index(fields=["expires_at"], name="redemption_held", condition=Q(status="held")),
            models.Index(
                "receipt", Coalesce("sale_source", "source"), name="redemption_at_sale",
                condition=Q(receipt__isnull=False),
            ),
        )  # fmt: skip
        constraints = (
            models.UniqueConstraint(
                fields=["coupon", "use"], name="coupon_use_once", condition=_ACTIVE & Q(coupon__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["promotion", "customer", "turn"],
                name="customer_turn_once",
                condition=_ACTIVE & Q(turn__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["touchpoint", "name", "ordinal"], name="redemption_name", condition=Q(name__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(status__in=["held", "redeemed", "released", "expired", "returned"]),
                name="redemption_status",
            ),
            models.CheckConstraint(condition=Q(discount__gte=0), name="redemption_discount"),
            models.CheckConstraint(
                condition=Q(promotion__isnull=False) | Q(name__isnull=False, coupon=None, discount=0),
                name="redemption_of_something",
            ),
        )

    def __str__(self) -> str:
        """Return what became of it."""
        return self.status
