"""Notifications of messages on a customer's devices, by the push services of their browsers.

A message counts as accepted when one device's service has it; a device whose service says that it is gone is ended.
It is tried again where no service can have taken it for any device.
Not here: how a push is sealed and signed (``vault/contacts/webpush.py``).
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec
from django.db import connections
from django.utils import timezone

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.vault.contacts import subscriptions, webpush
from comptoir.vault.contacts.errors import VaultClosed
from comptoir.vault.messages.contracts import Ready, Result
from comptoir.vault.messages.preparing import PURPOSE

_REASON_MAX: Final = 200
_LIFE: Final = dt.timedelta(days=1)
_TITLE_MAX: Final = 80
#: With the reason and the addresses it stays below what every push has as its size.
_BODY_MAX: Final = 600


class PushPort:
    """Hands a message to every device of one reader."""

    def open(self) -> None:
        """Nothing is opened: each device has a service of its own."""

    def send(self, message: Ready) -> Result:
        """Hand one message to the devices that the reader has."""
        at = timezone.now()
        numbers = subscriptions.numbers_of(message.customers)
        if not numbers:
            return Result("unreachable")
        said = _said(message)
        fates: set[webpush.Fate] = set()
        for number in numbers:
            try:
                where = subscriptions.read(number, purpose=PURPOSE, actor="worker", at=at)
            except VaultClosed:
                fates.add("away")
                break
            if where is None:
                continue
            subject = addresses.origin_of(COUNTER)
            fate, _ = webpush.push(where.reveal(), said, subject=subject, life=_LIFE, urgency="normal", now=at)
            fates.add(fate)
            if fate == "gone":
                subscriptions.end([number], actor="worker", at=at)
        if "sent" in fates:
            return Result("accepted")
        if "away" in fates and "failed" not in fates:
            return Result("again", "not_taken")
        return Result("refused", "devices_gone") if fates == {"gone"} else Result("unknown", "push")

    def close(self) -> None:
        """End what this thread has opened of the database."""
        connections.close_all()


def _said(message: Ready) -> bytes:
    """Return what a device shows: the text, cut where it has to be, and below it the reason, which is never cut away.

    It leads to the page that says why it came and ends the like of it.
    """
    text = message.text.rstrip()[:_BODY_MAX]
    while True:
        said = msgspec.json.encode(
            {
                "title": message.subject[:_TITLE_MAX], "body": f"{text}\n{message.reason[:_REASON_MAX]}",
                "url": message.url, "language": message.language,
            }
        )  # fmt: skip
        # Characters have one byte to four; what is escaped has six.
        over = len(said) - webpush.PLAIN_BYTES
        if over <= 0 or not text:
            return said
        text = text[: -(over // 6 + 1)]
