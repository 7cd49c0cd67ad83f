"""``bench link``: from a till's POST being sent until a subscriber reads the new balance, at half the maximum load.

The reference, commit and NOTIFY and LISTEN by bare psycopg, is measured under the same load and beside it, sample by
sample, so that both see the same machine.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
import time
from collections.abc import Iterator

import msgspec

from comptoir.config.benching import reference, stage
from comptoir.config.benching.load import Plan, card
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import codec, shop
from comptoir.foundation.kernel.ids import IDS

_CONNECTIONS = 64
_PAUSE_SECONDS = 0.02
_POSITION = re.compile(rb'"event":"([0-9a-f-]{36})"')


class Link(msgspec.Struct, frozen=True):
    """Milliseconds; ``ratio`` is our p99 over the reference's p99."""

    load_rate: float
    maximum_rate: float
    samples: int
    p50_ms: float
    p99_ms: float
    reference_p50_ms: float
    reference_p99_ms: float
    ratio: float


def measure(say: stage.Say, *, samples: int = 1_000, seconds: float = 10.0, customers: int = 100_000) -> Link:
    """Measure in a house of its own."""
    with stage.own_house(say):
        stage.fill_customers(say, customers)
        with stage.gateway(say) as running:
            say("finding the maximum load of single events")
            plan = Plan(running.port, running.key, seconds, _CONNECTIONS, 1, customers, 1)
            stage.send(plan, running, events_prepared=int(seconds * 2_000))
            most = stage.send(plan, running)
            maximum = most.accepted / most.seconds
            rate = maximum / 2
            say(f"half of it: {rate:,.0f} events a second; taking {samples:,} samples")
            ours, bare = _samples(running, rate, customers, samples)
    return Link(
        load_rate=rate,
        maximum_rate=maximum,
        samples=len(ours),
        p50_ms=stage.quantile(ours, 0.5),
        p99_ms=stage.quantile(ours, 0.99),
        reference_p50_ms=stage.quantile(bare, 0.5),
        reference_p99_ms=stage.quantile(bare, 0.99),
        ratio=stage.quantile(ours, 0.99) / stage.quantile(bare, 0.99),
    )


def _samples(running: stage.Gateway, rate: float, customers: int, samples: int) -> tuple[list[float], list[float]]:
    """Take samples of both, in turn, while the load runs."""
    length = samples * (2 * _PAUSE_SECONDS + 0.03) + 5
    plan = Plan(running.port, running.key, length, _CONNECTIONS, 1, customers, 2, rate=rate)
    load = threading.Thread(target=lambda: stage.send(plan, running), daemon=True)
    bare = reference.Bare()
    till = _Till(running)
    ours: list[float] = []
    theirs: list[float] = []
    with till.listening():
        load.start()
        time.sleep(4 + length * rate / 200_000)  # the generator prepares its requests first
        for _ in range(samples):
            ours.append(till.once())
            time.sleep(_PAUSE_SECONDS)
            theirs.append(bare.once())
            time.sleep(_PAUSE_SECONDS)
            if not load.is_alive():
                break
    bare.close()
    load.join()
    return ours, theirs


class _Till:
    """Sends sales of one customer, and hears of its balance through a stream; both as bare as the reference.

    It speaks HTTP/1.1 over two sockets by itself: a client library would measure itself.
    """

    def __init__(self, running: stage.Gateway) -> None:
        self._address = ("127.0.0.1", running.port)
        self._name = card(0)
        customer = customer_id(shop.secret("identifiers"), "card", self._name)
        head = f"host: 127.0.0.1\r\nauthorization: Bearer {running.key}\r\n"
        self._post = f"POST /v1/events HTTP/1.1\r\n{head}content-type: application/cloudevents+json\r\ncontent-length: "
        self._get = f"GET /v1/stream?customer={customer} HTTP/1.1\r\n{head}\r\n"

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Follow the customer's balance while the block runs."""
        with socket.create_connection(self._address) as till, socket.create_connection(self._address) as screen:
            till.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._till, self._screen = till, screen
            screen.sendall(self._get.encode())
            heard = b""
            while b"id: " not in heard:  # the present state comes first
                heard += self._screen.recv(65_536)
            yield

    def once(self) -> float:
        """Return the milliseconds from sending a sale until the line with its balance was read."""
        name = str(IDS.new())
        event = {
            "specversion": "1.0",
            "id": name,
            "source": "/stores/1/tills/1",
            "type": "sale.closed",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "data": {
                "receipt": name,
                "customer": {"kind": "card", "value": self._name},
                "currency": "USD",
                "total": 500,
                "lines": [{"product": "1", "quantity": 1, "amount": 500}],
            },
        }
        body = codec.encode(event)
        request = f"{self._post}{len(body)}\r\n\r\n".encode() + body
        heard: list[tuple[float, bytes]] = []
        answer = b""
        deadline = time.perf_counter() + 30
        started = time.perf_counter()
        self._till.sendall(request)
        while True:
            readable, _, _ = select.select([self._till, self._screen], [], [], max(0.0, deadline - time.perf_counter()))
            assert readable, "the balance was never heard"
            if self._screen in readable:
                heard.append((time.perf_counter(), self._screen.recv(65_536)))
            if self._till in readable:
                answer += self._till.recv(65_536)
            found = _POSITION.search(answer)
            if found is None:
                assert not answer or answer.startswith(b"HTTP/1.1 200"), answer
                continue
            lines = b""
            for moment, part in heard:
                lines += part
                if b"id: " + found[1] in lines:
                    return (moment - started) * 1000
