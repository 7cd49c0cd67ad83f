"""The map as an AsyncAPI 3 document: what each touchpoint sends and hears, with schemas, keys and timings.

The document speaks as the counter does: it *receives* what touchpoints send and *sends* what they need. The promises
and the classes of data stand in ``x-comptoir-…`` members, since AsyncAPI has no words for them. Not here: the HTTP
interface as such (the gateway's OpenAPI document).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from comptoir.foundation.events.contracts import Outcome
from comptoir.foundation.touchpoints.compiling import contract_struct, paths_of
from comptoir.foundation.touchpoints.contracts import Link, Need, Send, Touchpoint, TouchpointMap

VERSION: Final = "3.0.0"
EVENTS_ADDRESS: Final = "/v1/events"
STREAM_ADDRESS: Final = "/v1/stream"

_KEY: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "ctp_TOUCHPOINT_…",
    "description": "The touchpoint's key. It is shown once, when it is made.",
}


def render_asyncapi(declared: TouchpointMap, *, host: str = "localhost:8001", protocol: str = "http") -> dict[str, Any]:
    """Return the document as values that JSON can hold. ``host`` and ``protocol`` say where the gateway answers."""
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    received: dict[str, Any] = {}
    streamed: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    for touchpoint in declared.touchpoints:
        for send in touchpoint.sends:
            name = f"{touchpoint.name}.{send.type}"
            messages[name] = _message(declared, touchpoint, send, schemas)
            received[name] = {"$ref": f"#/components/messages/{name}"}
            operations[f"{touchpoint.name}.sends.{send.type}"] = _receiving(
                touchpoint, send, name, spends=declared.types[send.type].spends
            )
        for need in touchpoint.needs:
            is_streamed = need.data not in declared.products or declared.products[need.data].streamed
            messages.setdefault(f"needed.{need.data}", _product_message(declared, need))
            of_channel = streamed if is_streamed else asked
            of_channel[need.data] = {"$ref": f"#/components/messages/needed.{need.data}"}
            operations[f"{touchpoint.name}.needs.{need.data}"] = _sending(declared, touchpoint, need, is_streamed)
    messages["outcome"] = {
        "title": "What became of an event",
        "contentType": "application/json",
        "payload": _schema(Outcome, "outcome", schemas),
    }
    channels: dict[str, Any] = {
        "events": {
            "address": EVENTS_ADDRESS,
            "title": "What touchpoints send",
            "description": "POST, a single CloudEvent or a batch; every event gets its outcome.",
            "messages": received,
        },
        "outcomes": {
            "address": None,
            "title": "The answers to what was sent",
            "messages": {"outcome": {"$ref": "#/components/messages/outcome"}},
        },
    }
    if streamed:
        channels["stream"] = {
            "address": STREAM_ADDRESS,
            "title": "What touchpoints follow",
            "description": "GET, server-sent events.",
            "messages": streamed,
        }
    if asked:
        channels["questions"] = {
            "address": "/v1/customers/{customer}/{what}",
            "title": "What touchpoints ask for",
            "description": "GET, one answer.",
            "parameters": {
                "customer": {"description": "The customer's opaque id."},
                "what": {"description": "The last word of the product, such as history."},
            },
            "messages": asked,
        }
    return {
        "asyncapi": VERSION,
        "info": {
            "title": declared.title,
            "version": declared.fingerprint,
            "description": "Generated from the touchpoint map. The version is the fingerprint of its text.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "gateway": {
                "host": host,
                "protocol": protocol,
                "security": [{"$ref": "#/components/securitySchemes/key"}],
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas, "securitySchemes": {"key": _KEY}},
        "x-comptoir-timings": {"live": 1, "soon": 60, "daily": 86_400},
    }


def _message(declared: TouchpointMap, touchpoint: Touchpoint, send: Send, schemas: dict[str, Any]) -> dict[str, Any]:
    event_type = declared.types[send.type]
    name = f"{touchpoint.name}.{send.type}"
    data = _schema(contract_struct(event_type, paths_of(send)), name, schemas)
    _annotate(data, send, schemas)
    patterns = [_pattern(source) for source in touchpoint.sources]
    return {
        "name": send.type,
        "title": event_type.title,
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "minLength": 1, "maxLength": 128},
                "source": {"type": "string", "format": "uri-reference", "pattern": f"^({'|'.join(patterns)})$"},
                "type": {"const": send.type},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "data": data,
            },
        },
    }


def _receiving(touchpoint: Touchpoint, send: Send, message: str, *, spends: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": "receive",
        "title": f"{touchpoint.title} sends {send.type}",
        "channel": {"$ref": "#/channels/events"},
        "messages": [{"$ref": f"#/channels/events/messages/{message}"}],
        "reply": {
            "channel": {"$ref": "#/channels/outcomes"},
            "messages": [{"$ref": "#/channels/outcomes/messages/outcome"}],
        },
        "tags": [{"name": f"touchpoint {touchpoint.name}"}, {"name": f"channel {touchpoint.channel}"}],
        "x-comptoir-touchpoint": touchpoint.name,
        "x-comptoir-timing": send.timing.value,
        "x-comptoir-purpose": send.purpose,
    }
    if spends and touchpoint.spending is not None:
        operation["x-comptoir-spending"] = touchpoint.spending.value
    if touchpoint.offline_seconds_max:
        operation["x-comptoir-offline-seconds-max"] = touchpoint.offline_seconds_max
    return operation


def _sending(declared: TouchpointMap, touchpoint: Touchpoint, need: Need, is_streamed: bool) -> dict[str, Any]:
    channel = "stream" if is_streamed else "questions"
    operation: dict[str, Any] = {
        "action": "send",
        "title": f"{touchpoint.title} needs {need.data}",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{need.data}"}],
        "tags": [{"name": f"touchpoint {touchpoint.name}"}, {"name": f"channel {touchpoint.channel}"}],
        "x-comptoir-touchpoint": touchpoint.name,
        "x-comptoir-timing": need.timing.value,
        "x-comptoir-sources": _sources(declared.links, touchpoint, need),
    }
    if need.meanwhile:
        operation["x-comptoir-meanwhile"] = need.meanwhile
    return operation


def _sources(links: tuple[Link, ...], touchpoint: Touchpoint, need: Need) -> dict[str, dict[str, str]]:
    """Return who feeds a need: by touchpoint the types, each with the promise of the link."""
    found: dict[str, dict[str, str]] = {}
    for link in links:
        if (link.touchpoint, link.data) == (touchpoint.name, need.data):
            found.setdefault(link.source, {})[link.type] = link.timing.value
    return found


def _product_message(declared: TouchpointMap, need: Need) -> dict[str, Any]:
    product = declared.products.get(need.data)
    message: dict[str, Any] = {
        "name": need.data,
        "title": product.title if product else declared.types[need.data].title,
        "contentType": "application/json",
        "payload": {"type": "object"},
    }
    if product:
        message["x-comptoir-class"] = product.data_class
        message["x-comptoir-made-by"] = product.maker
    return message


def _schema(struct: type[msgspec.Struct], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a Struct; the Structs inside it join ``schemas`` under names that begin with ``prefix``."""
    (schema,), components = msgspec.json.schema_components(
        [struct], ref_template=f"#/components/schemas/{prefix}.{{name}}"
    )
    schemas |= {f"{prefix}.{name}": _with_plain_discriminators(component) for name, component in components.items()}
    return schema


def _with_plain_discriminators(schema: Any) -> Any:
    """Return a schema whose discriminators are names of fields, as AsyncAPI 3 has them, and not OpenAPI's objects."""
    if isinstance(schema, list):
        return [_with_plain_discriminators(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: each["propertyName"]
        if name == "discriminator" and isinstance(each, dict) and "propertyName" in each
        else _with_plain_discriminators(each)
        for name, each in schema.items()
    }


def _annotate(schema: Mapping[str, Any], send: Send, schemas: Mapping[str, Any]) -> None:
    """Write class and purpose of each declared field into its schema."""
    for field in send.fields:
        properties = _resolved(schema, schemas)["properties"]
        *groups, last = field.path.split(".")
        for group in groups:
            properties = _inner(properties[group], schemas)["properties"]
        described = properties[last]
        if "$ref" in described:  # beside a reference, nothing else would be read
            properties[last] = described = {"allOf": [described]}
        described["x-comptoir-class"] = field.data_class
        described["x-comptoir-purpose"] = field.purpose


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix("#/components/schemas/")]
    return schema


def _inner(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object schema inside a field's: through references, lists and alternatives with null."""
    schema = _resolved(schema, schemas)
    if "items" in schema:
        return _inner(schema["items"], schemas)
    for alternative in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        inner = _inner(alternative, schemas)
        if "properties" in inner:
            return inner
    return schema


def _pattern(source: str) -> str:
    """Write a source pattern as a regular expression (ECMA 262)."""
    special = set("\\^$.|?+()[]{}/")
    return "".join("[^/]+" if each == "*" else f"\\{each}" if each in special else each for each in source)
