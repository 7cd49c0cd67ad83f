"""Tables of figures and audiences. The office writes segments and their members; everything else is the counter's."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey
from django.db.models.functions import Now

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, Access
from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose

_BY_OFFICE = Access.at_home(COUNTER).and_for(OFFICE, "INSERT", "UPDATE", "DELETE")


class Line(models.Model):
    """Goods of one line of a sale that were kept: what came back is taken off. Amounts in minor units.

    ``position`` is the sale's place in the log, ``number`` the line's in the sale. ``opens`` is 1 in the first line of
    each sale and 0 in the others, so that sales are counted by a sum.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "position": "mechanical", "number": "mechanical", "day": "time",
            "store": "place", "category": "sale", "product": "sale", "quantity": "sale", "amount": "sale",
            "discount": "sale", "opens": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="sales",
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )  # fmt: skip

    pk = CompositePrimaryKey("customer", "position", "number")
    customer = models.UUIDField()
    position = models.UUIDField()
    number = models.SmallIntegerField()
    day = models.DateField()
    store = models.TextField(null=True, db_collation="C")
    category = models.TextField(null=True, db_collation="C")
    product = models.TextField(db_collation="C")
    quantity = models.BigIntegerField()
    amount = models.BigIntegerField()
    discount = models.BigIntegerField()
    opens = models.SmallIntegerField()

    class Meta:
        """What one customer bought in a window is read without what they bought before."""

        indexes = (models.Index(fields=["customer", "day"], name="line_of_customer"),)

    def __str__(self) -> str:
        """Return the product."""
        return self.product


class Act(models.Model):
    """Something that somebody did, other than buying: an event's type and day."""

    personal: ClassVar[Personal] = Personal(
        columns={"customer": "pseudonym", "position": "mechanical", "day": "time", "type": "activity"},
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="events",
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )

    pk = CompositePrimaryKey("customer", "position")
    customer = models.UUIDField()
    position = models.UUIDField()
    day = models.DateField()
    type = models.TextField(db_collation="C")

    def __str__(self) -> str:
        """Return what was done."""
        return self.type


class Figures(models.Model):
    """What is asked often, in one row for each customer; ``person`` is who it belongs to, ``since`` the first day.

    ``allows_store`` and ``allows_web`` say whether the shop may count at all, by the customer's word on that channel.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "person": "pseudonym", "since": "time", "allows_store": "consent",
            "allows_web": "consent", "first_day": "time", "last_day": "time", "purchases": "sale", "spend": "sale",
            "points": "points", "asked": "activity", "answered": "activity", "trust": "activity",
        },
        subject="customer",
        also=("person",),
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the person is forgotten"),
    )  # fmt: skip

    customer = models.UUIDField(primary_key=True)
    person = models.UUIDField(db_index=True)
    since = models.DateField(null=True)
    allows_store = models.BooleanField()
    allows_web = models.BooleanField()
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    purchases = models.BigIntegerField()
    spend = models.BigIntegerField()
    points = models.BigIntegerField()
    asked = models.BigIntegerField()
    answered = models.BigIntegerField()
    trust = models.SmallIntegerField()

    def __str__(self) -> str:
        """Return the customer."""
        return str(self.customer)


class Segment(models.Model):
    """A segment as it stands: its name, and the expression of its latest version."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What staff ask for, said of no customer.")
    access: ClassVar[Access] = _BY_OFFICE

    id = models.UUIDField(primary_key=True)
    name = models.TextField(unique=True)
    expression = models.TextField()
    hash = models.TextField()
    version = models.IntegerField()
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True)
    day = models.DateField(null=True)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class SegmentVersion(models.Model):
    """A version of a segment: never changed, only followed by another. ``by`` is the member of staff."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL
    access: ClassVar[Access] = Access.at_home(COUNTER).and_for(OFFICE, "INSERT")

    pk = CompositePrimaryKey("segment", "version")
    segment = models.UUIDField()
    version = models.IntegerField()
    name = models.TextField()
    expression = models.TextField()
    hash = models.TextField()
    by = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        """Return segment and version."""
        return f"{self.segment} {self.version}"


class Member(models.Model):
    """A person who is in a segment, or was: ``changes`` counts joining and leaving, so that each is told once."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "customer": "pseudonym", "segment": "activity", "is_in": "activity", "since": "time",
            "changes": "mechanical", "version": "mechanical",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the person is forgotten"),
    )  # fmt: skip
    access: ClassVar[Access] = _BY_OFFICE

    pk = CompositePrimaryKey("segment", "customer")
    segment = models.UUIDField()
    customer = models.UUIDField(db_index=True)
    is_in = models.BooleanField()
    since = models.DateTimeField()
    changes = models.IntegerField()
    version = models.IntegerField()

    class Meta:
        """Who is in a segment is read in portions."""

        indexes = (models.Index(fields=["segment", "customer"], name="member_now", condition=models.Q(is_in=True)),)

    def __str__(self) -> str:
        """Return segment and customer."""
        return f"{self.segment} {self.customer}"
