"""Tables of short links: where they lead, and how often they were followed on a day."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT, Access
from comptoir.foundation.rooms.personal import NothingPersonal


class ShortLink(models.Model):
    """A short link. Staff make it in the office; the square leads on; it is never changed."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Where the shop's own posts lead.")
    access: ClassVar[Access] = (
        Access.only(OFFICE, "SELECT", "INSERT")
        .and_for(SQUARE, "SELECT")
        .and_for(COUNTER, "SELECT")
        .and_for(VAULT, "SELECT")
    )

    code = models.TextField(primary_key=True, db_collation="C")
    network = models.TextField()
    username = models.TextField()
    post = models.TextField()
    target = models.TextField()
    made_at = models.DateTimeField()
    made_by = models.TextField()

    class Meta:
        """Those of a username are listed by when they were made."""

        indexes = (models.Index(fields=["network", "username", "-made_at"], name="short_link_of_username"),)

    def __str__(self) -> str:
        """Return the code."""
        return self.code


class ShortLinkDay(models.Model):
    """How often a short link was followed on a day (UTC), by whoever did not say that it is a machine."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Counted by day; nothing of whoever follows is kept.")

    pk = CompositePrimaryKey("code", "day")
    code = models.TextField(db_collation="C")
    day = models.DateField()
    visits = models.BigIntegerField()

    def __str__(self) -> str:
        """Return code and day."""
        return f"{self.code} {self.day}"
