"""What is followed live: the state first, every change after it, never an older one after a newer one."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from comptoir.foundation.kernel import embedded
from support import casting
from support.casting import Reference
from support.door import is_refused, sale
from support.gateway import Gateway, running_gateway
from support.processes import wait_until
from support.shop import Shop


class Message(NamedTuple):
    """One message of a stream. A comment has no name."""

    name: str
    id: str
    data: Any


class Stream:
    """An open stream, read message by message."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def messages(self) -> Iterator[Message]:
        """Return what comes, comments and the advice about waiting included; ends with the stream."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(":")
                fields[name or "comment"] = value.strip()
            elif fields:
                yield Message(fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "null")))
                fields = {}

    def next(self, name: str = "balance") -> Message:
        """Return the next message of this name."""
        return next(message for message in self.messages() if message.name == name)

    def available(self) -> int:
        """Return the points that the next balance has."""
        found: int = self.next().data["balance"]["available"]
        return found

    def until(self, available: int) -> list[int]:
        """Return the points of all balances up to the one that has so many."""
        seen: list[int] = []
        while not seen or seen[-1] != available:
            seen.append(self.available())
        return seen


@contextlib.contextmanager
def following(gateway: Gateway, query: str, *, touchpoint: str = "app") -> Iterator[Stream]:
    headers = {"Authorization": f"Bearer {gateway.keys[touchpoint]}"}
    with (
        httpx.Client(base_url=gateway.url, timeout=60) as client,
        client.stream("GET", f"/v1/stream?{query}", headers=headers) as response,
    ):
        if response.status_code != 200:
            response.read()
        yield Stream(response)


def customer_of(gateway: Gateway, who: Reference) -> str:
    headers = {"Authorization": f"Bearer {gateway.keys['app']}"}
    found: str = gateway.client.post("/v1/customers/resolve", json=who, headers=headers).json()["customer"]
    return found


def buy(gateway: Gateway, who: Reference, points: int = 10) -> dict[str, Any]:
    answer = gateway.post(sale(customer=who, total=points * 100, lines=[casting.line(points * 100)]))
    told: dict[str, Any] = answer.json()
    assert told["status"] == "accepted", told
    return told


ALICE, BOB = casting.ALICE, casting.BOB


def test_the_state_comes_first_then_every_change_in_order(gateway: Gateway) -> None:
    customer = customer_of(gateway, ALICE)
    with following(gateway, f"customer={customer}") as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        first = stream.next()
        assert first == Message(
            "balance", "", {"customer": customer, "balance": {"available": 0, "held": 0, "owed": 0}, "event": None}
        )
        told = [buy(gateway, ALICE) for _ in range(20)]
        heard = [stream.next() for _ in told]
    assert [message.data["balance"] for message in heard] == [each["balance"] for each in told]
    assert [message.id for message in heard] == [message.data["event"] for message in heard]
    assert [message.id for message in heard] == [each["event"] for each in told]
    with following(gateway, f"customer={customer}") as stream:
        again = stream.next()
    assert (again.id, again.data) == (heard[-1].id, heard[-1].data)


def test_holding_and_spending_is_heard(gateway: Gateway) -> None:
    customer = customer_of(gateway, ALICE)
    buy(gateway, ALICE, 100)
    with following(gateway, f"customer={customer}") as stream:
        assert stream.available() == 100
        assert gateway.post(casting.reserve(40, "r")).is_success
        assert stream.next().data["balance"] == {"available": 60, "held": 40, "owed": 0}
        assert gateway.post(casting.post("r", 30)).is_success
        assert stream.next().data["balance"] == {"available": 70, "held": 0, "owed": 0}
        assert gateway.post(casting.redeem(1000)).status_code == 409  # nothing moved, nothing is said
        buy(gateway, ALICE, 1)
        assert stream.available() == 71


def test_several_followers_hear_the_same_and_nobody_hears_of_others(gateway: Gateway) -> None:
    with contextlib.ExitStack() as stack:
        alices = [stack.enter_context(following(gateway, f"customer={customer_of(gateway, ALICE)}")) for _ in range(5)]
        bob = stack.enter_context(following(gateway, f"customer={customer_of(gateway, BOB)}"))
        assert [stream.available() for stream in (*alices, bob)] == [0] * 6
        buy(gateway, ALICE, 7)
        buy(gateway, BOB, 3)
        assert [stream.available() for stream in alices] == [7] * 5
        assert bob.available() == 3


def test_what_another_gateway_commits_is_heard_too(gateway: Gateway, tmp_path: Path) -> None:
    customer = customer_of(gateway, ALICE)
    with running_gateway(tmp_path, keys=gateway.keys) as other, following(gateway, f"customer={customer}") as stream:
        assert stream.available() == 0
        for points, seller in ((10, other), (20, gateway), (30, other)):
            buy(seller, ALICE)
            assert stream.available() == points


def test_an_older_state_never_follows_a_newer_one(gateway: Gateway, tmp_path: Path) -> None:
    customer = customer_of(gateway, ALICE)
    with (
        running_gateway(tmp_path, keys=gateway.keys) as other,
        following(gateway, f"customer={customer}") as here,
        following(other, f"customer={customer}") as there,
        concurrent.futures.ThreadPoolExecutor(6) as pool,
    ):
        assert here.available() == there.available() == 0
        sold = [pool.submit(buy, (gateway, other)[number % 2], ALICE) for number in range(60)]
        for stream in (here, there):
            seen = stream.until(600)
            assert seen == sorted(set(seen))
        assert all(each.result() for each in sold)


def test_linked_identifiers_are_one_person(gateway: Gateway) -> None:
    alice, online = customer_of(gateway, ALICE), customer_of(gateway, casting.ALICE_ONLINE)
    buy(gateway, ALICE, 10)
    with following(gateway, f"customer={alice}") as card, following(gateway, f"customer={online}") as account:
        assert (card.available(), account.available()) == (10, 0)
        linked = casting.link(casting.ALICE_ONLINE, ALICE, at=casting.NOON)
        assert gateway.post(linked, touchpoint="app").is_success
        assert (card.available(), account.available()) == (10, 10)
        buy(gateway, casting.ALICE_ONLINE, 5)
        assert (card.available(), account.available()) == (15, 15)
        buy(gateway, ALICE, 1)
        assert (card.available(), account.available()) == (16, 16)
        unlinked = casting.unlink(casting.ALICE_ONLINE, ALICE, at=casting.HEARD)
        assert gateway.post(unlinked, touchpoint="app").is_success
        assert (card.available(), account.available()) == (11, 5)
        buy(gateway, casting.ALICE_ONLINE, 2)
        assert account.available() == 7
        buy(gateway, ALICE, 3)
        assert card.available() == 14


@pytest.mark.exclusive
def test_after_the_database_was_away_the_present_state_comes(shop_on_own_server: Shop, tmp_path: Path) -> None:
    with running_gateway(tmp_path) as gateway, running_gateway(tmp_path, keys=gateway.keys) as other:
        customer = customer_of(gateway, ALICE)
        buy(gateway, ALICE, 10)
        with following(gateway, f"customer={customer}") as stream:
            assert stream.available() == 10
            number = embedded.process_id()
            assert number is not None
            os.kill(number, signal.SIGQUIT)
            wait_until(lambda: not embedded.is_running(), what="the database's end")
            is_refused(gateway.get(f"/v1/stream?customer={customer}"), 503, "database_away")
            embedded._start()
            # What the other one commits before this one listens again is not heard, and is in the state that comes.
            wait_until(lambda: other.post(casting.redeem(10)).status_code in {200, 409}, what="the other gateway")
            assert stream.until(0)[-1] == 0
            wait_until(lambda: gateway.post(sale(total=0, lines=[casting.line(0)])).is_success, what="this gateway")
            buy(gateway, ALICE, 25)
            assert stream.until(25)[-1] == 25


def test_a_silent_stream_gives_signs_of_life(shop: Shop, tmp_path: Path) -> None:
    with running_gateway(tmp_path, limits={"HEARTBEAT_SECONDS": 0.5}) as gateway:
        customer = customer_of(gateway, ALICE)
        for query, touchpoint in ((f"customer={customer}", "app"), ("for=staff", "console")):
            with following(gateway, query, touchpoint=touchpoint) as stream:
                lines = stream.response.iter_lines()
                beats = [
                    line for line, _ in zip((line for line in lines if line.startswith(":")), range(2), strict=False)
                ]
                assert beats == [": still here"] * 2


def test_there_are_only_so_many_places_and_who_leaves_frees_one(shop: Shop, tmp_path: Path) -> None:
    with running_gateway(tmp_path, limits={"STREAMS_MAX": 3}) as gateway:
        query = f"customer={customer_of(gateway, ALICE)}"
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(following(gateway, query)) for _ in range(2)]
            with following(gateway, "for=staff", touchpoint="console") as staff:
                assert [stream.available() for stream in streams] == [0, 0]
                assert staff.response.status_code == 200
                refused = gateway.get(f"/v1/stream?{query}", touchpoint="app")
                is_refused(refused, 503, "busy")
                assert refused.headers["retry-after"] == "1"

            def is_free() -> bool:
                with following(gateway, query) as stream:
                    return stream.response.status_code == 200

            wait_until(is_free, what="the place of the one who left", seconds_max=10)
            buy(gateway, ALICE)
            assert [stream.available() for stream in streams] == [10, 10]
        wait_until(lambda: "comptoir_streams 0.0" in gateway.client.get("/metrics").text, what="empty places")


def test_staff_see_what_every_link_brings(gateway: Gateway) -> None:
    counts: dict[str, int] = {}
    with following(gateway, "for=staff", touchpoint="console") as stream:
        gateway.post([sale() for _ in range(5)] + [sale(currency="EUR")])
        repeated = sale()
        gateway.post(repeated)
        gateway.post(repeated)
        gateway.post(casting.reviewed(), touchpoint="webshop")
        expected = {"till sale.closed": 7, "webshop review.published": 1}
        while counts != expected:
            for link, count in stream.next("counts").data.items():
                counts[link] = counts.get(link, 0) + count
            assert all(count <= expected[link] for link, count in counts.items())


def test_what_staff_see_is_not_a_tills_business(gateway: Gateway) -> None:
    is_refused(gateway.get("/v1/stream?for=staff", touchpoint="till"), 403, "need_not_declared", "for")


def test_streams_end_with_the_gateway(gateway: Gateway) -> None:
    with (
        following(gateway, f"customer={customer_of(gateway, ALICE)}") as stream,
        following(gateway, "for=staff", touchpoint="console") as staff,
    ):
        assert stream.available() == 0
        os.kill(gateway.process.pid, signal.SIGTERM)
        assert [message.name for message in stream.messages()] == []
        assert [message.name for message in staff.messages() if message.name] == []
        assert gateway.process.wait(timeout=10) == 0
    assert "Traceback" not in gateway.log.read_text()
