"""Confirmations: with what the vault shows that a customer's passkey was just asked about these very limits.

What a customer allows to be spent may be made narrower by whoever has their page open. To make it wider at once takes a
confirmation: a keyed hash (HMAC-SHA-256) over the customer, the event that will say it, and the limits, with the
second it was made. It belongs to one event, and an event counts once; so a confirmation that was seen is worth nothing.
The key is the vault's and the gateway's; no page of the counter reads it.

Not here: what waiting means for who has no passkey (``spending.py``), how the passkey is asked (the vault).
"""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Final

import msgspec

from comptoir.counter.loyalty.errors import ConfirmationExpired, ConfirmationInvalid
from comptoir.counter.loyalty.spending import Limits
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.numbers import whole

#: From the passkey's signature to the gateway; how far the vault's clock may be ahead.
VALID_SECONDS: Final = 120
AHEAD_SECONDS_TOLERATED: Final = 5
_PREFIX: Final = "L1"
_FIELD: Final = "data.proof.value"


class Confirmations:
    """Makes and checks the confirmations of one shop."""

    def __init__(self, key: bytes) -> None:
        """Work with the shop's key for confirmations (32 bytes)."""
        self._key = key

    @classmethod
    def of_shop(cls) -> Confirmations:
        """Return those of the shop whose folder the environment names; its key is made when it is first asked."""
        return cls(shop.secret("confirmations"))

    def confirm(self, customer: Id, event: str, limits: Limits, *, at: dt.datetime) -> str:
        """Return what shows that the customer's passkey was asked; only whoever has asked it may call this."""
        second = int(at.timestamp())
        return f"{_PREFIX}.{second}.{self._hash(customer, event, limits, second)}"

    def check(self, value: str, customer: Id, event: str, limits: Limits, *, at: dt.datetime) -> None:
        """Raise :class:`ConfirmationInvalid` or :class:`ConfirmationExpired` unless this confirms these very limits."""
        prefix, _, rest = value.partition(".")
        written, _, found = rest.partition(".")
        second = whole(written, 10**12 - 1)
        if prefix != _PREFIX or second is None:
            raise ConfirmationInvalid(field=_FIELD)
        if not hmac.compare_digest(found.encode(), self._hash(customer, event, limits, second).encode()):
            raise ConfirmationInvalid(field=_FIELD)
        age = at.timestamp() - second
        if not -AHEAD_SECONDS_TOLERATED <= age < VALID_SECONDS:
            raise ConfirmationExpired(f"It is good for {VALID_SECONDS} seconds.", field=_FIELD)

    def _hash(self, customer: Id, event: str, limits: Limits, second: int) -> str:
        said = msgspec.json.encode([_PREFIX, customer, event, limits, second])
        return hmac.digest(self._key, said, "sha256").hex()
