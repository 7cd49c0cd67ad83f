"""Types as the map sees them: the fields of an event type with their paths, and types that a shop declares itself.

Not here: the compiled decoders (``compiling.py``), the judgement (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from comptoir.foundation.touchpoints.contracts import EventType

TEXT_LENGTH_DEFAULT: Final = 128
TEXT_LENGTH_MAX: Final = 2_000

#: What a field of a shop's own type may be, in words for people.
KINDS: Final = {
    "text": "a text of at most length_max characters",
    "integer": "a whole number",
    "boolean": "true or false",
    "time": "a moment with its time zone (RFC 3339)",
    "date": "a day (RFC 3339)",
    "customer": 'a customer, as {"kind": …, "value": …}',
}


class FieldShape(msgspec.Struct, frozen=True):
    """One field of an event type: its path within ``data``, its class, whether it must be sent, what is below it."""

    path: str
    data_class: str | None  # None where the fields below differ
    is_required: bool
    children: tuple[FieldShape, ...] = ()


class DeclaredField(msgspec.Struct, frozen=True):
    """A field of a type that the shop declares in its map."""

    name: str
    kind: str
    data_class: str
    is_optional: bool = False
    length_max: int = TEXT_LENGTH_DEFAULT
    one_of: tuple[str, ...] = ()


def shapes(event_type: EventType) -> tuple[FieldShape, ...]:
    """Return the fields of a type. :class:`AssertionError` if its declaration leaves a field without a class."""
    return _shapes(event_type, event_type.data, "")


def build_type(
    name: str, title: str, fields: Sequence[DeclaredField], *, is_activity: bool, customer: type[msgspec.Struct]
) -> EventType:
    """Make the event type of a shop's own declaration; ``customer`` is the Struct of fields of that kind."""
    required = [(field.name, _annotation(field, customer)) for field in fields if not field.is_optional]
    optional = [(field.name, _annotation(field, customer) | None, None) for field in fields if field.is_optional]
    struct_name = "".join(part.capitalize() for part in name.replace("_", ".").split("."))
    return EventType(
        name=name,
        title=title,
        data=msgspec.defstruct(struct_name, [*required, *optional], kw_only=True, forbid_unknown_fields=True, gc=False),
        classes={field.name: field.data_class for field in fields},
        activity=is_activity,
        built_in=False,
    )


def struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """Return the Struct inside an annotation (through lists, ``None`` and limits), or ``None`` for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    elif typing.get_origin(annotation) is Literal:
        return None
    return next((inner for inner in map(struct_of, arguments) if inner is not None), None)


@functools.lru_cache(maxsize=1_000)  # a map asks for the same few again and again, and a shop's own come and go
def hints_of(struct: type[msgspec.Struct]) -> Mapping[str, Any]:
    """Return the annotations of a Struct's fields, with their limits."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return {field.name: hints[field.name] for field in msgspec.structs.fields(struct)}


def _shapes(event_type: EventType, struct: type[msgspec.Struct], prefix: str) -> tuple[FieldShape, ...]:
    hints = hints_of(struct)
    found: list[FieldShape] = []
    for field in msgspec.structs.fields(struct):
        path = prefix + field.name
        inner = struct_of(hints[field.name])
        children = () if inner is None else _shapes(event_type, inner, path + ".")
        data_class = _class_of(event_type, path)
        if children:
            classes = {child.data_class for child in children}
            data_class = classes.pop() if len(classes) == 1 else None
        else:
            assert data_class is not None, f"{event_type.name} declares no class for {path}"
        found.append(FieldShape(path, data_class, field.required, children))
    return tuple(found)


def _class_of(event_type: EventType, path: str) -> str | None:
    while path:
        if path in event_type.classes:
            return event_type.classes[path]
        path = path.rpartition(".")[0]
    return None


def _annotation(field: DeclaredField, customer: type[msgspec.Struct]) -> Any:
    if field.one_of:
        return Literal[field.one_of]
    match field.kind:
        case "text":
            return Annotated[str, Meta(max_length=field.length_max)]
        case "integer":
            return Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
        case "boolean":
            return bool
        case "time":
            return Annotated[dt.datetime, Meta(tz=True)]
        case "date":
            return dt.date
        case "customer":
            return customer
    raise AssertionError(field.kind)
