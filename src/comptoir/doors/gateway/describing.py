"""The pieces of which the OpenAPI document is made: answers for problems, parameters, references.

Not here: the document itself (``openapi.py``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.answers import errors as answers
from comptoir.counter.answers.contracts import PREDICATE_PATTERN, TREAT_DUE
from comptoir.counter.baskets import errors as baskets
from comptoir.counter.customers import errors as customers
from comptoir.counter.loyalty import errors as loyalty
from comptoir.counter.offers import errors as offers
from comptoir.counter.offers.quoting import CouponTold
from comptoir.counter.orders import errors as orders
from comptoir.counter.sales import errors as sales
from comptoir.doors.gateway import errors, limits
from comptoir.foundation.events.errors import IdReused
from comptoir.foundation.kernel.problem import TYPE_PREFIX, Problem
from comptoir.foundation.rooms.errors import BodyTooLarge, BodyTooSlow
from comptoir.foundation.touchpoints import errors as touchpoints

UUID_PATTERN: Final = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"

#: Why a request as a whole is refused, whatever is asked.
ANY_REQUEST: Final = (errors.QueryInvalid, errors.NotFound, errors.MethodNotAllowed, errors.Unexpected)
WITH_KEY: Final = (touchpoints.KeyNotKnown,)
WITH_BODY: Final = (errors.MalformedJson, errors.MediaTypeNotAccepted, BodyTooLarge, BodyTooSlow)
WITH_DATABASE: Final = (errors.Busy, errors.DatabaseAway)
WITH_NEED: Final = (touchpoints.NeedNotDeclared,)
#: Why one event is refused: in a batch inside its outcome, alone as the answer.
EVENT: Final = (
    errors.EnvelopeInvalid,
    errors.MalformedJson,
    errors.TooManyAttempts,
    touchpoints.UnknownType,
    touchpoints.TypeNotDeclared,
    touchpoints.SourceNotDeclared,
    touchpoints.UndeclaredField,
    touchpoints.FieldMissing,
    touchpoints.FieldInvalid,
    touchpoints.OccurredInFuture,
    touchpoints.OccurredTooEarly,
    IdReused,
    customers.CustomerUnknown,
    customers.LinkToItself,
    customers.PersonTooLarge,
    customers.LinkWithoutProof,
    customers.LinkUnknown,
    customers.LinkTooOld,
    customers.LinkInUse,
    customers.RecordChanged,
    customers.SignatureWrong,
    customers.PersonasTooMany,
    customers.PersonaUnknown,
    customers.IsForgotten,
    customers.PieceUnknown,
    customers.PieceInUse,
    answers.AnswerLastsTooLong,
    sales.ReceiptTaken,
    sales.TotalMismatch,
    sales.CurrencyNotAccepted,
    sales.ReturnExceedsSale,
    sales.LineUnknown,
    sales.SaleForgotten,
    sales.SaleStillReturnable,
    loyalty.ProofMissing,
    loyalty.CodeInvalid,
    loyalty.CodeOfAnotherCustomer,
    loyalty.CodeNotYetValid,
    loyalty.CodeExpired,
    loyalty.CodeUsed,
    loyalty.CodeUsedElsewhere,
    loyalty.CodePointsExceeded,
    loyalty.CodeElsewhere,
    loyalty.ConfirmationInvalid,
    loyalty.ConfirmationExpired,
    loyalty.LimitsChangedTooOften,
    loyalty.CoolingTooLong,
    loyalty.SpendingFrozen,
    loyalty.SpendingCooling,
    loyalty.SpendingLocked,
    loyalty.PlaceNotAllowed,
    loyalty.PasskeyNeeded,
    loyalty.DailyLimitReached,
    loyalty.InsufficientPoints,
    loyalty.BelowMinimum,
    loyalty.NothingToAdjust,
    loyalty.ReservationUnknown,
    loyalty.ReservationTaken,
    loyalty.ReservationPosted,
    loyalty.ReservationVoided,
    loyalty.ReservationExpired,
    loyalty.ReservationTooSmall,
    offers.CouponUnusable,
    offers.NothingTaken,
    offers.RedemptionTaken,
    offers.RedemptionUnknown,
    offers.RedemptionOver,
    offers.PromotionTaken,
    offers.PromotionInvalid,
    offers.PromotionUnknown,
    baskets.BasketTaken,
    baskets.BasketFull,
    baskets.BasketUnchanged,
    orders.OrderUnknown,
    orders.OrderTaken,
    orders.OrderMismatch,
    orders.OrderElsewhere,
    orders.OrderNotPaid,
    orders.OrderOver,
)
_SENTENCES: Final = {
    400: "It cannot be read.",
    401: "The key is missing, unknown or revoked.",
    403: "The map does not let this touchpoint do that, or its customer does not.",
    404: "There is no such thing.",
    405: "The address does not answer to this method.",
    408: "The body took too long to arrive.",
    409: "It contradicts what is recorded.",
    410: "It is over.",
    413: "The body or the batch is too large.",
    415: "The media type is not understood.",
    422: "It was read, and refused.",
    429: "The key has tried too much that is nobody's: wait as long as Retry-After says.",
    500: "A mistake of ours; send it again later.",
    503: "Nothing was taken: wait as long as Retry-After says, and send the same again.",
}
_RETRY_AFTER: Final = {
    "description": "Seconds.",
    "schema": {"type": "integer", "minimum": 1},
    "example": limits.RETRY_AFTER_SECONDS,
}
HEADERS: Final[Mapping[int, Mapping[str, Any]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "example": 'Bearer realm="comptoir"'}},
    405: {"Allow": {"schema": {"type": "string"}, "example": "GET, HEAD"}},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
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
REPEATED: Final = {
    "Comptoir-Repeated": {
        "description": "Present (as `1`) if this identity was recorded before; the outcome is the first one.",
        "schema": {"const": "1"},
    }
}


def problem_schema() -> dict[str, Any]:
    """Return the schema of a problem."""
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
            "retry_after": {"type": "integer", "description": "Seconds to wait, where a key has tried too much."},
            "outcome": ref("Outcome"),
        },
    }


def problems(kinds: Iterable[type[Problem]], *, repeated: bool = False) -> dict[str, Any]:
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
            "content": {"application/problem+json": {"schema": ref("Problem"), "examples": examples}},
        }
        headers = dict(HEADERS.get(status, {}))
        if repeated and status in {404, 409, 422}:
            headers |= REPEATED
        if headers:
            found[str(status)]["headers"] = headers
    return found


def customer(place: str) -> dict[str, Any]:
    """Return the parameter that names a customer, in the address's path or query."""
    return {
        "name": "customer",
        "in": place,
        "required": True,
        "description": "The customer's opaque id, from an outcome or from `resolve`.",
        "schema": {"type": "string", "format": "uuid", "pattern": UUID_PATTERN},
    }


def json_content(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a body of JSON with this schema."""
    return {"application/json": {"schema": schema}}


def ref(name: str) -> dict[str, Any]:
    """Return the reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def treat() -> dict[str, Any]:
    """Return what the question whether a treat is due asks and answers."""
    said = {
        "type": "object",
        "properties": {
            "customer": {"type": "string", "format": "uuid"},
            "predicate": {"const": TREAT_DUE},
            "due": {"type": "boolean"},
        },
        "required": ["customer", "predicate", "due"],
    }
    return {
        "operationId": "readTreat",
        "tags": ["customers"],
        "summary": "Ask whether a treat is due for a person",
        "description": "Declared in the map as a need for `customer.answers`. `due` is true in the month of a "
        "birthday, of whoever has agreed to that on the channel of the touchpoint that asks. Nobody learns the day.",
        "responses": {
            "200": {"description": "The answer.", "content": json_content(said)},
            **problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


class Coupons(msgspec.Struct):
    """A person's coupons, the latest first. Their codes are the customer's own."""

    customer: uuid.UUID
    coupons: list[CouponTold]


def coupons() -> dict[str, Any]:
    """Return what the question for somebody's coupons answers."""
    return {
        "operationId": "readCoupons",
        "tags": ["customers"],
        "summary": "Read a person's coupons and what became of them",
        "description": "Declared in the map as a need for `customer.coupons`. What one channel has redeemed is `used` "
        "here with the same commit. Codes are shown on the customer's own page, and nowhere else.",
        "responses": {
            "200": {"description": "The coupons.", "content": json_content(ref("Coupons"))},
            **problems((*ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE)),
        },
    }


def pricing() -> dict[str, Any]:
    """Return what the question for a basket's price asks and answers."""
    line = {"product": "1029743", "category": "COFFEE", "quantity": 2, "amount": 1198}
    asked = {"source": "/webshop", "basket": [line], "codes": ["7K2M-9QXT-4D0V-HBN3-EW8R"]}
    return {
        "operationId": "priceBasket",
        "tags": ["customers"],
        "summary": "Ask what a basket costs after promotions, and why",
        "description": "Declared in the map as a need for `basket.price`. Nothing is taken by it; send `coupon.redeem` "
        "or `coupon.reserve` for that. Every deduction and every code that gives nothing says why.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref("BasketAsked"), "examples": {"basket": {"value": asked}}}
            },
        },
        "responses": {
            "200": {"description": "The price.", "content": json_content(ref("Priced"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, *WITH_NEED, *WITH_DATABASE, touchpoints.FieldInvalid,
                    touchpoints.FieldMissing, touchpoints.UndeclaredField, touchpoints.SourceNotDeclared,
                    errors.TooManyAttempts,
                )
            ),
        },
    }  # fmt: skip


def basket() -> dict[str, Any]:
    """Return what the question for a basket asks and answers."""
    return {
        "operationId": "readBasket",
        "tags": ["customers"],
        "summary": "Read what is in a basket and what it costs",
        "description": "Declared in the map as a need for `basket.content`. Priced by the same function as on the "
        "shop's own pages and in the checkout; where, when and by whom it is asked decides which promotions hold. A "
        "basket that somebody has claimed is told together with all others of theirs. Nothing is held by it.",
        "responses": {
            "200": {"description": "The basket.", "content": json_content(ref("Read"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_NEED, *WITH_DATABASE, touchpoints.SourceNotDeclared,
                    baskets.BasketUnknown, errors.TooManyAttempts,
                )
            ),
        },
    }  # fmt: skip


def basket_parameters() -> list[dict[str, Any]]:
    """Return what names a basket, and where it is asked for."""
    return [
        {
            "name": "basket",
            "in": "path",
            "required": True,
            "description": "The basket's id, or the eight digits under which it is being shown.",
            "schema": {
                "type": "string",
                "pattern": "^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{8})$",
            },
        },
        {
            "name": "source",
            "in": "query",
            "required": True,
            "description": "Where the basket is asked for: one of the touchpoint's own sources.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            "example": "/stores/330/tills/1",
        },
    ]


def predicate() -> dict[str, Any]:
    """Return the parameter for a question that has no other answer than yes."""
    return {
        "name": "predicate",
        "in": "path",
        "required": True,
        "description": "The question: an age in years.",
        "schema": {"type": "string", "pattern": PREDICATE_PATTERN},
        "example": "age_over_18",
    }
