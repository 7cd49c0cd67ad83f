"""What the shop's programme says of money and time, for pages. Not here: what money looks like (``reporting.py``)."""

from __future__ import annotations

import msgspec
from django.utils import timezone

from comptoir.counter.loyalty.store import find_programmes
from comptoir.doors.console.acting import own_connection
from comptoir.foundation.kernel import money


class Shop(msgspec.Struct, frozen=True):
    """What the shop's programme says of money and time."""

    currency: str
    minor_units: int
    zone: str


def shop_of() -> Shop:
    """Return what the shop's programme says of money and time."""
    programmes = find_programmes(own_connection())
    if programmes is None:
        return Shop("EUR", 100, "UTC")
    zone = programmes.at(timezone.now()).programme.time_zone
    return Shop(programmes.currency, 10 ** money.exponent(programmes.currency), zone)
