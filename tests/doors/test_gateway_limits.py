"""What happens at the limits: a slow client, a crowd, a database that hangs or is gone, the end of the process."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from comptoir.foundation.kernel import database, embedded
from support.door import SINGLE, is_refused, sale, send
from support.gateway import EXAMPLES, Event, Gateway, issue_keys, running_gateway
from support.processes import wait_until
from support.shop import Shop


@contextlib.contextmanager
def held_up(table: str = "loyalty_account") -> Iterator[None]:
    """Lock a table, so that whoever needs it hangs."""
    with psycopg.connect(database.administrator_conninfo()) as connection:
        connection.execute(f"lock table {table} in access exclusive mode".encode())
        yield
        connection.rollback()


def figures(gateway: Gateway) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the metrics by name and the values of their labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    answer = gateway.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in sorted(sample.labels))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def open_socket(gateway: Gateway) -> socket.socket:
    address = urlsplit(gateway.url)
    return socket.create_connection((str(address.hostname), address.port or 80), timeout=30)


def test_a_new_key_opens_the_door_at_once_also_among_many_that_are_guessed(shop: Shop, tmp_path: Path) -> None:
    with running_gateway(tmp_path, limits={"UPKEEP_SECONDS": 3600}) as gateway:
        fresh = issue_keys(EXAMPLES / "touchpoints.toml")["till"]

        def status(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": SINGLE}
            return gateway.client.post("/v1/events", content=json.dumps(sale()), headers=headers).status_code

        keys = [*(f"ctp_till_guess{number}" for number in range(60)), fresh, "-", "x" * 5_000]
        with concurrent.futures.ThreadPoolExecutor(16) as crowd:
            found = list(crowd.map(status, keys))
        assert found == [200 if key == fresh else 401 for key in keys]
        assert shop.value("select count(*) from events_event") == 1


def test_what_cannot_be_looked_up_is_not_called_unknown(shop: Shop, tmp_path: Path) -> None:
    limits = {"UPKEEP_SECONDS": 3600, "READ_SECONDS_MAX": 1}
    with running_gateway(tmp_path, limits=limits) as gateway, shop.unchanged("events_event"):
        fresh = issue_keys(EXAMPLES / "touchpoints.toml")["till"]
        headers = {"Authorization": f"Bearer {fresh}", "Content-Type": SINGLE}
        with held_up("touchpoints_key"):
            answer = gateway.client.post("/v1/events", content=json.dumps(sale()), headers=headers)
            is_refused(answer, 503, "database_away")


def half_a_request(gateway: Gateway) -> bytes:
    return (
        f"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.keys['till']}\r\n"
        f"Content-Type: {SINGLE}\r\nContent-Length: 1000\r\n\r\n{{"
    ).encode()


def send_until_taken(gateway: Gateway, event: Event) -> int:
    """Send an event as a till would, again after each 503; return how often it was asked to wait."""
    deadline = time.monotonic() + 60
    for waits in range(10_000):
        answer = gateway.post(event)
        if answer.status_code == 200:
            assert answer.json()["status"] == "accepted"
            return waits
        assert answer.status_code == 503, answer.text
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    raise AssertionError


def send_all(gateway: Gateway, events: Sequence[Event]) -> list[httpx.Response]:
    """Send events at once, each over a connection of its own."""
    with (
        httpx.Client(base_url=gateway.url, timeout=60, limits=httpx.Limits(max_connections=None)) as client,
        concurrent.futures.ThreadPoolExecutor(len(events)) as pool,
    ):
        headers = {"Authorization": f"Bearer {gateway.keys['till']}", "Content-Type": SINGLE}

        def one(event: Event) -> httpx.Response:
            return client.post("/v1/events", content=json.dumps(event).encode(), headers=headers)

        return list(pool.map(one, events))


# -- slow clients and crowds ------------------------------------------------------------------------------------------


def test_slow_bodies_are_given_up_and_hold_up_nobody(shop: Shop, tmp_path: Path) -> None:
    with running_gateway(tmp_path, limits={"BODY_SECONDS_MAX": 1}) as gateway:
        slow = [open_socket(gateway) for _ in range(100)]
        for connection in slow:
            connection.sendall(half_a_request(gateway))
        assert gateway.post(sale()).is_success
        for connection in slow:
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408 "), answer
            assert b"urn:comptoir:problem:body_too_slow" in answer
            connection.close()
        assert shop.value("select count(*) from events_event") == 1
        assert figures(gateway)["comptoir_requests_refused_total"]["body_too_slow",] == 100


def test_idle_connections_hold_up_nobody(gateway: Gateway) -> None:
    idle = [open_socket(gateway) for _ in range(2_500)]  # more than a server takes by itself
    half = [open_socket(gateway) for _ in range(100)]
    for connection in half:
        connection.sendall(b"POST /v1/events HTTP/1.1\r\nHo")
    assert gateway.post(sale()).is_success
    assert gateway.client.get("/health").is_success
    for connection in (*idle, *half):
        connection.close()


def test_memory_stays_within_bounds(gateway: Gateway) -> None:
    batches = [[sale(customer={"kind": "card", "value": str(n % 500)}) for n in range(500)] for _ in range(24)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(gateway.post, batches))
    assert sum(answer.json()["accepted"] for answer in answers) == 12_000
    resident = figures(gateway)["process_resident_memory_bytes"][()]
    print(f"gateway: {resident / 1e6:.0f} MB after 12,000 events")  # noqa: T201 - for whoever looks at a run
    assert resident < 200e6


# -- a database that hangs --------------------------------------------------------------------------------------------


def test_what_waits_too_long_or_in_vain_gets_503_and_nothing_is_lost(shop: Shop, tmp_path: Path) -> None:
    narrow = {"WAITING_REQUESTS_MAX": 10, "WAITING_SECONDS_MAX": 1, "STATEMENT_SECONDS_MAX": 3, "READ_SECONDS_MAX": 1}
    with running_gateway(tmp_path, limits=narrow) as gateway:
        assert gateway.post(sale()).is_success
        events = [sale(customer={"kind": "card", "value": str(n)}) for n in range(40)]
        with held_up():
            answers = send_all(gateway, events)
            names = {answer.json()["type"].removeprefix("urn:comptoir:problem:") for answer in answers}
            assert {answer.status_code for answer in answers} == {503}
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
            assert names == {"busy", "database_away"}
            # Reading does not hang for ever either, and does not take the pulse away.
            customer = "00000000-0000-8000-8000-000000000001"
            is_refused(gateway.get(f"/v1/customers/{customer}/balance"), 503, "database_away")
            assert gateway.client.get("/health").is_success
        assert shop.value("select count(*) from events_event") == 1
        for event in events:
            assert send_until_taken(gateway, event) <= 20
        assert shop.value("select count(*) from events_event") == 41
        assert shop.value("select sum(available) from loyalty_account") == 410


def test_a_short_hang_is_only_a_wait(shop: Shop, gateway: Gateway) -> None:
    events = [sale(customer={"kind": "card", "value": str(n)}) for n in range(20)]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with held_up():
            answers = pool.submit(send_all, gateway, events)
            wait_until(lambda: figures(gateway)["comptoir_requests_waiting"][()] > 0, what="a queue")
        assert {answer.status_code for answer in answers.result()} == {200}
    assert shop.value("select count(*) from events_event") == 20
    assert figures(gateway)["comptoir_requests_waiting"][()] == 0


# -- a database that is gone ------------------------------------------------------------------------------------------


@pytest.mark.exclusive
def test_the_database_goes_and_comes_back(shop_on_own_server: Shop, tmp_path: Path) -> None:
    shop = shop_on_own_server
    with running_gateway(tmp_path) as gateway:
        assert gateway.post(sale()).is_success
        customer = gateway.post(sale()).json()["customer"]
        stop_database()
        event = sale()
        is_refused(gateway.post(event), 503, "database_away")
        assert gateway.post(event).headers["retry-after"] == "1"
        is_refused(gateway.get(f"/v1/customers/{customer}/balance"), 503, "database_away")
        health = gateway.client.get("/health")
        assert (health.status_code, health.json()) == (503, {"healthy": False})
        assert gateway.client.get("/metrics").is_success
        assert gateway.client.get("/openapi.json").is_success
        embedded._start()
        assert send_until_taken(gateway, event) < 100
        wait_until(lambda: gateway.client.get("/health").is_success, what="health")
        assert gateway.get(f"/v1/customers/{customer}/balance").json()["balance"]["available"] == 30
        assert shop.value("select count(*) from events_event") == 3
        assert "Traceback" not in gateway.log.read_text()


def stop_database() -> None:
    """End the server of the shop at once, as a loss of power would."""
    number = embedded.process_id()
    assert number is not None
    os.kill(number, signal.SIGQUIT)
    wait_until(lambda: not embedded.is_running(), what="the database's end")


# -- figures ----------------------------------------------------------------------------------------------------------


def test_figures_count_exactly(gateway: Gateway) -> None:
    one = sale()
    gateway.post(one)
    gateway.post(one)
    gateway.post([sale(), sale(currency="EUR"), sale(birth_date="x")])
    send(gateway, b"{")
    send(gateway, b"{}", kind="text/plain")
    send(gateway, b"{}", Authorization="Bearer wrong")
    found = figures(gateway)
    events = {labels: value for labels, value in found["comptoir_events_total"].items() if value}
    assert events == {
        ("accepted", "till", "sale.closed"): 2,
        ("repeated", "till", "sale.closed"): 1,
        ("currency_not_accepted", "till", "sale.closed"): 1,
        ("undeclared_field", "till", ""): 1,
        ("malformed_json", "till", ""): 1,
    }
    assert found["comptoir_requests_refused_total"] == {("media_type_not_accepted",): 1, ("key_not_known",): 1}
    assert found["comptoir_batch_events_count"][()] == found["comptoir_batch_seconds_count"][()] == 4
    assert found["comptoir_batch_events_sum"][()] == 6
    assert found["comptoir_streams"][()] == 0


# -- a map that changes -----------------------------------------------------------------------------------------------


def test_a_changed_map_is_in_force_soon_and_a_broken_one_never(shop: Shop, tmp_path: Path) -> None:
    declared = tmp_path / "touchpoints.toml"
    shutil.copy(EXAMPLES / "touchpoints.toml", declared)
    with running_gateway(tmp_path, declared=declared) as gateway:
        whole = declared.read_text()
        assert gateway.post(sale(store="330")).is_success
        described = gateway.client.get("/openapi.json").json()
        # Several touchpoints sell, and the description says what any of them may send.
        sales = re.compile(r'(sends\."sale\.closed"\](?:\n(?!\[)[^\n]*)*?)\nfields\.store = "place"')
        declared.write_text(sales.sub(r"\1", whole))
        wait_until(lambda: gateway.post(sale(store="330")).status_code == 422, what="the new map", seconds_max=10)
        is_refused(gateway.post(sale(store="330")), 422, "undeclared_field", "data.store")
        changed = gateway.client.get("/openapi.json").json()
        assert changed != described
        assert "store" not in changed["components"]["schemas"]["data.sale.closed.SaleClosed"]["properties"]
        for broken in ("[touchpoint", "title = 5", whole.replace("[type.", "[kind.")):
            look = functools.partial(complains_again, gateway, after=complaints(gateway))
            declared.write_text(broken)
            wait_until(look, what="a look at the broken map", seconds_max=10)
            is_refused(gateway.post(sale(store="330")), 422, "undeclared_field", "data.store")
            assert gateway.post(sale()).is_success
        declared.write_text(whole)
        wait_until(lambda: gateway.post(sale(store="330")).is_success, what="the whole map", seconds_max=10)


def complaints(gateway: Gateway) -> int:
    return gateway.log.read_text().count("the changed map has faults")


def complains_again(gateway: Gateway, *, after: int) -> bool:
    return complaints(gateway) > after


def test_a_gateway_without_a_good_map_does_not_start(shop: Shop, tmp_path: Path) -> None:
    broken = tmp_path / "touchpoints.toml"
    broken.write_text("title = 5")
    with (
        pytest.raises(AssertionError, match=r"did not start"),
        running_gateway(tmp_path, declared=broken, keys={}),
    ):
        pass


# -- the end ----------------------------------------------------------------------------------------------------------


def test_the_end_waits_for_what_was_begun(shop: Shop, gateway: Gateway) -> None:
    events = [sale(customer={"kind": "card", "value": str(n)}) for n in range(10)]

    def knock(event: Event) -> int | None:
        try:
            return send_all(gateway, [event])[0].status_code
        except httpx.TransportError:  # too late: the door is closed
            return None

    with concurrent.futures.ThreadPoolExecutor(len(events)) as pool:
        with held_up():
            codes = [pool.submit(knock, event) for event in events]
            wait_until(lambda: waiting_backends(shop) > 0, what="a batch under way")
            os.kill(gateway.process.pid, signal.SIGTERM)
            wait_until(lambda: not is_listening(gateway), what="a closed door", seconds_max=10)
            assert gateway.process.poll() is None
        answered = [code.result() for code in codes]
    assert gateway.process.wait(timeout=20) == 0
    assert set(answered) <= {200, 503, None}
    assert answered.count(200) == shop.value("select count(*) from events_event") > 0


def waiting_backends(shop: Shop) -> int:
    query = "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    found: int = shop.value(query, shop.database)
    return found


def is_listening(gateway: Gateway) -> bool:
    try:
        open_socket(gateway).close()
    except OSError:
        return False
    return True
