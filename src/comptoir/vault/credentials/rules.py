"""What is decided about signing in, and asks nobody: until when spending cools, what a passkey signs. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Iterable
from typing import Final

import msgspec

from comptoir.foundation.kernel.numbers import whole
from comptoir.vault.credentials.errors import PlaceInvalid, PointsInvalid

#: No purchase takes more points than this at once.
POINTS_MAX: Final = 1_000_000_000
_PLACE = re.compile(r"/[!-)+-~]{1,63}")

#: What a browser says of itself, and what it is called here; the first that fits. Most of them claim to be others too.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Chromium", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"), ("Linux", "Linux"),
)  # fmt: skip


def browser_family(user_agent: str) -> str:
    """Return what to call a browser, coarsely: ``Firefox, Android``; an empty text if it says nothing that is known."""
    found = (next((name for sign, name in names if sign in user_agent), "") for names in (_BROWSERS, _SYSTEMS))
    return ", ".join(filter(None, found))


def cools_until(moments: Iterable[dt.datetime], *, now: dt.datetime) -> dt.datetime | None:
    """Return until when spending cools, by the ends of all changes, or ``None`` if it does not."""
    latest = max(moments, default=now)
    return latest if latest > now else None


class Transaction(msgspec.Struct, frozen=True):
    """What is confirmed with a passkey before points are spent: whose, how many, where, and when it was asked.

    ``place`` is the beginning of the sources at which they may be spent, or empty for anywhere. ``number`` is drawn
    for each, so that two of the same amount are two.
    """

    customer: uuid.UUID
    points: int
    place: str
    number: str
    asked_at: dt.datetime


def challenge_of(transaction: Transaction) -> bytes:
    """Return the challenge that a passkey signs: the SHA-256 of the transaction in its one written form."""
    return hashlib.sha256(b"comptoir.spend\0" + msgspec.json.encode(transaction, order="sorted")).digest()


def spendable(points: str, place: str) -> tuple[int, str]:
    """Return amount and place as they were typed. Raises :class:`PointsInvalid`, :class:`PlaceInvalid`."""
    number = whole(points.strip(), POINTS_MAX, least=1)
    if number is None:
        raise PointsInvalid(f"A whole number from 1 to {POINTS_MAX:,}.", field="points")
    if place and not _PLACE.fullmatch(place):
        raise PlaceInvalid(field="place")
    return number, place
