"""Who is told what came of a purpose: whoever stands above this package and was named by the wiring.

``settings.PAYMENTS_LISTENER`` is the dotted path of a class. Without one nobody is told, and every payment is wanted.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

#: Why no money is under way for a purpose any more.
Ended = Literal["closed", "expired", "failed", "short", "currency"]


class Listener(Protocol):
    """Hears what came of purposes, in the transaction that writes it down (of the vault's role): both, or neither.

    It opens no connection elsewhere and asks nobody outside. What it raises undoes the transaction; the same is told
    again by the clock.
    """

    def on_paid(self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime) -> bool:
        """Say whether the money is wanted; asked once of each capture that would be the first. No: it goes back whole.

        It is asked of a purpose that is over too: the money may have come in the last second.
        """
        ...

    def on_over(self, purpose: uuid.UUID, *, why: Ended, at: dt.datetime) -> None:
        """No session of it is open any more, and it is not paid. With ``closed`` none is opened again."""
        ...

    def on_refunded(self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime) -> None:
        """Money that was wanted has gone back: as was asked under ``key``, or (empty) at the provider itself."""
        ...

    def on_refund_refused(
        self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime, was_told: bool
    ) -> None:
        """A refund that was asked for will not be made. ``was_told``: it had been told as done, and came back."""
        ...

    def on_charged_back(
        self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime, is_returned: bool
    ) -> None:
        """A bank took money back, or (``is_returned``) gave it back again; perhaps more than was captured."""
        ...


class Nobody:
    """The listener of a shop in which nothing stands above the payments: it wants all money and hears nothing."""

    def on_paid(self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime) -> bool:  # noqa: ARG002
        """It is wanted."""
        return True

    def on_over(self, purpose: uuid.UUID, *, why: Ended, at: dt.datetime) -> None:
        """Nothing follows."""

    def on_refunded(self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime) -> None:
        """Nothing follows."""

    def on_refund_refused(
        self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime, was_told: bool
    ) -> None:
        """Nothing follows."""

    def on_charged_back(
        self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime, is_returned: bool
    ) -> None:
        """Nothing follows."""


def listener() -> Listener:
    """Return whoever is told."""
    path = getattr(settings, "PAYMENTS_LISTENER", "")
    return cast("Listener", import_string(path)() if path else Nobody())
