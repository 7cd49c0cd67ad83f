"""The gateway as an ASGI application: addresses, bodies, answers. What it does stands in ``service.py``.

Served by granian as ``comptoir.doors.gateway.application:application``, one worker for each process, since lanes
and streams share memory; more gateways are more processes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from comptoir.counter.customers.contracts import Identifier
from comptoir.doors.gateway import limits, openapi
from comptoir.doors.gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Busy,
    DatabaseAway,
    MalformedJson,
    MediaTypeNotAccepted,
    MethodNotAllowed,
    NotFound,
    QueryInvalid,
    Unexpected,
)
from comptoir.doors.gateway.intake import Item, Request
from comptoir.doors.gateway.metrics import CONTENT_TYPE as METRICS_TYPE
from comptoir.doors.gateway.service import Service
from comptoir.doors.gateway.streams import stream_counts, stream_customer
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.compiling import CompiledTouchpoint
from comptoir.foundation.touchpoints.errors import FieldInvalid, KeyNotKnown

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON: Final = b"application/json"
_PROBLEM: Final = b"application/problem+json"
_RETRY: Final = (b"retry-after", str(limits.RETRY_AFTER_SECONDS).encode())
_REPEATED: Final = (b"comptoir-repeated", b"1")
_SINGLE: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
#: The last moment there is, and the last id: where a history begins.
_FROM_THE_END: Final = (dt.datetime(9999, 12, 31, tzinfo=dt.UTC), uuid.UUID(int=(1 << 128) - 1))

_identifier = msgspec.json.Decoder(Identifier)


class Application:
    """One gateway for granian to serve."""

    def __init__(self) -> None:
        """Open nothing yet: the server says when to start."""
        self._service: Service | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the server's life cycle, and requests."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        service = Service()
        try:
            await asyncio.to_thread(service.start, asyncio.get_running_loop())
        except Exception as error:  # the server is told why it cannot start
            _log.exception("the gateway cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        service.hub.start()
        self._service = service
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await service.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._service is not None
        try:
            await self._route(self._service, scope, receive, send)
        except Problem as problem:
            self._service.metrics.refused(problem.name)
            await _send_problem(send, problem)
        except ConnectionError:
            pass  # the client has left
        except Exception:  # nothing internal goes outside
            _log.exception("a request failed")
            await _send_problem(send, Unexpected())

    async def _route(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/v1/events":
            _allow(method, "POST")
            await self._take_events(service, scope, receive, send)
        elif path == "/v1/stream":
            _allow(method, "GET")
            await self._stream(service, scope, receive, send)
        elif path == "/v1/customers/resolve":
            _allow(method, "POST")
            await self._resolve(service, scope, receive, send)
        elif path.startswith("/v1/customers/"):
            _allow(method, "GET", "HEAD")
            await self._read_customer(service, scope, send)
        elif path == "/health":
            _allow(method, "GET", "HEAD")
            is_healthy = await asyncio.to_thread(service.is_healthy)
            await _send(send, 200 if is_healthy else 503, codec.encode({"healthy": is_healthy}))
        elif path == "/metrics":
            _allow(method, "GET", "HEAD")
            await _send(send, 200, service.metrics.text(), content_type=METRICS_TYPE.encode())
        elif path == "/openapi.json":
            _allow(method, "GET", "HEAD")
            await _send(send, 200, openapi.document())
        else:
            raise NotFound

    async def _take_events(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        touchpoint = _authenticate(service, headers)
        media_type = headers.get("content-type", "").split(";", maxsplit=1)[0].strip().lower()
        is_binary = media_type not in {_SINGLE, _BATCH} and "ce-specversion" in headers
        if media_type not in {_SINGLE, _BATCH} and not (is_binary and media_type == "application/json"):
            raise MediaTypeNotAccepted(
                f"{_SINGLE}, {_BATCH}, or application/json with ce- headers.", field="content-type"
            )
        body = await _body(headers, receive)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        service.intake.take(Request(body, touchpoint, media_type == _BATCH, headers if is_binary else None, done))
        answer = await done
        if isinstance(answer, Problem):
            raise answer
        if media_type == _BATCH:
            await _send(send, 200, _batch_body(answer))
        else:
            await _send_item(send, answer[0])

    async def _resolve(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        touchpoint = _authenticate(service, headers)
        touchpoint.check_right("points.balance")
        try:
            identifier = _identifier.decode(await _body(headers, receive))
        except msgspec.ValidationError as error:
            raise FieldInvalid(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise MalformedJson from None
        customer = (
            _uuid(identifier.value)
            if identifier.kind == "customer"
            else service.identify(identifier.kind, identifier.value)
        )
        await self._send_balance(service, customer, send)

    async def _read_customer(self, service: Service, scope: Scope, send: Send) -> None:
        touchpoint = _authenticate(service, _headers(scope))
        _, _, rest = scope["path"].partition("/v1/customers/")
        name, _, what = rest.partition("/")
        if what == "balance":
            touchpoint.check_right("points.balance")
            await self._send_balance(service, _uuid(name), send)
        elif what == "history":
            touchpoint.check_right("points.history")
            await self._send_history(service, _uuid(name), _query(scope), send)
        else:
            raise NotFound

    async def _send_balance(self, service: Service, customer: uuid.UUID, send: Send) -> None:
        members = await _in_thread(service.members, customer)
        balance, last, is_known = await _in_thread(service.balance, members)
        body = {"customer": customer, "known": is_known, "balance": balance, "as_of": last}
        await _send(send, 200, codec.encode(body))

    async def _send_history(self, service: Service, customer: uuid.UUID, query: dict[str, str], send: Send) -> None:
        limit = _integer(query.get("limit", "50"), "limit", 1, limits.HISTORY_ENTRIES_MAX)
        before = _FROM_THE_END
        if "before" in query:
            moment, _, cause = query["before"].partition("/")
            try:
                before = (dt.datetime.fromisoformat(moment), uuid.UUID(cause))
            except ValueError:
                raise QueryInvalid("Take it from the answer before, as it stands.", field="before") from None
            if before[0].tzinfo is None:
                raise QueryInvalid("A time needs its zone.", field="before")
        members = await _in_thread(service.members, customer)
        rows = await _in_thread(lambda: service.history(members, before=before, limit=limit))
        following = f"{rows[-1].occurred_at.isoformat()}/{rows[-1].cause}" if len(rows) == limit else None
        entries = [
            {
                "event": row.cause,
                "time": row.occurred_at,
                "reason": row.reason,
                "points": row.points,
                "expires": row.day,
            }
            for row in rows
        ]
        await _send(send, 200, codec.encode({"customer": customer, "entries": entries, "before": following}))

    async def _stream(self, service: Service, scope: Scope, receive: Receive, send: Send) -> None:
        touchpoint = _authenticate(service, _headers(scope))
        query = _query(scope)
        if service.hub.is_full:
            raise Busy("As many follow already as may.")
        if "customer" in query:
            touchpoint.check_right("points.balance")
            await stream_customer(service, touchpoint, _uuid(query["customer"]), receive, send)
        elif query.get("for") == "staff":
            touchpoint.check_right("points.balance")
            await stream_counts(service, receive, send)
        else:
            raise QueryInvalid("Say customer=… or for=staff.", field="customer")


application = Application()


def _allow(method: str, *methods: str) -> None:
    if method not in methods:
        raise MethodNotAllowed(f"{' or '.join(methods)}, not {method}.")


def _headers(scope: Scope) -> dict[str, str]:
    return {
        (name.decode("latin-1") if isinstance(name, bytes) else name).lower(): value.decode("latin-1")
        for name, value in scope["headers"]
    }


def _query(scope: Scope) -> dict[str, str]:
    try:
        parts = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20, errors="strict")
    except ValueError:
        raise QueryInvalid("The address cannot be read.") from None
    return {name: values[-1] for name, values in parts.items()}


def _authenticate(service: Service, headers: dict[str, str]) -> CompiledTouchpoint:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise KeyNotKnown("Send the touchpoint's key as: Authorization: Bearer …", field="authorization")
    return service.touchpoint_of(key.strip())


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    """Read a request's body, within the limits of size and time."""
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limits.BODY_BYTES_MAX:
        raise BodyTooLarge(f"At most {limits.BODY_BYTES_MAX} bytes.")
    try:
        async with asyncio.timeout(limits.BODY_SECONDS_MAX):
            message = await receive()
            body: bytes = message.get("body", b"")
            if not message.get("more_body"):
                if len(body) > limits.BODY_BYTES_MAX:
                    raise BodyTooLarge(f"At most {limits.BODY_BYTES_MAX} bytes.")
                return body
            parts, size = [body], len(body)
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError
                part = message.get("body", b"")
                size += len(part)
                if size > limits.BODY_BYTES_MAX:
                    raise BodyTooLarge(f"At most {limits.BODY_BYTES_MAX} bytes.")
                parts.append(part)
    except TimeoutError:
        raise BodyTooSlow(f"A body may take {limits.BODY_SECONDS_MAX:.0f} seconds.") from None
    return b"".join(parts)


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Ask the database in a thread; an absent database is a problem with a name."""
    import psycopg  # noqa: PLC0415 - only for the name of its error
    import psycopg_pool  # noqa: PLC0415

    try:
        return await asyncio.to_thread(function, *arguments)
    except (psycopg.OperationalError, psycopg_pool.PoolTimeout):
        raise DatabaseAway from None


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(unquote(text))
    except ValueError:
        raise QueryInvalid("A customer's id is a UUID.", field="customer") from None


def _integer(text: str, field: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise QueryInvalid(f"A whole number from {least} to {most}.", field=field)
    return int(text)


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
    extra = (_REPEATED,) if item.is_repeated else ()
    if item.problem_name is None:
        await _send(send, 200, item.outcome, extra=extra)
        return
    outcome = msgspec.json.decode(item.outcome, type=dict[str, msgspec.Raw])
    problem = bytes(outcome["problem"])
    body = problem[:-1] + b',"outcome":' + item.outcome + b"}"
    await _send(send, item.status, body, content_type=_PROBLEM, extra=extra)


async def _send_problem(send: Send, problem: Problem) -> None:
    extra: tuple[tuple[bytes, bytes], ...] = ()
    if problem.status == 503:
        extra = (_RETRY,)
    elif problem.status == 401:
        extra = ((b"www-authenticate", b'Bearer realm="comptoir"'),)
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
