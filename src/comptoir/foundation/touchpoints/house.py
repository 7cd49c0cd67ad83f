"""The house's own pages as touchpoints: what they do goes over HTTP through the gateway, as every channel's.

A *house touchpoint* is one of :data:`HOUSE`; it stands in the shop's map like any other and has a key of its own, which
lies in the shop's folder (``keys/console-gateway``), readable by its owner only. ``COMPTOIR_GATEWAY_URL`` is the
gateway's address. Not here: pages, and what an event means.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import threading
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec
import psycopg

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.outbound import trusted
from comptoir.foundation.touchpoints import store
from comptoir.foundation.touchpoints.commands import issue_key
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import GatewayAway, HouseNotInMap, HouseWithoutKey
from comptoir.foundation.touchpoints.reading import BYTES_MAX, map_path

CONSOLE: Final = "console"
STOREFRONT: Final = "storefront"
VAULT: Final = "vault"
SQUARE: Final = "square"

#: The house's own touchpoints, and in which room of the map each stands.
HOUSE: Final[Mapping[str, str]] = {
    CONSOLE: "office",
    STOREFRONT: "counter",
    VAULT: "vault",
    SQUARE: "square",
}
_ADJUST: Final = "points.adjust"
_ADDRESS_DEFAULT: Final = "http://localhost:8001"
_SECONDS_MAX: Final = 10.0
_NOTE: Final = "the house's own"
_T = TypeVar("_T")


class Balance(msgspec.Struct, frozen=True):
    """What somebody has after an event, in points."""

    available: int = 0
    held: int = 0
    owed: int = 0


class Trouble(msgspec.Struct, frozen=True):
    """A problem of the gateway (RFC 9457), as far as a page shows it. ``type`` ends with its name."""

    title: str = ""
    detail: str = ""
    field: str = ""
    status: int = 0
    type: str = ""

    @property
    def name(self) -> str:
        """Return the problem's short name, such as ``customer_unknown``."""
        return self.type.rsplit(":", 1)[-1]


class Answer(msgspec.Struct, frozen=True):
    """What the gateway answered to an event: its place in the log and whom it was about, or a problem.

    ``points_by_line`` is how many of its points each line of a sale has earned, where it has several.
    ``basket`` is what a basket costs after its promotions, ``gift_card`` what was moved on one and what is left, as the
    gateway wrote them.
    """

    event: str = ""
    customer: uuid.UUID | None = None
    points: int = 0
    points_by_line: tuple[int, ...] = ()
    balance: Balance | None = None
    basket: Any = None
    gift_card: Any = None
    problem: Trouble | None = None


class Said(msgspec.Struct, frozen=True):
    """One of several events: its type, what it carries, the id of its request, and when it happened."""

    type: str
    data: Mapping[str, Any]
    request: uuid.UUID
    at: dt.datetime


class _Answers(msgspec.Struct):
    outcomes: list[Answer]


class _Resolved(msgspec.Struct):
    customer: uuid.UUID
    known: bool = True


# What is said.


def send(
    event_type: str, data: Mapping[str, Any], *, touchpoint: str = VAULT, request: uuid.UUID, at: dt.datetime
) -> Answer:
    """Send one event as a house touchpoint and return what became of it. The same ``request`` twice happens once.

    ``data`` is what the type carries, identifiers as ``{"kind": ..., "value": ...}``; ``at`` is when it happened, and
    has to be the same again when a request is repeated. Raises :class:`GatewayAway`, :class:`HouseNotInMap`,
    :class:`HouseWithoutKey`; a refusal is the answer's ``problem``.
    """
    event = _event(Said(event_type, data, request, at), touchpoint=touchpoint)
    response = _post("/v1/events", event, touchpoint=touchpoint, content_type="application/cloudevents+json")
    content = response.content
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        return Answer(problem=_read(content, Trouble))
    return _read(content, Answer)


def send_all(said: Sequence[Said], *, touchpoint: str) -> list[Answer]:
    """Send several events at once and return what became of each, in their order; each is decided by itself.

    They are committed together. Raises as :func:`send` does; a problem of the batch as a whole is everybody's.
    """
    events = [_event(each, touchpoint=touchpoint) for each in said]
    response = _post("/v1/events", events, touchpoint=touchpoint, content_type="application/cloudevents-batch+json")
    content = response.content
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        return [Answer(problem=_read(content, Trouble))] * len(events)
    answers = _read(content, _Answers).outcomes
    if len(answers) != len(events):
        raise GatewayAway
    return answers


def _event(said: Said, *, touchpoint: str) -> dict[str, Any]:
    place = _maps.read().get(touchpoint)
    if place is None or said.type not in place.types:
        raise HouseNotInMap(_what_to_add(touchpoint, said.type))
    return {
        "specversion": "1.0",
        "id": str(said.request),
        "source": place.source,
        "type": said.type,
        "time": said.at.isoformat(),
        "datacontenttype": "application/json",
        "data": said.data,
    }


def source_of(touchpoint: str) -> str | None:
    """Return for which source a house touchpoint speaks; ``None`` where the map does not have it."""
    place = _maps.read().get(touchpoint)
    return None if place is None else place.source


def may_send(touchpoint: str, event_type: str) -> bool:
    """Tell whether the map lets a house touchpoint send events of a type."""
    place = _maps.read().get(touchpoint)
    return place is not None and event_type in place.types


def may_say(touchpoint: str, event_type: str, field: str) -> bool:
    """Tell whether the map lets a house touchpoint give a field to events of a type; others are refused."""
    place = _maps.read().get(touchpoint)
    return place is not None and field in place.types.get(event_type, ())


def vault_source() -> str:
    """Return for which source the vault books sales: the map's, or one of its own name where the map has none."""
    return source_of(VAULT) or f"/{VAULT}"


def resolve(*, kind: str, value: str, touchpoint: str) -> uuid.UUID | Trouble | None:
    """Ask which customer an identifier means; ``None`` if nobody was seen under it. Nobody keeps what was asked.

    Raises :class:`GatewayAway` and :class:`HouseWithoutKey`.
    """
    asked = {"kind": kind, "value": value}
    response = _post("/v1/customers/resolve", asked, touchpoint=touchpoint, content_type="application/json")
    if response.status_code == HTTPStatus.OK:
        resolved = _read(response.content, _Resolved)
        return resolved.customer if resolved.known else None
    return _read(response.content, Trouble)


def hand_on(path: str, content: bytes, *, key: str, content_type: str) -> httpx.Response:
    """Hand on to the gateway what a channel says by way of a page, under the channel's own key (``Bearer …``).

    Raises :class:`GatewayAway` if the gateway does not answer.
    """
    address = os.environ.get("COMPTOIR_GATEWAY_URL") or _ADDRESS_DEFAULT
    headers = {"Authorization": key, "Content-Type": content_type}
    try:
        return httpx.post(address + path, content=content, headers=headers, timeout=_SECONDS_MAX, trust_env=False)
    except httpx.HTTPError:
        raise GatewayAway from None


def _post(path: str, content: Any, *, touchpoint: str, content_type: str) -> httpx.Response:
    address = os.environ.get("COMPTOIR_GATEWAY_URL") or _ADDRESS_DEFAULT
    try:
        key = key_path(touchpoint).read_text()
    except FileNotFoundError:
        raise HouseWithoutKey(_how_to_get_a_key(touchpoint)) from None
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    try:
        response = httpx.post(
            address + path, content=msgspec.json.encode(content), headers=headers, timeout=_SECONDS_MAX,
            trust_env=False, verify=trusted(),
        )  # fmt: skip
    except httpx.HTTPError:
        raise GatewayAway from None
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        raise HouseWithoutKey(_how_to_get_a_key(touchpoint))
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise GatewayAway
    return response


def _read(content: bytes, as_type: type[_T]) -> _T:
    try:
        return msgspec.json.decode(content, type=as_type)
    except msgspec.DecodeError:
        raise GatewayAway from None


# Keys.


def key_path(touchpoint: str) -> Path:
    """Return where a house touchpoint's key lies."""
    assert touchpoint in HOUSE, touchpoint
    return shop.folder() / "keys" / f"{touchpoint}-gateway"


def has_key(touchpoint: str) -> bool:
    """Tell whether a house touchpoint has a key."""
    return key_path(touchpoint).exists()


def keep_key(touchpoint: str, text: str) -> None:
    """Remember a house touchpoint's key, in place of a former one. Several may do so at once; the last one counts."""
    path = key_path(touchpoint)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def make_keys(
    connection: psycopg.Connection, *, declared: TouchpointMap, now: dt.datetime, report: Callable[[str], None]
) -> None:
    """Make the keys that the house's own touchpoints lack, as the office. One that was revoked stays revoked."""
    for touchpoint in HOUSE:
        name = name_in(declared, touchpoint)
        if name is None or (has_key(touchpoint) and _is_of_this_shop(connection, touchpoint)):
            continue
        issued = issue_key(connection, touchpoint=name, declared=declared, now=now, note=_NOTE)
        keep_key(touchpoint, issued.text)
        report(f"issued a key for {name}")


def _is_of_this_shop(connection: psycopg.Connection, touchpoint: str) -> bool:
    """Tell whether this database has ever issued the key at hand; that of a former database opens nothing."""
    digest = store.digest_of(key_path(touchpoint).read_text())
    return connection.execute("select from touchpoints_key where digest = %s", (digest,)).fetchone() is not None


# The map.


def name_in(declared: TouchpointMap, touchpoint: str) -> str | None:
    """Return under which name the map has a house touchpoint, or ``None``.

    It is the house's own name, in the room that belongs to it; the console is whichever touchpoint of the staff sends
    ``points.adjust``.
    """
    for each in declared.touchpoints:
        if touchpoint == CONSOLE:
            if each.channel == "staff" and any(send.type == _ADJUST for send in each.sends):
                return each.name
        elif each.name == touchpoint and each.room == HOUSE[touchpoint]:
            return each.name
    return None


def missing_from(declared: TouchpointMap) -> list[str]:
    """Return a sentence for each house touchpoint that the map lacks, which says what to add."""
    return [_what_to_add(each) for each in HOUSE if name_in(declared, each) is None]


def shop_title() -> str:
    """Return what the shop calls itself: the title of its map."""
    return _maps.title() or "Comptoir"


def _what_to_add(touchpoint: str, event_type: str = "") -> str:
    if touchpoint == CONSOLE:
        return "Give touchpoints.toml a touchpoint with the channel staff that sends points.adjust."
    wanted = f'a touchpoint named {touchpoint} with room = "{HOUSE[touchpoint]}"'
    what = f" that sends {event_type}" if event_type else ""
    return f"Give touchpoints.toml {wanted}{what}; docs/touchpoints.md shows it."


def _how_to_get_a_key(touchpoint: str) -> str:
    return (
        f"`comptoir migrate` makes a key for {touchpoint} where it has none; a revoked one is replaced in the console."
    )


class _Place(msgspec.Struct, frozen=True):
    """A house touchpoint in the map: the source it speaks for, and the types that it sends, with their fields."""

    source: str
    types: Mapping[str, frozenset[str]]


class _Maps:
    """The house touchpoints of the shop's map, read again when its file changes.

    Only what stands here is read, and tolerantly: whether the map as a whole is valid is for the gateway to say.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp: tuple[str, int, int] | None = None
        self._places: Mapping[str, _Place] = {}
        self._title = ""

    def title(self) -> str:
        self.read()
        return self._title

    def read(self) -> Mapping[str, _Place]:
        path = map_path()
        with self._lock:
            try:
                status = path.stat()
            except OSError:
                return {}
            stamp = (str(path), status.st_mtime_ns, status.st_size)
            if stamp != self._stamp and status.st_size <= BYTES_MAX:
                try:
                    values = tomllib.loads(path.read_text())
                    self._places, self._title = _places(values), str(values.get("title", ""))
                except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, RecursionError):
                    return self._places  # somebody is writing it: the last one that could be read holds
                self._stamp = stamp
            return self._places


def _places(values: Mapping[str, Any]) -> Mapping[str, _Place]:
    tables = values.get("touchpoint")
    found: dict[str, _Place] = {}
    for name, table in tables.items() if isinstance(tables, dict) else ():
        sends, source = (table.get("sends"), table.get("source")) if isinstance(table, dict) else (None, None)
        if not isinstance(sends, dict):
            continue
        first = source[0] if isinstance(source, list) and source else source
        if not isinstance(first, str):
            continue
        place = _Place(first.replace("*", "1"), {name: _fields(each) for name, each in sends.items()})
        if table.get("channel") == "staff" and _ADJUST in sends:
            found.setdefault(CONSOLE, place)
        elif name in HOUSE and name != CONSOLE and table.get("room") == HOUSE[name]:
            found[name] = place
    return found


def _fields(send: Any) -> frozenset[str]:
    fields = send.get("fields") if isinstance(send, dict) else None
    return frozenset(fields if isinstance(fields, dict) else ())


_maps = _Maps()
