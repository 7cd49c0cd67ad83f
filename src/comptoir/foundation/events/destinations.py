"""Destinations of the relay: other systems that hear of every decided event, declared by the shop in ``relay.toml``.

Here: what is declared, what is brought, and what a sender has to be able to do. Not here: how it is sent
(``webhooks.py``, ``broker.py``), when (``relay.py``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import importlib.util
import ipaddress
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from comptoir.foundation.events.contracts import Balance
from comptoir.foundation.events.errors import RelayInvalid
from comptoir.foundation.kernel import codec

#: Who speaks in what is relayed.
SOURCE: Final = "/comptoir"
#: What the type of a relayed event ends with: it tells of a decision, not of the fact alone.
DECIDED: Final = ".decided"
_SECRETS_MAX: Final = 5
_SECRET_BYTES: Final = (24, 64)
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what stands before a secret
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_TYPE: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?|\*")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Destination(msgspec.Struct, frozen=True):
    """One destination. ``types`` are types of events, or beginnings with ``.*``; none: every type.

    ``secrets`` sign webhooks (several while one replaces another) or hold the broker's token. ``touchpoint`` is the
    touchpoint of the map that it belongs to: its deliveries are measured there. ``stream`` and ``subject`` are the
    broker's. ``purpose`` and ``channel`` say what it wants to hear of customers for: of those who do not allow that, it
    hears nothing; without, it is part of the shop's own books and hears of everybody.
    """

    name: str
    kind: Literal["webhook", "nats"]
    url: str
    secrets: tuple[bytes, ...] = ()
    types: tuple[str, ...] = ()
    touchpoint: str | None = None
    stream: str = "COMPTOIR"
    subject: str = "comptoir"
    purpose: str | None = None
    channel: str | None = None

    def wants(self, event_type: str) -> bool:
        """Tell whether events of a type concern this destination."""
        return not self.types or any(
            wanted in {event_type, "*"} or (wanted.endswith(".*") and event_type.startswith(wanted[:-1]))
            for wanted in self.types
        )


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided about an event: who it concerns, the points it moved, the person's balance right after it.

    ``source`` and ``id`` are the identity under which the event was sent to the counter.
    """

    source: str
    id: str
    touchpoint: str
    customer: uuid.UUID | None = None
    points: int | None = None
    balance: Balance | None = None
    waiting: bool = False


class ResultEvent(msgspec.Struct, frozen=True):
    """A result as a CloudEvent. Its ``id`` is the event's position in the log: the same in every repeat."""

    id: uuid.UUID
    type: str
    time: dt.datetime
    data: Result
    specversion: str = "1.0"
    source: str = SOURCE
    datacontenttype: str = "application/json"

    @property
    def about(self) -> str:
        """The type of the event that it tells of."""
        return self.type.removesuffix(DECIDED)


class Message(msgspec.Struct, frozen=True):
    """What is sent at once: some events, in order. ``id`` is the same for the same events, also after a crash."""

    id: str
    events: tuple[ResultEvent, ...]

    @classmethod
    def of(cls, events: Sequence[ResultEvent]) -> Message:
        """Make a message of events."""
        return cls("msg_" + codec.fingerprint(b"".join(event.id.bytes for event in events)).hex(), tuple(events))


class DeliveryFailed(Exception):  # noqa: N818 - it is a state of the other side, which passes
    """A destination did not acknowledge a message; the text says why, without anything that was sent.

    ``after_seconds`` is how long the other side asked to be left alone, if it did.
    """

    def __init__(self, reason: str, *, after_seconds: float | None = None) -> None:
        """Say why, and when to try again at the earliest."""
        super().__init__(reason)
        self.after_seconds = after_seconds


class Sender(Protocol):
    """Brings messages to one destination."""

    async def send(self, message: Message) -> None:
        """Return when the destination has acknowledged all of it; :class:`DeliveryFailed` otherwise."""
        ...

    async def close(self) -> None:
        """Let go of its connections."""
        ...


class _Declared(msgspec.Struct, forbid_unknown_fields=True):
    kind: Literal["webhook", "nats"]
    url: Text
    secret: Text | None = None
    types: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    touchpoint: Text | None = None
    stream: Text | None = None
    subject: Text | None = None
    purpose: Text | None = None
    channel: Text | None = None


def load_destinations(path: Path) -> list[Destination]:
    """Read the declared destinations; none if there is no such file.

    Paths of secrets are relative to its folder. Raises :class:`RelayInvalid` naming the field.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise RelayInvalid(f"{path} cannot be read: {type(error).__name__}.") from None
    return read_destinations(text, folder=path.parent)


def read_destinations(text: str, *, folder: Path) -> list[Destination]:
    """Read destinations written as TOML: a table ``[destination.NAME]`` for each.

    Raises :class:`RelayInvalid` naming the field.
    """
    try:
        tables = msgspec.toml.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise RelayInvalid(str(error)) from None
    if unknown := tables.keys() - {"destination"}:
        raise RelayInvalid("Only destination is known here.", field=min(unknown))
    declared = tables.get("destination", {})
    if not isinstance(declared, dict):
        raise RelayInvalid("Write a table [destination.NAME] for each.", field="destination")
    return [_read(name, table, folder) for name, table in declared.items()]


def _read(name: str, table: object, folder: Path) -> Destination:
    field = f"destination.{name}"
    if not _NAME.fullmatch(name):
        raise RelayInvalid("A name is small letters, digits, - and _, and begins with a letter.", field=field)
    try:
        declared = msgspec.convert(table, _Declared)
    except msgspec.ValidationError as error:
        sentence, _, place = str(error).partition(" - at `$.")
        inner = place.rstrip("`") or (re.findall(r"field `(\w+)`", sentence) or [""])[0]
        raise RelayInvalid(sentence, field=f"{field}.{inner}".rstrip(".")) from None
    for number, pattern in enumerate(declared.types):
        if not _TYPE.fullmatch(pattern):
            raise RelayInvalid("A type, such as sale.closed, or a beginning with .*", field=f"{field}.types[{number}]")
    for given, other in (("purpose", "channel"), ("channel", "purpose")):
        if getattr(declared, given) is not None and getattr(declared, other) is None:
            raise RelayInvalid("A purpose and a channel belong together.", field=f"{field}.{other}")
    make = _webhook if declared.kind == "webhook" else _nats
    destination = make(name, declared, field, folder)
    return msgspec.structs.replace(destination, purpose=declared.purpose, channel=declared.channel)


def _webhook(name: str, declared: _Declared, field: str, folder: Path) -> Destination:
    for other in ("stream", "subject"):
        if getattr(declared, other) is not None:
            raise RelayInvalid("Only a broker has this.", field=f"{field}.{other}")
    _check_url(declared.url, {"https", "http"}, field)
    if urlsplit(declared.url).scheme == "http" and not is_this_machine(urlsplit(declared.url).hostname or ""):
        raise RelayInvalid("Outside this machine, balances travel by https only.", field=f"{field}.url")
    if declared.secret is None:
        raise RelayInvalid("A webhook is signed: name the file with its secret.", field=f"{field}.secret")
    lines = _secret_lines(folder / declared.secret, field)
    return Destination(
        name, "webhook", declared.url, tuple(_signing_secret(line, field) for line in lines), declared.types,
        declared.touchpoint,
    )  # fmt: skip


def _nats(name: str, declared: _Declared, field: str, folder: Path) -> Destination:
    _check_url(declared.url, {"nats", "tls"}, field)
    if importlib.util.find_spec("nats") is None:
        raise RelayInvalid("This needs the package nats-py: install comptoir[nats].", field=f"{field}.kind")
    stream, subject = declared.stream or "COMPTOIR", declared.subject or "comptoir"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", stream):
        raise RelayInvalid("A stream's name is letters, digits, - and _.", field=f"{field}.stream")
    if not _SUBJECT.fullmatch(subject):
        raise RelayInvalid("A subject is words of letters, digits, - and _, with points.", field=f"{field}.subject")
    secrets = () if declared.secret is None else (_secret_lines(folder / declared.secret, field)[0].encode(),)
    return Destination(name, "nats", declared.url, secrets, declared.types, declared.touchpoint, stream, subject)


def _check_url(url: str, schemes: set[str], field: str) -> None:
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise RelayInvalid("Not an address.", field=f"{field}.url") from None
    if parts.scheme not in schemes or not is_complete:
        raise RelayInvalid(f"An address begins with {' or '.join(sorted(schemes))}://", field=f"{field}.url")
    if parts.username is not None or parts.password is not None:
        raise RelayInvalid("No name and password in an address; it appears in logs.", field=f"{field}.url")


def _secret_lines(path: Path, field: str) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise RelayInvalid(f"{path} cannot be read: {type(error).__name__}.", field=f"{field}.secret") from None
    if not 1 <= len(lines) <= _SECRETS_MAX:
        raise RelayInvalid(f"One secret on each line, at most {_SECRETS_MAX}.", field=f"{field}.secret")
    return lines


def _signing_secret(line: str, field: str) -> bytes:
    try:
        secret = base64.b64decode(line.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise RelayInvalid(f"{_SECRET_PREFIX} and base64 is wanted.", field=f"{field}.secret") from None
    shortest, longest = _SECRET_BYTES
    if not shortest <= len(secret) <= longest:
        raise RelayInvalid(f"A secret has {shortest} to {longest} bytes.", field=f"{field}.secret")
    return secret


def is_this_machine(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
