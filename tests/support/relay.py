"""What the tests of the relay stand on: a real receiver of webhooks, batches of events, a relay in a thread.

Not here: what is expected of them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import http.server
import json
import secrets
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.destinations import Destination
from comptoir.foundation.events.relay import Backoff, Delivered, Relay
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.declaration import COUNTER
from support.processes import wait_until
from support.shop import Shop

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
SECRET = base64.b64encode(b"0123456789abcdef01234567").decode()
CUSTOMER = "0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10"
QUICK = Backoff(first_seconds=0.01, seconds_max=0.05)


@dataclass(frozen=True)
class Request:
    """What the receiver was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in json.loads(self.body)]


@dataclass
class Receiver:
    """A webhook's receiver: keeps what it is sent, and answers as ``answer`` says (a status, or what makes one)."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], int | tuple[int, dict[str, str]]] = lambda _request: 204
    acknowledged: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """Every event that was acknowledged, in order, repeats included."""
        return list(self.acknowledged)


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.requests.append(request)
            answer = receiver.answer(request)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            if 200 <= status < 300:
                receiver.acknowledged.extend(request.ids)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def events(count: int, *, event_type: str = "sale.closed") -> list[Arrival]:
    return [
        Arrival(
            source="/stores/1/tills/1", id=uuid.uuid4().hex, type=event_type, touchpoint="till", occurred_at=NOW,
            received_at=NOW, data=None, written=b"{}", fingerprint=secrets.token_bytes(16), customer=CUSTOMER,
        )
        for _ in range(count)
    ]  # fmt: skip


def commit(connection: Connection, count: int, *, event_type: str = "sale.closed") -> list[str]:
    """Record a batch and return the positions of its events."""
    batch = events(count, event_type=event_type)
    record(connection, batch, handlers=lambda _types: ())
    return [str(each.position) for each in batch]


def webhook(url: str, name: str = "crm", **others: Any) -> Destination:
    return Destination(name=name, kind="webhook", url=url, secrets=(base64.b64decode(SECRET),), **others)


@contextlib.contextmanager
def relaying(
    *destinations: Destination,
    backoff: Backoff = QUICK,
    delivered: Callable[[Delivered], None] = lambda _: None,
    withheld: Collection[str] = (),
) -> Iterator[None]:
    """Have a relay at work in a thread of its own while the block runs."""
    ready, box, failures = threading.Event(), [], []

    async def main() -> None:
        relay = Relay(
            destinations, connect=lambda: database.conninfo(COUNTER.role), backoff=backoff, delivered=delivered,
            permits="customers_permits", withheld=withheld,
        )  # fmt: skip
        box.append((relay, asyncio.get_running_loop()))
        ready.set()
        await relay.run()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait(10)
        yield
    finally:
        if box:
            relay, loop = box[0]
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(relay.stop)
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def registered(shop: Shop, *names: str) -> None:
    """Wait until these destinations hear of what is committed from now on."""
    wait_until(
        lambda: {row["destination"] for row in shop.rows("select destination from events_relay")} >= set(names),
        what="the destinations to be registered",
    )


def noted(shop: Shop) -> None:
    """Wait until every destination has passed all that is committed, and it is written down."""
    last = shop.rows("select transaction, id as outbox from events_outbox order by 1 desc limit 1")
    wait_until(
        lambda: all(row == last[0] for row in shop.rows("select transaction, outbox from events_relay")),
        what="the last note",
    )
