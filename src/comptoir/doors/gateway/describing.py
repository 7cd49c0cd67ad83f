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
from comptoir.counter.giftcards import errors as giftcards
from comptoir.counter.loyalty import errors as loyalty
from comptoir.counter.offers import errors as offers
from comptoir.counter.offers.quoting import CouponTold
from comptoir.counter.orders import errors as orders
from comptoir.counter.recommendations.errors import HiddenFull
from comptoir.counter.sales import errors as sales
from comptoir.counter.windows.contracts import WindowTold
from comptoir.counter.wishlists import errors as wishlists
from comptoir.doors.gateway import errors, limits
from comptoir.foundation.events.errors import IdReused
from comptoir.foundation.kernel.problem import TYPE_PREFIX, Problem
from comptoir.foundation.rooms.errors import BodyTooLarge, BodyTooSlow
from comptoir.foundation.touchpoints import errors as touchpoints
from comptoir.square.catalog import errors as catalog
from comptoir.square.stock import errors as stock

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
    sales.RefundMismatch,
    sales.SaleForgotten,
    sales.SaleStillReturnable,
    sales.SaleUnknown,
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
    loyalty.LeaseTaken,
    loyalty.LeaseUnknown,
    loyalty.LeaseTooLarge,
    loyalty.LeaseForeign,
    loyalty.LeaseExpired,
    loyalty.LeaseExceeded,
    loyalty.LeaseSpendTaken,
    loyalty.LeaseMiscounted,
    loyalty.LeaseClosed,
    loyalty.LeaseLost,
    loyalty.LeaseRunning,
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
    giftcards.GiftCardUnusable,
    giftcards.GiftCardInsufficient,
    giftcards.GiftCardTaken,
    giftcards.GiftCardExpiresTooSoon,
    giftcards.GiftCardUnknown,
    giftcards.GiftCardOver,
    giftcards.GiftCardHoldTaken,
    giftcards.GiftCardHoldUnknown,
    giftcards.GiftCardHoldOver,
    giftcards.GiftCardSpendingUnknown,
    giftcards.GiftCardCreditTooLarge,
    orders.OrderUnknown,
    orders.OrderTaken,
    orders.OrderMismatch,
    orders.OrderElsewhere,
    orders.OrderNotPaid,
    orders.OrderOver,
    wishlists.WishListUnknown,
    wishlists.WishListUnchanged,
    wishlists.WishListFull,
    wishlists.WishListOver,
    wishlists.WishListDate,
    wishlists.WishUnknown,
    wishlists.WishTaken,
    wishlists.WishOwn,
    wishlists.ClaimUnknown,
    wishlists.ClaimOrdered,
    HiddenFull,
    catalog.ListingInvalid,
    catalog.SkuTaken,
    catalog.ListingUnknown,
    catalog.CategoryUnknown,
    catalog.CategoryWithinItself,
    catalog.WindowInvalid,
    stock.StockInvalid,
    stock.OutOfStock,
    stock.StockUnknown,
    stock.HoldTaken,
    stock.HoldUnknown,
    stock.HoldOver,
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


class Window(msgspec.Struct, frozen=True):
    """What a person wants to see of the shop: rules to apply, and each as a sentence by language."""

    customer: uuid.UUID
    window: WindowTold


def window() -> dict[str, Any]:
    """Return what the question for somebody's shop window answers."""
    return {
        "operationId": "readWindow",
        "tags": ["customers"],
        "summary": "Read what a person wants to see of the shop",
        "description": "Declared in the map as a need for `customer.window`. What its rules hide is to be shown "
        "nowhere; a person without a window has one without rules.",
        "responses": {
            "200": {"description": "The window.", "content": json_content(ref("Window"))},
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


def shown_basket() -> dict[str, Any]:
    """Return what the question for a basket that is shown at a till asks and answers."""
    asked = {"source": "/stores/7/tills/1", "code": "48210937"}
    return {
        "operationId": "readShownBasket",
        "tags": ["customers"],
        "summary": "Read the basket that a customer shows, by their code or its number",
        "description": "As `readBasket`, for what was scanned: the eight digits of one basket, or a customer's whole "
        "code, no older than a quarter of an hour, for everything that is in baskets of theirs. A `sale.closed` that "
        "names the answer's `basket` takes out what was sold, of all of them.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref("BasketShown"), "examples": {"number": {"value": asked}}}
            },
        },
        "responses": {
            "200": {"description": "The basket.", "content": json_content(ref("Read"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, *WITH_NEED, *WITH_DATABASE, touchpoints.FieldInvalid,
                    touchpoints.FieldMissing, touchpoints.UndeclaredField, touchpoints.SourceNotDeclared,
                    baskets.BasketUnknown, baskets.BasketWithoutGoods, loyalty.CodeInvalid, loyalty.CodeExpired,
                    errors.TooManyAttempts,
                )
            ),
        },
    }  # fmt: skip


def shown_order() -> dict[str, Any]:
    """Return what the question for an order whose pick-up code is shown asks and answers."""
    asked = {"source": "/stores/7/tills/1", "code": "7K2M-9QXT-4D0V-HBN3-EW8R", "store": "7"}
    return {
        "operationId": "readShownOrder",
        "tags": ["orders"],
        "summary": "Read the order whose pick-up code a customer shows",
        "description": "Declared in the map as a need for `order.content`. What to fetch, and what is to be taken for "
        "it (`due`) before `order.hand_over`. With `store`, an order that waits elsewhere is refused. Nothing is "
        "decided by it.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("OrderShown"), "examples": {"code": {"value": asked}}}},
        },
        "responses": {
            "200": {"description": "The order.", "content": json_content(ref("OrderTold"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, *WITH_NEED, *WITH_DATABASE, touchpoints.FieldInvalid,
                    touchpoints.FieldMissing, touchpoints.UndeclaredField, touchpoints.SourceNotDeclared,
                    orders.OrderUnknown, orders.OrderElsewhere, errors.TooManyAttempts,
                )
            ),
        },
    }  # fmt: skip


def blank() -> dict[str, Any]:
    """Return what asking for a gift card's code asks and answers."""
    return {
        "operationId": "makeBlank",
        "tags": ["orders"],
        "summary": "Have a code for a gift card that is to be sold",
        "description": "For whoever the map lets send `gift_card.issue`. The code is made for this answer and kept "
        "nowhere; it is worth nothing until a card is issued under it.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": ref("BlankAsked"), "examples": {"till": {"value": {"source": "/stores/7/tills/1"}}}
                }
            },
        },
        "responses": {
            "200": {"description": "The code.", "content": json_content(ref("Blank"))},
            **problems(
                (
                    *ANY_REQUEST, *WITH_KEY, *WITH_BODY, touchpoints.TypeNotDeclared, touchpoints.FieldInvalid,
                    touchpoints.FieldMissing, touchpoints.UndeclaredField, touchpoints.SourceNotDeclared,
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
