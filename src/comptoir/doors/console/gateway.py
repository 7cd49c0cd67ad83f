"""The console as a touchpoint: posts adjustments and asks who somebody is, over HTTP, with a key of its own.

The key lies in the shop's folder (``keys/console-gateway``), readable by its owner only.
``COMPTOIR_GATEWAY_URL`` is the gateway's address. Not here: pages.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec

from comptoir.doors.console.errors import ConsoleNotInMap, ConsoleWithoutKey, GatewayAway
from comptoir.foundation.kernel import shop
from comptoir.foundation.touchpoints.contracts import TouchpointMap

ADJUST: Final = "points.adjust"
_ADDRESS_DEFAULT: Final = "http://localhost:8001"
_SECONDS_MAX: Final = 10.0
_T = TypeVar("_T")


class Balance(msgspec.Struct, frozen=True):
    """What somebody has after an event, in points."""

    available: int = 0
    held: int = 0
    owed: int = 0


class Trouble(msgspec.Struct, frozen=True):
    """A problem of the gateway (RFC 9457), as far as a page shows it."""

    title: str = ""
    detail: str = ""
    field: str = ""
    status: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What the gateway answered to an adjustment: the event's place in the log, or a problem."""

    event: str = ""
    points: int = 0
    balance: Balance | None = None
    problem: Trouble | None = None


class _Resolved(msgspec.Struct):
    customer: uuid.UUID
    known: bool = True


def own_touchpoint(declared: TouchpointMap) -> str | None:
    """Return the touchpoint that this console is, or ``None`` if the map declares none."""
    for touchpoint in declared.touchpoints:
        if touchpoint.channel == "staff" and any(send.type == ADJUST for send in touchpoint.sends):
            return touchpoint.name
    return None


def keep_key(text: str) -> None:
    """Remember the console's own key, in place of a former one. Several may do so at once; the last one counts."""
    path = key_path()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def has_key() -> bool:
    """Tell whether the console has a key."""
    return key_path().exists()


def adjust(
    *, declared: TouchpointMap, customer: uuid.UUID, points: int, reason: str, request: uuid.UUID, at: dt.datetime
) -> Answer:
    """Post an adjustment and return what became of it. The same ``request`` twice happens once.

    Raises :class:`GatewayAway`, :class:`ConsoleNotInMap`, :class:`ConsoleWithoutKey`.
    """
    name = own_touchpoint(declared)
    if name is None:
        raise ConsoleNotInMap
    event = {
        "specversion": "1.0",
        "id": str(request),
        "source": declared.touchpoint(name).sources[0].replace("*", "1"),
        "type": ADJUST,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": {"customer": {"kind": "customer", "value": str(customer)}, "points": points, "reason": reason},
    }
    response = _post("/v1/events", event, content_type="application/cloudevents+json")
    content = response.content
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        return Answer(problem=_read(content, Trouble))
    return _read(content, Answer)


def resolve(*, kind: str, value: str) -> uuid.UUID | Trouble | None:
    """Ask which customer an identifier means; ``None`` if nobody was seen under it. Nobody keeps what was asked.

    Raises :class:`GatewayAway` and :class:`ConsoleWithoutKey`.
    """
    response = _post("/v1/customers/resolve", {"kind": kind, "value": value}, content_type="application/json")
    if response.status_code == HTTPStatus.OK:
        resolved = _read(response.content, _Resolved)
        return resolved.customer if resolved.known else None
    return _read(response.content, Trouble)


def _post(path: str, content: Any, *, content_type: str) -> httpx.Response:
    address = os.environ.get("COMPTOIR_GATEWAY_URL") or _ADDRESS_DEFAULT
    try:
        key = key_path().read_text()
    except FileNotFoundError:
        raise ConsoleWithoutKey from None
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    try:
        response = httpx.post(
            address + path, content=msgspec.json.encode(content), headers=headers, timeout=_SECONDS_MAX, trust_env=False
        )
    except httpx.HTTPError:
        raise GatewayAway from None
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        raise ConsoleWithoutKey
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise GatewayAway
    return response


def _read(content: bytes, as_type: type[_T]) -> _T:
    try:
        return msgspec.json.decode(content, type=as_type)
    except msgspec.DecodeError:
        raise GatewayAway from None


def key_path() -> Path:
    """Return where the console's key lies."""
    return shop.folder() / "keys" / "console-gateway"
