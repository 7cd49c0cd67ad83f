"""``bench link``: from a till's POST being sent until a subscriber reads the new balance, at half the maximum load.

The reference, commit and NOTIFY and LISTEN by bare psycopg, is measured under the same load and beside it, sample by
sample, so that both see the same machine.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import httpx
import msgspec

from comptoir.config.benching import reference, stage
from comptoir.config.benching.load import Plan, card
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import codec, shop
from comptoir.foundation.kernel.ids import IDS

_CONNECTIONS = 64
_PAUSE_SECONDS = 0.02


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
    """Sends sales of one customer, and hears of its balance through a stream."""

    def __init__(self, running: stage.Gateway) -> None:
        self._headers = {"authorization": f"Bearer {running.key}", "content-type": "application/cloudevents+json"}
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=30)
        self._name = card(0)
        self._customer = customer_id(shop.secret("identifiers"), "card", self._name)
        self._heard: dict[str, float] = {}
        self._news = threading.Condition()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Follow the customer's balance while the block runs."""
        opened = threading.Event()
        thread = threading.Thread(target=self._listen, args=(opened,), daemon=True)
        thread.start()
        assert opened.wait(30), "the stream did not open"
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
        started = time.perf_counter()
        answer = self._client.post("/v1/events", content=body, headers=self._headers)
        position = answer.json()["event"]
        with self._news:
            assert self._news.wait_for(lambda: position in self._heard, 30), "the balance was never heard"
            return (self._heard.pop(position) - started) * 1000

    def _listen(self, opened: threading.Event) -> None:
        with self._client.stream(
            "GET", "/v1/stream", params={"customer": self._customer}, headers=self._headers, timeout=None
        ) as stream:
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    now = time.perf_counter()
                    with self._news:
                        self._heard[line[4:]] = now
                        self._news.notify_all()
                    opened.set()
