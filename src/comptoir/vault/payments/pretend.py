"""The provider simulator as a provider: its interface over HTTP, and its signed reports. It takes no real money.

The shop and the simulator share one secret of the shop's folder. Not here: the simulator (``config/pretending``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
import uuid
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.outbound import trusted
from comptoir.vault.payments.contracts import Asked, Kind, Opened, RefundState, Report, State, Word
from comptoir.vault.payments.errors import ReportUnreadable
from comptoir.vault.payments.ports import CONNECT_SECONDS_MAX, SECONDS_MAX
from comptoir.vault.payments.signing import verified

T = TypeVar("T")

NAME: Final = "pretend"
DEFAULT_PORT: Final = 8002
_BODY_BYTES_MAX: Final = 64 << 10
_UNKNOWN_STATUSES: Final = frozenset({408, 409, 425, 429})


class Told(msgspec.Struct, frozen=True):
    """A session as the simulator tells it; ``state`` is ``open``, ``paid``, ``expired`` or ``failed``."""

    id: str
    state: Word
    url: str = ""
    payment: str = ""
    captured: int = 0
    currency: str = ""
    changed_at: dt.datetime | None = None


class ToldRefund(msgspec.Struct, frozen=True):
    """A refund as the simulator tells it."""

    id: str
    state: str
    why: str = ""


class ToldEvent(msgspec.Struct, frozen=True):
    """A report as the simulator sends it."""

    kind: str
    at: dt.datetime
    session: str = ""
    payment: str = ""
    refund: str = ""
    ours: uuid.UUID | None = None
    amount: int = 0
    currency: str = ""


_KINDS: Final = frozenset({"paid", "expired", "failed", "refund_done", "refund_failed", "chargeback", "chargeback_won"})


def public_port() -> int:
    """Return the port of the simulator."""
    return int(os.environ.get("COMPTOIR_PRETEND_PORT") or DEFAULT_PORT)


def origin() -> str:
    """Return the origin of its pages, which is no room's."""
    return f"http://pay.localhost:{public_port()}"


def key_for_calls() -> str:
    """Return what the shop shows when it calls the simulator."""
    return _derived(b"calls").hex()


def key_for_reports() -> bytes:
    """Return what the simulator signs its reports with, 32 bytes."""
    return _derived(b"reports")


def _derived(purpose: bytes) -> bytes:
    return hmac.digest(shop.remembered_secret("pretend"), purpose, hashlib.sha256)


class Pretend:
    """The simulator, spoken to on this machine."""

    name = NAME
    is_live = False

    def __init__(self, *, seconds_max: float = SECONDS_MAX) -> None:
        """Have a way to it; nothing is sent yet."""
        self._timeout = httpx.Timeout(seconds_max, connect=CONNECT_SECONDS_MAX)

    def open(self, asked: Asked) -> Opened:
        """Open a session."""
        said = msgspec.to_builtins(asked) | {"ours": str(asked.key)}
        del said["key"]
        answer = self._call("POST", "/v1/sessions", key=asked.key, said=said)
        if isinstance(answer, str):
            return Opened("refused", why=answer)
        told = _read(answer, Told)
        return Opened("unknown") if told is None else Opened("open", told.id, told.url)

    def look(self, reference: str) -> State:
        """Ask for a session."""
        return self._state(self._call("GET", f"/v1/sessions/{reference}"))

    def close(self, reference: str) -> State:
        """End a session."""
        return self._state(self._call("POST", f"/v1/sessions/{reference}/expire"))

    def refund(
        self, *, key: uuid.UUID, payment: str, amount: int, currency: str, reference: str, is_repeated: bool
    ) -> RefundState:
        """Give money back: its keys never expire, so that a repeat is always the same refund."""
        del reference, is_repeated
        said = {"payment": payment, "amount": amount, "currency": currency, "ours": str(key)}
        answer = self._call("POST", "/v1/refunds", key=key, said=said)
        if isinstance(answer, str):
            return RefundState("refused", why=answer)
        told = _read(answer, ToldRefund)
        if told is None:
            return RefundState("unknown")
        word = {"done": "done", "refused": "refused"}.get(told.state, "pending")
        return RefundState(word, told.id, told.why)  # type: ignore[arg-type]

    def report(self, headers: Mapping[str, str], body: bytes, *, now: dt.datetime) -> Report:
        """Read a report; nothing in its body is about a person, so that it is kept as it is."""
        event = verified(headers, body, secrets=[key_for_reports()], now=now)
        told = _read(body, ToldEvent)
        if told is None:
            raise ReportUnreadable
        kind: Kind = told.kind if told.kind in _KINDS else "other"  # type: ignore[assignment]
        return Report(
            event=event, kind=kind, kept=body, at=told.at, session=told.session, payment=told.payment,
            refund=told.refund, ours=told.ours, amount=told.amount, currency=told.currency,
        )  # fmt: skip

    def origins(self) -> tuple[str, ...]:
        """Return its one origin."""
        return (origin(),)

    def _state(self, answer: bytes | str | None) -> State:
        # A session that it does not know may have been lost by it: that is no "no".
        told = None if isinstance(answer, str) else _read(answer, Told)
        if told is None:
            return State("unknown", why=answer if isinstance(answer, str) else "")
        return State(told.state, told.payment, told.captured, told.currency, told.changed_at)

    def _call(
        self, method: str, path: str, *, key: uuid.UUID | None = None, said: Mapping[str, Any] | None = None
    ) -> bytes | str | None:
        """Return the body of a good answer, why it was refused, or ``None`` where nobody knows."""
        headers = {"authorization": f"Bearer {key_for_calls()}"} | ({"idempotency-key": str(key)} if key else {})
        try:
            with httpx.Client(
                timeout=self._timeout, trust_env=False, follow_redirects=False, verify=trusted()
            ) as client:
                answer = client.request(
                    method, f"http://127.0.0.1:{public_port()}{path}", headers=headers,
                    content=msgspec.json.encode(said) if said is not None else None,
                )  # fmt: skip
        except httpx.HTTPError:
            return None
        if answer.is_success:
            return answer.content[:_BODY_BYTES_MAX]
        if answer.is_client_error and answer.status_code not in _UNKNOWN_STATUSES:
            return f"HTTP {answer.status_code}"
        return None


def _read(body: bytes | str | None, shape: type[T]) -> T | None:
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
