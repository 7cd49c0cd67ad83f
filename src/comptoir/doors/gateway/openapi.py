"""The gateway's OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), made from the code's own Structs.

What the gateway checks and what the document says come from the same places: the Structs of events and answers, the
limits, the problems, and the map for which types a shop has. Not here: what one touchpoint in particular may send
(``comptoir map asyncapi``).
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.customers.errors import CustomerUnknown, LinkToItself, PersonTooLarge
from comptoir.counter.loyalty import errors as loyalty
from comptoir.counter.sales import errors as sales
from comptoir.doors.gateway import errors, limits
from comptoir.foundation.events.contracts import ID_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX, Balance, Outcome
from comptoir.foundation.events.errors import IdReused
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.problem import TYPE_PREFIX, Problem
from comptoir.foundation.touchpoints import errors as touchpoints
from comptoir.foundation.touchpoints.compiling import contract_struct, paths_of
from comptoir.foundation.touchpoints.contracts import Send, TouchpointMap

SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
UUID_PATTERN: Final = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"

#: Why a request as a whole is refused, whatever is asked.
ANY_REQUEST: Final = (errors.QueryInvalid, errors.NotFound, errors.MethodNotAllowed, errors.Unexpected)
WITH_KEY: Final = (touchpoints.KeyNotKnown,)
WITH_BODY: Final = (errors.MalformedJson, errors.MediaTypeNotAccepted, errors.BodyTooLarge, errors.BodyTooSlow)
WITH_DATABASE: Final = (errors.Busy, errors.DatabaseAway)
WITH_NEED: Final = (touchpoints.NeedNotDeclared,)
#: Why one event is refused: in a batch inside its outcome, alone as the answer.
EVENT: Final = (
    errors.EnvelopeInvalid,
    errors.MalformedJson,
    touchpoints.UnknownType,
    touchpoints.TypeNotDeclared,
    touchpoints.SourceNotDeclared,
    touchpoints.UndeclaredField,
    touchpoints.FieldMissing,
    touchpoints.FieldInvalid,
    touchpoints.OccurredInFuture,
    touchpoints.OccurredTooEarly,
    IdReused,
    CustomerUnknown,
    LinkToItself,
    PersonTooLarge,
    sales.ReceiptTaken,
    sales.TotalMismatch,
    sales.CurrencyNotAccepted,
    sales.ReturnExceedsSale,
    sales.LineUnknown,
    loyalty.InsufficientPoints,
    loyalty.BelowMinimum,
    loyalty.NothingToAdjust,
    loyalty.ReservationUnknown,
    loyalty.ReservationTaken,
    loyalty.ReservationPosted,
    loyalty.ReservationVoided,
    loyalty.ReservationExpired,
    loyalty.ReservationTooSmall,
)

_SENTENCES: Final = {
    400: "It cannot be read.",
    401: "The key is missing, unknown or revoked.",
    403: "The map does not let this touchpoint do that.",
    404: "There is no such thing.",
    405: "The address does not answer to this method.",
    408: "The body took too long to arrive.",
    409: "It contradicts what is recorded.",
    413: "The body or the batch is too large.",
    415: "The media type is not understood.",
    422: "It was read, and refused.",
    500: "A mistake of ours; send it again later.",
    503: "Nothing was taken: wait as long as Retry-After says, and send the same again.",
}
_HEADERS: Final[Mapping[int, Mapping[str, Any]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "example": 'Bearer realm="comptoir"'}},
    405: {"Allow": {"schema": {"type": "string"}, "example": "GET, HEAD"}},
    503: {
        "Retry-After": {
            "description": "Seconds.",
            "schema": {"type": "integer", "minimum": 1},
            "example": limits.RETRY_AFTER_SECONDS,
        }
    },
}
_FIELDS: Final[Mapping[type[Problem], str]] = {
    errors.EnvelopeInvalid: "specversion",
    errors.MediaTypeNotAccepted: "content-type",
    errors.QueryInvalid: "limit",
    touchpoints.UndeclaredField: "data.lines[0].name",
    touchpoints.FieldMissing: "data.receipt",
    touchpoints.FieldInvalid: "data.total",
    touchpoints.OccurredInFuture: "time",
    touchpoints.OccurredTooEarly: "time",
    touchpoints.SourceNotDeclared: "source",
    touchpoints.TypeNotDeclared: "type",
    touchpoints.UnknownType: "type",
    IdReused: "id",
}
_REPEATED: Final = {
    "Comptoir-Repeated": {
        "description": "Present (as `1`) if this identity was recorded before; the outcome is the first one.",
        "schema": {"const": "1"},
    }
}


class State(msgspec.Struct):
    """A person's points. ``as_of`` is the position of the last event that they rest on."""

    customer: uuid.UUID
    known: bool
    balance: Balance
    as_of: uuid.UUID | None


class Entry(msgspec.Struct):
    """What one event did for the points, and why. ``expires`` is the last day of points that were earned."""

    event: uuid.UUID
    time: dt.datetime
    reason: str
    points: int
    expires: dt.date | None


class History(msgspec.Struct):
    """Entries, the latest first. ``before`` leads to earlier ones, if there are any."""

    customer: uuid.UUID
    entries: list[Entry]
    before: str | None


class BatchAnswer(msgspec.Struct):
    """The outcomes in the order of the events. ``repeated`` has the indexes of those that were recorded before."""

    outcomes: list[Outcome]
    accepted: int
    refused: int
    duplicates: int
    repeated: list[int]


class Health(msgspec.Struct):
    """Whether the gateway reaches its database."""

    healthy: bool


_written: dict[str, bytes] = {}


def document(declared: TouchpointMap) -> bytes:
    """Return the document for this map as JSON; it is made once for each map."""
    if declared.fingerprint not in _written:
        _written.clear()
        _written[declared.fingerprint] = codec.encode(render_openapi(declared))
    return _written[declared.fingerprint]


def render_openapi(declared: TouchpointMap) -> dict[str, Any]:
    """Return the document for this map as values that JSON can hold."""
    answers, schemas = msgspec.json.schema_components(
        [Identifier, Outcome, BatchAnswer, State, History, Health], ref_template="#/components/schemas/{name}"
    )
    assert all("$ref" in each for each in answers)
    events = _events(declared, schemas)
    schemas["Event"] = {
        "title": "An event",
        "description": "A CloudEvents 1.0 event of one of the shop's types.",
        "oneOf": [_ref(f"event.{name}") for name in events],
    }
    schemas["Problem"] = _problem_schema()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{declared.title}: gateway",
            "summary": "Events in, outcomes out; balances to read and to follow.",
            "description": "Generated from the code and from the touchpoint map. What one touchpoint in particular may "
            "send and read is declared in the map; `comptoir map asyncapi` prints it.",
            "version": importlib.metadata.version("comptoir"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [
            {"name": "events", "description": "What happened, and what is asked for."},
            {"name": "customers", "description": "What a person has."},
            {"name": "operation", "description": "For those who run the gateway."},
        ],
        "paths": {
            "/v1/events": {"post": _sending(declared, events)},
            "/v1/customers/resolve": {"post": _resolving()},
            "/v1/customers/{customer}/balance": {"parameters": [_customer("path")], "get": _balance()},
            "/v1/customers/{customer}/history": {"parameters": [_customer("path")], "get": _history()},
            "/v1/stream": {"get": _following()},
            "/health": {"get": _health()},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _itself()},
        },
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "ctp_TOUCHPOINT_…",
                    "description": "The touchpoint's key. It is shown once, when it is made.",
                }
            },
            "schemas": schemas,
        },
    }


# -- addresses --------------------------------------------------------------------------------------------------------


def _sending(declared: TouchpointMap, events: Iterable[str]) -> dict[str, Any]:
    example = _example(declared, events)
    return {
        "operationId": "sendEvents",
        "tags": ["events"],
        "summary": "Send one event, or a batch",
        "description": "The pair of `source` and `id` is an event's identity: whatever is sent again counts once and "
        "gets the first outcome. Every event of a batch is judged by itself, so a batch that can be read is answered "
        "with 200.",
        "parameters": [
            {
                "name": f"ce-{name}",
                "in": "header",
                "required": False,
                "description": "In binary mode: the attribute, in UTF-8 and percent-encoded. Not read otherwise.",
                "schema": {"type": "string"},
                "example": example[name],
            }
            for name in ("specversion", "id", "source", "type", "time")
        ],
        "requestBody": {
            "required": True,
            "description": f"At most {limits.BODY_BYTES_MAX} bytes.",
            "content": {
                SINGLE: {"schema": _ref("Event"), "examples": {"sale": {"value": example}}},
                BATCH: {
                    "schema": {
                        "type": "array",
                        "maxItems": limits.BATCH_EVENTS_MAX,
                        "items": {
                            "anyOf": [
                                _ref("Event"),
                                {"description": "Anything else is refused by itself, and spoils no other."},
                            ]
                        },
                    },
                    "examples": {"one sale": {"value": [example]}},
                },
                "application/json": {
                    "schema": {"type": "object", "description": "Binary mode: the event's `data`."},
                    "examples": {"data of a sale": {"value": example["data"]}},
                },
            },
        },
        "responses": {
            "200": {
                "description": "Recorded, or recorded before.",
                "headers": _REPEATED,
                "content": _json({"oneOf": [_ref("Outcome"), _ref("BatchAnswer")]}),
            },
            **_problems(
                (*ANY_REQUEST, *WITH_KEY, *WITH_BODY, errors.BatchTooLarge, *EVENT, *WITH_DATABASE), repeated=True
            ),
        },
    }


def _resolving() -> dict[str, Any]:
    return {
        "operationId": "resolveCustomer",
        "tags": ["customers"],
        "summary": "Find the opaque id of an identifier, and the points",
        "description": "Declared in the map as a need for `points.balance`. An identifier needs no registration: one "
        "that nobody has sent yet is answered with `known` false.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _ref("CustomerReference"),
                    "examples": {"card": {"value": {"kind": "card", "value": "2613"}}},
                }
            },
        },
        "responses": {
            "200": {"description": "The person's points.", "content": _json(_ref("State"))},
            **_problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, *WITH_NEED, *WITH_DATABASE,
                    touchpoints.FieldInvalid, touchpoints.FieldMissing, touchpoints.UndeclaredField,
                )
            ),
        },
    }  # fmt: skip


def _balance() -> dict[str, Any]:
    return {
        "operationId": "readBalance",
        "tags": ["customers"],
        "summary": "Read a person's points",
        "description": "Declared in the map as a need for `points.balance`.",
        "responses": {
            "200": {"description": "The person's points.", "content": _json(_ref("State"))},
            **_problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def _history() -> dict[str, Any]:
    return {
        "operationId": "readHistory",
        "tags": ["customers"],
        "summary": "Read why a person has these points",
        "description": "Declared in the map as a need for `points.history`. The entries of one event stay together, so "
        "an answer may have a few more than `limit`.",
        "parameters": [
            {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": limits.HISTORY_ENTRIES_MAX, "default": 50},
            },
            {
                "name": "before",
                "in": "query",
                "description": "From the answer before, as it stands.",
                "schema": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT[^/]*/[0-9A-Fa-f-]{36}$"},
                "example": "2026-01-31T17:04:05.000000Z/019c1f2e-6a54-7d0b-8c1d-0b7f5d7f3a10",
            },
        ],
        "responses": {
            "200": {"description": "The entries, the latest first.", "content": _json(_ref("History"))},
            **_problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def _following() -> dict[str, Any]:
    return {
        "operationId": "follow",
        "tags": ["customers"],
        "summary": "Follow a person's points, or what every link brings",
        "description": "Server-sent events that end when the client leaves. With `customer`: `event: balance` with the "
        "present state at once, then whenever it changes; never an older state after a newer one. With `for=staff`: "
        "`event: counts` with the events of each link, at most once a second, for touchpoints of the office. A comment "
        f"comes every {limits.HEARTBEAT_SECONDS:.0f} seconds at the latest.",
        "parameters": [
            {**_customer("query"), "required": False},
            {"name": "for", "in": "query", "schema": {"const": "staff"}},
        ],
        "responses": {
            "200": {
                "description": "The stream.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": "retry: 1000\n\nid: 019c1f2e-6a54-7d0b-8c1d-0b7f5d7f3a10\nevent: balance\n"
                        'data: {"customer":"0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10",'
                        '"balance":{"available":12,"held":0,"owed":0},'
                        '"event":"019c1f2e-6a54-7d0b-8c1d-0b7f5d7f3a10"}\n\n',
                    }
                },
            },
            **_problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def _health() -> dict[str, Any]:
    content = _json(_ref("Health"))
    return {
        "operationId": "health",
        "tags": ["operation"],
        "summary": "Tell whether the gateway can work",
        "security": [],
        "responses": {
            "200": {"description": "It can.", "content": content},
            "503": {"description": "The database does not answer.", "headers": _HEADERS[503], "content": content},
            **_problems((errors.MethodNotAllowed, errors.Unexpected)),
        },
    }


def _metrics() -> dict[str, Any]:
    return {
        "operationId": "metrics",
        "tags": ["operation"],
        "summary": "Figures for Prometheus",
        "security": [],
        "responses": {
            "200": {
                "description": "Prometheus' text format.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **_problems((errors.MethodNotAllowed, errors.Unexpected)),
        },
    }


def _itself() -> dict[str, Any]:
    return {
        "operationId": "describe",
        "tags": ["operation"],
        "summary": "This document",
        "security": [],
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "content": _json({"type": "object", "required": ["openapi"]})},
            **_problems((errors.MethodNotAllowed, errors.Unexpected)),
        },
    }


# -- pieces -----------------------------------------------------------------------------------------------------------


def _events(declared: TouchpointMap, schemas: dict[str, Any]) -> list[str]:
    """Add a schema for each type that some touchpoint sends, with the fields that any of them declared."""
    sends: dict[str, Send] = {}
    for touchpoint in declared.touchpoints:
        for send in touchpoint.sends:
            before = sends.get(send.type)
            fields = {each.path: each for each in (*(before.fields if before else ()), *send.fields)}
            # A declared group has everything that is in it, so what another touchpoint declared of it is in there too.
            whole = [
                each
                for path, each in fields.items()
                if not any(path.startswith(f"{other}.") for other in fields if other != path)
            ]
            sends[send.type] = msgspec.structs.replace(send, fields=tuple(whole))
    for name, send in sorted(sends.items()):
        event_type = declared.types[name]
        struct = contract_struct(event_type, paths_of(send))
        (data,), components = msgspec.json.schema_components(
            [struct], ref_template=f"#/components/schemas/data.{name}.{{name}}"
        )
        schemas |= {f"data.{name}.{each}": schema for each, schema in components.items()}
        schemas[f"event.{name}"] = _envelope(name, event_type.title, data)
    return sorted(sends)


def _envelope(name: str, title: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {
                "type": "string",
                "minLength": 1,
                "maxLength": ID_CHARACTERS_MAX,
                "description": "Made once, when the thing happens; printable characters.",
            },
            "source": {
                "type": "string",
                "minLength": 1,
                "maxLength": SOURCE_CHARACTERS_MAX,
                "description": "As the map declares it for the key's touchpoint.",
            },
            "type": {"const": name},
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened, with a time zone. The map says how far back or ahead is accepted.",
            },
            "datacontenttype": {
                "type": "string",
                "description": "`application/json` if it is said at all.",
                "examples": ["application/json"],
            },
            "data": data,
        },
        "description": "Extension attributes are allowed, and dropped.",
    }


def _problem_schema() -> dict[str, Any]:
    return {
        "title": "Problem",
        "description": "Why something was refused (RFC 9457). For a single event, `outcome` is what its sender would "
        "have found in a batch.",
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "pattern": f"^{TYPE_PREFIX}[a-z_]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "field": {"type": "string", "description": "The place in what was sent."},
            "outcome": _ref("Outcome"),
        },
    }


def _problems(kinds: Iterable[type[Problem]], *, repeated: bool = False) -> dict[str, Any]:
    """Return the answers for problems, by status, with an example of each."""
    by_status: dict[int, dict[str, Any]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, {})[kind.name] = {
            "summary": kind.title(),
            "value": kind(field=_FIELDS.get(kind)).as_members(),
        }
    found: dict[str, Any] = {}
    for status, examples in sorted(by_status.items()):
        found[str(status)] = {
            "description": _SENTENCES[status],
            "content": {"application/problem+json": {"schema": _ref("Problem"), "examples": examples}},
        }
        headers = dict(_HEADERS.get(status, {}))
        if repeated and status in {404, 409, 422}:
            headers |= _REPEATED
        if headers:
            found[str(status)]["headers"] = headers
    return found


def _customer(place: str) -> dict[str, Any]:
    return {
        "name": "customer",
        "in": place,
        "required": True,
        "description": "The customer's opaque id, from an outcome or from `resolve`.",
        "schema": {"type": "string", "format": "uuid", "pattern": UUID_PATTERN},
    }


def _example(declared: TouchpointMap, events: Iterable[str]) -> dict[str, Any]:
    """Return a sale as the first touchpoint that sends sales would send it."""
    name = "sale.closed" if "sale.closed" in events else next(iter(events), "sale.closed")
    sources = [
        each.sources[0] for each in declared.touchpoints if each.sources and name in {send.type for send in each.sends}
    ]
    return {
        "specversion": "1.0",
        "id": "406-1-20260131-0001",
        "source": (sources[0] if sources else "/stores/*/tills/*").replace("*", "1"),
        "type": name,
        "time": "2026-01-31T18:04:05+01:00",
        "data": {
            "receipt": "0001",
            "customer": {"kind": "card", "value": "2613"},
            "currency": "USD",
            "total": 1499,
            "lines": [
                {"product": "1095275", "quantity": 1, "amount": 1099},
                {"product": "9878513", "quantity": 2, "amount": 400},
            ],
        }
        if name == "sale.closed"
        else {},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
