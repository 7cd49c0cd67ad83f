"""Messages to people: unseal the address, send through Django's mail back end, say so in the audit chain.

The address is in this module's hands for one call and in nobody else's: it is in no log, no message of an error and no
header but the recipient's own. Not here: what a message says, and whether the person agreed to it.
"""

from __future__ import annotations

import datetime as dt
import smtplib
import uuid
from collections.abc import Mapping

from django.core.mail import EmailMessage
from django.db import transaction

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import rules
from comptoir.vault.contacts.contracts import FormerAddress, Hidden
from comptoir.vault.contacts.errors import NotDelivered, NotReachable
from comptoir.vault.contacts.models import Former
from comptoir.vault.contacts.queries import note, place_of_former, read, sealer_of


def deliver(
    user: uuid.UUID,
    *,
    subject: str,
    text: str,
    purpose: str,
    at: dt.datetime,
    address: FormerAddress | None = None,
    actor: str = "house",
) -> None:
    """Send somebody a message by e-mail: to their address, or to a former one that is still kept.

    Call it outside of every transaction: a mail server may take its time. Raises :class:`NotReachable` if there is no
    (longer an) address, :class:`NotDelivered` if the mail server does not take it, :class:`VaultClosed`.
    """
    recipient = (
        _former(address, user=user, purpose=purpose, actor=actor, at=at)
        if address is not None
        else read(user, fields=["email"], purpose=purpose, actor=actor, at=at).email
    )
    if recipient is None:
        raise NotReachable
    send(recipient, subject=subject, text=text)


def send(recipient: Hidden[str], *, subject: str, text: str, headers: Mapping[str, str] | None = None) -> None:
    """Hand one message to the mail server. Raises :class:`NotDelivered`, which does not say to whom."""
    message = EmailMessage(" ".join(subject.split()), text, to=[recipient.reveal()], headers=dict(headers or {}))
    try:
        message.send()
    except (smtplib.SMTPException, OSError):
        # What the server said quotes the address.
        raise NotDelivered from None


def _former(
    address: FormerAddress, *, user: uuid.UUID, purpose: str, actor: str, at: dt.datetime
) -> Hidden[str] | None:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        sealer = sealer_of(user)
        row = Former.objects.filter(id=address.id, person=user, kept_until__gt=at).first()
        if row is None or sealer is None:
            return None
        data = sealer.open(bytes(row.sealed), place=place_of_former(row.id), version=1)
        note("contacts.read_former", user, fields=["email"], purpose=purpose, actor=actor, at=at)
    return rules.value_of("email", data)
