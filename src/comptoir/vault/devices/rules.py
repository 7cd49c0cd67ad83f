"""What a device may be let to read, how long, and how a code is written. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from typing import Final

from comptoir.vault.devices.errors import DeviceNameInvalid, DeviceScopesInvalid, DeviceStoreInvalid

#: Everything that a device can ever read, and of whom. Nothing here spends, and nothing changes anything.
SCOPES: Final[Mapping[str, str]] = {"points:read": "customer", "answers:read": "customer", "name:read": "staff"}

#: How long a code waits for somebody to type it, and how long a device waits between two questions.
REQUEST_LIFE: Final = dt.timedelta(minutes=10)
POLL_INTERVAL: Final = dt.timedelta(seconds=5)
#: How long an access token is good.
ACCESS_LIFE: Final = dt.timedelta(minutes=10)
#: How long a pairing holds in all, and how long without being used: where others look on, a visit to the shop.
SHARED_LIFE: Final = dt.timedelta(hours=1)
SHARED_IDLE: Final = dt.timedelta(minutes=15)
OWN_LIFE: Final = dt.timedelta(days=90)
OWN_IDLE: Final = dt.timedelta(days=30)

_NAME_LENGTH_MAX: Final = 60
_STORE = re.compile(r"/[!-)+-~]{1,63}")
_CODE_LENGTH_MAX: Final = 20


def checked_name(name: str) -> str:
    """Return a device's name as it is shown. Raises :class:`DeviceNameInvalid`."""
    name = " ".join(name.split())
    if not name or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
        raise DeviceNameInvalid(field="name")
    return name


def checked_store(store: str) -> str:
    """Return the source of a store. Raises :class:`DeviceStoreInvalid`."""
    if not _STORE.fullmatch(store):
        raise DeviceStoreInvalid(field="store")
    return store


def checked_scopes(scopes: Collection[str]) -> list[str]:
    """Return scopes in their order: at least one, all of one kind of people. Raises :class:`DeviceScopesInvalid`."""
    known = [scope for scope in SCOPES if scope in scopes]
    if not known or set(scopes) != set(known) or len({SCOPES[scope] for scope in known}) != 1:
        raise DeviceScopesInvalid(f"One or more of: {', '.join(SCOPES)}; customers' or staff's.", field="scope")
    return known


def kind_for(scopes: Collection[str]) -> str:
    """Return whose things scopes read: a customer's, or a staff member's."""
    return SCOPES[next(iter(scopes))]


def pairing_ends(*, is_shared: bool, now: dt.datetime) -> dt.datetime:
    """Return when a pairing that begins now is over, whatever is done with it."""
    return now + (SHARED_LIFE if is_shared else OWN_LIFE)


def refresh_ends(*, is_shared: bool, now: dt.datetime, ends_at: dt.datetime) -> dt.datetime:
    """Return until when a refresh token that is issued now is good."""
    return min(ends_at, now + (SHARED_IDLE if is_shared else OWN_IDLE))


def plain_code(code: str) -> str:
    """Return a code as it is compared: without what people put between its letters, and large."""
    return re.sub(r"[\s\-_.]", "", code[: _CODE_LENGTH_MAX * 2]).upper()[:_CODE_LENGTH_MAX]
