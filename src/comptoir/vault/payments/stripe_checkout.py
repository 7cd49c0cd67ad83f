"""Stripe as a provider: its hosted Checkout, by its own SDK (the extra ``stripe``), and its signed events.

Keys lie in ``payments.toml`` in the shop's folder. The adapter is made after Stripe's documentation of Checkout
Sessions, refunds, idempotent requests and webhook signatures. Not here: what follows from an answer.
"""

from __future__ import annotations

import datetime as dt
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel import shop
from comptoir.vault.payments.contracts import Asked, Kind, Opened, RefundState, RefundWord, Report, State
from comptoir.vault.payments.errors import PaymentsInvalid, ReportForged, ReportStale, ReportUnreadable
from comptoir.vault.payments.ports import CONNECT_SECONDS_MAX, SECONDS_MAX
from comptoir.vault.payments.rules import SIGNED_WITHIN

NAME: Final = "stripe"
FILE: Final = "payments.toml"
PAGES: Final = "https://checkout.stripe.com"
_SECRETS_MAX: Final = 3
_HEADER_CHARACTERS_MAX: Final = 2_000
_REFUNDS_LOOKED_AT: Final = 100
#: Currencies without minor units that Stripe counts in hundredths all the same.
_HUNDREDTHS: Final = frozenset({"ISK", "UGX"})
#: What may be kept of an event: numbers, amounts, states. Names, addresses and cards are not among it.
_KEPT: Final = frozenset({
    "id", "object", "type", "created", "livemode", "api_version", "data", "amount", "amount_total", "amount_received",
    "amount_captured", "amount_refunded", "currency", "status", "payment_status", "payment_intent", "charge", "reason",
    "failure_reason", "client_reference_id", "metadata", "session", "purpose", "refund", "mode", "expires_at",
})  # fmt: skip
_REFUND_WORDS: Final[Mapping[str, RefundWord]] = {
    "succeeded": "done", "pending": "pending", "requires_action": "pending", "failed": "refused", "canceled": "refused",
}  # fmt: skip


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shop's keys: ``key`` calls, ``secrets`` sign (two while one takes the other's place)."""

    key: str
    secrets: tuple[str, ...]


class _File(msgspec.Struct, frozen=True):
    stripe: Keys


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: int
    data: dict[str, Any]


def load_keys() -> Keys:
    """Read the shop's keys. Raises :class:`PaymentsInvalid`, which quotes none."""
    try:
        keys = msgspec.convert(tomllib.loads((shop.folder() / FILE).read_text()), _File).stripe
    except FileNotFoundError:
        raise PaymentsInvalid(f"{FILE} is missing in the shop's folder.") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise PaymentsInvalid(f"{FILE} has no [stripe] with key and secrets.") from None
    if not keys.key.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
        raise PaymentsInvalid("The key is no secret and no restricted key of Stripe's.", field="stripe.key")
    if not 0 < len(keys.secrets) <= _SECRETS_MAX or not all(each.startswith("whsec_") for each in keys.secrets):
        raise PaymentsInvalid("One to three secrets of the webhook endpoint, whsec_…", field="stripe.secrets")
    return keys


class StripeCheckout:
    """Stripe's hosted page. ``base`` is another address of its interface, for tests."""

    name = NAME

    def __init__(self, keys: Keys, *, base: str = "") -> None:
        """Have a way to it; nothing is sent yet. Raises :class:`PaymentsInvalid` without the extra."""
        try:
            import stripe  # noqa: PLC0415 - an extra
        except ImportError:
            raise PaymentsInvalid("Stripe needs the extra: pip install 'comptoir[stripe]'.") from None
        self._stripe: Any = stripe
        self._secrets = keys.secrets
        self.is_live = "_live_" in keys.key[:8]
        client = stripe.RequestsClient(timeout=(CONNECT_SECONDS_MAX, SECONDS_MAX))
        addresses: Any = {"base_addresses": {"api": base}} if base else {}
        # What is repeated is repeated by the clock, which has written it down.
        self._client: Any = stripe.StripeClient(keys.key, http_client=client, max_network_retries=0, **addresses).v1

    def open(self, asked: Asked) -> Opened:
        """Open a Checkout Session for one line: what is paid for. It knows no goods and no customer."""
        line = {
            "quantity": 1,
            "price_data": {
                "currency": asked.currency.lower(),
                "unit_amount": _to_stripe(asked.amount, asked.currency),
                "product_data": {"name": asked.title},
            },
        }
        ours = {"session": str(asked.key), "purpose": str(asked.purpose)}
        said = {
            "mode": "payment", "line_items": [line], "success_url": asked.return_url, "cancel_url": asked.cancel_url,
            "expires_at": int(asked.expires_at.timestamp()), "locale": asked.language,
            "client_reference_id": str(asked.key), "metadata": ours, "payment_intent_data": {"metadata": ours},
        }  # fmt: skip
        answer, why = self._asked(lambda: self._client.checkout.sessions.create(said, _under(f"session-{asked.key}")))
        if answer is None:
            return Opened("refused" if why else "unknown", why=why)
        return Opened("open", str(answer.id), str(answer.url or ""))

    def look(self, reference: str) -> State:
        """Retrieve a session with its payment."""
        wanted = {"expand": ["payment_intent"]}
        answer, why = self._asked(lambda: self._client.checkout.sessions.retrieve(reference, wanted))
        return State("unknown", why=why) if answer is None else _state(answer)

    def close(self, reference: str) -> State:
        """Expire a session; one that is not open any more is looked at."""
        wanted = {"expand": ["payment_intent"]}
        answer, why = self._asked(lambda: self._client.checkout.sessions.expire(reference, wanted))
        if answer is None:
            return self.look(reference) if why else State("unknown")
        return _state(answer)

    def refund(
        self, *, key: uuid.UUID, payment: str, amount: int, currency: str, reference: str, is_repeated: bool
    ) -> RefundState:
        """Give money back. Stripe forgets idempotency keys after a day, so a repeat looks first whether it is there."""
        found: Any = None
        if reference:
            found, _why = self._asked(lambda: self._client.refunds.retrieve(reference))
            if found is None:
                return RefundState("unknown", reference)
        elif is_repeated:
            wanted = {"payment_intent": payment, "limit": _REFUNDS_LOOKED_AT}
            some, _why = self._asked(lambda: self._client.refunds.list(wanted))
            if some is None:
                return RefundState("unknown")
            found = next((each for each in some.data if _metadata(each).get("refund") == str(key)), None)
        if found is None:
            said = {
                "payment_intent": payment, "amount": _to_stripe(amount, currency), "metadata": {"refund": str(key)},
            }  # fmt: skip
            found, why = self._asked(lambda: self._client.refunds.create(said, _under(f"refund-{key}")))
            if found is None:
                return RefundState("refused" if why else "unknown", why=why)
        return RefundState(
            _REFUND_WORDS.get(str(found.status), "pending"),
            str(found.id),
            str(getattr(found, "failure_reason", "") or ""),
        )

    def report(self, headers: Mapping[str, str], body: bytes, *, now: dt.datetime) -> Report:
        """Read an event whose signature the SDK has verified."""
        self._verify(headers.get("stripe-signature", ""), body, now=now)
        try:
            event = msgspec.json.decode(body, type=_Event)
            kept = msgspec.json.encode(_harmless(msgspec.json.decode(body)))
            return _report(event, event.data["object"], kept)
        except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError, AttributeError, ValueError):
            raise ReportUnreadable from None

    def origins(self) -> tuple[str, ...]:
        """Return the origin of the hosted page."""
        return (PAGES,)

    def _verify(self, header: str, body: bytes, *, now: dt.datetime) -> None:
        if not header or len(header) > _HEADER_CHARACTERS_MAX:
            raise ReportForged("It has no signature.")
        verify: Callable[[bytes, str, str], bool] = self._stripe.WebhookSignature.verify_header
        if not any(_holds(verify, body, header, secret) for secret in self._secrets):
            raise ReportForged("No signature fits.")
        signed_at = next(int(part[2:]) for part in header.split(",") if part.startswith("t="))
        if abs(now.timestamp() - signed_at) > SIGNED_WITHIN.total_seconds():
            raise ReportStale

    def _asked(self, call: Callable[[], Any]) -> tuple[Any, str]:
        """Return the answer; or ``None`` with why it was refused, or with nothing where nobody knows."""
        try:
            return call(), ""
        except (self._stripe.InvalidRequestError, self._stripe.CardError) as error:
            # In use by another call at this moment, or not to be found: neither is a no.
            if error.http_status in {404, 409, 429}:
                return None, ""
            return None, str(error.code or "refused")
        except self._stripe.StripeError:
            return None, ""


def _holds(verify: Callable[[bytes, str, str], bool], body: bytes, header: str, secret: str) -> bool:
    try:
        return verify(body, header, secret)
    except Exception:  # noqa: BLE001 - the SDK trips over whatever is none of its own headers or bodies
        return False


def _under(key: str) -> dict[str, str]:
    return {"idempotency_key": key}


def _state(session: Any) -> State:
    payment = session.payment_intent
    if session.status == "open":
        return State("open")
    if session.status == "expired":
        return State("expired")
    if session.payment_status == "paid" and payment is not None:
        currency = str(session.currency).upper()
        number = payment if isinstance(payment, str) else payment.id
        # Money that is only promised (a bank debit) is no payment yet.
        amount = session.amount_total if isinstance(payment, str) else payment.amount_received
        return State("paid", str(number), _from_stripe(int(amount), currency), currency)
    if payment is not None and not isinstance(payment, str) and payment.status in _FAILED:
        return State("failed", why=str(payment.status))
    return State("open")


#: States of a payment behind a completed page in which no money comes any more.
_FAILED: Final = frozenset({"requires_payment_method", "canceled"})


def _report(event: _Event, thing: Mapping[str, Any], kept: bytes) -> Report:
    kind = _kind(event.type, thing)
    currency = str(thing.get("currency") or "").upper()
    amount = thing.get("amount_total", thing.get("amount"))
    is_session = thing.get("object") == "checkout.session"
    metadata = thing.get("metadata") or {}
    ours = thing.get("client_reference_id") if is_session else metadata.get("refund")
    return Report(
        event=event.id, kind=kind, kept=kept, at=dt.datetime.fromtimestamp(event.created, dt.UTC),
        session=str(thing.get("id") or "") if is_session else "", payment=_number(thing.get("payment_intent")),
        refund="" if is_session else str(thing.get("id") or ""), ours=_uuid(ours),
        amount=_from_stripe(amount, currency) if isinstance(amount, int) else 0, currency=currency,
    )  # fmt: skip


def _kind(name: str, thing: Mapping[str, Any]) -> Kind:
    if name in {"checkout.session.completed", "checkout.session.async_payment_succeeded"}:
        return "paid" if thing.get("payment_status") == "paid" else "other"
    if name in {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}:
        word = _REFUND_WORDS.get(str(thing.get("status")), "pending")
        return "refund_done" if word == "done" else "refund_failed" if word == "refused" else "other"
    return _KINDS.get(name, "other")


_KINDS: Final[Mapping[str, Kind]] = {
    "checkout.session.expired": "expired", "checkout.session.async_payment_failed": "failed",
    "charge.dispute.funds_withdrawn": "chargeback", "charge.dispute.funds_reinstated": "chargeback_won",
}  # fmt: skip


def _to_stripe(amount: int, currency: str) -> int:
    return amount * 100 if currency in _HUNDREDTHS else amount


def _from_stripe(amount: int, currency: str) -> int:
    return amount // 100 if currency in _HUNDREDTHS else amount


def _metadata(thing: Any) -> Mapping[str, Any]:
    found = getattr(thing, "metadata", None)
    return dict(found.to_dict()) if found is not None else {}


def _number(value: Any) -> str:
    return str(value.get("id", "")) if isinstance(value, Mapping) else str(value or "")


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def _harmless(value: Any) -> Any:
    """Return what may be kept of an event: whatever could be about a person is left out."""
    if isinstance(value, Mapping):
        return {
            name: value[name] if name == "object" and isinstance(value[name], str) else _harmless(value[name])
            for name in value if name in _KEPT
        }  # fmt: skip
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_harmless(each) for each in value]
    return value
