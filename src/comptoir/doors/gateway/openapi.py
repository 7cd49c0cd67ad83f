"""The gateway's OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0), made from the code's own Structs.

What the gateway checks and what the document says come from the same places: the Structs of events and answers, the
limits, the problems, and the map for which types a shop has. Not here: what one touchpoint in particular may send
(``comptoir map asyncapi``).
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import uuid
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from comptoir.counter.answers import errors as answers
from comptoir.counter.answers.contracts import CodeShown, Method
from comptoir.counter.baskets.contracts import BasketShown
from comptoir.counter.baskets.quoting import Read
from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.giftcards.contracts import Blank, BlankAsked
from comptoir.counter.offers.contracts import BasketAsked, Priced
from comptoir.counter.orders.contracts import OrderShown
from comptoir.counter.orders.telling import OrderTold
from comptoir.doors.gateway import errors, limits
from comptoir.doors.gateway.describing import (
    ANY_REQUEST,
    EVENT,
    HEADERS,
    REPEATED,
    WITH_BODY,
    WITH_DATABASE,
    WITH_KEY,
    WITH_NEED,
    Coupons,
    Window,
    basket,
    basket_parameters,
    blank,
    coupons,
    customer,
    json_content,
    predicate,
    pricing,
    problem_schema,
    problems,
    ref,
    shown_basket,
    shown_order,
    treat,
    window,
)
from comptoir.foundation.events.contracts import ID_CHARACTERS_MAX, SOURCE_CHARACTERS_MAX, Balance, Outcome
from comptoir.foundation.kernel import codec
from comptoir.foundation.touchpoints import errors as touchpoints
from comptoir.foundation.touchpoints.compiling import contract_struct, paths_of
from comptoir.foundation.touchpoints.contracts import Send, TouchpointMap

SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


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


class AnswerGiven(msgspec.Struct):
    """Whether a person is over an age, as far as the shop knows: how that was shown, when, and until when it holds."""

    customer: uuid.UUID
    predicate: str
    proven: bool
    method: Method | None
    given_at: dt.datetime | None
    valid_until: dt.datetime | None


class CodeAnswer(msgspec.Struct):
    """What a till code says, now that it is used up. It does not say of whom."""

    predicate: str
    proven: bool
    valid_until: dt.datetime


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
        [
            Identifier,
            Outcome,
            BatchAnswer,
            State,
            History,
            AnswerGiven,
            CodeShown,
            CodeAnswer,
            Coupons,
            Window,
            BasketAsked,
            BasketShown,
            Priced,
            Read,
            OrderShown,
            OrderTold,
            BlankAsked,
            Blank,
            Health,
        ],
        ref_template="#/components/schemas/{name}",
    )
    assert all("$ref" in each for each in answers)
    events = _events(declared, schemas)
    schemas["Event"] = {
        "title": "An event",
        "description": "A CloudEvents 1.0 event of one of the shop's types.",
        "oneOf": [ref(f"event.{name}") for name in events],
    }
    schemas["Problem"] = problem_schema()
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
            {"name": "orders", "description": "What somebody comes for, or takes along."},
            {"name": "operation", "description": "For those who run the gateway."},
        ],
        "paths": {
            "/v1/events": {"post": _sending(declared, events)},
            "/v1/customers/resolve": {"post": _resolving()},
            "/v1/customers/{customer}/balance": {"parameters": [customer("path")], "get": _balance()},
            "/v1/customers/{customer}/history": {"parameters": [customer("path")], "get": _history()},
            "/v1/customers/{customer}/answers/{predicate}": {
                "parameters": [customer("path"), predicate()],
                "get": _answer(),
            },
            "/v1/customers/{customer}/answers/treat_due": {"parameters": [customer("path")], "get": treat()},
            "/v1/answers/check": {"post": _code()},
            "/v1/customers/{customer}/coupons": {"parameters": [customer("path")], "get": coupons()},
            "/v1/customers/{customer}/window": {"parameters": [customer("path")], "get": window()},
            "/v1/baskets/price": {"post": pricing()},
            "/v1/baskets/shown": {"post": shown_basket()},
            "/v1/orders/shown": {"post": shown_order()},
            "/v1/gift-cards/blank": {"post": blank()},
            "/v1/baskets/{basket}": {"parameters": basket_parameters(), "get": basket()},
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
                SINGLE: {"schema": ref("Event"), "examples": {"sale": {"value": example}}},
                BATCH: {
                    "schema": {
                        "type": "array",
                        "maxItems": limits.BATCH_EVENTS_MAX,
                        "items": {
                            "anyOf": [
                                ref("Event"),
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
                "headers": REPEATED,
                "content": json_content({"oneOf": [ref("Outcome"), ref("BatchAnswer")]}),
            },
            **problems(
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
                    "schema": ref("CustomerReference"),
                    "examples": {"card": {"value": {"kind": "card", "value": "2613"}}},
                }
            },
        },
        "responses": {
            "200": {"description": "The person's points.", "content": json_content(ref("State"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, *WITH_NEED, *WITH_DATABASE, errors.TooManyAttempts,
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
            "200": {"description": "The person's points.", "content": json_content(ref("State"))},
            **problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE, errors.TooManyAttempts)),
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
            "200": {"description": "The entries, the latest first.", "content": json_content(ref("History"))},
            **problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def _answer() -> dict[str, Any]:
    return {
        "operationId": "readAnswer",
        "tags": ["customers"],
        "summary": "Ask whether a person is over an age",
        "description": "Declared in the map as a need for `customer.answers`. Who is over a higher age is over every "
        "lower one. `proven` false says that the shop does not know it, not that it is not so.",
        "responses": {
            "200": {"description": "The answer.", "content": json_content(ref("AnswerGiven"))},
            **problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def _code() -> dict[str, Any]:
    return {
        "operationId": "checkAnswerCode",
        "tags": ["customers"],
        "summary": "Use up the code that an unknown shopper shows",
        "description": "Declared in the map as a need for `customer.answers`. The code says that whoever shows it has "
        "proven to be over an age, and nothing else. It is good for two minutes and for one use.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": ref("CodeShown"),
                    "examples": {"code": {"value": {"code": "AEJGKRQ3", "predicate": "age_over_18"}}},
                }
            },
        },
        "responses": {
            "200": {"description": "The code says yes.", "content": json_content(ref("CodeAnswer"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, *WITH_NEED, *WITH_DATABASE,
                    touchpoints.FieldInvalid, touchpoints.FieldMissing, touchpoints.UndeclaredField,
                    answers.AnswerCodeInvalid, answers.AnswerCodeOver, answers.AnswerCodeUsed,
                    answers.AnswerCodeTooYoung, errors.TooManyAttempts,
                )
            ),
        },
    }  # fmt: skip


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
            {**customer("query"), "required": False},
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
            **problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def _health() -> dict[str, Any]:
    content = json_content(ref("Health"))
    return {
        "operationId": "health",
        "tags": ["operation"],
        "summary": "Tell whether the gateway can work",
        "security": [],
        "responses": {
            "200": {"description": "It can.", "content": content},
            "503": {"description": "The database does not answer.", "headers": HEADERS[503], "content": content},
            **problems((errors.MethodNotAllowed, errors.Unexpected)),
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
            **problems((errors.MethodNotAllowed, errors.Unexpected)),
        },
    }


def _itself() -> dict[str, Any]:
    return {
        "operationId": "describe",
        "tags": ["operation"],
        "summary": "This document",
        "security": [],
        "responses": {
            "200": {
                "description": "OpenAPI 3.1.",
                "content": json_content({"type": "object", "required": ["openapi"]}),
            },
            **problems((errors.MethodNotAllowed, errors.Unexpected)),
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
