"""NATS JetStream as a destination: a message for each event, which the server drops if it has it already.

Needs the package ``nats-py`` (``comptoir[nats]``). Not here: when something is sent (``relay.py``).
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from comptoir.foundation.events.destinations import DeliveryFailed, Destination, Message
from comptoir.foundation.kernel import codec

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

#: How long a server that makes its stream here remembers what it has; what comes later is recognised by its id.
DUPLICATES_SECONDS: Final = 3_600.0
_CONNECT_SECONDS_MAX: Final = 5
_ANSWER_SECONDS_MAX: Final = 15.0


class NatsSender:
    """Publishes to one stream. The subject is the destination's and the type: ``comptoir.sale.closed``."""

    def __init__(self, destination: Destination) -> None:
        """Prepare; the connection is made when the first message comes, and again after a failure."""
        self._destination = destination
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None

    async def send(self, message: Message) -> None:
        """Publish every event in order and wait until the server has stored all of them."""
        import nats.errors  # noqa: PLC0415 - an optional package

        try:
            if self._stream is None:
                await self._connect()
            assert self._stream is not None
            acknowledged = [
                await self._stream.publish_async(
                    self.subject(event.about),
                    codec.encode(event),
                    stream=self._destination.stream,
                    headers={"Nats-Msg-Id": str(event.id), "Content-Type": "application/cloudevents+json"},
                    wait_stall=_ANSWER_SECONDS_MAX,
                )
                for event in message.events
            ]
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                await asyncio.gather(*acknowledged)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await self.close()
            raise DeliveryFailed(type(error).__name__) from None

    async def close(self) -> None:
        """Close the connection."""
        client, self._client, self._stream = self._client, None, None
        if client is not None and not client.is_closed:
            await client.close()

    def subject(self, event_type: str) -> str:
        """Return the subject of a type."""
        return f"{self._destination.subject}.{re.sub(r'[^A-Za-z0-9_.-]', '_', event_type)}"

    async def _connect(self) -> None:
        import nats  # noqa: PLC0415 - an optional package
        import nats.js.errors  # noqa: PLC0415 - an optional package

        async def ignore(_error: Exception) -> None:
            """Say nothing here: whoever publishes sees the failure."""

        secrets = self._destination.secrets
        self._client = await nats.connect(
            self._destination.url,
            name="comptoir relay",
            token=secrets[0].decode() if secrets else None,
            allow_reconnect=False,
            connect_timeout=_CONNECT_SECONDS_MAX,
            error_cb=ignore,
        )
        stream = self._client.jetstream(timeout=_ANSWER_SECONDS_MAX)
        try:
            await stream.stream_info(self._destination.stream)
        except nats.js.errors.NotFoundError:
            await stream.add_stream(
                name=self._destination.stream,
                subjects=[f"{self._destination.subject}.>"],
                duplicate_window=DUPLICATES_SECONDS,
            )
        self._stream = stream
