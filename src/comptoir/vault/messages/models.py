"""Tables of what was reached: by digest, never by address. Nobody but the vault's role reaches them."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Reached(models.Model):
    """That a campaign has reached a contact point, for one occurrence: two people with one address get one message."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "campaign": "activity",
            "occurrence": "mechanical",
            "digest": "contact",
            "decision": "mechanical",
            "person": "pseudonym",
            "at": "time",
        },
        subject="person",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        sealed=frozenset({"digest"}),
        erased=Erasure.DELETED,
        kept=Kept("no campaign runs for so long, and no bounce comes so late", days=400, since="at"),
        because="A digest that finds the address again; that there was a message, the counter's part tells.",
    )

    pk = CompositePrimaryKey("campaign", "occurrence", "digest")
    campaign = models.UUIDField()
    occurrence = models.TextField(db_collation="C")
    digest = models.BinaryField(max_length=32)
    decision = models.UUIDField()
    person = models.UUIDField(db_index=True)
    at = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        """A bounce is found by the address that it names."""

        db_table = "delivery_reached"
        indexes = (models.Index(fields=["digest", "-at"], name="delivery_reached_digest"),)


class Block(models.Model):
    """That nothing more is sent to a contact point: it is dead, or its holder complained."""

    personal: ClassVar[Personal] = Personal(
        columns={"digest": "contact", "field": "mechanical", "why": "reason", "person": "pseudonym", "at": "time"},
        subject="person",
        whose=Whose.USER,
        exported=Export.ROWS,
        sealed=frozenset({"digest"}),
        erased=Erasure.DELETED,
        kept=Kept("another address takes its place, or the person is forgotten", days=1_095, since="at"),
    )

    pk = CompositePrimaryKey("digest", "why")
    digest = models.BinaryField(max_length=32)
    field = models.TextField()
    why = models.TextField()
    person = models.UUIDField(db_index=True)
    at = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "delivery_block"
