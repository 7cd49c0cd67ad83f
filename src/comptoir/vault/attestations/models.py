"""Requests for a proof: open for five minutes, gone as soon as their result is taken. Nothing of a credential."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.personal import Kept, NothingPersonal


class ProofRequest(models.Model):
    """One request. ``visit`` binds it to the browser that began it, ``handle`` to the address that the wallet uses.

    Both are digests. ``key`` is the private key to which the wallet encrypts its response, sealed; ``code`` the digest
    of what the browser has to bring back when the wallet is on the same device. The result is ``method`` or
    ``refusal``; there is nothing here of who asks.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "Digests of a browser and a wallet, for minutes; nothing of who asks.",
        kept=Kept("it is over", days=1, since="ends_at"),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visit = models.BinaryField(max_length=32)
    handle = models.BinaryField(max_length=32, unique=True)
    nonce = models.TextField()
    over = models.SmallIntegerField()
    way = models.TextField()
    is_same_device = models.BooleanField()
    key = models.BinaryField(null=True)
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True)
    code = models.BinaryField(max_length=32, null=True)
    method = models.TextField(null=True)
    refusal = models.TextField(null=True)

    class Meta:
        indexes = (models.Index(fields=["visit"], name="proof_of_visit"),)
