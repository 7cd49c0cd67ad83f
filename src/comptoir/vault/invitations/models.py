"""The one table of who was invited. Nobody but the vault's role reaches it."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


class Invited(models.Model):
    """Somebody who is invited. ``sent_at`` is unset while the mail is on its way, and stays so if nobody knows."""

    personal: ClassVar[Personal] = Personal(
        columns={"person": "pseudonym", "invitation": "public", "at": "time", "sent_at": "time", "reminded_at": "time"},
        subject="person",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("two years after it was written", days=730, since="at"),
    )

    person = models.UUIDField(primary_key=True)
    invitation = models.TextField()
    at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    def __str__(self) -> str:
        """Return by which invitation."""
        return self.invitation
