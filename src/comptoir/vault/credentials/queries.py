"""What is asked about users: how they are signed in, and under which number the counter knows them.

Runs in the vault. Not here: HTTP.
"""

from __future__ import annotations

import datetime as dt
import uuid

import msgspec

from comptoir.counter.customers.queries import customer_of_user
from comptoir.foundation.rooms.models import Presence, Standing
from comptoir.vault.credentials.models import SignIn, User


class SignedIn(msgspec.Struct, frozen=True):
    """One sign-in that holds: where and by what. ``rooms`` are those in which it was seen, with the last day."""

    sign_in: uuid.UUID
    begun_at: dt.datetime
    browser: str
    means: tuple[str, ...]
    rooms: tuple[tuple[str, dt.date], ...]


def sign_ins_of(user: User, *, now: dt.datetime) -> list[SignedIn]:
    """Return a user's sign-ins that hold, the latest first."""
    mine = {each.id: each for each in SignIn.objects.filter(user=user)}
    standing = Standing.objects.filter(sign_in__in=mine, expires_at__gt=now).values_list("sign_in", flat=True)
    seen: dict[uuid.UUID, list[tuple[str, dt.date]]] = {number: [] for number in standing}
    for each in Presence.objects.filter(sign_in__in=seen).order_by("room"):
        seen[each.sign_in].append((each.room, each.seen_on))
    found = [
        SignedIn(number, mine[number].begun_at, mine[number].browser, tuple(mine[number].means.split()), tuple(rooms))
        for number, rooms in seen.items()
    ]
    return sorted(found, key=lambda each: each.begun_at, reverse=True)


def customer_of(user: User) -> uuid.UUID:
    """Return the opaque customer that a user is at the counter; nothing keeps the one beside the other."""
    return customer_of_user(user.pk)
