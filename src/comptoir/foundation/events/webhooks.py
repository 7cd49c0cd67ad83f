"""Signed webhooks after Standard Webhooks (https://www.standardwebhooks.com), with CloudEvents batches as their body.

Not here: when something is sent, and when again (``relay.py``).
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import httpx

from comptoir.foundation.events.destinations import DeliveryFailed, Destination, Message, is_this_machine
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.clock import Clock

CONTENT_TYPE: Final = "application/cloudevents-batch+json"
CONNECT_SECONDS_MAX: Final = 5.0
#: How long a receiver may take to acknowledge: the whole exchange, however slowly it trickles.
ANSWER_SECONDS_MAX: Final = 15.0
_GONE: Final = 410
_GONE_SECONDS: Final = 3_600.0
_ASKED_SECONDS_MAX: Final = 3_600.0


def signature(secrets: Iterable[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: for each secret ``v1,`` and base64 of the HMAC-SHA256 of
    ``id.timestamp.body``, separated by spaces.
    """  # noqa: D205 - one sentence
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets
    )


class WebhookSender:
    """Sends messages to one address. Follows no redirect: a signed body goes where the shop said, and nowhere else."""

    def __init__(self, destination: Destination, *, clock: Clock) -> None:
        """Prepare a client; nothing is sent yet."""
        self._destination = destination
        self._clock = clock
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=httpx.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=30),
            trust_env=not is_this_machine(urlsplit(destination.url).hostname or ""),
            headers={"User-Agent": "comptoir"},
        )

    async def send(self, message: Message) -> None:
        """Post a message; any status of 200 to 299 acknowledges it. The answer's body is not read."""
        body = codec.encode(message.events)
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(
                self._destination.secrets, message_id=message.id, timestamp=timestamp, body=body
            ),
        }
        try:
            async with self._client.stream("POST", self._destination.url, content=body, headers=headers) as answer:
                status, asked = answer.status_code, answer.headers.get("retry-after", "")
        except httpx.HTTPError as error:
            raise DeliveryFailed(type(error).__name__) from None
        if not 200 <= status < 300:
            after = _GONE_SECONDS if status == _GONE else self._seconds(asked)
            raise DeliveryFailed(f"HTTP {status}", after_seconds=after)

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()

    def _seconds(self, asked: str) -> float | None:
        """Read ``Retry-After``: seconds, or a date (RFC 9110); never more than an hour."""
        if asked.isdecimal():
            return min(float(asked), _ASKED_SECONDS_MAX)
        try:
            seconds = (email.utils.parsedate_to_datetime(asked) - self._clock.now()).total_seconds()
        except (TypeError, ValueError):
            return None
        return min(max(seconds, 0.0), _ASKED_SECONDS_MAX)
