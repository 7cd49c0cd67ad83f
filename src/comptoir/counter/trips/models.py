"""The table of trips. The office writes it; the counter puts another id in it when somebody is forgotten."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Trip(models.Model):
    """One person's way through a journey. ``step`` is what comes next, at ``due_at``; ``arm``: ``go`` or held out.

    ``occurrence`` is empty, a period's number, or the number of the event with which it began (``re_entry``).
    ``cluster`` is the store that the person was drawn with, if they were. ``refused`` says of steps whose points were
    refused by which problem: the step's number and the problem's name.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "journey": "activity", "version": "mechanical", "customer": "pseudonym",
            "occurrence": "mechanical", "entered_at": "time", "arm": "activity", "step": "mechanical",
            "due_at": "time", "ended_at": "time", "ended_because": "reason", "cluster": "place",
            "refused": "reason",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the shop gives up its books; once severed, it is a fact about nobody"),
    )  # fmt: skip
    access: ClassVar[Access] = Access.only(COUNTER, "SELECT", "UPDATE").and_for(OFFICE, "SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True)
    journey = models.UUIDField()
    version = models.IntegerField()
    customer = models.UUIDField(db_index=True)
    occurrence = models.TextField(db_collation="C")
    entered_at = models.DateTimeField()
    arm = models.TextField()
    step = models.SmallIntegerField()
    due_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_because = models.TextField(default="")
    cluster = models.TextField(db_default="", default="")
    refused = models.JSONField(db_default={}, default=dict)

    class Meta:
        """A person enters once for each occurrence; what is due is found by its moment."""

        constraints = (
            models.UniqueConstraint(fields=("journey", "customer", "occurrence"), name="trip_entered_once"),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=False, due_at__isnull=True)
                | models.Q(ended_at__isnull=True, due_at__isnull=False),
                name="trip_ended_or_due",
            ),
        )
        indexes = (models.Index(fields=["due_at"], name="trip_due", condition=models.Q(ended_at__isnull=True)),)

    def __str__(self) -> str:
        """Return the number."""
        return str(self.id)
