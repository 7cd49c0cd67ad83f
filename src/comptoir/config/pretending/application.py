"""The simulator as an ASGI application: ``/v1`` for the shop, ``/control`` for tests, ``/pay`` for people.

``granian --interface asgi comptoir.config.pretending.application:application``; ``comptoir serve`` and ``comptoir
demo`` do it where the shop's provider is ``pretend``. Not here: what happens (``acting.py``), the page (``pages.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from comptoir.config.pretending import pages
from comptoir.config.pretending.acting import Refused, Simulator, Wanted, WantedRefund
from comptoir.config.pretending.keeping import Keeping
from comptoir.config.pretending.moods import Call, Moods
from comptoir.config.pretending.telling import Teller
from comptoir.config.pretending.words import LANGUAGES
from comptoir.foundation.kernel import shop
from comptoir.vault.payments.pretend import key_for_calls, origin, public_port

_BODY_BYTES_MAX: Final = 64 << 10
_FILE: Final = "pretend.sqlite3"

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class _Request(msgspec.Struct):
    method: str
    path: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def decoded(self, shape: type[Any]) -> Any:
        try:
            return msgspec.json.decode(self.body or b"{}", type=shape)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Refused(422, str(error)) from None


class _Answer(msgspec.Struct):
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    #: The connection ends before the answer does.
    is_broken: bool = False


class _Target(msgspec.Struct, forbid_unknown_fields=True):
    amount: int = 0
    dispute: str = ""


class Application:
    """The simulator's addresses."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._simulator: Simulator | None = None
        self._teller: Teller | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        answer = await self._answer(scope, receive)
        headers = {"content-length": str(len(answer.body)), "x-content-type-options": "nosniff", **answer.headers}
        if answer.is_broken:
            headers["content-length"] = str(len(answer.body) + 100)
        await send({
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": answer.body})

    async def _live(self, receive: Receive, send: Send) -> None:
        keeping, telling = None, None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                keeping = Keeping(shop.folder() / _FILE)
                self._simulator = Simulator(keeping, origin=origin())
                self._teller = Teller(self._simulator)
                telling = asyncio.create_task(self._teller.run(), name="reports")
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if telling is not None:
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling
                if keeping is not None:
                    keeping.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        try:
            return await self._routed(await _request(scope, receive))
        except Refused as refused:
            return _json({"why": refused.why}, status=refused.status)

    async def _routed(self, request: _Request) -> _Answer:
        match request.path:
            case ["health"]:
                return _Answer(body=b"open\n", headers={"content-type": "text/plain"})
            case ["style.css"]:
                return _Answer(body=pages.STYLE.encode(), headers={"content-type": "text/css; charset=utf-8"})
            case ["pay", number]:
                return self._page(request, number)
            case ["v1", *rest]:
                _authorise(request)
                return await self._called(request, rest)
            case ["control", *rest]:
                _authorise(request)
                return await self._controlled(request, rest)
        return _html(pages.missing_page(_language(request, "en")), status=404)

    # -- the page ------------------------------------------------------------------------------------------------------

    def _page(self, request: _Request, number: str) -> _Answer:
        try:
            session = self._running.session(number)
        except Refused:
            return _html(pages.missing_page(_language(request, "en")), status=404)
        said = msgspec.json.decode(session["said"])
        language = _language(request, said["language"])
        moods = self._running.moods(number)
        if request.method != "POST":
            self._running.expire_due(now=time.time())
            session = self._running.session(number)
            page = pages.pay_page(session, language=language, is_declined=False, reports=moods.reports)
            return _html(page, session=session)
        if request.headers.get("origin", origin()) != origin():
            raise Refused(403, "another page's form")
        form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        action = form.get("action", "")
        if action == "leave":
            return _Answer(status=303, headers={"location": said["cancel_url"]})
        if form.get("reports", moods.reports) != moods.reports:
            moods = _replaced(moods, {"reports": form["reports"]})
            self._running.set_moods(moods, number)
        if action == "refuse" or (action == "pay" and moods.card == "refused"):
            page = pages.pay_page(session, language=language, is_declined=True, reports=moods.reports)
            return _html(page, session=session)
        if action not in {"pay", "partly"}:
            raise Refused(422, "action")
        is_part = action == "partly" or moods.card == "partly"
        try:
            self._running.pay(number, is_part=is_part, now=time.time())
        except Refused:
            session = self._running.session(number)
            page = pages.pay_page(session, language=language, is_declined=False, reports=moods.reports)
            return _html(page, session=session, status=409)
        return _Answer(status=303, headers={"location": said["return_url"]})

    # -- the shop's calls ----------------------------------------------------------------------------------------------

    async def _called(self, request: _Request, rest: list[str]) -> _Answer:
        key = request.headers.get("idempotency-key", "")
        match request.method, rest:
            case "POST", ["sessions"]:
                return await self._misbehaving("open", key, "", lambda now: self._open(request, key, now))
            case "GET", ["sessions", number]:
                return await self._misbehaving("look", key, number, lambda now: self._look(number, now))
            case "POST", ["sessions", number, "expire"]:
                return await self._misbehaving("close", key, number, lambda now: self._end(number, now))
            case "POST", ["refunds"]:
                return await self._misbehaving("refund", key, "", lambda now: self._refund(request, key, now))
            case "GET", ["refunds", number]:
                return _json(_told_refund(self._running.refund_row(number)))
        raise Refused(404, "address")

    async def _misbehaving(
        self, call: Call, key: str, session: str, act: Callable[[float], dict[str, Any]]
    ) -> _Answer:  # fmt: skip
        now = time.time()
        self._running.note_call(call, key or session, now=now)
        moods = self._running.moods(session)
        how = moods.behaviour(call)
        if how != "well" and moods.calls_left is not None:
            self._running.set_moods(moods.after(call), session if self._has_own(session) else "")
        if how == "error":
            return _json({"why": "as was wished"}, status=500)
        if how == "stalls":
            await asyncio.sleep(moods.slow_seconds)
        if how in {"drops", "stalls"}:
            return _Answer(is_broken=True)
        try:
            answer = _json(act(now))
        except Refused as refused:
            answer = _json({"why": refused.why}, status=refused.status)
        if how == "slow":
            await asyncio.sleep(moods.slow_seconds)
        if how == "error_after":
            return _json({"why": "as was wished"}, status=500)
        return _Answer(is_broken=True) if how == "closes" else answer

    def _has_own(self, session: str) -> bool:
        return bool(session) and self._running.session(session)["moods"] is not None

    def _open(self, request: _Request, key: str, now: float) -> dict[str, Any]:
        if not 0 < len(key) <= 255:
            raise Refused(422, "idempotency-key")
        return self._running.open(key, request.decoded(Wanted), now=now)

    def _look(self, number: str, now: float) -> dict[str, Any]:
        self._running.expire_due(now=now)
        return self._running.told(self._running.session(number))

    def _end(self, number: str, now: float) -> dict[str, Any]:
        return self._running.told(self._running.end(number, "expired", now=now))

    def _refund(self, request: _Request, key: str, now: float) -> dict[str, Any]:
        if not 0 < len(key) <= 255:
            raise Refused(422, "idempotency-key")
        return _told_refund(self._running.refund(key, request.decoded(WantedRefund), now=now))

    # -- the control ---------------------------------------------------------------------------------------------------

    async def _controlled(self, request: _Request, rest: list[str]) -> _Answer:
        now, it = time.time(), self._running
        match request.method, rest:
            case "GET", ["state"]:
                return _json(it.everything(request.query.get("purpose", "")))
            case "PUT", ["moods"]:
                it.set_moods(request.decoded(Moods))
            case "PUT", ["sessions", number, "moods"]:
                it.session(number)
                it.set_moods(request.decoded(Moods), number)
            case "POST", ["sessions", number, ("pay" | "partly") as how]:
                return _json(it.told(it.pay(number, is_part=how == "partly", now=now)))
            case "POST", ["sessions", number, ("expired" | "failed") as how]:
                return _json(it.told(it.end(number, how, now=now)))
            case "POST", ["payments", payment, "refund"]:
                return _json(_told_refund(it.refund_here(payment, request.decoded(_Target).amount, now=now)))
            case "POST", ["payments", payment, ("chargeback" | "chargeback_won") as how]:
                target = request.decoded(_Target)
                is_won = how == "chargeback_won"
                dispute = it.charge_back(payment, target.amount, target.dispute, is_won=is_won, now=now)
                return _json({"dispute": dispute})
            case "POST", ["refunds", number, ("done" | "refused") as how]:
                return _json(_told_refund(it.settle_refund(number, how, now=now)))
            case "POST", ["reports", number, "again"]:
                it.again(number, now=now)
            case "POST", ["tell"]:
                assert self._teller is not None
                return _json({"told": await self._teller.tell(at_once=True)})
            case _:
                raise Refused(404, "address")
        return _json({})

    @property
    def _running(self) -> Simulator:
        assert self._simulator is not None, "the application was started"
        return self._simulator


async def _request(scope: Scope, receive: Receive) -> _Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    # A name that is somebody else's, and leads here, is not served.
    if headers.get("host", "") not in {
        f"{name}:{public_port()}" for name in ("pay.localhost", "127.0.0.1", "localhost")
    }:
        raise Refused(421, "host")
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "gone")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _BODY_BYTES_MAX:
            raise Refused(413, "body")
    query = {name: values[0] for name, values in parse_qs(scope.get("query_string", b"").decode("latin-1")).items()}
    path = [part for part in scope["path"].split("/") if part]
    return _Request(scope["method"], path, query, headers, body)


def _authorise(request: _Request) -> None:
    shown = request.headers.get("authorization", "").encode()
    if not hmac.compare_digest(shown, f"Bearer {key_for_calls()}".encode()):
        raise Refused(401, "key")


def _replaced(moods: Moods, members: Mapping[str, Any]) -> Moods:
    try:
        return msgspec.convert(msgspec.to_builtins(moods) | dict(members), Moods)
    except msgspec.ValidationError as error:
        raise Refused(422, str(error)) from None


def _told_refund(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "state": row["state"], "why": "" if row["state"] != "refused" else "refused"}


def _language(request: _Request, own: str) -> str:
    asked = request.query.get("lang", "")
    return asked if asked in LANGUAGES else own if own in LANGUAGES else "en"


def _json(value: Any, *, status: int = 200) -> _Answer:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return _Answer(status=status, body=msgspec.json.encode(value), headers=headers)


def _html(page: str, *, status: int = 200, session: Mapping[str, Any] | None = None) -> _Answer:
    headers = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": pages.policy(session),
        "referrer-policy": "same-origin",
    }
    return _Answer(status=status, body=page.encode(), headers=headers)


application = Application()
