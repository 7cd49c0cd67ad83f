"""The tables of devices. Tokens themselves stand in the library's; here is to which pairing each belongs."""

from __future__ import annotations

import uuid
from typing import ClassVar

from allauth.idp.oidc.models import Client
from django.conf import settings
from django.db import models

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose


def new_id() -> uuid.UUID:
    """Return a new id for a pairing (UUIDv7)."""
    return IDS.new()


class Device(models.Model):
    """A thing of the shop that may ask people for a pairing. Only the digest of its key is kept."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    client = models.OneToOneField(Client, primary_key=True, on_delete=models.CASCADE)
    store = models.CharField(max_length=64)
    is_shared = models.BooleanField()
    key_digest = models.BinaryField(max_length=32)
    registered_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the name that people see."""
        return str(self.client.name)


class PairingRequest(models.Model):
    """A device waits for somebody to type its code; then, until it asks again, what they said."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "device_code": "credential",
            "user_code": "credential",
            "device_id": "mechanical",
            "scopes": "mechanical",
            "expires_at": "time",
            "polled_at": "time",
            "user_id": "pseudonym",
            "is_allowed": "activity",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("a day after it is over", days=1, since="expires_at"),
    )

    device_code = models.BinaryField(primary_key=True, max_length=32)
    user_code = models.BinaryField(unique=True, max_length=32)
    device = models.ForeignKey(Device, on_delete=models.CASCADE)
    scopes = models.CharField(max_length=100)
    expires_at = models.DateTimeField(db_index=True)
    polled_at = models.DateTimeField(null=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True)
    is_allowed = models.BooleanField(null=True)


class Pairing(models.Model):
    """One device may read something of one person, until when; ``ended_at`` says that somebody ended it before.

    ``ended_by`` is ``person``, ``signed_out``, ``device`` or ``reuse``: a refresh token was used a second time.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "user_id": "pseudonym",
            "device_id": "mechanical",
            "scopes": "activity",
            "begun_at": "time",
            "ends_at": "time",
            "read_on": "time",
            "ended_at": "time",
            "ended_by": "activity",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("three months after it is over", days=90, since="ends_at"),
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pairings")
    device = models.ForeignKey(Device, on_delete=models.CASCADE)
    scopes = models.CharField(max_length=100)
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    read_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=12, blank=True, default="")


class IssuedToken(models.Model):
    """To which pairing a token belongs; ``spent_at``: a refresh token was used, and is not good a second time."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "hash": "credential",
            "pairing_id": "mechanical",
            "user_id": "pseudonym",
            "is_refresh": "mechanical",
            "issued_at": "time",
            "spent_at": "time",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("as long as the longest pairing lasts, and a month", days=120, since="issued_at"),
        because="Digests of keys that a device held; the pairing they belong to is in the copy.",
    )

    hash = models.CharField(max_length=64, primary_key=True)
    pairing = models.ForeignKey(Pairing, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    is_refresh = models.BooleanField()
    issued_at = models.DateTimeField(db_index=True)
    spent_at = models.DateTimeField(null=True)
