"""The gateway as an ASGI application: addresses, bodies, answers. What it does stands in ``service.py``.

Served by granian as ``comptoir.doors.gateway.application:application``, one worker for each process, since lanes
and streams share memory; more gateways are more processes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeVar

import msgspec

from comptoir.counter.answers.contracts import TREAT_DUE, CodeShown
from comptoir.counter.baskets.contracts import BasketShown
from comptoir.counter.baskets.errors import BasketUnknown
from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.giftcards.contracts import ISSUE, BlankAsked
from comptoir.counter.loyalty.errors import CodeInvalid
from comptoir.counter.offers.contracts import BasketAsked
from comptoir.counter.orders.contracts import OrderShown
from comptoir.counter.orders.errors import OrderUnknown
from comptoir.doors.gateway import limits, openapi
from comptoir.doors.gateway.asking import UUID, integer_of, moment_of, query_of, uuid_of
from comptoir.doors.gateway.errors import (
    EnvelopeInvalid,
    MalformedJson,
    MediaTypeNotAccepted,
    MethodNotAllowed,
    NotFound,
    QueryInvalid,
    TooManyAttempts,
    Unexpected,
)
from comptoir.doors.gateway.intake import Item, Request
from comptoir.doors.gateway.metrics import CONTENT_TYPE as METRICS_TYPE
from comptoir.doors.gateway.pace import MISSED, Attempts
from comptoir.doors.gateway.process import allow_many_connections, calm_collector, when_told_to_end
from comptoir.doors.gateway.service import Service
from comptoir.doors.gateway.streams import Streams
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.errors import BodyTooLarge, BodyTooSlow
from comptoir.foundation.touchpoints.compiling import CompiledMap, CompiledTouchpoint, problem_of
from comptoir.foundation.touchpoints.errors import FieldInvalid, KeyNotKnown, NeedNotDeclared
from comptoir.foundation.touchpoints.store import Keys

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")
Answering = Callable[[Scope, Receive, Send], Awaitable[None]]

_JSON: Final = b"application/json"
_PROBLEM: Final = b"application/problem+json"
_RETRY: Final = (b"retry-after", str(limits.RETRY_AFTER_SECONDS).encode())
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="comptoir"')
_REPEATED: Final = ((b"comptoir-repeated", b"1"),)
_SINGLE: Final = b"application/cloudevents+json"
_BATCH: Final = b"application/cloudevents-batch+json"
_WHOLE: Final = frozenset({_SINGLE, _BATCH})
_TYPES_OF_EVENTS: Final = "Send application/cloudevents+json, application/cloudevents-batch+json, or application/json \
with ce- headers."
#: The last moment there is, and the last id: where a history begins.
_FROM_THE_END: Final = (dt.datetime(9999, 12, 31, tzinfo=dt.UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff")
_CUSTOMER: Final = re.compile(
    rb"/v1/customers/([^/]+)/(balance|history|coupons|window|answers/(age_over_[1-9][0-9]|treat_due))"
)
_BASKET: Final = re.compile(rb"/v1/baskets/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{8})")
_CHARSETS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii"})
#: More ways than this to write valid keys are nobody's honest need.
_KEYS_REMEMBERED_MAX: Final = 1_000

_identifier = msgspec.json.Decoder(Identifier)
_code = msgspec.json.Decoder(CodeShown)
_asked = msgspec.json.Decoder(BasketAsked)
_shown = msgspec.json.Decoder(BasketShown)
_order = msgspec.json.Decoder(OrderShown)
_blank = msgspec.json.Decoder(BlankAsked)


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Whose key it is that a request came with, and how often that key has guessed."""

    touchpoint: CompiledTouchpoint
    attempts: Attempts


class Application:
    """One gateway for granian to serve."""

    def __init__(self) -> None:
        """Open nothing yet: the server says when to start."""
        self._service: Service
        self._streams: Streams
        self._addresses: Mapping[bytes, tuple[Answering, tuple[str, ...]]] = {
            b"/v1/events": (self._take_events, ("POST",)),
            b"/v1/stream": (self._follow, ("GET",)),
            b"/v1/customers/resolve": (self._resolve, ("POST",)),
            b"/v1/answers/check": (self._check_code, ("POST",)),
            b"/v1/baskets/price": (self._price, ("POST",)),
            b"/v1/baskets/shown": (self._read_shown, ("POST",)),
            b"/v1/orders/shown": (self._read_order, ("POST",)),
            b"/v1/gift-cards/blank": (self._make_blank, ("POST",)),
            b"/health": (self._tell_health, ("GET", "HEAD")),
            b"/metrics": (self._tell_metrics, ("GET", "HEAD")),
            b"/openapi.json": (self._tell_interface, ("GET", "HEAD")),
        }
        self._callers: dict[bytes, Caller] = {}
        self._callers_by: tuple[Keys, CompiledMap] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer requests, and the server's life cycle."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        allow_many_connections()
        service = Service()
        loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(service.start, loop)
        except Exception as error:  # the server is told why it cannot start
            _log.exception("the gateway cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        service.hub.start()
        self._service = service
        self._streams = Streams(service)
        when_told_to_end(loop, self._streams.end)
        calm_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._streams.end()
        await service.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # The path as it was sent: an address that is written in another way is another address.
            answering, methods = self._addresses.get(scope["raw_path"]) or self._find(scope["raw_path"])
            _allow(scope["method"], methods)
            await answering(scope, receive, send)
        except Problem as problem:
            self._service.metrics.refused(problem.name)
            await _send_problem(send, problem)
        except ConnectionError:
            pass  # the client has left
        except Exception:  # noqa: BLE001 - nothing internal goes outside
            _log.exception("a request failed")
            await _send_problem(send, Unexpected())

    def _find(self, path: bytes) -> tuple[Answering, tuple[str, ...]]:
        if (basket := _BASKET.fullmatch(path)) is not None:
            return functools.partial(self._tell_basket, basket[1].decode()), ("GET", "HEAD")
        found = _CUSTOMER.fullmatch(path)
        if found is None:
            raise NotFound
        name, what = found[1].decode("latin-1"), found[2]
        answering: Callable[[str, Scope, Send], Awaitable[None]]
        if found[3] == TREAT_DUE.encode():
            answering = self._tell_treat
        elif found[3] is not None:
            answering = functools.partial(self._tell_answer, found[3].decode())
        else:
            tellers = {b"balance": self._tell_balance, b"history": self._tell_history}
            answering = tellers.get(what) or functools.partial(self._tell_own, what.decode())

        async def answer(scope: Scope, _: Receive, send: Send) -> None:
            await answering(name, scope, send)

        return answer, ("GET", "HEAD")

    # -- events -------------------------------------------------------------------------------------------------------

    async def _take_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, media_type, announced, is_binary = _head_of_events(scope)
        caller = await self._caller_of(key)
        if media_type not in _WHOLE:
            media_type = _media_type(media_type)
        is_batch = media_type == _BATCH
        if is_batch or media_type == _SINGLE:
            is_binary = False
        elif not (is_binary and media_type == _JSON):
            raise MediaTypeNotAccepted(_TYPES_OF_EVENTS, field="content-type")
        attributes = _attributes(scope) if is_binary else None
        body = await _body(announced, receive)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self._service.intake.take(Request(body, caller.touchpoint, is_batch, attributes, done, caller.attempts))
        answer = await done
        if isinstance(answer, Problem):
            raise answer
        if is_batch:
            await _send(send, 200, _batch_body(answer))
        else:
            await _send_item(send, answer[0])

    async def _touchpoint_of(self, authorization: bytes | None) -> CompiledTouchpoint:
        """Return whose key it is, or raise :class:`KeyNotKnown`."""
        return (await self._caller_of(authorization)).touchpoint

    async def _caller_of(self, authorization: bytes | None) -> Caller:
        """Return whose key it is, or raise :class:`KeyNotKnown`.

        Headers that were found good are remembered until the keys or the map change: a till sends the same one all
        day. Whoever guesses learns nothing from the time that a look-up takes, since hashes are keyed by process.
        """
        service = self._service
        present = (service.keys, service.map)
        if self._callers_by != present or len(self._callers) > _KEYS_REMEMBERED_MAX:
            self._callers, self._callers_by = {}, present
        if authorization is None:
            raise KeyNotKnown("Send the touchpoint's key as: Authorization: Bearer …", field="authorization")
        caller = self._callers.get(authorization)
        if caller is None:
            scheme, _, key = authorization.decode("latin-1").partition(" ")
            if scheme.lower() != "bearer" or not key:
                raise KeyNotKnown("Send the touchpoint's key as: Authorization: Bearer …", field="authorization")
            touchpoint = await service.touchpoint_of(key.strip())
            caller = self._callers[authorization] = Caller(touchpoint, service.attempts_of(key.strip()))
        return caller

    def _refuse_guesses(self, caller: Caller) -> None:
        """Raise :class:`TooManyAttempts` while a key has to wait; it is counted for its touchpoint."""
        try:
            caller.attempts.check()
        except TooManyAttempts as problem:
            self._service.recorder.refuse(caller.touchpoint.name, problem.name, at=time.time())
            raise

    # -- reads --------------------------------------------------------------------------------------------------------

    async def _resolve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        caller = await self._caller_of(headers.get(b"authorization"))
        caller.touchpoint.check_right("points.balance")
        self._refuse_guesses(caller)
        identifier = await _read_body(headers, receive, _identifier)
        if identifier.kind != CUSTOMER_KIND:
            customer = self._service.identify(identifier.kind, identifier.value)
        elif UUID.fullmatch(identifier.value):
            customer = str(uuid.UUID(identifier.value))
        else:
            raise FieldInvalid("This kind carries a UUID.", field="value")
        await self._send_balance(caller, customer, send)

    async def _tell_balance(self, name: str, scope: Scope, send: Send) -> None:
        caller = await self._caller_of(_headers(scope).get(b"authorization"))
        caller.touchpoint.check_right("points.balance")
        query_of(scope)
        self._refuse_guesses(caller)
        await self._send_balance(caller, uuid_of(name), send)

    async def _send_balance(self, caller: Caller, customer: Id, send: Send) -> None:
        state = await self._service.ask(self._service.state, customer)
        if not state.is_known:
            caller.attempts.miss()
        body = {"customer": customer, "known": state.is_known, "balance": state.balance, "as_of": state.position}
        await _send(send, 200, codec.encode(body))

    async def _tell_answer(self, predicate: str, name: str, scope: Scope, send: Send) -> None:
        touchpoint = await self._touchpoint_of(_headers(scope).get(b"authorization"))
        touchpoint.check_right("customer.answers")
        query_of(scope)
        customer = uuid_of(name)
        found = await self._service.ask(self._service.answer, customer, predicate)
        body = {
            "customer": customer,
            "predicate": predicate,
            "proven": found is not None,
            "method": found and found.method,
            "given_at": found and found.given_at,
            "valid_until": found and found.valid_until,
        }
        await _send(send, 200, codec.encode(body))

    async def _tell_treat(self, name: str, scope: Scope, send: Send) -> None:
        touchpoint = await self._touchpoint_of(_headers(scope).get(b"authorization"))
        touchpoint.check_right("customer.answers")
        query_of(scope)
        customer = uuid_of(name)
        due = await self._service.ask(self._service.has_treat, customer, touchpoint.declared.channel)
        await _send(send, 200, codec.encode({"customer": customer, "predicate": TREAT_DUE, "due": due}))

    async def _check_code(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        caller = await self._caller_of(headers.get(b"authorization"))
        caller.touchpoint.check_right("customer.answers")
        self._refuse_guesses(caller)
        shown = await _read_body(headers, receive, _code)
        try:
            end = await self._service.ask(self._service.use_code, shown)
        except Problem as problem:
            if problem.name in MISSED:
                caller.attempts.miss()
            raise
        await _send(send, 200, codec.encode({"predicate": shown.predicate, "proven": True, "valid_until": end}))

    async def _tell_own(self, what: str, name: str, scope: Scope, send: Send) -> None:
        touchpoint = await self._touchpoint_of(_headers(scope).get(b"authorization"))
        touchpoint.check_right(f"customer.{what}")
        query_of(scope)
        customer = uuid_of(name)
        asked = self._service.coupons if what == "coupons" else self._service.window
        await _send(send, 200, codec.encode({"customer": customer, what: await self._service.ask(asked, customer)}))

    async def _price(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        caller = await self._caller_of(headers.get(b"authorization"))
        caller.touchpoint.check_right("basket.price")
        asked = await _read_body(headers, receive, _asked)
        if asked.codes:
            self._refuse_guesses(caller)
        priced = await self._service.ask(self._service.price, asked, caller.touchpoint)
        if missed := sum(each.reason == "unusable" for each in priced.not_applied):
            caller.attempts.miss(missed)
        await _send(send, 200, codec.encode(priced))

    async def _tell_basket(self, number: str, scope: Scope, _: Receive, send: Send) -> None:
        caller = await self._caller_of(_headers(scope).get(b"authorization"))
        caller.touchpoint.check_right("basket.content")
        source = query_of(scope, "source").get("source", "")
        await self._send_basket(caller, number, source, send)

    async def _read_shown(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        caller = await self._caller_of(headers.get(b"authorization"))
        caller.touchpoint.check_right("basket.content")
        shown = await _read_body(headers, receive, _shown)
        await self._send_basket(caller, shown.code, shown.source, send)

    async def _send_basket(self, caller: Caller, number: str, source: str, send: Send) -> None:
        await self._send_shown(caller, send, self._service.basket, number, source, caller.touchpoint)

    async def _send_shown(self, caller: Caller, send: Send, read: Callable[..., Any], *asked: Any) -> None:
        """Send what somebody has shown, as the service reads it; what is nobody's counts as a guess."""
        self._refuse_guesses(caller)
        try:
            found = await self._service.ask(read, *asked)
        except (BasketUnknown, CodeInvalid, OrderUnknown):
            caller.attempts.miss()
            raise
        await _send(send, 200, codec.encode(found))

    async def _read_order(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        caller = await self._caller_of(headers.get(b"authorization"))
        caller.touchpoint.check_right("order.content")
        shown = await _read_body(headers, receive, _order)
        await self._send_shown(caller, send, self._service.order, shown, caller.touchpoint)

    async def _make_blank(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        touchpoint = await self._touchpoint_of(headers.get(b"authorization"))
        touchpoint.decoder(ISSUE)  # whoever may issue cards may have codes for them
        touchpoint.check_source((await _read_body(headers, receive, _blank)).source)
        await _send(send, 200, codec.encode(self._service.blank()))

    async def _tell_history(self, name: str, scope: Scope, send: Send) -> None:
        touchpoint = await self._touchpoint_of(_headers(scope).get(b"authorization"))
        touchpoint.check_right("points.history")
        customer = uuid_of(name)
        query = query_of(scope, "limit", "before")
        limit = integer_of(query.get("limit", "50"), "limit", 1, limits.HISTORY_ENTRIES_MAX)
        before = moment_of(query["before"]) if "before" in query else _FROM_THE_END
        # An event may have several entries. They stay together, or the next page would begin in their midst.
        rows = await self._service.ask(self._service.history, customer, before, limit + limits.ENTRIES_OF_EVENT_MAX)
        end = limit
        while end < len(rows) and rows[end].cause == rows[end - 1].cause:
            end += 1
        following = None
        if end < len(rows):
            last = rows[end - 1]
            # In UTC and with a Z: a plus sign in an address is a blank.
            moment = last.occurred_at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
            following = f"{moment}Z/{last.cause}"
        entries = [
            {
                "event": row.cause,
                "time": row.occurred_at,
                "reason": row.reason,
                "points": row.points,
                "expires": row.day,
            }
            for row in rows[:end]
        ]
        await _send(send, 200, codec.encode({"customer": customer, "entries": entries, "before": following}))

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        touchpoint = await self._touchpoint_of(_headers(scope).get(b"authorization"))
        query = query_of(scope, "customer", "for")
        if set(query) == {"customer"}:
            touchpoint.check_right("points.balance")
            await self._streams.follow_customer(touchpoint, uuid_of(query["customer"]), receive, send)
        elif query == {"for": "staff"}:
            if touchpoint.declared.room != OFFICE.name:  # what the whole shop brings in is not a till's business
                raise NeedNotDeclared("What staff watch is for touchpoints of the office.", field="for")
            await self._streams.follow_counts(receive, send)
        else:
            raise QueryInvalid("Say customer=… or for=staff.", field="customer")

    # -- for operators ------------------------------------------------------------------------------------------------

    async def _tell_health(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        is_healthy = await asyncio.to_thread(self._service.is_healthy)
        extra = () if is_healthy else (_RETRY,)
        await _send(send, 200 if is_healthy else 503, codec.encode({"healthy": is_healthy}), extra=extra)

    async def _tell_metrics(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await _send(send, 200, self._service.metrics.text(), content_type=METRICS_TYPE.encode())

    async def _tell_interface(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await _send(send, 200, openapi.document(self._service.map.declared))


application = Application()


# -- what is asked ----------------------------------------------------------------------------------------------------


def _allow(method: str, methods: tuple[str, ...]) -> None:
    if method not in methods:
        raise MethodNotAllowed(f"{' or '.join(methods)}, not {method[:16]}.", allowed=methods)


def _once(present: bytes | None, value: bytes) -> bytes:
    if present is not None:
        raise KeyNotKnown("Send one key.", field="authorization")
    return value


def _head_of_events(scope: Scope) -> tuple[bytes | None, bytes, bytes, bool]:
    """Return what the headers say: the key, the media type, the length announced, whether attributes are among them.

    One pass, and only what is needed: this is the way that every sale takes.
    """
    key: bytes | None = None
    media_type = announced = b""
    is_binary = False
    for name, value in scope["headers"]:
        if name == b"content-type":
            if media_type:
                raise MediaTypeNotAccepted("Say it once.", field="content-type")
            media_type = value
        elif name == b"authorization":
            key = _once(key, value)
        elif name == b"content-length":
            announced = value
        elif name == b"ce-specversion":
            is_binary = True
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise MediaTypeNotAccepted("Send it as it is, not compressed.", field="content-encoding")
    return key, media_type, announced, is_binary


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by name. Of what decides who is speaking, there is one."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name == b"authorization":
            _once(found.get(name), value)
        found[name] = value
    return found


def _attributes(scope: Scope) -> dict[str, str]:
    """Return the attributes of an event in binary mode: what the ``ce-`` headers say, as they were sent."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name.startswith(b"ce-"):
            attribute = name[3:].decode("latin-1")
            if attribute in found:
                raise EnvelopeInvalid("An attribute stands once.", field=attribute)
            found[attribute] = value.decode("latin-1")
    return found


async def _read_body(headers: Mapping[bytes, bytes], receive: Receive, decoder: msgspec.json.Decoder[T]) -> T:
    """Return what a body of plain JSON says; raises a problem that names the field."""
    if _media_type(headers.get(b"content-type", b"")) != _JSON:
        raise MediaTypeNotAccepted("Send application/json.", field="content-type")
    try:
        return decoder.decode(await _body(headers.get(b"content-length", b""), receive))
    except msgspec.ValidationError as error:
        problem = problem_of(error)
        place = (problem.field or "").removeprefix("data").removeprefix(".")
        raise type(problem)(problem.detail, field=place or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedJson from None


def _media_type(value: bytes) -> bytes:
    """Return a media type without its parameters, in lower case; nothing for an encoding other than UTF-8."""
    media_type, *parameters = value.lower().split(b";")
    for parameter in parameters:
        name, _, charset = parameter.strip().partition(b"=")
        if name == b"charset" and charset.strip(b'"') not in _CHARSETS:
            raise MediaTypeNotAccepted("JSON is written in UTF-8.", field="content-type")
    return media_type.strip()


async def _body(announced: bytes, receive: Receive) -> bytes:
    """Read a request's body, within the limits of size and time."""
    if announced.isdigit() and int(announced[:20]) > limits.BODY_BYTES_MAX:
        raise BodyTooLarge(f"At most {limits.BODY_BYTES_MAX} bytes.")
    try:
        async with asyncio.timeout(limits.BODY_SECONDS_MAX):
            parts: list[bytes] = []
            size = 0
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError
                part = message.get("body", b"")
                size += len(part)
                if size > limits.BODY_BYTES_MAX:
                    raise BodyTooLarge(f"At most {limits.BODY_BYTES_MAX} bytes.")
                parts.append(part)
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise BodyTooSlow(f"A body may take {limits.BODY_SECONDS_MAX:.0f} seconds.") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


# -- what is answered -------------------------------------------------------------------------------------------------


def _batch_body(items: list[Item]) -> bytes:
    """Write the outcomes as they are, with the counts and the places of repeats behind them."""
    repeated = [index for index, item in enumerate(items) if item.is_repeated]
    refused = sum(item.problem_name is not None and not item.is_repeated for item in items)
    counts = {
        "accepted": len(items) - refused - len(repeated),
        "refused": refused,
        "duplicates": len(repeated),
        "repeated": repeated,
    }
    return b'{"outcomes":[' + b",".join([item.outcome for item in items]) + b"]," + codec.encode(counts)[1:]


async def _send_item(send: Send, item: Item) -> None:
    extra: tuple[tuple[bytes, bytes], ...] = _REPEATED if item.is_repeated else ()
    if item.problem_name is None:
        await _send(send, 200, item.outcome, extra=extra)
        return
    outcome = msgspec.json.decode(item.outcome, type=dict[str, msgspec.Raw])
    problem = bytes(outcome["problem"])
    if item.status == 429 and (seconds := msgspec.json.decode(problem).get("retry_after")) is not None:
        extra = ((b"retry-after", str(seconds).encode()),)
    body = problem[:-1] + b',"outcome":' + item.outcome + b"}"
    await _send(send, item.status, body, content_type=_PROBLEM, extra=extra)


async def _send_problem(send: Send, problem: Problem) -> None:
    extra: tuple[tuple[bytes, bytes], ...] = ()
    if problem.status == 503:
        extra = (_RETRY,)
    elif problem.status == 429 and "retry_after" in problem.extra:
        extra = ((b"retry-after", str(problem.extra["retry_after"]).encode()),)
    elif problem.status == 401:
        extra = (_CHALLENGE,)
    elif problem.status == 405:
        extra = ((b"allow", ", ".join(problem.extra["allowed"]).encode()),)
    await _send(send, problem.status, codec.encode(problem.as_members()), content_type=_PROBLEM, extra=extra)


async def _send(
    send: Send, status: int, body: bytes, *, content_type: bytes = _JSON, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
