"""The map made fast: one decoder for each touchpoint and type, built so that decoding is the check of the contract.

A compiled Struct has exactly the fields that the touchpoint declared, with the same names and limits as the
built-in Struct, and refuses every other; msgspec enforces that at the speed of C. An optional field that was not
declared is a constant of the class (its default), so that handlers read it like any other, and sending it is
refused. Not here: what a map may say (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import operator
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import EventType, Link, Need, Send, Spending, Touchpoint, TouchpointMap
from comptoir.foundation.touchpoints.declared import hints_of
from comptoir.foundation.touchpoints.errors import (
    FieldInvalid,
    FieldMissing,
    NeedNotDeclared,
    OccurredInFuture,
    OccurredTooEarly,
    SourceNotDeclared,
    TypeNotDeclared,
    UndeclaredField,
    UnknownType,
)

#: Limits for what a built-in Struct leaves open.
TEXT_LENGTH_MAX: Final = 256
LIST_LENGTH_MAX: Final = 1000
INTEGER_MAX: Final = 2**53 - 1  # what JSON carries exactly everywhere (RFC 8259, section 6)

_SOURCES_REMEMBERED_MAX: Final = 20_000
_SOMETIME: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
_HISTORY_MARGIN: Final = dt.timedelta(days=1)
_SHOWN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_AT: Final = re.compile(r" - at `(\$[^`]*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(.*)`$", re.DOTALL)
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Whole = typing.Literal["whole"]
Tree = Mapping[str, "Tree | Whole"]


class CompiledTouchpoint:
    """A touchpoint's contract, ready for the hot path; what it remembers only saves time."""

    def __init__(self, declared: Touchpoint, known: Mapping[str, EventType], products: Iterable[str]) -> None:
        """Build the decoders and the source pattern of one touchpoint."""
        self.declared = declared
        self.name = declared.name
        #: The decoder of each type that may be sent; a type that is not in here is refused.
        self.decoders: Mapping[str, msgspec.json.Decoder[Any]] = {
            send.type: msgspec.json.Decoder(contract_struct(known[send.type], paths_of(send)))
            for send in declared.sends
        }
        self.sends: Mapping[str, Send] = {send.type: send for send in declared.sends}
        #: What may be read and followed, such as ``points.balance``.
        self.rights: frozenset[str] = frozenset(need.data for need in declared.needs)
        #: The needs by data; several where the promise differs by source.
        self.needs: tuple[Need, ...] = declared.needs
        #: The types with which something is spent, each only as the map lets it.
        self.spends: frozenset[str] = frozenset(send.type for send in declared.sends if known[send.type].spends)
        #: Whether the touchpoint has signed its customers in, so that they need show nothing more.
        self.has_own_sign_in = declared.spending == Spending.OWN_SIGN_IN
        self._known = known
        self._products = frozenset(products)
        self._matches_source = source_matcher(declared.sources)
        self._tolerance = dt.timedelta(seconds=declared.clock_seconds_tolerated)
        self._reach = dt.timedelta(seconds=declared.offline_seconds_max) + _HISTORY_MARGIN
        self._sources_seen: set[str] = set()
        self._bounds: tuple[dt.datetime | None, dt.datetime, dt.datetime] = (None, _SOMETIME, _SOMETIME)

    def accepts_source(self, source: str) -> bool:
        """Tell whether this touchpoint may speak for ``source``."""
        return self._matches_source(source) is not None

    def check_source(self, source: str) -> None:
        """Raise :class:`SourceNotDeclared` if this touchpoint may not speak for ``source``."""
        if source in self._sources_seen:
            return
        if self._matches_source(source) is None:
            patterns = ", ".join(self.declared.sources) or "none"
            raise SourceNotDeclared(f"The map declares for {self.name}: {patterns}.", field="source")
        if len(self._sources_seen) < _SOURCES_REMEMBERED_MAX:
            self._sources_seen.add(source)

    def decoder(self, type_name: str) -> msgspec.json.Decoder[Any]:
        """Return the decoder of a type's ``data``; raises :class:`UnknownType` or :class:`TypeNotDeclared`."""
        decoder = self.decoders.get(type_name)
        if decoder is None:
            if type_name in self._known:
                raise TypeNotDeclared(f"The map does not let {self.name} send it.", field="type")
            raise UnknownType("Neither built in nor declared in the map.", field="type")
        return decoder

    def read(self, type_name: str, data: bytes | msgspec.Raw) -> Any:
        """Decode an event's ``data`` against the contract, or raise the :class:`Problem` that names the field."""
        decoder = self.decoder(type_name)
        try:
            value = decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise problem_of(error) from None
        raw = bytes(data)
        # PostgreSQL cannot keep this one character in a text; the first test is cheap and nearly always enough.
        if b"\\u0000" in raw and _NUL.search(raw):
            raise FieldInvalid("A text must not contain the character U+0000.", field="data")
        return value

    def earliest(self, now: dt.datetime) -> dt.datetime:
        """Return the earliest occurrence that is accepted at ``now``."""
        return self.declared.accepts_from or now - self._reach

    def latest(self, now: dt.datetime) -> dt.datetime:
        """Return the latest occurrence that is accepted at ``now``: the sender's clock may be a little ahead."""
        return now + self._tolerance

    def check_occurred(self, occurred_at: dt.datetime, now: dt.datetime) -> None:
        """Raise :class:`OccurredInFuture` or :class:`OccurredTooEarly` for a time that cannot be claimed."""
        at, earliest, latest = self._bounds
        if at is not now:  # what arrives together has one moment
            earliest, latest = self.earliest(now), self.latest(now)
            self._bounds = (now, earliest, latest)
        if occurred_at > latest:
            raise OccurredInFuture(
                f"At most {self.declared.clock_seconds_tolerated} seconds ahead of our clock are accepted.",
                field="time",
            )
        if occurred_at < earliest:
            raise OccurredTooEarly(f"Accepted from {earliest.isoformat(timespec='seconds')} on.", field="time")

    def recent_from(self, now: float) -> float:
        """Return the moment from which on an event is no history at ``now``; both in seconds since 1970."""
        return now - self._reach.total_seconds()

    def check_right(self, data: str) -> None:
        """Raise :class:`NeedNotDeclared` unless this touchpoint declared that it needs ``data``."""
        if data not in self.rights:
            raise NeedNotDeclared(f"Add a need for {data} to the touchpoint {self.name} in the map.", data=data)


class CompiledMap:
    """The whole map, ready for the gateway. ``fingerprint`` tells which text it came from."""

    def __init__(self, declared: TouchpointMap) -> None:
        """Compile every touchpoint."""
        self.declared = declared
        self.fingerprint = declared.fingerprint
        self.touchpoints: Mapping[str, CompiledTouchpoint] = {
            each.name: CompiledTouchpoint(each, declared.types, declared.products) for each in declared.touchpoints
        }
        self.links: tuple[Link, ...] = declared.links
        self.activities: frozenset[str] = declared.activities

    def touchpoint(self, name: str) -> CompiledTouchpoint:
        """Return a compiled touchpoint; :class:`KeyError` for a name that the map does not have (any more)."""
        return self.touchpoints[name]


def compile_map(declared: TouchpointMap) -> CompiledMap:
    """Compile a map that :func:`~comptoir.foundation.touchpoints.reading.load_map` found without fault."""
    return CompiledMap(declared)


def source_matcher(patterns: Iterable[str]) -> Callable[[str], re.Match[str] | None]:
    """Return a function that matches sources: ``*`` stands for one or more characters other than ``/``."""
    alternatives = ["[^/]+".join(re.escape(part) for part in pattern.split("*")) for pattern in patterns]
    return re.compile("|".join(alternatives) if alternatives else r"(?!)").fullmatch


def paths_of(send: Send) -> Tree:
    """Return the declared paths of a send as a tree; a path that ends is ``"whole"``."""
    tree: dict[str, Any] = {}
    for declared in send.fields:
        *groups, last = declared.path.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = "whole"
    return tree


def contract_struct(event_type: EventType, declared: Tree) -> type[msgspec.Struct]:
    """Build the Struct that has the declared fields of ``event_type`` and refuses every other.

    Raises :class:`KeyError` for a required field that is not declared; ``rules.py`` finds these beforehand.
    """
    return _Narrowing().struct(event_type.data, declared)


def problem_of(error: Exception) -> Problem:
    """Turn what msgspec says about an event's ``data`` into a problem that names the field, and repeats no value."""
    if isinstance(error, UnicodeDecodeError):
        return FieldInvalid("A text is not valid UTF-8.", field="data")
    if isinstance(error, RecursionError):
        return FieldInvalid("The data is nested too deeply.", field="data")
    message = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return FieldInvalid("The data is not valid JSON.", field="data")
    place = _AT.search(message)
    path = "data" + (place[1][1:] if place else "")
    told = message[: place.start()] if place else message
    if unknown := _UNKNOWN.match(told):
        # The name of a field may itself be something personal; what cannot be a name is not repeated.
        name = unknown[1] if _SHOWN_NAME.fullmatch(unknown[1]) else "(unnamed)"
        return UndeclaredField("Declare it in the touchpoint map, or do not send it.", field=f"{path}.{name}")
    if missing := _MISSING.match(told):
        return FieldMissing(field=f"{path}.{missing[1]}")
    if not told.startswith("Expected "):
        told = "The value is not one of those allowed"
    return FieldInvalid(told.replace("`", "") + ".", field=path)


class _Narrowing:
    """Builds the Structs of one contract. A Struct that is declared alike in two places is built once."""

    def __init__(self) -> None:
        self._built: dict[tuple[type[msgspec.Struct], str], type[msgspec.Struct]] = {}

    def struct(self, struct: type[msgspec.Struct], declared: Tree | Whole) -> type[msgspec.Struct]:
        key = (struct, repr(declared))
        if key not in self._built:
            self._built[key] = self._build(struct, declared)
        return self._built[key]

    def _build(self, struct: type[msgspec.Struct], declared: Tree | Whole) -> type[msgspec.Struct]:
        hints = hints_of(struct)
        unknown = set() if declared == "whole" else set(declared) - set(hints)
        if unknown:
            raise KeyError(f"{struct.__name__} has no field {min(unknown)}")
        kept: list[tuple[str, Any, Any]] = []
        left_out: dict[str, Any] = {}
        for field in msgspec.structs.fields(struct):
            given: dict[str, Any] = {}
            if field.default is not msgspec.NODEFAULT:
                given["default"] = field.default
            elif field.default_factory is not msgspec.NODEFAULT:
                given["default_factory"] = field.default_factory
            if declared != "whole" and field.name not in declared:
                if field.required:
                    raise KeyError(f"{field.name} is required")
                left_out[field.name] = given.get("default") if "default" in given else given["default_factory"]()
                continue
            inner = "whole" if declared == "whole" else declared[field.name]
            if field.encode_name != field.name:
                given["name"] = field.encode_name
            kept.append((field.name, self._annotation(hints[field.name], inner), msgspec.field(**given)))
        is_same = not left_out and all(annotation == hints[name] for name, annotation, _ in kept)
        if is_same and struct.__struct_config__.forbid_unknown_fields:
            return struct
        # Methods come along, so that handlers can use the compiled Struct like the built-in one.
        methods = {
            name: member
            for name, member in vars(struct).items()
            if isinstance(member, types.FunctionType | property | classmethod | staticmethod)
            and (not name.startswith("__") or name == "__post_init__")
        }
        return msgspec.defstruct(
            self._name(struct),
            kept,
            namespace={**methods, **left_out, "__doc__": struct.__doc__},
            module=struct.__module__,
            frozen=struct.__struct_config__.frozen,
            kw_only=True,
            forbid_unknown_fields=True,
            gc=False,
        )

    def _name(self, struct: type[msgspec.Struct]) -> str:
        """Name a Struct after its original; a second one of another cut gets a number, for schemas need names."""
        number = sum(original is struct for original, _ in self._built) + 1
        return struct.__name__ if number == 1 else f"{struct.__name__}{number}"

    def _annotation(self, annotation: Any, declared: Tree | Whole) -> Any:
        """Rebuild an annotation with narrowed Structs inside, and with limits where it has none."""
        extras: tuple[Any, ...] = ()
        if typing.get_origin(annotation) is Annotated:
            annotation, *rest = typing.get_args(annotation)
            extras = tuple(rest)
        limits = _limits(annotation, [extra for extra in extras if isinstance(extra, Meta)])
        bare = self._bare(annotation, declared)
        return Annotated[(bare, *extras, *limits)] if extras or limits else bare

    def _bare(self, annotation: Any, declared: Tree | Whole) -> Any:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            return self.struct(annotation, declared)
        if origin is list:
            return list[self._annotation(arguments[0], declared)]  # type: ignore[misc]
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple[self._annotation(arguments[0], declared), ...]  # type: ignore[misc]
        if origin in {types.UnionType, typing.Union}:
            alternatives = tuple(self._annotation(argument, declared) for argument in arguments)
            return functools.reduce(operator.or_, alternatives)
        return annotation


def _limits(base: Any, metas: list[Meta]) -> list[Meta]:
    """Return the limits that ``base`` still lacks."""
    origin = typing.get_origin(base)
    if base is str and all(meta.max_length is None and meta.pattern is None for meta in metas):
        return [Meta(max_length=TEXT_LENGTH_MAX)]
    if (origin is list or origin is tuple) and all(meta.max_length is None for meta in metas):
        return [Meta(max_length=LIST_LENGTH_MAX)]
    if base is int:
        added = []
        if all(meta.le is None and meta.lt is None for meta in metas):
            added.append(Meta(le=INTEGER_MAX))
        if all(meta.ge is None and meta.gt is None for meta in metas):
            added.append(Meta(ge=-INTEGER_MAX))
        return added
    return []
