"""The one table of what waits to be told. Nobody but the vault's role reaches it."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose


def new_id() -> uuid.UUID:
    """Return a new number for an announcement (UUIDv7); it is the event's too."""
    return IDS.new()


class Announcement(models.Model):
    """An event about a user that the counter has not heard yet. ``said`` is what it carries beside whom it is about."""

    personal: ClassVar[Personal] = Personal(
        columns={"id": "mechanical", "person": "pseudonym", "kind": "mechanical", "said": "activity", "at": "time"},
        subject="person",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("the gateway has taken it"),
        because="The counter tells it in its own part of the copy.",
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.UUIDField(db_index=True)
    kind = models.TextField()
    said = models.JSONField(default=dict)
    at = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()
