"""A load generator: prepared requests over a number of connections, as fast as answers come or at a fixed rate.

A process of its own (``python -m comptoir.config.benching.load``), so that it shares no interpreter with what it
measures. It writes HTTP/1.1 by itself: a client library would cost more than the gateway.
"""

from __future__ import annotations

import asyncio
import collections
import random
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import uvloop

from comptoir.counter.offers.codes import CouponCodes
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import IdMaker

_BATCHED_PER_SECOND_MAX = 45_000
_SINGLE_PER_SECOND_MAX = 9_000
#: The one code that everybody shows.
HOT_CODE: Final = "HOT-COUPON"
_CATEGORIES = ("GROCERY", "DRUG GM", "PRODUCE", "MEAT", "DELI", "PASTRY")


class Plan(msgspec.Struct, frozen=True):
    """What to send: sales of random customers with ``lines`` lines each, ``batch`` to a request (1: single events).

    ``rate`` (events a second) paces the requests; ``None`` sends the next as soon as one is answered. With ``coupons``
    baskets are redeemed instead: ``hot`` all with one code, ``single`` each with a code of its own, from number
    ``first`` on. With ``held`` each event holds one piece of this SKU at store 1.
    """

    port: int
    key: str
    seconds: float
    connections: int
    batch: int
    customers: int
    seed: int
    lines: int = 2
    rate: float | None = None
    coupons: Literal["", "hot", "single"] = ""
    first: int = 0
    held: str = ""


class Result(msgspec.Struct, frozen=True):
    """What came of it: events by result, how long it took, and each request's time in milliseconds."""

    accepted: int
    refused: int
    failed: int
    seconds: float
    latencies_ms: list[float]


class _Line(msgspec.Struct):
    product: str
    category: str
    quantity: int
    amount: int


def card(number: int) -> str:
    """Return the card number of a customer of the benchmark."""
    return f"bench-{number:07d}"


def requests(plan: Plan) -> Iterator[tuple[bytes, int]]:
    """Make whole HTTP requests, and the number of events in each."""
    chance = random.Random(plan.seed)  # noqa: S311 - sales, not secrets
    ids = IdMaker()
    codes, number = (CouponCodes.of_shop() if plan.coupons else None), plan.first
    head = (
        f"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1:{plan.port}\r\nauthorization: Bearer {plan.key}\r\n"
        f"content-type: application/cloudevents{'-batch' if plan.batch > 1 else ''}+json\r\ncontent-length: "
    ).encode()
    while True:
        if plan.held:
            events = [_hold(event_id, plan.held) for event_id in ids.reserve(plan.batch)]
        elif codes is None:
            events = [_event(chance, event_id, plan) for event_id in ids.reserve(plan.batch)]
        else:
            named = enumerate(ids.reserve(plan.batch), start=number)
            events = [_basket(chance, event_id, plan, codes, each) for each, event_id in named]
            number += plan.batch
        body = codec.encode(events if plan.batch > 1 else events[0])
        yield head + str(len(body)).encode() + b"\r\n\r\n" + body, plan.batch


def _event(chance: random.Random, event_id: str, plan: Plan) -> dict[str, object]:
    lines = [
        _Line(
            str(chance.randrange(10**6, 10**7)),
            chance.choice(_CATEGORIES),
            chance.randrange(1, 4),
            chance.randrange(50, 2000),
        )
        for _ in range(plan.lines)
    ]
    name = event_id
    store = chance.randrange(1, 458)
    return {
        "specversion": "1.0",
        "id": name,
        "source": f"/stores/{store}/tills/{chance.randrange(1, 5)}",
        "type": "sale.closed",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": {
            "receipt": name,
            "store": str(store),
            "customer": {"kind": "card", "value": card(chance.randrange(plan.customers))},
            "currency": "USD",
            "total": sum(line.amount for line in lines),
            "lines": lines,
        },
    }


def coupon(number: int) -> str:
    """Return the id of a coupon of the benchmark."""
    return str(uuid.UUID(int=number + 1, version=4))


def _basket(chance: random.Random, event_id: str, plan: Plan, codes: CouponCodes, number: int) -> dict[str, object]:
    sale = _event(chance, event_id, plan)
    data = {
        "basket": sale["data"]["lines"],  # type: ignore[index]
        "codes": [HOT_CODE if plan.coupons == "hot" else codes.code(coupon(number))],
        "receipt": event_id,
    }
    return {**sale, "type": "coupon.redeem", "data": data}


def _hold(event_id: str, sku: str) -> dict[str, object]:
    lines = [{"store": "1", "sku": sku, "quantity": 1}]
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/webshop",
        "type": "stock.hold",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": {"hold": str(uuid.uuid4()), "lines": lines, "expires_in": 3_600},
    }


class _Counts(msgspec.Struct):
    accepted: int = 0
    refused: int = 0
    failed: int = 0


class _Connection(asyncio.Protocol):
    """One connection: sends the next request when the last one is answered and its time has come."""

    def __init__(self, shared: _Load) -> None:
        self._shared = shared
        self._buffer = bytearray()
        self._sent_at = 0.0
        self._events = 0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._shared.free.append(self)

    def send(self, request: bytes, events: int) -> None:
        self._events = events
        self._sent_at = time.perf_counter()
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start = buffer.find(b"content-length: ", 0, end)
        length = int(buffer[start + 16 : buffer.find(b"\r\n", start)])
        if len(buffer) < end + 4 + length:
            return
        elapsed = time.perf_counter() - self._sent_at
        status, body = bytes(buffer[9:12]), bytes(buffer[end + 4 : end + 4 + length])
        buffer.clear()
        self._shared.answered(self, status, body, elapsed, self._events)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._shared.lost(self)


class _Load:
    def __init__(self, plan: Plan, prepared: collections.deque[tuple[bytes, int]]) -> None:
        self.plan = plan
        self.free: list[_Connection] = []
        self.counts = _Counts()
        self.latencies: list[float] = []
        self._prepared = prepared
        self._in_flight = 0
        self._end = 0.0
        self._idle = asyncio.Event()

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.plan.port)
        started = time.perf_counter()
        self._end = started + self.plan.seconds
        if self.plan.rate is None:
            while self.free:
                self._next(self.free.pop())
        else:
            pause = self.plan.batch / self.plan.rate
            due = started
            while due < self._end and self._prepared:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                if self.free:
                    self._next(self.free.pop())
                else:
                    self.counts.failed += self.plan.batch  # the rate cannot be held
                due += pause
        while self._in_flight:
            self._idle.clear()
            await asyncio.wait_for(self._idle.wait(), 60)
        seconds = time.perf_counter() - started
        counts = self.counts
        return Result(counts.accepted, counts.refused, counts.failed, seconds, [1000 * each for each in self.latencies])

    def _next(self, connection: _Connection) -> None:
        if self._prepared:
            self._in_flight += 1
            connection.send(*self._prepared.popleft())

    def answered(self, connection: _Connection, status: bytes, body: bytes, elapsed: float, events: int) -> None:
        self._in_flight -= 1
        self.latencies.append(elapsed)
        if status != b"200":
            self.counts.failed += events
        elif events == 1:
            self.counts.accepted += 1
        else:
            tail = body[body.rindex(b'"accepted":') + 11 :]
            accepted = int(tail[: tail.index(b",")])
            self.counts.accepted += accepted
            self.counts.refused += events - accepted
        if self.plan.rate is None and time.perf_counter() < self._end:
            self._next(connection)
        else:
            self.free.append(connection)
        if not self._in_flight:
            self._idle.set()

    def lost(self, connection: _Connection) -> None:
        if connection in self.free:
            self.free.remove(connection)
        else:
            self._in_flight -= 1
            self.counts.failed += self.plan.batch
            if not self._in_flight:
                self._idle.set()


def main(plan_path: str, result_path: str, events_prepared: str = "") -> None:
    """Prepare the requests, say ``ready``, wait for a line, send, write the result.

    Without ``events_prepared``, as many are prepared as no gateway on such a machine could take in the time.
    """
    plan = codec.decode(Path(plan_path).read_bytes(), Plan)
    most_per_second = plan.rate or (_BATCHED_PER_SECOND_MAX if plan.batch > 1 else _SINGLE_PER_SECOND_MAX)
    events = int(events_prepared) if events_prepared else int(plan.seconds * most_per_second)
    making = requests(plan)
    prepared = collections.deque(next(making) for _ in range(events // plan.batch + 1))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    result = uvloop.run(_Load(plan, prepared).run())
    Path(result_path).write_bytes(codec.encode(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
