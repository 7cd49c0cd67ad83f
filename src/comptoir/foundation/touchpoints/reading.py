"""Reads ``touchpoints.toml``: text to values to Structs, every fault collected with its line, none only the first.

Three steps: the form (here), the meaning of each entry (here), what contradicts what (``rules.py``). Limits stand at
the top. Not here: positions in the text (``positions.py``), what is done with a map (``compiling.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import threading
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.clock import UTC
from comptoir.foundation.rooms.declaration import ROOMS
from comptoir.foundation.touchpoints import rules
from comptoir.foundation.touchpoints.classes import CLASSES
from comptoir.foundation.touchpoints.contracts import (
    CustomerReference,
    EventType,
    Fault,
    FieldDeclaration,
    Need,
    Product,
    Send,
    Spending,
    Timing,
    Touchpoint,
    TouchpointMap,
)
from comptoir.foundation.touchpoints.declared import (
    KINDS,
    TEXT_LENGTH_DEFAULT,
    TEXT_LENGTH_MAX,
    DeclaredField,
    build_type,
)
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.positions import Path, Positions, describe, index

BYTES_MAX: Final = 256 * 1024
TOUCHPOINTS_MAX: Final = 200
TYPES_MAX: Final = 200
SENDS_MAX: Final = 100
NEEDS_MAX: Final = 100
FIELDS_MAX: Final = 100
FIELD_DEPTH_MAX: Final = 6
SOURCES_MAX: Final = 16
LINKS_MAX: Final = 20_000
FAULTS_MAX: Final = 200
TEXT_MAX: Final = 200
SOURCE_LENGTH_MAX: Final = 200  # as long as the source of an event may be
OFFLINE_SECONDS_MAX: Final = 366 * 86_400
CLOCK_SECONDS_MAX: Final = 86_400
CLOCK_SECONDS_DEFAULT: Final = 300

#: The kinds of place where a shop and its customers, staff or partners meet.
CHANNELS: Final = {
    "store": "in a store",
    "web": "on the web",
    "app": "in an app",
    "mail": "by e-mail",
    "message": "by text message or chat",
    "social": "on a social network",
    "forum": "in a community",
    "phone": "on the phone",
    "device": "at a device",
    "staff": "by staff",
    "partner": "at a partner",
    "clock": "by the clock",
}

_EMPTY: Final = TouchpointMap(title="", touchpoints=(), types={}, products={}, links=(), fingerprint="")
_TOUCHPOINT_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_TYPE_NAME: Final = re.compile(r"(?=.{1,64}$)[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_DURATION: Final = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SOURCE: Final = re.compile(r"[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%\[\]]+")  # the characters of a URI (RFC 3986), and *
_TOML_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)$")


def map_path() -> FilePath:
    """Return where the shop's map lies: ``COMPTOIR_MAP``, or ``touchpoints.toml`` in the shop's folder."""
    return FilePath(os.environ.get("COMPTOIR_MAP") or shop.folder() / "touchpoints.toml")


def load_map(
    source: str | FilePath,
    *,
    types: Mapping[str, EventType],
    products: Mapping[str, Product],
    customer: type[msgspec.Struct] = CustomerReference,
) -> TouchpointMap:
    """Read a map from a file (a path) or from its text (a ``str``), and judge it.

    ``types`` are the built-in types of events, ``products`` the data that touchpoints may need, ``customer`` the
    Struct of a field that names a customer. Raises :class:`MapContradictsItself` with every fault, and
    :class:`OSError` for a file that cannot be read.
    """
    shown, data = ("touchpoints.toml", source.encode()) if isinstance(source, str) else (str(source), _read(source))
    try:
        text = data[: BYTES_MAX + 1].decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = data[:BYTES_MAX].decode(errors="ignore")
        raise MapContradictsItself([Fault(line, "", "not_toml", "the file is not UTF-8 text")], shown) from None
    if len(data) > BYTES_MAX:
        message = f"the file is larger than {BYTES_MAX // 1024} KiB"
        raise MapContradictsItself([Fault(1, "", "too_large", message)], shown)
    try:
        values = tomllib.loads(text)
        positions = index(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        message = "this is not TOML: " + _TOML_LINE.sub("", str(error)).strip()
        raise MapContradictsItself([Fault(line, "", "not_toml", message)], shown) from None
    except RecursionError:
        raise MapContradictsItself([Fault(1, "", "not_toml", "the text is nested too deeply")], shown) from None
    reader = _Reader(positions, types, products, customer)
    declared = reader.read(values, hashlib.blake2b(data, digest_size=8).hexdigest())
    if reader.faults:
        raise MapContradictsItself(sorted(set(reader.faults))[:FAULTS_MAX], shown)
    return declared


class MapOnDisk:
    """The shop's map for pages: the last valid one, read again when its file changes; empty without a file."""

    def __init__(self, *, types: Mapping[str, EventType], products: Mapping[str, Product]) -> None:
        """Read nothing yet."""
        self._types, self._products = types, products
        self._lock = threading.Lock()
        self._stamp: tuple[str, int, int] | None = None
        self._declared = _EMPTY

    def read(self) -> TouchpointMap:
        """Return the map."""
        path = map_path()
        with self._lock:
            try:
                status = path.stat()
            except FileNotFoundError:
                return _EMPTY
            stamp = (str(path), status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                # While somebody writes it, the gateway goes on with the last valid one, and so do the pages.
                with contextlib.suppress(MapContradictsItself, FileNotFoundError):
                    self._declared = load_map(path, types=self._types, products=self._products)
                self._stamp = stamp
            return self._declared


def _read(path: FilePath) -> bytes:
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)


class _Reader:
    """Goes through the values of one map and collects its faults."""

    def __init__(
        self,
        positions: Positions,
        types: Mapping[str, EventType],
        products: Mapping[str, Product],
        customer: type[msgspec.Struct],
    ) -> None:
        self.faults: list[Fault] = []
        self._positions = positions
        self._types = dict(types)
        self._products = dict(products)
        self._customer = customer

    def read(self, values: Mapping[str, Any], fingerprint: str) -> TouchpointMap:
        self._only(values, (), {"title", "touchpoint", "type"})
        for name, declared in self._tables(values, ("type",), TYPES_MAX).items():
            self._read_type(name, declared, ("type", name))
        touchpoints = tuple(
            self._read_touchpoint(name, declared, ("touchpoint", name))
            for name, declared in self._tables(values, ("touchpoint",), TOUCHPOINTS_MAX).items()
        )
        if not touchpoints and not self.faults:
            self._fault((), "key_missing", "declare at least one touchpoint: [touchpoint.till]")
        self.faults += rules.contradictions(touchpoints, self._types, self._products, self._positions)
        title = self._text(values, (), "title", default="The touchpoint map")
        found_links = () if self.faults else rules.links(touchpoints, self._products, self._types)
        if len(found_links) > LINKS_MAX:
            self._fault((), "too_many", f"the map has {len(found_links)} links; at most {LINKS_MAX}")
        return TouchpointMap(
            title=title,
            touchpoints=touchpoints,
            types=self._types,
            products=self._products,
            links=found_links,
            fingerprint=fingerprint,
        )

    # What the map may contain, from the outside in.

    def _read_type(self, name: str, declared: Mapping[str, Any], path: Path) -> None:
        self._only(declared, path, {"title", "activity", "fields"})
        if not _TYPE_NAME.fullmatch(name):
            self._fault(path, "name_invalid", "a type is named like newsletter.subscribed, in small letters")
            return
        if name in self._types:
            self._fault(path, "type_taken", "this type is built in; use it as it is, or choose another name")
            return
        fields = []
        tables = declared.get("fields")
        if tables is None:
            self._fault(path, "key_missing", "the type needs its fields: [type.….fields]")
            tables = {}
        if not isinstance(tables, dict):
            self._fault((*path, "fields"), "value_invalid", "fields is a table")
            tables = {}
        if len(tables) > FIELDS_MAX:
            self._fault((*path, "fields"), "too_many", f"at most {FIELDS_MAX} fields")
        for field_name, table in list(tables.items())[:FIELDS_MAX]:
            field = self._read_declared_field(field_name, table, (*path, "fields", field_name))
            if field is not None:
                fields.append(field)
        for field_name, refusal, message in rules.date_contradictions(fields):
            self._fault((*path, "fields", field_name), refusal, message)
        activity = self._flag(declared, path, "activity", default=True)
        is_with_customer = any(f.kind == "customer" and f.name == "customer" and not f.is_optional for f in fields)
        if activity and not is_with_customer and "customer" not in tables:
            self._fault(
                path,
                "customer_missing",
                'an activity is somebody\'s: add the field customer = { is = "customer", class = "pseudonym" }, '
                "or say activity = false",
            )
        title = self._text(declared, path, "title", default=name)
        self._types[name] = build_type(name, title, fields, is_activity=activity, customer=self._customer)

    def _read_declared_field(self, name: str, table: Any, path: Path) -> DeclaredField | None:
        if not _FIELD_NAME.fullmatch(name) or name in {"class", "purpose"}:
            self._fault(path, "name_invalid", "a field has small letters, digits and _ (not class, not purpose)")
            return None
        if not isinstance(table, dict):
            self._fault(path, "value_invalid", 'say what the field is: { is = "text", class = "activity" }')
            return None
        self._only(table, path, {"is", "class", "optional", "length_max", "one_of"})
        kind = self._text(table, path, "is")
        if kind and kind not in KINDS:
            self._fault((*path, "is"), "value_invalid", f"a field is one of: {', '.join(KINDS)}")
        data_class = self._class(table.get("class"), (*path, "class") if "class" in table else path)
        length = table.get("length_max", TEXT_LENGTH_DEFAULT)
        if type(length) is not int or not 1 <= length <= TEXT_LENGTH_MAX:
            self._fault((*path, "length_max"), "value_invalid", f"length_max is a number from 1 to {TEXT_LENGTH_MAX}")
            length = TEXT_LENGTH_DEFAULT
        choices = self._texts(table.get("one_of", []), (*path, "one_of"), FIELDS_MAX)
        if kind not in {"", "text"} and ("one_of" in table or "length_max" in table):
            self._fault(path, "value_invalid", "one_of and length_max are for texts")
        is_optional = self._flag(table, path, "optional", default=False)
        if name == "customer" and kind in KINDS and kind != "customer":
            self._fault(path, "value_invalid", 'a field named customer is = "customer"')
        if name == "customer" and is_optional:
            self._fault(path, "value_invalid", "the customer of a type of your own is not optional")
            is_optional = False
        if data_class and kind in KINDS:
            for refusal, message in rules.class_contradictions(name, data_class):
                self._fault(path, refusal, message)
        if data_class not in CLASSES or kind not in KINDS:
            # The type is still made with this field, so that one fault does not bring up others.
            kind, data_class = kind if kind in KINDS else "text", data_class or "public"
        field = DeclaredField(name, kind, data_class, is_optional, length, choices)
        for refusal, message in rules.answer_contradictions(field):
            self._fault(path, refusal, message)
        return field

    def _read_touchpoint(self, name: str, declared: Mapping[str, Any], path: Path) -> Touchpoint:
        known = {
            "title", "channel", "system", "room", "source", "offline_max", "clock_tolerance", "accepts_from",
            "spending", "sends", "needs",
        }  # fmt: skip
        self._only(declared, path, known)
        if not _TOUCHPOINT_NAME.fullmatch(name):
            self._fault(path, "name_invalid", "a touchpoint is named in small letters, digits and -, at most 32")
        channel = self._text(declared, path, "channel")
        if channel and channel not in CHANNELS:
            self._fault((*path, "channel"), "unknown_channel", f"channels are: {', '.join(CHANNELS)}")
        room = self._text(declared, path, "room", default="counter")
        if room not in ROOMS:
            self._fault((*path, "room"), "unknown_room", f"rooms are: {', '.join(ROOMS)}")
            room = "counter"
        sends = tuple(
            send
            for type_name, table in self._tables(declared, (*path, "sends"), SENDS_MAX).items()
            if (send := self._read_send(type_name, table, (*path, "sends", type_name))) is not None
        )
        needs = tuple(
            need
            for number, table in enumerate(self._needs(declared, path))
            if (need := self._read_need(table, (*path, "needs", number))) is not None
        )
        if not declared.get("sends") and not declared.get("needs"):
            self._fault(path, "key_missing", "a touchpoint sends something, or needs something, or both")
        sources = self._sources(declared, path, is_needed=bool(declared.get("sends")))
        return Touchpoint(
            name=name,
            channel=channel if channel in CHANNELS else "partner",
            system=self._text(declared, path, "system"),
            room=room,
            title=self._text(declared, path, "title", default=name),
            sources=sources,
            offline_seconds_max=self._duration(declared, path, "offline_max", 0, OFFLINE_SECONDS_MAX),
            clock_seconds_tolerated=self._duration(
                declared, path, "clock_tolerance", CLOCK_SECONDS_DEFAULT, CLOCK_SECONDS_MAX
            ),
            accepts_from=self._moment(declared, path, "accepts_from"),
            sends=sends,
            needs=needs,
            spending=self._spending(declared, path, channel, sends),
        )

    def _read_send(self, type_name: str, table: Mapping[str, Any], path: Path) -> Send | None:
        known = {"fields", "purpose", "timing"}
        if "." not in type_name and not known & set(table):
            self._fault(path, "value_invalid", 'the name of a type goes in quotes: sends."sale.closed"')
            return None
        self._only(table, path, known)
        purpose = self._purpose(table, path)
        fields: list[FieldDeclaration] = []
        declared = table.get("fields")
        if declared is None:
            self._fault(path, "key_missing", "declare the fields that are sent, each with its class of data")
        elif not isinstance(declared, dict):
            self._fault((*path, "fields"), "value_invalid", "fields is a table of fields with their classes")
        else:
            self._read_fields(declared, (*path, "fields"), "", purpose, fields)
        if len(fields) > FIELDS_MAX:
            self._fault((*path, "fields"), "too_many", f"at most {FIELDS_MAX} fields")
            del fields[FIELDS_MAX:]
        timing = self._timing(table, path)
        if type_name not in self._types:
            near = ", ".join(sorted(self._types)) or "none"
            message = f"no such type; known are: {near}. Declare your own under [type.…]"
            self._fault(path, "unknown_type", message)
            return None
        self.faults += rules.field_faults(self._types[type_name], fields, path, self._positions)
        # A send without a valid timing is already a fault; it stays, so that its needs are not faulty for it too.
        return Send(type_name, tuple(fields), purpose, timing or Timing.LIVE)

    def _read_fields(
        self, table: Mapping[str, Any], path: Path, prefix: str, purpose: str, fields: list[FieldDeclaration]
    ) -> None:
        """Read fields: ``path = "class"``, ``path = { class = …, purpose = … }``, or a table of fields below it."""
        if prefix.count(".") >= FIELD_DEPTH_MAX:
            self._fault(path, "too_many", f"fields are nested at most {FIELD_DEPTH_MAX} deep")
            return
        for name, value in table.items():
            here = (*path, name)
            if isinstance(value, dict) and "class" not in value and "purpose" not in value:
                self._read_fields(value, here, f"{prefix}{name}.", purpose, fields)
                continue
            own_purpose = purpose
            if isinstance(value, dict):
                self._only(value, here, {"class", "purpose"})
                if "purpose" in value:
                    own_purpose = self._purpose(value, here)
                value = value.get("class")  # noqa: PLW2901 - from here on both forms are one
            # A field without a valid class is already a fault; it stays, so that it is not said to be missing too.
            fields.append(FieldDeclaration(prefix + name, self._class(value, here), own_purpose))

    def _read_need(self, table: Any, path: Path) -> Need | None:
        if not isinstance(table, dict):
            self._fault(path, "value_invalid", "a need is a table: [[touchpoint.….needs]]")
            return None
        self._only(table, path, {"data", "timing", "slower", "meanwhile"})
        data = self._text(table, path, "data")
        timing = self._timing(table, path)
        slower = self._slower(table.get("slower", {}), (*path, "slower"))
        meanwhile = self._text(table, path, "meanwhile", default="")
        if data and data not in self._products and data not in self._types:
            known = ", ".join(sorted([*self._products, *self._types]))
            self._fault((*path, "data"), "unknown_data", f"nothing here makes {data!r}; known are: {known}")
            return None
        if not data or timing is None:
            return None
        return Need(data, timing, slower, meanwhile, int(path[-1]))

    # Values.

    def _needs(self, declared: Mapping[str, Any], path: Path) -> Sequence[Any]:
        needs = declared.get("needs", [])
        if not isinstance(needs, list):
            self._fault((*path, "needs"), "value_invalid", "needs are a list: [[touchpoint.….needs]]")
            return []
        if len(needs) > NEEDS_MAX:
            self._fault((*path, "needs"), "too_many", f"at most {NEEDS_MAX} needs")
        return needs[:NEEDS_MAX]

    def _spending(
        self, declared: Mapping[str, Any], path: Path, channel: str, sends: Sequence[Send]
    ) -> Spending | None:
        """Return with what is spent: as it is declared, or else, in a store that spends, with a code."""
        if "spending" in declared:
            try:
                return Spending(declared["spending"])
            except ValueError:
                message = f"one spends with: {', '.join(Spending)}"
                self._fault((*path, "spending"), "unknown_spending", message)
                return Spending.OWN_SIGN_IN if channel != "store" else Spending.CODE
        is_spending = any(self._types[send.type].spends for send in sends)
        return Spending.CODE if channel == "store" and is_spending else None

    def _sources(self, declared: Mapping[str, Any], path: Path, *, is_needed: bool) -> tuple[str, ...]:
        if "source" not in declared:
            if is_needed:
                message = 'say for whom it speaks: source = "/stores/*/tills/*" (a * stands for one part)'
                self._fault(path, "source_missing", message)
            return ()
        here = (*path, "source")
        value = declared["source"]
        given = self._texts([value] if isinstance(value, str) else value, here, SOURCES_MAX)
        for source in given:
            if len(source) > SOURCE_LENGTH_MAX or not _SOURCE.fullmatch(source) or "**" in source:
                message = f"{source!r}: a source is a URI reference of at most {SOURCE_LENGTH_MAX} characters"
                self._fault(here, "source_invalid", message)
        return tuple(source for source in given if len(source) <= SOURCE_LENGTH_MAX)

    def _purpose(self, table: Mapping[str, Any], path: Path) -> str:
        value = table.get("purpose", "")
        if value == "":
            message = 'say what the data is for: purpose = "points". What is for nothing is not sent'
            self._fault((*path, "purpose"), "purpose_missing", message)
            return ""
        if not isinstance(value, str) or not _PURPOSE.fullmatch(value):
            self._fault((*path, "purpose"), "value_invalid", "a purpose is one word, such as points or service")
            return ""
        return value

    def _timing(self, table: Mapping[str, Any], path: Path) -> Timing | None:
        value = table.get("timing")
        if value is None:
            message = "promise a timing: live (within a second), soon (within a minute) or daily"
            self._fault(path, "timing_missing", message)
            return None
        try:
            return Timing(value)
        except ValueError:
            self._fault((*path, "timing"), "unknown_timing", "timings are: live (1 second), soon (1 minute), daily")
            return None

    def _slower(self, table: Any, path: Path) -> dict[str, Timing]:
        if not isinstance(table, dict):
            self._fault(path, "value_invalid", 'name the slower sources with their timing: { newsletter = "soon" }')
            return {}
        read = {name: self._timing({"timing": timing}, (*path, name)) for name, timing in table.items()}
        return {name: timing for name, timing in read.items() if timing is not None}

    def _class(self, value: Any, path: Path) -> str:
        if isinstance(value, str) and value in CLASSES:
            return value
        message = f"a field has a class of data: {', '.join(CLASSES)}"
        self._fault(path, "unknown_class", message)
        return ""

    def _duration(self, table: Mapping[str, Any], path: Path, key: str, default: int, seconds_max: int) -> int:
        if key not in table:
            return default
        value = table[key]
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        seconds = int(found[1]) * _SECONDS[found[2]] if found else -1
        if not 0 <= seconds <= seconds_max:
            message = f'a duration such as "30s", "5m", "72h" or "3d", at most {seconds_max // 3600} hours'
            self._fault((*path, key), "duration_invalid", message)
            return default
        return seconds

    def _moment(self, table: Mapping[str, Any], path: Path, key: str) -> dt.datetime | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return dt.datetime(value.year, value.month, value.day, tzinfo=UTC)
        self._fault((*path, key), "value_invalid", "a day (2017-01-01) or a moment with its zone, without quotes")
        return None

    def _text(self, table: Mapping[str, Any], path: Path, key: str, *, default: str | None = None) -> str:
        if key not in table:
            if default is None:
                self._fault(path, "key_missing", f"{key} is missing")
            return default or ""
        value = table[key]
        if not isinstance(value, str) or not value.strip() or len(value) > TEXT_MAX or not value.isprintable():
            self._fault((*path, key), "value_invalid", f"{key} is a text of 1 to {TEXT_MAX} characters in one line")
            return default or ""
        return value

    def _texts(self, value: Any, path: Path, count_max: int) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(
            isinstance(each, str) and 0 < len(each) <= TEXT_MAX and each.isprintable() for each in value
        ):
            self._fault(path, "value_invalid", f"a list of texts of 1 to {TEXT_MAX} characters")
            return ()
        if len(value) > count_max:
            self._fault(path, "too_many", f"at most {count_max}")
        if len(set(value)) != len(value):
            self._fault(path, "value_invalid", "the same text stands here twice")
        return tuple(dict.fromkeys(value))[:count_max]

    def _flag(self, table: Mapping[str, Any], path: Path, key: str, *, default: bool) -> bool:
        value = table.get(key, default)
        if not isinstance(value, bool):
            self._fault((*path, key), "value_invalid", f"{key} is true or false")
            return default
        return value

    def _tables(self, values: Mapping[str, Any], path: Path, count_max: int) -> dict[str, Mapping[str, Any]]:
        """Return the tables below ``path`` by name; whatever is no table is a fault."""
        tables = values.get(str(path[-1]), {})
        if not isinstance(tables, dict):
            self._fault(path, "value_invalid", f"{path[-1]} is a table of tables")
            return {}
        if len(tables) > count_max:
            self._fault(path, "too_many", f"at most {count_max}")
        found: dict[str, Mapping[str, Any]] = {}
        for name, table in list(tables.items())[:count_max]:
            if isinstance(table, dict):
                found[name] = table
            else:
                self._fault((*path, name), "value_invalid", "this is a table with keys of its own")
        return found

    def _only(self, table: Mapping[str, Any], path: Path, known: set[str]) -> None:
        for key in table:
            if key not in known:
                message = f"unknown key; here are possible: {', '.join(sorted(known))}"
                self._fault((*path, key), "unknown_key", message)

    def _fault(self, path: Path, name: str, message: str) -> None:
        self.faults.append(Fault(self._positions.line(path), describe(path), name, message))
